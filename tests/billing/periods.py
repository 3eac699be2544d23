"""A day of the books that is over, approved to be closed by two people; plain SQL."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from core import ids
from tests.billing.exchange import fetch_value, make_person
from tests.databases import Database

# Everything that people of these tests post happened at `exchange.NOW`, which is over.
DAY = date(2026, 6, 1)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
AFTER = datetime(2026, 6, 9, tzinfo=UTC)
CLOSE = f"SELECT close_period_v1(gen_random_uuid(), %s, '{AFTER.isoformat()}')"

REQUEST = """
SELECT approval_id FROM request_approval_v1(%s, 'close_period', %s,
    jsonb_build_object('starts_on', %s::text, 'ends_on', %s::text,
                       'balances_sha256', balances_digest_v1(%s))::text, %s, now())
"""
APPROVE = """
UPDATE approval SET state = 'APPROVED', approved_by = %s, approved_sha256 = sha256, approved_at = now()
 WHERE id = %s
"""


def number(app: psycopg.Connection[Any]) -> None:
    """Give every entry its number."""
    while fetch_value(app, "SELECT sequence_entries_v1()"):
        pass


def approve(db: Database, day: date, *, starts_on: date | None = None) -> int:
    """Have the balances at the end of a day approved; gives the approval."""
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        number(owner)
        people = [make_person(owner, f"{ids.make_uid()}@example.org") for _ in range(2)]
        first, second = (fetch_value(owner, "SELECT uid FROM accounts_user WHERE id = %s", p) for p in people)
        start = starts_on or day - timedelta(days=400)
        values = [ids.make_uid(), day.isoformat(), start.isoformat(), day.isoformat(), day, first]
        approval = int(fetch_value(owner, REQUEST, *values))
        owner.execute(APPROVE, [second, approval])
        return approval
