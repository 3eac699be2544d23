"""Several processes bring points of one series at once, and fetch the same feeds."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import psycopg
import pytest
from django.db import connection

from accounts.audit import SYSTEM
from marketplace import series as histories
from marketplace import series_feeds
from marketplace.feeds.requests import Request
from marketplace.models import Series, SeriesCorrection, SeriesPoint
from marketplace.series import Described
from tests.databases import Database
from tests.marketplace import answers
from tests.races.interleaving import read_function

pytestmark = [pytest.mark.sql, pytest.mark.race]

DAY = datetime(2026, 3, 28, 23, tzinfo=UTC)
NOW = datetime(2026, 3, 29, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
WRITERS, POINTS, ROUNDS = 4, 400, 5


@pytest.fixture
def series(db: Database) -> Series:
    """An empty series."""
    described = Described(
        slug="de-lu",
        name="Germany",
        kind="PRICE",
        zone="DE-LU",
        resolution=15,
        source="somebody",
        licence="CC BY 4.0",
        currency="EUR",
    )
    return histories.create_series(described=described, actor=SYSTEM, now=NOW)


def run_at_once(deeds: list[Callable[[], None]]) -> list[Exception]:
    """Run each in a thread of its own, beginning together; what they raised."""
    start = threading.Barrier(len(deeds))
    raised: list[Exception] = []

    def run(deed: Callable[[], None]) -> None:
        start.wait()
        try:
            deed()
        except Exception as error:  # noqa: BLE001 - the tests look at it
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def write_at_once(db: Database, series: Series) -> list[Exception]:
    starts = [DAY + number * QUARTER for number in range(POINTS)]

    def write(writer: int) -> None:
        # Half of them hand their points over from the last to the first.
        order = starts if writer % 2 else starts[::-1]
        with psycopg.connect(db.dsn, autocommit=True) as own:
            for turn in range(ROUNDS):
                value = Decimal(writer * ROUNDS + turn)
                moment = NOW + timedelta(seconds=turn)
                rows = [series.pk, order, [value] * POINTS, [False] * POINTS, None, moment]
                own.execute(histories.WRITE, rows)

    return run_at_once([partial(write, writer) for writer in range(WRITERS)])


def test_writers_of_the_same_points_do_not_wait_in_a_circle(db: Database, series: Series) -> None:
    assert write_at_once(db, series) == []

    # Nobody's word is lost: each value that was ever written is either known or kept.
    revisions = SeriesPoint.objects.values_list("revision", flat=True).distinct().get()
    assert revisions == WRITERS * ROUNDS - 1
    assert SeriesCorrection.objects.count() == POINTS * revisions


def test_without_an_order_they_do(db: Database, series: Series) -> None:
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        text = read_function(owner, "write_series_v1")
        assert "ORDER BY t.starts_at" in text
        owner.execute(text.replace("ORDER BY t.starts_at", "").encode())

    raised = write_at_once(db, series)

    assert any(isinstance(error, psycopg.errors.DeadlockDetected) for error in raised)


def test_a_feed_is_fetched_by_one_worker(series: Series) -> None:
    series_feeds.connect_feed(
        series=series, adapter="energy-charts", place="DE-LU", every_minutes=30, actor=SYSTEM, now=NOW
    )
    asked: list[Request] = []

    def fetch(request: Request) -> bytes:
        asked.append(request)
        return answers.ENERGY_CHARTS

    def work() -> None:
        series_feeds.fetch_due(clock=lambda: NOW, keys={}, seconds_max=5, fetch=fetch)

    raised = run_at_once([work] * WRITERS)

    assert raised == []
    assert len(asked) == 1
