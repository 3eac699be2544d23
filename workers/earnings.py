"""What a provider's offers earned, by offer and day, from usage records and their charges."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from core.quantities import ROUNDING
from marketplace.models import Offer

DAYS_MAX = 92
# Gateways' clocks differ a little, and long work is recorded as it goes.
SLACK = timedelta(days=1)

# Attempts of an offer are found by index, from where those of the first day begin: ids grow with time, and so
# do uids, by whose index that place is found.
QUERY = """
SELECT a.offer_id, (u.recorded_at AT TIME ZONE %(zone)s)::date AS day, c.currency,
       sum(c.amount - c.fee + c.overrun), sum(u.billed_in + u.billed_cached), sum(u.billed_out),
       sum(u.chip_seconds), sum(u.kwh), count(*) FILTER (WHERE e.usage_id IS NULL)
  FROM attempt a
  JOIN usage_record u ON u.attempt_id = a.id
  JOIN sale c ON c.usage_id = u.id
  LEFT JOIN charge_entry e ON e.usage_id = u.id
 WHERE a.offer_id = ANY(%(offers)s)
   AND a.id >= coalesce((SELECT f.id FROM attempt f WHERE f.uid >= %(first)s ORDER BY f.uid LIMIT 1), 0)
   AND u.recorded_at >= %(since)s
 GROUP BY 1, 2, 3
 ORDER BY 2 DESC, 1, 3
"""


@dataclass(frozen=True, slots=True)
class Earned:
    """
    What an offer earned on a day of the reader's calendar, the platform's fee taken off; `waiting` of its
    records are not in the books yet.
    """

    offer: Offer
    day: date
    currency: str
    amount: Decimal
    input_tokens: int
    output_tokens: int
    chip_seconds: Decimal
    kwh: Decimal
    waiting: int

    @property
    def per_kwh(self) -> Decimal | None:
        """Income per kilowatt-hour at the meter; None if none was used."""
        return ROUNDING.divide(self.amount, self.kwh) if self.kwh else None


def list_days(*, offers: Sequence[Offer], now: datetime, zone: Any, days: int) -> list[Earned]:
    """What offers earned on each of the last days up to today in `zone`, newest first."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=min(days, DAYS_MAX) - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=zone)
    by_id = {offer.pk: offer for offer in offers}
    values: dict[str, Any] = {
        "zone": zone.key if isinstance(zone, ZoneInfo) else "UTC",
        "offers": list(by_id),
        "first": _begin(since - SLACK),
        "since": since,
    }
    with connection.cursor() as cursor:
        cursor.execute(QUERY, values)
        return [Earned(by_id[offer], *row) for offer, *row in cursor.fetchall()]


def _begin(moment: datetime) -> uuid.UUID:
    """The least uid that could be made at a moment."""
    milliseconds = int(moment.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80)
