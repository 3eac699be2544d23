"""What tests of settlements play with: providers that earn, two operators, gates of our choosing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count

from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals, ledger
from billing.models import Approval, Payout, SettlementBatch, SettlementItem
from billing.settlement import batches, execution
from billing.settlement.gates import Gate
from tests.api.conftest import make_operator
from tests.cast import NOW

RIGHTS = ("billing.view_approval", "billing.change_approval")
_numbers = count(1)


def post(purpose: str, provider: Organization, amount: str, *, kind: str = "CORRECTION") -> None:
    """Move money from the bank to what a provider is owed; back, if the amount is negative."""
    owed = ledger.open_account(purpose=purpose, currency="USD", organization_id=provider.pk)
    bank = ledger.open_account(purpose="CLEARING_BANK", currency="USD")
    ledger.post(
        key=f"test:{next(_numbers)}",
        kind=kind,
        actor="test",
        lines={bank: Decimal(amount), owed: -Decimal(amount)},
        happened_at=NOW,
    )


def earn(provider: Organization, amount: str) -> None:
    """Let a provider earn (or lose) something."""
    post("PAYABLE", provider, amount)


def read(purpose: str, provider: Organization | None = None) -> Decimal:
    """The balance of an account in USD."""
    account = ledger.open_account(
        purpose=purpose, currency="USD", organization_id=provider.pk if provider else None
    )
    return ledger.balance(account_id=account)


@dataclass
class Desk:
    """Two operators, and how providers are paid: by bank unless something else is said."""

    ann: Actor
    bob: Actor
    said: dict[int, Gate] = field(default_factory=dict)

    def ask(self, owed: Mapping[int, Decimal], currency: str, now: datetime) -> list[Gate]:
        """What the gates say."""
        return [self.said.get(one, Gate(one, "bank", None)) for one in owed]

    def say(self, provider: Organization, **words: object) -> None:
        """Let the gates say something of a provider."""
        gate = {"rail": "bank", "method_id": None} | words
        self.said[provider.pk] = Gate(provider.pk, **gate)  # type: ignore[arg-type]

    def draft(self, now: datetime = NOW) -> SettlementBatch:
        """A batch for everybody."""
        return batches.draft(currency="USD", every=None, entity="HK", ask=self.ask, actor=self.ann, now=now)

    def agree(self, batch: SettlementBatch, now: datetime = NOW) -> Approval:
        """Ann submits, Bob approves."""
        asked = batches.submit(batch=batch, actor=self.ann, now=now)
        return approvals.approve(approval=asked, sha256=asked.sha256, actor=self.bob, now=now)

    def execute(self, batch: SettlementBatch, now: datetime = NOW) -> SettlementBatch:
        """Carry it out."""
        return execution.execute(batch=batch, ask=self.ask, actor=self.ann, now=now)

    def settle(self, now: datetime = NOW) -> SettlementBatch:
        """All of it."""
        batch = self.draft(now)
        self.agree(batch, now)
        return self.execute(batch, now)


def make_desk() -> Desk:
    """Ann and Bob."""
    ann, bob = (Actor.from_user(make_operator(*RIGHTS, name=name)) for name in ("ann", "bob"))
    return Desk(ann, bob)


def find_item(batch: SettlementBatch, provider: Organization) -> SettlementItem:
    """The provider's item."""
    return SettlementItem.objects.get(batch=batch, organization=provider)


def find_payout(provider: Organization) -> Payout:
    """The provider's newest payout."""
    return Payout.objects.filter(organization=provider).latest("id")
