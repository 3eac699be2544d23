"""What Stripe would refuse is refused before it is asked, by name and with the figure."""

from decimal import Decimal
from typing import Any

import pytest

from accounts import audit
from accounts.models import Organization
from billing import currencies
from billing.currencies import BelowMinimum
from billing.explaining import explain
from billing.fx import rates
from billing.models import StripeTerms, StripeTopUp, TopUpMethod
from billing.stripe import bounds, fraud, recharge, top_ups
from billing.stripe.admin import TermsForm
from billing.stripe.recharge import Rule
from core.errors import DomainError
from core.money import Money
from stand_ins.stripe import customers
from stand_ins.stripe import rates as stand_in
from tests.cast import NOW

CARD, ALIPAY, WECHAT = TopUpMethod.CARD, TopUpMethod.ALIPAY, TopUpMethod.WECHAT_PAY


def check(amount: str, currency: str, method: TopUpMethod = CARD, worth: str | None = None) -> str | None:
    """The code of a refusal."""
    money = Money(Decimal(amount), currency)
    try:
        bounds.check_method(method=method, currency=currency)
        bounds.check_amount(money=money, method=method, for_a_dollar=Decimal(worth) if worth else None)
    except DomainError as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("amount", "currency", "worth", "code"),
    [
        ("0.49", "USD", None, "amount_below_minimum"),
        ("0.50", "USD", None, None),
        ("3.99", "HKD", None, "amount_below_minimum"),
        ("4.00", "HKD", None, None),
        ("174.99", "HUF", None, "amount_below_minimum"),
        # What is exchanged has to be worth half a dollar, whatever its own currency's least is.
        ("0.50", "INR", None, None),
        ("0.50", "INR", "85", "amount_below_minimum"),
        ("44.62", "INR", "85", "amount_below_minimum"),
        ("44.63", "INR", "85", None),
        ("735", "KRW", "1400", None),
        ("734", "KRW", "1400", "amount_below_minimum"),
        ("1", "KRW", None, None),
        ("999999.99", "USD", None, None),
        ("1000000", "USD", None, "amount_above_maximum"),
        ("99999999", "VND", None, None),
        ("100000000", "VND", None, "amount_above_maximum"),
        ("9999999999", "JPY", None, None),
        ("9999999999.99", "IDR", None, None),
    ],
)
def test_amounts_have_bounds(amount: str, currency: str, worth: str | None, code: str | None) -> None:
    assert check(amount, currency, worth=worth) == code


@pytest.mark.parametrize("currency", ["JPY", "HKD", "EUR", "CNY"])
def test_both_wallets_of_china_take_these(currency: str) -> None:
    assert [check("1000", currency, method) for method in (ALIPAY, WECHAT)] == [None, None]


@pytest.mark.parametrize(
    ("method", "currency"),
    [(ALIPAY, "KRW"), (ALIPAY, "CHF"), (WECHAT, "NZD"), (WECHAT, "MYR"), (TopUpMethod.STABLECOIN, "EUR")],
)
def test_what_a_way_to_pay_does_not_take_is_refused_with_what_it_takes(
    method: TopUpMethod, currency: str
) -> None:
    with pytest.raises(fraud.NotOffered, match=f"does not take {currency}. It takes") as refused:
        bounds.check_method(method=method, currency=currency)

    assert "USD" in refused.value.extra["takes"]


def test_the_stand_in_refuses_the_same() -> None:
    kinds = {ALIPAY: "alipay", WECHAT: "wechat_pay", TopUpMethod.STABLECOIN: "crypto"}
    said = {
        code.lower(): currencies.to_stripe(amount=found.minimum_charge, currency=code)
        for code, found in currencies.read_all().items()
        if found.minimum_charge is not None
    }

    assert {kind: {code.lower() for code in bounds.TAKES[method]} for method, kind in kinds.items()} == {
        kind: set(found) for kind, found in customers.CURRENCIES.items()
    }
    assert said == stand_in.MINIMUM


@pytest.mark.sql
def test_nothing_is_begun_that_stripe_would_refuse(lab: Organization) -> None:
    for currency in ("HKD", "KRW"):
        StripeTerms.objects.filter(currency=currency).update(least=Decimal(1), methods=["CARD", "ALIPAY"])
    rates.enter_rate(unit="USD", currency="KRW", rate=Decimal(1400), as_of=NOW, actor=audit.SYSTEM, now=NOW)

    def ask(amount: str, currency: str, method: TopUpMethod = CARD) -> DomainError:
        wish = top_ups.Wish(Money.parse(amount, currency), method)
        with pytest.raises(DomainError) as refused:
            top_ups.request(organization=lab, wish=wish, actor=audit.SYSTEM, now=NOW)
        return refused.value

    little, less, unlike = ask("3.99", "HKD"), ask("734", "KRW"), ask("10000", "KRW", ALIPAY)
    rule = Rule("KRW", *(Decimal(amount) for amount in ("1", "734", "10000", "10000")))
    with pytest.raises(BelowMinimum):
        recharge.set_rule(organization=lab, rule=rule, actor=audit.SYSTEM, now=NOW)

    # What is asked at least is never less than Stripe's own figure; what is exchanged has one of the day.
    assert (little.code, little.extra["least"]) == ("top_up_amount_outside", "4")
    assert "4.00" in explain(little)
    assert (less.code, less.extra["least"]) == ("amount_below_minimum", "735")
    assert "735" in explain(less)
    assert unlike.code == "top_up_not_offered"
    assert top_ups.find_terms(currency="KRW").methods == {"CARD"}  # type: ignore[union-attr]
    assert not StripeTopUp.objects.exists()


@pytest.mark.sql
@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"methods": ["CARD", "WECHAT_PAY"]}, "methods"), ({"least": "0.49"}, "least"), ({}, None)],
)
def test_operators_offer_nothing_that_stripe_would_refuse(
    lab: Organization, wrong: dict[str, Any], field: str | None
) -> None:
    given = {"methods": ["CARD", "ALIPAY"], "least": "0.50", "most": "100", "day_most": "100"}
    more = {"new_day_most": "100", "reserve_bps": 0, "elevated_reserve_bps": 0, "reserve_days": 7}
    form = TermsForm(given | more | wrong, instance=StripeTerms.objects.get(currency="NZD"))

    assert set(form.errors) == ({field} if field else set())
