"""Series are written through one door, corrections keep what was known, and gaps are shown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from accounts.audit import SYSTEM
from marketplace import series as histories
from marketplace.feeds.points import FeedNonsense, Point, Reading, Span
from marketplace.models import Series, SeriesCorrection, SeriesPoint
from marketplace.series import Described, SeriesExists, SeriesInvalid, Written
from tests.databases import Database
from tests.marketplace.listings import NOW

DAY = datetime(2026, 3, 29, tzinfo=UTC)
PRICES = Described(
    slug="de-lu",
    name="Germany, day ahead",
    kind="PRICE",
    zone="DE-LU",
    resolution=15,
    source="somebody",
    licence="CC BY 4.0",
    currency="EUR",
)


def make_reading(*values: str | None, start: datetime = DAY, minutes: int = 15) -> Reading:
    points = tuple(
        Point(start + timedelta(minutes=minutes * number), Decimal(value))
        for number, value in enumerate(values)
        if value is not None
    )
    return Reading(points, minutes, "MWh", "EUR")


@pytest.fixture
def series(db: Database) -> Series:
    """An empty series of quarters of an hour."""
    return histories.create_series(described=PRICES, actor=SYSTEM, now=NOW)


def write(series: Series, *values: str | None, now: datetime = NOW, minutes: int = 15) -> Written:
    return histories.write_reading(series=series, reading=make_reading(*values, minutes=minutes), now=now)


def span(hours: int = 24) -> Span:
    return Span(DAY, DAY + timedelta(hours=hours))


def test_what_is_written_is_read_negative_values_too(series: Series) -> None:
    assert write(series, "85.31", "-12.5", "0") == Written(3, 0, 0)

    known = histories.read_points(series=series, span=span())
    assert [value for _, value, _ in known] == [Decimal("85.31"), Decimal("-12.5"), 0]
    assert [start for start, _, _ in known] == [DAY + timedelta(minutes=15 * n) for n in range(3)]


def test_writing_the_same_again_changes_nothing(series: Series) -> None:
    write(series, "85.31", "-12.5")

    assert write(series, "85.31", "-12.5", now=NOW + timedelta(days=1)) == Written(0, 0, 2)
    assert not SeriesCorrection.objects.exists()
    assert SeriesPoint.objects.values_list("recorded_at", flat=True).distinct().get() == NOW


def test_a_correction_keeps_the_old_value_with_its_time(series: Series) -> None:
    later, last = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    write(series, "85", "86")

    assert write(series, "85", "90", now=later) == Written(0, 1, 1)
    write(series, "85", "95", now=last)

    def known_at(moment: datetime) -> list[Decimal]:
        known = histories.read_points(series=series, span=span(), known_at=moment)
        return [value for _, value, _ in known]

    assert known_at(NOW - timedelta(seconds=1)) == []
    assert known_at(NOW) == [85, 86]
    assert known_at(later) == [85, 90]
    assert known_at(last) == [85, 95]
    old = SeriesCorrection.objects.order_by("revision").values_list("value", "recorded_at", "replaced_at")
    assert list(old) == [(Decimal(86), NOW, later), (Decimal(90), later, last)]


def test_a_value_that_is_no_longer_an_estimate_is_a_correction(series: Series) -> None:
    estimate = Reading((Point(DAY, Decimal(85), estimated=True),), 15, "MWh", "EUR")
    histories.write_reading(series=series, reading=estimate, now=NOW)

    assert write(series, "85", now=NOW + timedelta(hours=1)) == Written(0, 1, 0)
    assert not SeriesPoint.objects.get().estimated


def test_an_hourly_price_holds_for_its_quarters(series: Series) -> None:
    assert write(series, "80", "90", minutes=60).added == 8

    values = [value for _, value, _ in histories.read_points(series=series, span=span())]
    assert values == [80] * 4 + [90] * 4


def test_one_point_that_cannot_be_refuses_all(series: Series) -> None:
    with pytest.raises(FeedNonsense):
        write(series, "85", "900000")

    assert not SeriesPoint.objects.exists()


@pytest.mark.sql
@pytest.mark.parametrize(
    ("start", "value"),
    [(DAY + timedelta(minutes=7), "85"), (DAY, "50001"), (DAY, "-5001"), (DAY, "NaN")],
    ids=["off the grid", "too high", "too low", "NaN"],
)
def test_the_database_refuses_what_the_service_would(series: Series, start: datetime, value: str) -> None:
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute(histories.WRITE, [series.pk, [start], [Decimal(value)], [False], None, NOW])


@pytest.mark.sql
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE series_point SET value = 1",
        "UPDATE series_point SET revision = revision + 1, recorded_at = recorded_at - interval '1 h'",
        "DELETE FROM series_point",
        "TRUNCATE series_point",
        "UPDATE series_correction SET value = 1",
        "DELETE FROM series_correction",
        "TRUNCATE series_correction",
    ],
)
def test_history_is_not_rewritten_by_the_application_nor_by_the_owner(
    db: Database, series: Series, statement: str
) -> None:
    write(series, "85")
    write(series, "86", now=NOW + timedelta(hours=1))

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement)
    with psycopg.connect(db.owner_dsn) as owner, pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute(statement.encode())


@pytest.mark.sql
def test_points_lie_in_the_partition_of_their_year(series: Series) -> None:
    new_year = datetime(2025, 12, 31, 23, 45, tzinfo=UTC)
    histories.write_reading(series=series, reading=make_reading("1", "2", start=new_year), now=NOW)

    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM series_point ORDER BY starts_at")
        assert [name for (name,) in cursor.fetchall()] == ["series_point_2025", "series_point_2026"]


@pytest.mark.sql
def test_partitions_are_made_once_and_strays_are_counted(series: Series) -> None:
    far = datetime(1999, 1, 1, tzinfo=UTC)
    histories.write_reading(series=series, reading=make_reading("1", "2", start=far), now=NOW)

    with connection.cursor() as cursor:
        cursor.execute("SELECT parent, made, strays FROM ensure_series_partitions_v1()")
        assert cursor.fetchall() == [("series_point", 0, 2), ("series_correction", 0, 0)]


def test_gaps_are_shown(series: Series) -> None:
    write(series, "85", None, None, "86")

    fresh = histories.find_freshness(series=series, span=span(hours=2))

    quarters = [DAY + timedelta(minutes=15 * number) for number in range(9)]
    assert fresh.gaps == (Span(quarters[1], quarters[3]), Span(quarters[4], quarters[8]))
    assert fresh.until == quarters[4]


def test_an_empty_series_is_one_gap(series: Series) -> None:
    fresh = histories.find_freshness(series=series, span=span())

    assert (fresh.until, fresh.gaps) == (None, (span(),))


def test_the_tariff_engine_gets_gaps_as_none_and_a_digest(series: Series) -> None:
    write(series, "85", None, "-3")

    prices = histories.read_prices(series=series, span=span())
    again = histories.read_prices(series=series, span=span())
    write(series, "84", now=NOW + timedelta(hours=1))
    corrected = histories.read_prices(series=series, span=span())

    assert prices.blocks[0].values == (Decimal(85), None, Decimal(-3))
    assert (prices.unit, prices.currency, prices.name) == ("MWh", "EUR", "de-lu")
    assert prices.snapshot == again.snapshot != corrected.snapshot


def test_of_an_empty_series_the_engine_gets_no_blocks(series: Series) -> None:
    assert histories.read_prices(series=series, span=span()).blocks == ()


def test_a_slug_is_taken_once(series: Series) -> None:
    with pytest.raises(SeriesExists):
        histories.create_series(described=PRICES, actor=SYSTEM, now=NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"slug": "DE LU"},
        {"resolution": 7},
        {"currency": "euro"},
        {"currency": ""},
        {"low": Decimal(5), "high": Decimal(5)},
        {"kind": "CARBON"},
        {"kind": "CARBON", "currency": "", "unit": "MWh"},
        {"kind": "WEATHER"},
    ],
    ids=str,
)
def test_a_description_that_cannot_be_is_refused(db: Database, changed: dict[str, Any]) -> None:
    with pytest.raises(SeriesInvalid):
        histories.create_series(described=replace(PRICES, **changed), actor=SYSTEM, now=NOW)
