"""
What Stripe takes: which currency by which way to pay, and how little and how much at once. Pure.

Read on 23 November 2026 in copies of Stripe's documentation: https://docs.stripe.com/currencies (the least,
in `billing/currencies.csv`, and how many digits an amount may have), https://docs.stripe.com/payments/alipay
and https://docs.stripe.com/payments/wechat-pay (currencies). Of these currencies Stripe offers an account
only some, by the country that it is in: operators take the others away in the terms.
"""

from collections.abc import Mapping
from decimal import Decimal

from billing import currencies
from billing.models import TopUpMethod
from billing.stripe.fraud import NotOffered
from core.errors import Invalid
from core.money import Money
from core.quantities import EXACT

TAKES: Mapping[str, frozenset[str]] = {
    TopUpMethod.ALIPAY: frozenset(
        ["AUD", "CAD", "CNY", "EUR", "GBP", "HKD", "JPY", "MYR", "NZD", "SGD", "USD"]
    ),
    TopUpMethod.WECHAT_PAY: frozenset(
        [
            *("AUD", "CAD", "CHF", "CNY", "DKK", "EUR", "GBP", "HKD", "JPY"),
            *("NOK", "SEK", "SGD", "USD"),
        ]
    ),
    TopUpMethod.STABLECOIN: frozenset(["USD"]),
}
"""Ways to pay that do not take every currency."""
LEAST_EXCHANGED = Decimal("0.525")
"""
US dollars. What Stripe exchanges has to be worth the least of the currency that it settles in: half a dollar
or, dearest, 4 HKD; and a little more, as its rate is not ours.
"""
DIGITS, DIGITS_OF = 8, {"IDR": 12, "INR": 9}
DIGITS_BY_CARD = {"HUF": 12, "JPY": 10}


class AboveMaximum(Invalid):
    """More than Stripe charges at once."""

    code = "amount_above_maximum"


def takes(*, method: str, currency: str) -> bool:
    """Whether this way to pay takes this currency."""
    return currency in TAKES.get(method, frozenset([currency]))


def find_least(*, currency: str, for_a_dollar: Decimal | None) -> Decimal:
    """
    The least that is charged at once.

    :param for_a_dollar: how much of the currency is worth a US dollar, if anybody says
    :raises billing.currencies.CurrencyUnknown: if the ledger keeps no such currency
    """
    found = currencies.find(currency=currency)
    said = found.minimum_charge or Decimal(0)
    if for_a_dollar is None or currency == "USD" or found.stripe_exponent is None:
        return said
    exchanged = EXACT.multiply(for_a_dollar, LEAST_EXCHANGED)
    units = exchanged.scaleb(found.exponent, context=EXACT).to_integral_value("ROUND_CEILING")
    return max(said, units.scaleb(-found.exponent, context=EXACT))


def find_most(*, currency: str, method: str) -> Decimal:
    """
    The most that is charged at once.

    :raises billing.currencies.CurrencyUnknown: if the ledger keeps no such currency
    :raises billing.currencies.NotAtStripe: if Stripe charges nothing in it
    """
    digits = DIGITS_OF.get(currency, DIGITS)
    if method == TopUpMethod.CARD:
        digits = DIGITS_BY_CARD.get(currency, digits)
    return currencies.from_stripe(units=10**digits - 1, currency=currency)


def check_method(*, method: str, currency: str) -> None:
    """
    Go on only if Stripe takes this currency by this way to pay.

    :raises billing.stripe.fraud.NotOffered: if not, with what it takes
    """
    if not takes(method=method, currency=currency):
        name, others = TopUpMethod(method).label, ", ".join(sorted(TAKES[method]))
        raise NotOffered(f"{name} does not take {currency}. It takes {others}.", field="method", takes=others)


def check_amount(*, money: Money, method: str, for_a_dollar: Decimal | None) -> None:
    """
    Go on only if Stripe would charge this amount.

    :raises billing.currencies.BelowMinimum: if it is too little, with the least in `extra`
    :raises AboveMaximum: if it is too much, with the most in `extra`
    """
    currency = money.currency
    least = Money(find_least(currency=currency, for_a_dollar=for_a_dollar), currency)
    if money.amount < least.amount:
        raise currencies.BelowMinimum(
            f"Stripe charges at least {least}.", field="amount", least=least.literal, currency=currency
        )
    most = Money(find_most(currency=currency, method=method), currency)
    if money.amount > most.amount:
        raise AboveMaximum(
            f"Stripe charges at most {most} at once.", field="amount", most=most.literal, currency=currency
        )
