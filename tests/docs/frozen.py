"""Examples of money that is frozen, and let go by two people."""

from datetime import datetime
from typing import cast

from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals, wallets
from billing.compliance import freezes
from billing.compliance.freezes import Target
from billing.models import Entry, LedgerAccount
from core.money import Money
from tests.api.conftest import make_operator

KINDS = ("FREEZE", "FREEZE_RELEASE")


def play(kind: str, given: dict[str, str], buyer: Organization, now: datetime) -> int:
    """Freeze a buyer's wallet, and perhaps let it go; gives the entry."""
    ann, bob = (
        Actor.from_user(make_operator("billing.view_approval", "billing.change_approval", name=name))
        for name in ("ann", "bob")
    )
    amount, currency = given["frozen"].split()
    wallets.top_up(
        organization_id=buyer.pk,
        amount=Money.parse(amount, currency),
        bank_reference="freeze",
        actor="test",
        happened_at=now,
    )
    wallet = wallets.find_wallet(organization_id=buyer.pk, currency=currency)
    account = LedgerAccount.objects.get(pk=wallet.account_id)
    frozen = freezes.freeze(account=account, reason="a test", actor=ann, now=now)
    if kind == "FREEZE_RELEASE":
        to = cast(Target, given["to"])
        asked = freezes.prepare_release(standing=frozen, to=to, actor=ann, now=now)
        approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=now)
        freezes.release(standing=frozen, to=to, actor=ann, now=now)
    return Entry.objects.latest("id").pk
