"""Wallets: an organization's prepaid money in one currency, and the statement of what went in and out."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, cast

from django.db import connection, transaction

from billing import ledger
from billing.models import LedgerAccount, Scope
from core.errors import Invalid, NotFound
from core.money import TEST_CURRENCY, Money

STATEMENT_ROWS_MAX = 200
BANK_REFERENCE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,138}[\x21-\x7e])?")


class NoWallet(NotFound):
    """The organization has no wallet in this currency."""

    code = "no_wallet"


class InvalidTopUp(Invalid):
    """Nothing, less than nothing, or without a bank reference."""

    code = "invalid_top_up"


class InvalidCursor(Invalid):
    """A cursor that no page of a statement ended with."""

    code = "invalid_cursor"


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet as it stands: `available` is what may still be held."""

    id: int
    account_id: int
    organization_id: int
    posted: Money
    held: Money
    available: Money

    @property
    def currency(self) -> str:
        """Its one currency."""
        return self.posted.currency

    @property
    def is_test(self) -> bool:
        """Whether what is in it is worth nothing."""
        return self.currency == TEST_CURRENCY


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of a statement ended; a page starts after it, with older rows."""

    entry_id: int
    usage_id: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read what `str` of a cursor gave.

        :raises InvalidCursor: for anything else
        """
        if not re.fullmatch(r"[0-9]{1,18}-[0-9]{1,18}", text):
            raise InvalidCursor
        entry, usage = text.split("-")
        return cls(int(entry), int(usage))

    def __str__(self) -> str:
        return f"{self.entry_id}-{self.usage_id}"


@dataclass(frozen=True, slots=True)
class StatementRow:
    """
    One line of a statement. `amount` is positive for what came in.

    A charge names its usage record and its source (the job's id, which means nothing to this layer); other
    entries have neither.
    """

    entry_id: int
    kind: str
    key: str
    reason: str
    happened_at: datetime
    amount: Money
    usage_id: int | None
    source: int | None

    @property
    def cursor(self) -> Cursor:
        """Where the next page starts if this is the last row of one."""
        return Cursor(self.entry_id, self.usage_id or 0)


def open_wallet(*, organization_id: int, currency: str) -> Wallet:
    """
    Find or open the wallet of an organization in a currency.

    :raises core.errors.Invalid: if the currency is not kept here
    """
    ledger.open_account(purpose="WALLET", currency=currency, organization_id=organization_id)
    return find_wallet(organization_id=organization_id, currency=currency)


def find_wallet(*, organization_id: int, currency: str) -> Wallet:
    """
    The wallet of an organization in a currency.

    :raises NoWallet: if it has none
    """
    found = Scope.objects.filter(
        kind=Scope.Kind.WALLET, organization_id=organization_id, currency=currency
    ).first()
    if found is None:
        raise NoWallet(f"There is no wallet in {currency}.")
    return _read(found)


def list_wallets(*, organization_id: int) -> list[Wallet]:
    """All wallets of an organization, the oldest first."""
    rows = Scope.objects.filter(kind=Scope.Kind.WALLET, organization_id=organization_id)
    return [_read(row) for row in rows.order_by("id")]


ASIDE = ("RESERVE", "FROZEN", "REFUND_IN_TRANSIT")


def list_aside(*, organization_id: int, currency: str) -> list[tuple[str, Money]]:
    """What is the organization's and in no wallet: kept back, frozen, on its way back; by purpose."""
    rows = LedgerAccount.objects.filter(organization_id=organization_id, currency=currency, purpose__in=ASIDE)
    found = {row.purpose: Money(ledger.balance(account_id=row.pk), currency) for row in rows}
    return [(purpose, found[purpose]) for purpose in ASIDE if found.get(purpose)]


def top_up(
    *,
    organization_id: int,
    amount: Money,
    bank_reference: str,
    actor: str,
    happened_at: datetime,
    entity: str | None = None,
) -> ledger.Posted:
    """
    Credit money that arrived in the bank, once for each bank reference; opens the wallet if need be.

    `entity` is whose bank account it arrived in, the first if none is named.

    :raises InvalidTopUp: if the amount is not positive, or the reference is not 1 to 140 printable characters
    :raises billing.ledger.KeyReused: if the reference was booked with another amount or for another wallet
    """
    if amount <= Money.zero(amount.currency):
        raise InvalidTopUp("A top-up is more than nothing.")
    if not BANK_REFERENCE.fullmatch(bank_reference):
        raise InvalidTopUp("A bank reference has 1 to 140 printable characters.")
    with transaction.atomic():
        wallet = open_wallet(organization_id=organization_id, currency=amount.currency)
        bank = ledger.open_account(purpose="CLEARING_BANK", currency=amount.currency, entity=entity)
        return ledger.post(
            key=f"topup:bank:{bank_reference}",
            kind="TOPUP",
            actor=actor,
            lines={bank: amount.amount, wallet.account_id: -amount.amount},
            happened_at=happened_at,
            reason=bank_reference,
        )


# A charge entry stands for many charges: the statement lists those, not the entry.
STATEMENT = """
SELECT p.entry_id, e.kind, e.key, e.reason, e.happened_at, coalesce(-c.amount, -p.amount) AS amount,
       c.usage_id, h.source
  FROM (SELECT entry_id, sum(amount) AS amount FROM posting
         WHERE account_id = %(account)s AND entry_id <= %(entry)s GROUP BY entry_id) p
  JOIN entry e ON e.id = p.entry_id
  LEFT JOIN charge_entry x ON x.entry_id = p.entry_id
  LEFT JOIN charge c ON c.usage_id = x.usage_id AND c.wallet_id = %(wallet)s
  LEFT JOIN hold h ON h.id = c.hold_id
 WHERE (p.entry_id, coalesce(c.usage_id, 0)) < (%(entry)s, %(usage)s)
   AND (x.entry_id IS NULL OR c.amount > 0)
 ORDER BY p.entry_id DESC, coalesce(c.usage_id, 0) DESC LIMIT %(limit)s
"""
NEWEST = Cursor(2**62, 0)


def list_statement(
    *, wallet: Wallet, after: Cursor | None = None, limit: int = STATEMENT_ROWS_MAX
) -> list[StatementRow]:
    """Rows of a statement, newest first: what came in, and one row for each charge that is posted."""
    start = after or NEWEST
    values: dict[str, Any] = {
        "account": wallet.account_id,
        "wallet": wallet.id,
        "entry": start.entry_id,
        "usage": start.usage_id,
        "limit": min(limit, STATEMENT_ROWS_MAX),
    }
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, values)
        rows = cursor.fetchall()
    return [
        StatementRow(entry, kind, key, reason, happened_at, Money(amount, wallet.currency), usage, source)
        for entry, kind, key, reason, happened_at, amount, usage, source in rows
    ]


def _read(scope: Scope) -> Wallet:
    return Wallet(
        id=scope.pk,
        # Every wallet has one (scope_is_sound).
        account_id=cast(int, scope.account_id),
        organization_id=scope.organization_id,
        posted=Money(scope.posted, scope.currency),
        held=Money(scope.held, scope.currency),
        available=Money(scope.available, scope.currency),
    )
