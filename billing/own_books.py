"""What an organization may see of the ledger: the accounts it owns, and what moved on them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum

from billing import ledger
from billing.models import LedgerAccount, Posting
from core.errors import NotFound

PURPOSES = ("WALLET", "PAYABLE", "HELD_EARNINGS")
"""Of whom each organization has an account of its own."""


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """An account with its balance in its usual sense; `normal` is -1 where credits make it grow."""

    id: int
    purpose: str
    currency: str
    normal: int
    balance: Decimal
    created_at: datetime


def list_accounts(*, organization_id: int) -> list[OwnAccount]:
    """All accounts of an organization, oldest first."""
    rows = LedgerAccount.objects.filter(organization_id=organization_id, purpose__in=PURPOSES)
    return [_read(row) for row in rows.order_by("id")]


def find_account(*, organization_id: int, purpose: str, currency: str) -> OwnAccount:
    """
    The organization's account for a purpose in a currency.

    :raises core.errors.NotFound: if it has none
    """
    rows = LedgerAccount.objects.filter(organization_id=organization_id, purpose__in=PURPOSES)
    found = rows.filter(purpose=purpose, currency=currency).first()
    if found is None:
        raise NotFound
    return _read(found)


def list_movements(*, account: OwnAccount) -> QuerySet[Any, dict[str, Any]]:
    """
    One row for each entry that moved the account: `entry_id`, `total` (positive for a debit), and of the
    entry its kind, moments and ledger number (null for a moment after the commit).
    """
    rows = Posting.objects.filter(account_id=account.id)
    entry = ("entry__kind", "entry__happened_at", "entry__recorded_at", "entry__number__seq")
    summed: QuerySet[Any, dict[str, Any]] = rows.values("entry_id", *entry).annotate(total=Sum("amount"))
    return summed


def _read(account: LedgerAccount) -> OwnAccount:
    return OwnAccount(
        id=account.pk,
        purpose=account.purpose,
        currency=account.currency,
        normal=account.normal,
        balance=ledger.balance(account_id=account.pk),
        created_at=account.created_at,
    )
