"""Points of a series as a source gives them, and what is refused as nonsense."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any, NoReturn

from core.errors import Invalid
from core.quantities import round_half_even

RESOLUTIONS = (5, 15, 30, 60)
PLACES = 9
"""Decimal places that are kept of a value; sources send binary fractions with more, which mean nothing."""

DIGITS_MAX = 24
POINTS_MAX = 400_000


class FeedNonsense(Invalid):
    """A source sent something that cannot be true, or that is not what the series holds."""

    code = "feed_nonsense"


@dataclass(frozen=True, slots=True)
class Point:
    """The value of the step that begins at `starts_at`; `estimated` if the source says so."""

    starts_at: datetime
    value: Decimal
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What a source gave: points in the order of time, `resolution` minutes each, in `currency` per `unit`
    (carbon: grams per kWh, no currency). `published_at` is when the source says it said so.
    """

    points: tuple[Point, ...]
    resolution: int
    unit: str
    currency: str = ""
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a series holds: its resolution in minutes, unit, currency, and the bounds of belief."""

    resolution: int
    unit: str
    currency: str
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to, not including, `end`."""

    start: datetime
    end: datetime


def check_reading(reading: Reading, expected: Expected) -> tuple[Point, ...]:
    """
    The points as the series keeps them, if all of them can be believed.

    An hourly price holds for each of its quarters, so longer steps are repeated on a finer grid; shorter ones
    are never averaged.

    :raises FeedNonsense: with the reason and the time of the first point that is wrong
    """
    if (reading.currency, reading.unit) != (expected.currency, expected.unit):
        raise FeedNonsense(
            f"the source speaks of {write_unit(reading.currency, reading.unit)}, "
            f"the series of {write_unit(expected.currency, expected.unit)}",
            field="unit",
        )
    if reading.resolution not in RESOLUTIONS or reading.resolution % expected.resolution:
        raise FeedNonsense(
            f"steps of {reading.resolution} minutes do not make steps of {expected.resolution}",
            field="resolution",
        )
    if not 1 <= len(reading.points) <= POINTS_MAX:
        raise FeedNonsense(f"there are {len(reading.points)} points", field="points")
    for point in reading.points:
        _check_point(point, reading.resolution, expected)
    for earlier, later in pairwise(reading.points):
        if later.starts_at <= earlier.starts_at:
            _refuse(later, "starts_at", f"does not come after {earlier.starts_at.isoformat()}")
    return tuple(_spread(reading.points, reading.resolution, expected.resolution))


def find_gaps(*, starts: Iterable[datetime], resolution: int, span: Span) -> list[Span]:
    """
    Parts of a span, whole steps each, for which no step begins; `starts` ascend and lie on the grid of
    `resolution`. Steps that the span cuts do not count.
    """
    step = timedelta(minutes=resolution)
    gaps: list[Span] = []
    begun = timedelta(seconds=span.start.timestamp() % step.total_seconds())
    reached = span.start - begun + (step if begun else timedelta(0))
    span = Span(reached, span.end - timedelta(seconds=span.end.timestamp() % step.total_seconds()))
    for start in starts:
        if start > reached:
            gaps.append(Span(reached, min(start, span.end)))
        reached = max(reached, start + step)
    if reached < span.end:
        gaps.append(Span(reached, span.end))
    return gaps


def find_resolution(starts: Sequence[datetime]) -> int:
    """
    Minutes of the shortest step between two points.

    :raises FeedNonsense: if there are fewer than two, or the step is not one of RESOLUTIONS
    """
    steps = [later - earlier for earlier, later in pairwise(starts)]
    shortest = min(steps, default=timedelta(0)) / timedelta(minutes=1)
    if shortest not in RESOLUTIONS:
        raise FeedNonsense(f"points {shortest:g} minutes apart are no series", field="resolution")
    return int(shortest)


def read_value(value: object, when: object) -> Decimal:
    """
    A number of a source's answer, kept to nine places; `when` names it in a refusal.

    :raises FeedNonsense: if it is no finite number
    """
    try:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise InvalidOperation
        number = Decimal(value)
        if not number.is_finite() or number.adjusted() > DIGITS_MAX:
            raise InvalidOperation
        return round_half_even(number, PLACES)
    except (InvalidOperation, ValueError):
        raise FeedNonsense(f"{str(value)[:40]!r} at {when} is no finite number", field="value")


def read_moment(text: object) -> datetime:
    """
    A moment in ISO 8601 with its offset, in UTC.

    :raises FeedNonsense: for anything else
    """
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise FeedNonsense(f"{str(text)[:40]!r} is no moment", field="starts_at")
    if moment.utcoffset() is None:
        raise FeedNonsense(f"{str(text)[:40]!r} has no offset from UTC", field="starts_at")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise FeedNonsense(f"{str(text)[:40]!r} is no moment", field="starts_at")


def read_json(body: bytes) -> Any:
    """
    A JSON answer with exact numbers.

    :raises FeedNonsense: if it is no JSON, or holds NaN or an infinity
    """
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise FeedNonsense(f"the answer is no JSON: {body[:60]!r}", field="body")


def get_field(parent: Any, name: str, kind: type) -> Any:
    """
    A field of a JSON object.

    :raises FeedNonsense: if it is not there or of another kind
    """
    value = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(value, kind):
        raise FeedNonsense(f"the answer has no {name}", field=name)
    return value


def write_unit(currency: str, unit: str) -> str:
    """What a value is, for people: EUR/MWh, g/kWh, kW."""
    return unit if unit == "kW" else f"{currency or 'g'}/{unit}"


def read_unit(text: str) -> tuple[str, str]:
    """
    Currency and unit of a text such as EUR/MWh or kW; grams and kilowatts have no currency.

    :raises FeedNonsense: for anything else
    """
    if text == "kW":
        return "", text
    currency, slash, unit = text.partition("/")
    if not slash or unit not in ("kWh", "MWh"):
        raise FeedNonsense(f"{text[:40]!r} is no unit such as EUR/MWh, GBP/kWh, g/kWh or kW.", field="unit")
    return ("" if currency == "g" else currency), unit


def _check_point(point: Point, resolution: int, expected: Expected) -> None:
    if point.starts_at.timestamp() % (60 * resolution):
        _refuse(point, "starts_at", f"is not on a grid of {resolution} minutes")
    if not expected.low <= point.value <= expected.high:
        _refuse(
            point,
            "value",
            f"{point.value} is not between {expected.low} and {expected.high} "
            f"{write_unit(expected.currency, expected.unit)}; is the unit another?",
        )


def _refuse(point: Point, field: str, problem: str) -> NoReturn:
    when = point.starts_at.isoformat()
    raise FeedNonsense(f"{when}: {problem}", field=field, time=when)


def _refuse_constant(word: str) -> NoReturn:
    raise FeedNonsense(f"the answer holds {word}", field="value")


def _spread(points: Sequence[Point], minutes: int, into: int) -> Iterable[Point]:
    for point in points:
        for part in range(minutes // into):
            yield Point(point.starts_at + timedelta(minutes=part * into), point.value, point.estimated)
