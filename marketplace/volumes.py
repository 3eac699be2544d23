"""What was sold lately, from charges between strangers in real money."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from core.brief import recall

SPAN = timedelta(hours=24)
FRESH_SECONDS = 60
# Long work is recorded as it goes.
SLACK = timedelta(hours=6)

# Attempts' ids grow with time, and so do their uids, by whose index the first one of the span is found.
QUERY = """
SELECT coalesce(sum(billed_in), 0), coalesce(sum(billed_out), 0), coalesce(sum(kwh), 0), count(*)
  FROM arms_length
 WHERE attempt_id >= coalesce((SELECT id FROM attempt WHERE uid >= %(first)s ORDER BY uid LIMIT 1), %(none)s)
   AND recorded_at >= %(since)s
"""
NONE = 2**62


@dataclass(frozen=True, slots=True)
class Volume:
    """Tokens, kWh at the meter, and how many records were sold since a moment."""

    since: datetime
    input_tokens: int
    output_tokens: int
    kwh: Decimal
    records: int

    @property
    def tokens(self) -> int:
        """Of both kinds."""
        return self.input_tokens + self.output_tokens


def find_volume(*, now: datetime, span: timedelta = SPAN) -> Volume:
    """What was sold in the span up to now."""
    since = now - span
    first = uuid.UUID(int=int((since - SLACK).timestamp() * 1000) << 80)
    with connection.cursor() as cursor:
        cursor.execute(QUERY, {"first": first, "none": NONE, "since": since})
        row = cursor.fetchone()
    return Volume(since, int(row[0]), int(row[1]), row[2], row[3])


def recall_volume(*, now: datetime) -> Volume:
    """The same as a minute ago at most."""
    return recall("volume", seconds=FRESH_SECONDS, now=now, find=lambda: find_volume(now=now))
