"""Two operators, the platform's account, and statements of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pytest

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals, ledger, wallets
from billing.banking import accounts, assignment, booking, files, references
from billing.banking.assignment import Choice
from billing.models import BankAccount, BankFile, BankLine
from tests.api.conftest import make_operator
from tests.banking.files import IBAN, Sheet, write
from tests.cast import NOW
from tests.databases import Database

RIGHTS = ("billing.view_approval", "billing.change_approval")


@dataclass
class Counter:
    """Where statements are handed in; Ann prepares and Bob approves."""

    account: BankAccount
    ann: Actor
    bob: Actor

    def hand_in(self, *sheets: Sheet, now: datetime = NOW) -> BankFile:
        """Hand a file in and act on its lines."""
        taken = files.receive(content=write(*sheets), actor=self.ann, now=now)
        booking.book_new_lines(now=now)
        return taken

    def say(self, line: BankLine, choice: Choice, reason: str = "The payer called.") -> BankLine:
        """Ann says what a line is and Bob agrees."""
        asked = assignment.prepare(line=line, choice=choice, reason=reason, actor=self.ann, now=NOW)
        approvals.approve(approval=asked, sha256=asked.sha256, actor=self.bob, now=NOW)
        return find(line.reference)


def make_counter() -> Counter:
    """One account in dollars, and two operators."""
    ann, bob = (Actor.from_user(make_operator(*RIGHTS, name=name)) for name in ("ann", "bob"))
    account = accounts.open_account(
        currency="USD", number=IBAN, bank="Bank", holder="Jouleport Ltd", actor=audit.SYSTEM, now=NOW
    )
    return Counter(account, ann, bob)


@pytest.fixture
def counter(db: Database) -> Counter:
    """One account in dollars, and two operators."""
    return make_counter()


def find(reference: str) -> BankLine:
    """The line of this reference."""
    return booking.LINES.get(reference=reference)


def refer(organization: Organization, currency: str = "USD") -> str:
    """The reference of an organization's wallet, which is opened."""
    wallet = wallets.open_wallet(organization_id=organization.pk, currency=currency)
    return references.make_reference(wallet_id=wallet.id)


def read(purpose: str, organization: Organization | None = None, currency: str = "USD") -> Decimal:
    """The balance of an account."""
    account = ledger.open_account(
        purpose=purpose, currency=currency, organization_id=organization.pk if organization else None
    )
    return ledger.balance(account_id=account)
