"""What a wallet spent on each day, from the charges that are posted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import dropwhile
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from billing.wallets import Wallet
from core.money import Money, total

DAYS_MAX = 366
PACE_DAYS = 7
"""How many days tell the pace at which a wallet spends."""
LOW_DAYS = 3
"""A wallet that lasts less than these runs low."""

# Postings of one account are looked up by index, and an entry's id grows with its time.
QUERY = """
SELECT (e.happened_at AT TIME ZONE %(zone)s)::date AS day, sum(p.amount)
  FROM posting p JOIN entry e ON e.id = p.entry_id
 WHERE p.account_id = %(account)s AND e.happened_at >= %(since)s AND e.kind = 'CHARGE'
 GROUP BY day ORDER BY day
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What was spent on a day of the reader's calendar."""

    day: date
    amount: Money


def list_days(*, wallet: Wallet, now: datetime, zone: Any, days: int) -> list[Day]:
    """The last days up to today in `zone`, oldest first, those without spending included."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=min(days, DAYS_MAX) - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=zone)
    values: dict[str, Any] = {"zone": _name(zone), "account": wallet.account_id, "since": since}
    with connection.cursor() as cursor:
        cursor.execute(QUERY, values)
        found: dict[date, Decimal] = dict(cursor.fetchall())
    span = (first + timedelta(days=number) for number in range((today - first).days + 1))
    return [Day(day, Money(found.get(day, Decimal(0)), wallet.currency)) for day in span]


def estimate_days_left(*, available: Money, days: Sequence[Day]) -> int | None:
    """
    For how many whole days a wallet lasts at the pace of the last seven of `days` (oldest first); None if
    nothing was spent on them. Days before the first spending do not slow the pace.
    """
    lately = list(dropwhile(lambda spent: not spent.amount, days[-PACE_DAYS:]))
    if not lately:
        return None
    pace = add_days(lately, currency=available.currency).amount / len(lately)
    return max(0, int(available.amount / pace))


def add_days(days: Iterable[Day], *, currency: str) -> Money:
    """What was spent on all of them."""
    return total((spent.amount for spent in days), currency=currency)


def _name(zone: Any) -> str:
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"
