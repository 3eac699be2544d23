"""
Prices of the hours ahead as lines of steps, drawn as SVG. Pure; imports no Django.

Everything is a number in the units of the view box, so that nothing needs a style. Surplus stretches are
shaded below their line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from core.quantities import ROUNDING

WIDTH, HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 46
MARKS_MAX = 4
TICK_HOURS = 6
NAME_WIDTH = 90
TENTH = Decimal("0.1")
# Prices are close if the lowest is more than this share of the highest.
CLOSE = Decimal("0.6")


@dataclass(frozen=True, slots=True)
class Step:
    """One price from `start` to `end`."""

    start: datetime
    end: datetime
    price: Decimal
    is_surplus: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: Decimal
    y: Decimal
    width: Decimal
    height: Decimal


@dataclass(frozen=True, slots=True)
class Mark:
    """
    A level or a moment on an axis; the page writes them in its language. What is said of a `late` one stands
    before it, because there is no room behind.
    """

    at: Decimal
    level: Decimal | None = None
    moment: datetime | None = None
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line: its path, and what is shaded below it."""

    path: str
    shades: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """
    Lines in the order they were given, levels, hours, and where days begin. The scale begins at `base`, and
    not at nothing where that would hide how prices differ.
    """

    lines: tuple[Drawn, ...]
    levels: tuple[Mark, ...]
    hours: tuple[Mark, ...]
    days: tuple[Mark, ...]
    base: Decimal
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    floor: int = HEIGHT - BOTTOM


def draw_steps(lines: Sequence[Sequence[Step]], *, start: datetime, end: datetime, zone: tzinfo) -> Chart:
    """
    Draw lines on one scale.

    :param zone: whose hours and days are marked
    """
    prices = [step.price for steps in lines for step in steps] or [Decimal(0)]
    levels = list_levels(min(prices), max(prices))
    scale = _Scale(start, end, levels[0], levels[-1])
    hours = list(_list_hours(start, end, zone))
    return Chart(
        lines=tuple(_draw_line(steps, scale) for steps in lines),
        levels=tuple(Mark(scale.up(level), level=level) for level in levels),
        hours=tuple(
            Mark(scale.along(hour), moment=hour) for hour in hours if hour.hour and not hour.hour % TICK_HOURS
        ),
        days=tuple(_make_day(hour, scale) for hour in hours if hour.hour == 0),
        base=levels[0],
    )


def list_levels(low: Decimal, high: Decimal) -> list[Decimal]:
    """Round figures from nothing, or from below the lowest price if all are close, to above the highest."""
    with localcontext(ROUNDING):
        base = Decimal(0) if low < high * CLOSE else low
        span = high - base or high or Decimal(1)
        rough = span / MARKS_MAX
        power = Decimal(1).scaleb(rough.adjusted())
        step = next(power * size for size in (1, 2, Decimal("2.5"), 5, 10) if power * size >= rough)
        first = int((base / step).to_integral_value(rounding=ROUND_FLOOR))
        # Lines do not lie on the floor.
        first -= bool(first and first * step == low)
        last = max(int((high / step).to_integral_value(rounding=ROUND_CEILING)), first + 1)
        return [step * number for number in range(first, last + 1)]


class _Scale:
    def __init__(self, start: datetime, end: datetime, low: Decimal, high: Decimal) -> None:
        self._start, self._low, self._high = start, low, high
        self._seconds = Decimal(int((end - start).total_seconds()))

    def along(self, moment: datetime) -> Decimal:
        with localcontext(ROUNDING):
            seconds = Decimal(int((moment - self._start).total_seconds()))
            return (LEFT + (WIDTH - LEFT - RIGHT) * seconds / self._seconds).quantize(TENTH)

    def up(self, price: Decimal) -> Decimal:
        with localcontext(ROUNDING):
            share = (price - self._low) / (self._high - self._low)
            return (HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share).quantize(TENTH)


def _make_day(moment: datetime, scale: _Scale) -> Mark:
    at = scale.along(moment)
    return Mark(at, moment=moment, is_late=at > WIDTH - RIGHT - NAME_WIDTH)


def _draw_line(steps: Iterable[Step], scale: _Scale) -> Drawn:
    path: list[str] = []
    shades: list[Box] = []
    last: Step | None = None
    floor = Decimal(HEIGHT - BOTTOM)
    for step in steps:
        x, until, y = scale.along(step.start), scale.along(step.end), scale.up(step.price)
        # Where nothing is for sale the line is broken.
        path.append(f"{'V' if last and last.end == step.start else f'M{x} '}{y}H{until}")
        if step.is_surplus:
            shades.append(Box(x, y, until - x, floor - y))
        last = step
    return Drawn("".join(path), tuple(shades))


def _list_hours(start: datetime, end: datetime, zone: tzinfo) -> Iterable[datetime]:
    """Yield the full hours of a zone's clock between two moments."""
    first = start.astimezone(zone)
    minute = timedelta(minutes=first.minute, seconds=first.second, microseconds=first.microsecond)
    # Steps of real time: a clock that is put back shows an hour twice.
    at = start - minute
    while at < end:
        if at >= start:
            yield at.astimezone(zone)
        at += timedelta(hours=1)
