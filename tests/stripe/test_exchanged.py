"""What was paid by card and exchanged is not out of reach when the payment is contested."""

from decimal import Decimal

import pytest

from accounts.audit import Actor
from accounts.models import AuditEvent, Organization, User
from billing import approvals, verification
from billing.compliance import freezes
from billing.fx.refusals import WalletFrozen
from billing.models import Freeze, StripeTopUp
from billing.stripe import disputes
from tests.cast import NOW
from tests.fx import exchanging
from tests.stripe import scene
from tests.stripe.scene import available, balance

pytestmark = pytest.mark.sql


def pay_and_exchange(lab: Organization, amount: str) -> StripeTopUp:
    """A hundred dollars by card, and so much of it goes into euros."""
    exchanging.say("EUR", "USD", "1.25")
    top_up = scene.pay(lab, "100")
    exchanging.convert(lab, "USD", "EUR", amount)
    return top_up


def tell(top_up: StripeTopUp, *statuses: str) -> None:
    for status in statuses:
        disputes.apply(top_up=top_up, found=scene.contest(top_up, status), now=NOW)


@pytest.mark.parametrize("statuses", [["needs_response"], ["needs_response", "lost"], ["lost"]])
def test_other_wallets_are_frozen_where_the_one_paid_into_is_short(
    lab: Organization, statuses: list[str]
) -> None:
    top_up = pay_and_exchange(lab, "100")
    euros = available(lab, "EUR")

    tell(top_up, *statuses, *statuses)
    exchanging.pay_in(lab, "5", "EUR")

    (frozen,) = Freeze.objects.all()
    assert (frozen.account.currency, frozen.frozen) == ("EUR", euros)
    assert "dp_1" in frozen.reason
    assert balance("FROZEN", "EUR", organization=lab) == euros
    assert AuditEvent.objects.filter(action="money.freeze", organization=lab).count() == 1
    with pytest.raises(WalletFrozen):
        exchanging.convert(lab, "EUR", "USD", "5")
    assert verification.verify() == []


def test_a_dispute_that_is_covered_leaves_other_wallets_alone(lab: Organization) -> None:
    top_up = pay_and_exchange(lab, "40")

    disputes.apply(top_up=top_up, found=scene.contest(top_up, "needs_response", amount="60"), now=NOW)

    assert not Freeze.objects.exists()
    assert available(lab, "EUR") > 0


def test_what_two_people_let_go_is_not_frozen_for_the_same_dispute_again(lab: Organization) -> None:
    top_up = pay_and_exchange(lab, "100")
    tell(top_up, "needs_response")
    ann, bob = (
        Actor.from_user(User.objects.create_superuser(f"{name}@example.org", "a long password"))
        for name in ("ann", "bob")
    )
    frozen = Freeze.objects.get()
    asked = freezes.prepare_release(standing=frozen, to="OWNER", actor=ann, now=NOW)
    approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=NOW)
    freezes.release(standing=frozen, to="OWNER", actor=ann, now=NOW)

    tell(top_up, "under_review")

    assert available(lab, "EUR") == frozen.frozen
    assert not Freeze.objects.filter(ended_at=None).exists()
    assert balance("FROZEN", "EUR", organization=lab) == Decimal(0)
