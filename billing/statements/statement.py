"""
A wallet's statement of a period: what was there, every movement, what is there then.

A movement counts on the day on which it is booked (of UTC), so the statement of a closed period never
changes. Everything is read in one snapshot of the database: it adds up also while others are charging.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from accounts.models import Organization
from billing.statements.periods import Period
from billing.wallets import Wallet
from core.quantities import EXACT

BATCH = 5000

# What a wallet gained: it is a liability, so a credit (negative) is more of it.
ENDS = """
SELECT coalesce(-sum(p.amount) FILTER (WHERE booked_day(e.booked_on, e.happened_at) < %(since)s), 0),
       coalesce(-sum(p.amount) FILTER (WHERE booked_day(e.booked_on, e.happened_at) < %(until)s), 0)
  FROM posting p JOIN entry e ON e.id = p.entry_id WHERE p.account_id = %(account)s
"""
# A charge entry stands for many charges: those are the lines, and not the entry.
LINES = """
SELECT p.day, p.entry_id, p.kind, p.key, p.reason, coalesce(c.rated_at, p.happened_at),
       coalesce(-c.amount, p.amount), c.usage_id, h.source
  FROM (SELECT l.entry_id, booked_day(e.booked_on, e.happened_at) AS day, e.kind, e.key, e.reason,
               e.happened_at, -sum(l.amount) AS amount
          FROM posting l JOIN entry e ON e.id = l.entry_id
         WHERE l.account_id = %(account)s
           AND booked_day(e.booked_on, e.happened_at) >= %(since)s
           AND booked_day(e.booked_on, e.happened_at) < %(until)s
         GROUP BY l.entry_id, e.id) p
  LEFT JOIN charge_entry x ON x.entry_id = p.entry_id AND p.kind = 'CHARGE'
  LEFT JOIN charge c ON c.usage_id = x.usage_id AND c.wallet_id = %(wallet)s
  LEFT JOIN hold h ON h.id = c.hold_id
 WHERE x.entry_id IS NULL OR c.amount > 0
 ORDER BY p.day, p.entry_id, c.usage_id
"""
SUMS = """
SELECT day, kind, count(*), sum(amount) FROM (
    SELECT booked_day(e.booked_on, e.happened_at) AS day, e.kind, -sum(l.amount) AS amount
      FROM posting l JOIN entry e ON e.id = l.entry_id
     WHERE l.account_id = %(account)s
       AND booked_day(e.booked_on, e.happened_at) >= %(since)s
       AND booked_day(e.booked_on, e.happened_at) < %(until)s
     GROUP BY l.entry_id, e.id) t
 GROUP BY day, kind ORDER BY day, kind
"""
FIRST = """
SELECT min(booked_day(e.booked_on, e.happened_at)) FROM posting p JOIN entry e ON e.id = p.entry_id
 WHERE p.account_id = %s
"""


@dataclass(frozen=True, slots=True)
class Line:
    """
    One movement: `amount` is positive for what came in, `balance` what was there after it.

    A charge names its usage record and its source; `key` and `reason` are those of the entry.
    """

    day: date
    entry_id: int
    kind: str
    key: str
    reason: str
    happened_at: datetime
    amount: Decimal
    usage_id: int | None
    source: int | None
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Sum:
    """Movements of one kind on one day; `entries` is how many entries they are."""

    day: date
    kind: str
    entries: int
    amount: Decimal


class Statement:
    """
    An open statement: `opening` and `closing` are known, lines are read as they are wanted.

    It is good within `open_statement` only.
    """

    def __init__(self, wallet: Wallet, period: Period, owner: str) -> None:
        self.wallet = wallet
        self.owner = owner
        self.period = period
        self._values: dict[str, Any] = {
            "account": wallet.account_id,
            "wallet": wallet.id,
            "since": period.since,
            "until": period.until,
        }
        with connection.cursor() as cursor:
            cursor.execute(ENDS, self._values)
            opening, closing = cursor.fetchone()
        self.opening: Decimal = opening
        self.closing: Decimal = closing

    def read_lines(self) -> Iterator[Line]:
        """Every movement in the order in which it was booked, a few thousand at a time from the server."""
        balance = self.opening
        with connection.chunked_cursor() as cursor:
            cursor.execute(LINES, self._values)
            while rows := cursor.fetchmany(BATCH):
                for day, entry, kind, key, reason, happened_at, amount, usage, source in rows:
                    balance = EXACT.add(balance, amount)
                    yield Line(day, entry, kind, key, reason, happened_at, amount, usage, source, balance)

    def read_sums(self) -> list[Sum]:
        """The same by day and kind."""
        with connection.cursor() as cursor:
            cursor.execute(SUMS, self._values)
            return [Sum(*row) for row in cursor.fetchall()]


@contextmanager
def open_statement(*, wallet: Wallet, period: Period) -> Iterator[Statement]:
    """A statement of a wallet, in one snapshot of the database that nothing else is done in."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        owner = Organization.objects.get(pk=wallet.organization_id)
        yield Statement(wallet, period, owner.name)


def find_first_day(*, wallet: Wallet) -> date | None:
    """The day of the wallet's first movement; None if there was none."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST, [wallet.account_id])
        found: date | None = cursor.fetchone()[0]
    return found
