"""Series of prices and carbon: made, written through one door, read with their gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import BigIntegerField, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast, Extract

from accounts import access, audit
from accounts.audit import Actor
from core.errors import DomainError, Invalid
from marketplace.feeds.points import Expected, Reading, Span, check_reading, find_gaps
from marketplace.models import Series, SeriesPoint
from marketplace.tariffs.checks import KW_MAX
from marketplace.tariffs.series import Block, Market, PriceSeries, SeriesUnit, to_seconds

# What no market has ever seen, per MWh: the highest cap was 9,000 dollars, the lowest floor -500 euros.
PRICE_LOW, PRICE_HIGH = Decimal(-5_000), Decimal(50_000)
CARBON_LOW, CARBON_HIGH = Decimal(0), Decimal(2_000)
BATCH_MAX = 10_000
KWH_PER_MWH = 1_000

WRITE = "SELECT added, corrected FROM write_series_v1(%s, %s, %s::numeric[], %s, %s, %s)"
NOW_KNOWN = """
SELECT starts_at, value, estimated FROM series_point
 WHERE series_id = %(series)s AND starts_at >= %(start)s AND starts_at < %(end)s ORDER BY starts_at
"""
ONCE_KNOWN = """
SELECT starts_at, value, estimated FROM series_point
 WHERE series_id = %(series)s AND starts_at >= %(start)s AND starts_at < %(end)s AND recorded_at <= %(known)s
UNION ALL
SELECT starts_at, value, estimated FROM series_correction
 WHERE series_id = %(series)s AND starts_at >= %(start)s AND starts_at < %(end)s
   AND recorded_at <= %(known)s AND replaced_at > %(known)s
 ORDER BY starts_at
"""

type Known = list[tuple[datetime, Decimal, bool]]


class SeriesExists(DomainError):
    """The slug is taken."""

    code = "series_exists"


class SeriesInvalid(Invalid):
    """A description that no series can have."""

    code = "invalid_series"


@dataclass(frozen=True, slots=True)
class Described:
    """
    What a series is. Prices are in `currency` per `unit`; carbon is grams CO2e per kWh and a volume kW, both
    without a currency.

    Values outside `low` to `high` are refused; without them the bounds are those of any market.
    """

    slug: str
    name: str
    kind: str
    zone: str
    resolution: int
    source: str
    licence: str
    unit: str = SeriesUnit.MWH
    currency: str = ""
    market: str = Market.DAY_AHEAD
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """How many points were new, had another value before, and were there already."""

    added: int
    corrected: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """
    How far a series is known: `until` is the end of its newest step, None if it has none; `fetched_at` when a
    feed last brought something; `gaps` lie within the span that was asked for.
    """

    until: datetime | None
    fetched_at: datetime | None
    gaps: tuple[Span, ...]


def create_series(
    *, described: Described, actor: Actor, now: datetime, assumptions: Mapping[str, Any] | None = None
) -> Series:
    """
    Begin an empty series.

    :param assumptions: what makes a synthetic series; everything that shows it says that it is synthetic

    :raises SeriesExists: if the slug is taken
    :raises SeriesInvalid: if the description cannot be
    """
    low, high = _find_bounds(described)
    try:
        with transaction.atomic():
            series = Series.objects.create(
                slug=described.slug,
                name=described.name,
                kind=described.kind,
                market=described.market,
                zone=described.zone,
                currency=described.currency,
                unit=described.unit,
                resolution=described.resolution,
                low=low,
                high=high,
                source=described.source,
                licence=described.licence,
                synthetic=assumptions is not None,
                assumptions=dict(assumptions or {}),
                created_at=now,
            )
            audit.record_event(
                actor=actor,
                action="series.create",
                subject_kind="series",
                subject_uid=None,
                organization=None,
                now=now,
                details={"slug": series.slug, "synthetic": series.synthetic},
            )
    except IntegrityError as error:
        if Series.objects.filter(slug=described.slug).exists():
            raise SeriesExists(f"There is a series {described.slug} already.") from error
        raise SeriesInvalid("The slug, resolution, unit, currency or a bound cannot be.") from error
    return series


def find_series(*, slug: str) -> Series:
    """
    The series with this slug.

    :raises core.errors.NotFound: if there is none
    """
    return access.get_or_refuse(Series.objects.all(), slug=slug)


def list_series() -> QuerySet[Series]:
    """Every series with its feed; `newest` is where its last known step begins, None if it has none."""
    last = SeriesPoint.objects.filter(series=OuterRef("pk")).order_by("-starts_at").values("starts_at")[:1]
    return Series.objects.select_related("feed").annotate(newest=Subquery(last))


def list_points(*, series: Series, span: Span) -> QuerySet[SeriesPoint]:
    """Every known step that begins within a span; `second` is its start, by which pages may follow."""
    points = SeriesPoint.objects.filter(series=series, starts_at__gte=span.start, starts_at__lt=span.end)
    return points.annotate(second=Cast(Extract("starts_at", "epoch"), BigIntegerField()))


def write_reading(*, series: Series, reading: Reading, now: datetime) -> Written:
    """
    Write what a source gave, all of it or nothing. The same again changes nothing; another value is a
    correction, and what was known before stays known with its time.

    :raises marketplace.feeds.points.FeedNonsense: if one point cannot be believed
    """
    points = check_reading(reading, find_expected(series))
    added = corrected = 0
    with transaction.atomic(), connection.cursor() as cursor:
        for first in range(0, len(points), BATCH_MAX):
            batch = points[first : first + BATCH_MAX]
            cursor.execute(
                WRITE,
                [
                    series.pk,
                    [point.starts_at for point in batch],
                    [point.value for point in batch],
                    [point.estimated for point in batch],
                    reading.published_at,
                    now,
                ],
            )
            new, changed = cursor.fetchone()
            added, corrected = added + new, corrected + changed
    return Written(added, corrected, len(points) - added - corrected)


def find_expected(series: Series) -> Expected:
    """What a reading of a series must look like."""
    return Expected(series.resolution, series.unit, series.currency, series.low, series.high)


def read_points(*, series: Series, span: Span, known_at: datetime | None = None) -> Known:
    """
    (start, value, whether estimated) of every known step that begins within `span`, in the order of time.

    :param known_at: give what was known at that moment instead of what is known now
    """
    given: dict[str, int | datetime | None] = {
        "series": series.pk,
        "start": span.start,
        "end": span.end,
        "known": known_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(NOW_KNOWN if known_at is None else ONCE_KNOWN, given)
        return list(cursor.fetchall())


def read_prices(*, series: Series, span: Span, known_at: datetime | None = None) -> PriceSeries:
    """
    What the tariff engine takes of prices or of a volume: one block of steps, a gap being None; without
    blocks if nothing is known.

    `snapshot` is a digest of the values, so that a price can be found again from it.

    :raises SeriesInvalid: if it is a series of carbon
    """
    if series.kind == Series.Kind.CARBON:
        raise SeriesInvalid(f"{series.slug} is no series of prices or of a volume.")
    known = read_points(series=series, span=span, known_at=known_at)
    step = 60 * series.resolution
    values = {to_seconds(start): value for start, value, _ in known}
    blocks: tuple[Block, ...] = ()
    if values:
        first, last = min(values), max(values)
        blocks = (Block(first, step, tuple(values.get(at) for at in range(first, last + step, step))),)
    made = PriceSeries(
        name=series.slug,
        unit=SeriesUnit(series.unit),
        blocks=blocks,
        currency=series.currency,
        market=Market(series.market),
    )
    return replace(made, snapshot=made.digest())


def find_freshness(*, series: Series, span: Span) -> Freshness:
    """How far a series is known, and what is missing within `span`."""
    newest = SeriesPoint.objects.filter(series=series).aggregate(newest=Max("starts_at"))["newest"]
    starts = [start for start, _, _ in read_points(series=series, span=span)]
    feed = getattr(series, "feed", None)
    return Freshness(
        until=newest + timedelta(minutes=series.resolution) if newest else None,
        fetched_at=feed.fetched_at if feed else None,
        gaps=tuple(find_gaps(starts=starts, resolution=series.resolution, span=span)),
    )


def _find_bounds(described: Described) -> tuple[Decimal, Decimal]:
    low, high = (CARBON_LOW, CARBON_HIGH)
    if described.kind == Series.Kind.VOLUME:
        low, high = Decimal(0), KW_MAX
    if described.kind == Series.Kind.PRICE:
        parts = KWH_PER_MWH if described.unit == SeriesUnit.KWH else 1
        low, high = PRICE_LOW / parts, PRICE_HIGH / parts
    return (
        low if described.low is None else described.low,
        high if described.high is None else described.high,
    )
