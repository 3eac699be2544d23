"""Through the real SDK against the stand-in: what people do ends in the books, whatever is lost."""

from decimal import Decimal

import pytest

from accounts import audit
from accounts.models import Organization
from billing import verification
from billing.models import StripeBalanceTransaction, StripeCard, StripeTopUp
from billing.stripe import refunds, top_ups
from tests.stripe import scene
from tests.stripe.bank import Bank
from tests.stripe.scene import available, balance

pytestmark = pytest.mark.sql


def begin(bank: Bank, organization: Organization, amount: str, *, saves_method: bool = False) -> StripeTopUp:
    asked = scene.ask(organization, amount, now=bank.now, saves_method=saves_method)
    return top_ups.open_page(top_up=asked, asked=bank.client, now=bank.now)


def test_a_payment_by_card_ends_in_the_wallet_and_its_fee_in_the_books(bank: Bank, lab: Organization) -> None:
    top_up = begin(bank, lab, "100")
    bank.control("pay", session=top_up.session_id)

    bank.tell(bank.list_events())
    bank.heal(after=8 * 86400)

    [told] = StripeBalanceTransaction.objects.all()
    assert available(lab) == 100
    assert (balance("STRIPE_PENDING"), balance("CLEARING_STRIPE")) == (0, told.net)
    assert balance("STRIPE_FEE") == told.fee > 0
    # The card is known by Stripe's name for it: no other organization begins with test money by it.
    assert StripeCard.objects.get(organization=lab).fingerprint == "fingerprint4242"
    assert verification.verify() == []


def test_a_page_is_made_once_however_often_it_is_asked_for(bank: Bank, lab: Organization) -> None:
    asked = scene.ask(lab, "100", now=bank.now)
    first = top_ups.open_page(top_up=asked, asked=bank.client, now=bank.now)
    again = top_ups.open_page(top_up=asked, asked=bank.client, now=bank.now)

    assert first.session_id == again.session_id
    assert first.page_url.startswith(bank.base)


def test_unused_money_goes_back_and_what_fails_comes_again(bank: Bank, lab: Organization) -> None:
    top_up = begin(bank, lab, "100")
    bank.control("pay", session=top_up.session_id)
    bank.heal()
    asked = refunds.request(
        top_up=top_up, amount=Decimal(40), reason="unused", actor=audit.SYSTEM, now=bank.now
    )
    sent = refunds.send(refund=asked, asked=bank.client, now=bank.now)
    bank.heal()
    assert (available(lab), balance("REFUND_IN_TRANSIT", organization=lab)) == (60, 0)

    bank.control("refunds/fail", refund=sent.refund_id)
    bank.heal()

    assert (available(lab), balance("REFUND_IN_TRANSIT", organization=lab)) == (100, 0)
    assert verification.verify() == []


def test_what_was_paid_in_does_not_expire(bank: Bank, lab: Organization) -> None:
    top_up = begin(bank, lab, "100")
    bank.control("pay", session=top_up.session_id)
    bank.heal()

    bank.heal(after=800 * 86400)
    scene.spend(lab, "30")
    asked = refunds.request(
        top_up=top_up, amount=Decimal(70), reason="left", actor=audit.SYSTEM, now=bank.now
    )
    refunds.send(refund=asked, asked=bank.client, now=bank.now)
    bank.heal()

    assert (available(lab), balance("REFUND_IN_TRANSIT", organization=lab)) == (0, 0)
    assert verification.verify() == []
