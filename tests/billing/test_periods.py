"""When periods of limits begin and end."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from billing import periods
from tests.billing.exchange import fetch

pytestmark = pytest.mark.sql


@pytest.mark.parametrize("period", ["DAILY", "WEEKLY", "MONTHLY"])
def test_python_and_the_database_agree_when_periods_turn(app: psycopg.Connection[Any], period: str) -> None:
    moments = [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 5, 3, 23, 59, 59, 999999, tzinfo=UTC),  # a Sunday
        datetime(2026, 5, 4, tzinfo=UTC),
        datetime(2028, 2, 29, 12, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    ]
    app.execute("SET TIME ZONE 'Asia/Shanghai'")
    for moment in moments:
        [row] = fetch(
            app,
            "SELECT period_start_v1(%s, %s) AS start, period_end_v1(%s, %s) AS end",
            *(period, moment, period, moment),
        )
        assert row["start"] == periods.find_start(period, now=moment)
        assert row["end"] == periods.find_end(period, now=moment)
    assert periods.find_start("WEEKLY", now=moments[1]) == datetime(2026, 4, 27, tzinfo=UTC)
