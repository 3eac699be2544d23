"""Balances of all accounts at the end of a day or at a moment, from the checkpoint before it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from billing.trial_balance import TrialBalance, close_between, make_trial_balances
from core.money import AMOUNT_PLACES, fit

EVERY = 20_000
"""Entries between two checkpoints; what is read for a balance of the past is at most twice this."""

OF_DAY = """
SELECT a.code, a.currency, b.amount
  FROM balances_of_day_v1(%(of)s) b JOIN ledger_account a ON a.id = b.account_id
 WHERE %(entity)s::text IS NULL OR a.entity = %(entity)s ORDER BY a.code
"""
AT_MOMENT = """
SELECT a.code, a.currency, b.amount
  FROM balances_at_v1(%(of)s) b JOIN ledger_account a ON a.id = b.account_id
 WHERE %(entity)s::text IS NULL OR a.entity = %(entity)s ORDER BY a.code
"""
CLOSING = """
SELECT a.code, a.currency, b.amount FROM period_balance b JOIN ledger_account a ON a.id = b.account_id
 WHERE b.period_id = %(of)s ORDER BY a.code
"""


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One account: debits less credits, nine places, never zero."""

    account: str
    currency: str
    amount: Decimal


def read_day(*, day: date, entity: str | None = None) -> list[AccountBalance]:
    """
    Everything booked up to the end of a day of UTC, as far as it is numbered; in the order of codes.

    `entity` narrows it to the books of one.
    """
    return _read(OF_DAY, day, entity)


def read_moment(*, moment: datetime, entity: str | None = None) -> list[AccountBalance]:
    """
    What the books said at a moment: every numbered entry recorded up to then; in the order of codes.

    `entity` narrows it to the books of one.
    """
    return _read(AT_MOMENT, moment, entity)


def read_closing(*, period_id: int) -> list[AccountBalance]:
    """The closing balances of a closed period, as they were kept; in the order of codes."""
    return _read(CLOSING, period_id)


def read_digest(*, day: date) -> str:
    """SHA-256 of the balances at the end of a day: a line `code amount` for each account, nine places."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT balances_digest_v1(%s)", [day])
        return str(cursor.fetchone()[0])


def make_balances(lines: Iterable[AccountBalance], *, of_one: bool = False) -> list[TrialBalance]:
    """One trial balance for each currency; `of_one` entity's lines are closed by what is between entities."""
    rows = sorted((line.currency, line.account, line.amount) for line in lines)
    found = make_trial_balances(rows)
    return [close_between(one) for one in found] if of_one else found


def keep_checkpoints(*, every: int = EVERY) -> int:
    """Keep the balances of stretches of the ledger that are complete; gives how many were kept."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT keep_checkpoints_v1(%s)", [every])
        return int(cursor.fetchone()[0])


def _read(query: str, value: Any, entity: str | None = None) -> list[AccountBalance]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"of": value, "entity": entity})
        return [
            AccountBalance(code, currency, fit(amount, AMOUNT_PLACES))
            for code, currency, amount in cursor.fetchall()
        ]
