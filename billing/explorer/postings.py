"""An account's postings with its balance after each, newest first, page by page."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import connection

from billing.models import LedgerAccount
from core.money import AMOUNT_PLACES, fit
from core.quantities import EXACT

PAGE = 50

POSTINGS = """
SELECT p.entry_id, p.seq, p.amount, e.kind, e.key, e.reason, e.happened_at, e.booked_on
  FROM posting p JOIN entry e ON e.id = p.entry_id
 WHERE p.account_id = %(account)s AND (p.entry_id, p.seq) < (%(entry)s, %(seq)s)
 ORDER BY p.entry_id DESC, p.seq DESC LIMIT %(limit)s
"""
# What came after a page's first row, to be taken off the balance of today.
NEWER = """
SELECT coalesce(sum(amount), 0) FROM posting WHERE account_id = %s AND (entry_id, seq) >= (%s, %s)
"""
SUM = "SELECT coalesce(sum(amount), 0) FROM posting WHERE account_id = %s"
START = (2**62, 0)


@dataclass(frozen=True, slots=True)
class Movement:
    """One posting: positive for a debit. `balance` is the account's after it, in its usual sense."""

    entry_id: int
    seq: int
    amount: Decimal
    kind: str
    key: str
    reason: str
    happened_at: datetime
    booked_on: date | None
    balance: Decimal


def list_movements(
    *, account: LedgerAccount, before: tuple[int, int] = START, limit: int = PAGE
) -> list[Movement]:
    """
    Postings older than `before` (entry, number of the leg), newest first, in the order of entries.

    The balance is of everything committed up to that posting in the same order.
    """
    values = {"account": account.pk, "entry": before[0], "seq": before[1], "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(POSTINGS, values)
        rows = cursor.fetchall()
        cursor.execute(SUM, [account.pk])
        total: Decimal = cursor.fetchone()[0]
        if before != START:
            cursor.execute(NEWER, [account.pk, *before])
            total = EXACT.subtract(total, cursor.fetchone()[0])
    movements = []
    for entry, seq, amount, *said in rows:
        balance = fit(EXACT.multiply(total, Decimal(account.normal)), AMOUNT_PLACES)
        kind, key, reason, happened_at, booked_on = said
        movements.append(
            Movement(
                *(entry, seq, fit(amount, AMOUNT_PLACES), kind, key, reason, happened_at, booked_on), balance
            )
        )
        total = EXACT.subtract(total, amount)
    return movements
