"""What a person sends back at Stripe, without us, is found, taken from the wallet, and told to operators."""

from decimal import Decimal

import pytest

from accounts.models import AuditEvent, Organization
from billing import verification
from billing.models import StripeRefund, StripeTopUp
from billing.stripe import refunds
from tests.stripe import scene
from tests.stripe.bank import Bank
from tests.stripe.scene import available, balance
from tests.stripe.test_stand_in import begin

pytestmark = pytest.mark.sql


def pay(bank: Bank, organization: Organization) -> StripeTopUp:
    top_up = begin(bank, organization, "100")
    bank.control("pay", session=top_up.session_id)
    bank.heal()
    return StripeTopUp.objects.get(pk=top_up.pk)


def send_back(bank: Bank, paid: StripeTopUp, units: int) -> str:
    """What an operator does on Stripe's own pages."""
    made = bank.client.v1.refunds.create({"charge": str(paid.charge_id), "amount": units})
    return made.id


def test_it_is_taken_from_the_wallet_once_however_often_it_is_told(bank: Bank, lab: Organization) -> None:
    paid = pay(bank, lab)
    send_back(bank, paid, 4000)

    for _ in range(2):
        bank.tell(bank.list_events())
        bank.heal()

    row = StripeRefund.objects.get()
    assert (row.amount, row.uncovered, row.state) == (Decimal(40), Decimal(0), "SUCCEEDED")
    assert row.reason == refunds.AT_STRIPE
    assert available(lab) == 60
    assert (balance("REFUND_IN_TRANSIT", organization=lab), balance("SUSPENSE")) == (0, 0)
    assert refunds.find_refundable(top_up=paid).amount == 60
    assert AuditEvent.objects.filter(action="top_up.refunded_at_stripe").count() == 1
    assert verification.verify() == []


def test_what_was_spent_is_owed_until_the_refund_fails(bank: Bank, lab: Organization) -> None:
    paid = pay(bank, lab)
    scene.spend(lab, "70")
    # No event comes: the movement alone tells of it.
    refund_id = send_back(bank, paid, 10000)
    bank.heal()

    assert StripeRefund.objects.get().uncovered == 70
    assert available(lab) == 0
    assert balance("REFUND_RECEIVABLE", organization=lab) == 70
    assert (balance("REFUND_IN_TRANSIT", organization=lab), balance("SUSPENSE")) == (0, 0)

    bank.control("refunds/fail", refund=refund_id)
    bank.heal()

    assert available(lab) == Decimal(30)
    assert balance("REFUND_RECEIVABLE", organization=lab) == 0
    assert balance("REFUND_IN_TRANSIT", organization=lab) == 0
    assert verification.verify() == []
