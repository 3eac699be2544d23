"""What Stripe tells ends in the books once, whatever it tells and however often."""

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts import audit
from accounts.models import Organization
from billing import verification
from billing.ledger import InsufficientFunds, KeyReused
from billing.models import StripeRefund, StripeTopUp, TopUpMethod
from billing.stripe import disputes, fraud, movements, payments, refunds, top_ups
from billing.stripe.facts import RefundFacts
from core.money import Money
from tests.cast import NOW
from tests.stripe import scene
from tests.stripe.scene import available, balance

pytestmark = pytest.mark.sql


def test_a_payment_is_credited_once_and_its_fee_is_ours(lab: Organization) -> None:
    top_up = scene.pay(lab, "100")
    payments.apply(top_up=top_up, payment=scene.paid(top_up), now=NOW)
    for _ in range(2):
        scene.book_charge(top_up, "100", "3.20")

    assert available(lab) == 100
    assert balance("STRIPE_FEE") == Decimal("3.2")
    assert balance("STRIPE_PENDING") == Decimal("96.8")
    assert movements.release_available(now=NOW + timedelta(days=2)) == 1
    assert movements.release_available(now=NOW + timedelta(days=2)) == 0
    assert (balance("STRIPE_PENDING"), balance("CLEARING_STRIPE")) == (0, Decimal("96.8"))
    assert verification.verify() == []


def test_what_stripe_settles_in_another_currency_is_booked_in_both(lab: Organization) -> None:
    top_up = scene.pay(lab, "700", currency="CNY")

    scene.book_charge(top_up, "96.40", "3.10", currency="USD")

    assert available(lab, "CNY") == 700
    assert (balance("STRIPE_PENDING", "CNY"), balance("STRIPE_PENDING")) == (0, Decimal("93.3"))
    assert (balance("FX_POSITION", "CNY"), balance("FX_POSITION")) == (700, Decimal("-96.4"))
    assert verification.verify() == []


def test_another_amount_than_was_asked_for_is_not_credited(lab: Organization) -> None:
    asked, other = scene.ask(lab, "100"), scene.ask(lab, "50")

    with pytest.raises(payments.PaymentDiffers):
        payments.apply(top_up=asked, payment=scene.paid(other), now=NOW)

    assert StripeTopUp.objects.get(pk=asked.pk).state == "CREATED"


def test_money_that_comes_after_we_gave_it_up_is_credited(lab: Organization) -> None:
    asked = scene.ask(lab, "100")
    payments.end(top_up=asked, state=StripeTopUp.State.EXPIRED, failure="", now=NOW)

    payments.apply(top_up=asked, payment=scene.paid(asked), now=NOW)

    assert available(lab) == 100


def test_a_repeated_wish_is_the_same_and_another_is_refused(lab: Organization) -> None:
    wish = top_ups.Wish(Money.parse("20", "USD"), TopUpMethod.CARD, request_key="k")
    made = [top_ups.request(organization=lab, wish=wish, actor=audit.SYSTEM, now=NOW).pk for _ in range(2)]
    other = top_ups.Wish(Money.parse("21", "USD"), TopUpMethod.CARD, request_key="k")

    assert made[0] == made[1]
    with pytest.raises(KeyReused):
        top_ups.request(organization=lab, wish=other, actor=audit.SYSTEM, now=NOW)


def test_limits_count_what_was_begun(lab: Organization) -> None:
    scene.ask(lab, "400")

    with pytest.raises(fraud.TooMany):
        scene.ask(lab, "101")
    with pytest.raises(fraud.NotOffered):
        scene.ask(lab, "100", currency="XTS")


def test_what_is_kept_back_cannot_be_spent_until_it_is_released(lab: Organization) -> None:
    scene.pay(lab, "100", risk_level="elevated")

    assert (available(lab), balance("RESERVE", organization=lab)) == (50, 50)
    with pytest.raises(InsufficientFunds):
        scene.spend(lab, "51")
    assert payments.release_reserves(now=NOW + timedelta(days=6)) == 0
    assert payments.release_reserves(now=NOW + timedelta(days=7)) == 1
    assert payments.release_reserves(now=NOW + timedelta(days=8)) == 0
    assert (available(lab), balance("RESERVE", organization=lab)) == (100, 0)
    assert verification.verify() == []


def refund(top_up: StripeTopUp, amount: str) -> StripeRefund:
    return refunds.request(
        top_up=top_up, amount=Decimal(amount), reason="unused", actor=audit.SYSTEM, now=NOW
    )


def test_no_more_goes_back_than_is_left_of_the_payment_and_free(lab: Organization) -> None:
    top_up = scene.pay(lab, "100")
    scene.pay(lab, "50", number=2)
    scene.spend(lab, "60")

    refund(top_up, "80")
    with pytest.raises(refunds.RefundTooMuch):
        refund(top_up, "20.01")
    with pytest.raises(InsufficientFunds):
        refund(top_up, "20")

    assert available(lab) == 10


def test_all_of_a_payment_goes_back_with_what_was_kept_of_it(lab: Organization) -> None:
    top_up = scene.pay(lab, "100", risk_level="highest")
    with pytest.raises(InsufficientFunds):
        refund(top_up, "60")

    refund(top_up, "100")

    assert (available(lab), balance("RESERVE", organization=lab)) == (0, 0)
    assert balance("REFUND_IN_TRANSIT", organization=lab) == 100


def test_a_refund_that_fails_after_all_is_given_back_once(lab: Organization) -> None:
    asked = refund(scene.pay(lab, "100"), "40")

    for status in ("succeeded", "failed", "pending", "failed"):
        refunds.note(refund=asked, found=RefundFacts("re_1", status, str(asked.uid), "lost_card"), now=NOW)

    assert available(lab) == 100
    assert StripeRefund.objects.get().state == "FAILED"
    assert balance("REFUND_IN_TRANSIT", organization=lab) == 0


@pytest.mark.parametrize("before", [[], ["warning_needs_response"], ["needs_response", "under_review"]])
@pytest.mark.parametrize("end", ["won", "lost"])
def test_a_dispute_ends_in_the_same_books_whatever_was_told_of_it(
    lab: Organization, before: list[str], end: str
) -> None:
    top_up = scene.pay(lab, "100")
    scene.book_charge(top_up, "100", "3.20")
    scene.spend(lab, "70")

    for status in [*before, end, *before, end]:
        disputes.apply(top_up=top_up, found=scene.contest(top_up, status), now=NOW)
    taken = scene.move("dispute", "dp_1", "-100", "15", number=2)
    movements.mirror(movement=taken, asked=None, now=NOW)  # type: ignore[arg-type]
    if end == "won":
        given = scene.move("dispute_reversal", "dp_1", "100", number=3)
        movements.mirror(movement=given, asked=None, now=NOW)  # type: ignore[arg-type]

    assert available(lab) == (30 if end == "won" else 0)
    assert balance("FROZEN", organization=lab) == 0
    assert balance("DISPUTE_RECEIVABLE") == 0
    assert balance("DISPUTE_LOSS") == (0 if end == "won" else 70)
    assert balance("STRIPE_FEE") == Decimal("18.2")
    assert verification.verify() == []


def test_what_is_contested_cannot_be_spent_or_sent_back(lab: Organization) -> None:
    top_up = scene.pay(lab, "100", risk_level="elevated")
    disputes.apply(top_up=top_up, found=scene.contest(top_up, "needs_response", amount="70"), now=NOW)

    assert (available(lab), balance("FROZEN", organization=lab)) == (30, 70)
    assert refunds.find_refundable(top_up=top_up).amount == 30
    with pytest.raises(InsufficientFunds):
        scene.spend(lab, "31")


def test_what_nobody_knows_waits_in_suspense(lab: Organization) -> None:
    movements.mirror(
        movement=scene.move("other_adjustment", "", "-4"),
        asked=None,  # type: ignore[arg-type]
        now=NOW,
    )
    movements.mirror(
        movement=scene.move("transfer", "tr_1", "-30", number=2),
        asked=None,  # type: ignore[arg-type]
        now=NOW,
    )

    assert balance("SUSPENSE") == -4
    assert balance("STRIPE_PENDING") == -4
    assert verification.verify() == []
