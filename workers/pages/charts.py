"""Charts of the hours ahead as SVG: stacked columns, surplus shaded. Sizes are attributes, never styles."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from core.quantities import ROUNDING

WIDTH, HEIGHT = 960, 250
LEFT, TOP, BOTTOM = 64, 12, 28
MARKS_MAX = 5
TENTH = Decimal("0.1")
# What is below zero by less than this part of a step gets no level of its own.
SLIVER = 4
TICK_HOURS = 6
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Column:
    """One price from `start` to `end`: its parts in their order, and what is said of it in words."""

    start: datetime
    end: datetime
    parts: tuple[tuple[str, Decimal], ...]
    is_surplus: bool
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle."""

    part: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A label beside an axis, and where."""

    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Stack:
    """The bars of one column, and its words."""

    bars: tuple[Bar, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All of it, in the units of a view box of `width` to `height`."""

    stacks: tuple[Stack, ...]
    shades: tuple[Bar, ...]
    levels: tuple[Mark, ...]
    hours: tuple[Mark, ...]
    zero: str
    left: int = LEFT
    width: int = WIDTH
    height: int = HEIGHT


def draw(columns: Sequence[Column], *, zone: Any) -> Chart:
    """
    Draw columns that follow each other; parts below zero hang from the line of zero.

    :param zone: whose clock the hours are on
    """
    start, end = columns[0].start, columns[-1].end
    highs = [sum((size for _, size in one.parts if size > 0), Decimal(0)) for one in columns]
    lows = [sum((size for _, size in one.parts if size < 0), Decimal(0)) for one in columns]
    levels = _list_levels(min(lows), max(highs))
    scale = _Scale(start, end, min(levels[0], *lows), max(levels[-1], *highs))
    return Chart(
        stacks=tuple(_stack(one, scale) for one in columns),
        shades=tuple(_shade(one, scale) for one in columns if one.is_surplus),
        levels=tuple(Mark(scale.up(level), _write(level)) for level in levels),
        hours=tuple(_list_hours(start, end, scale, zone)),
        zero=scale.up(Decimal(0)),
    )


class _Scale:
    def __init__(self, start: datetime, end: datetime, low: Decimal, high: Decimal) -> None:
        self._start, self._low, self._high = start, low, high
        self._seconds = Decimal(int((end - start).total_seconds())) or Decimal(1)

    def along(self, moment: datetime) -> Decimal:
        seconds = Decimal(int((moment - self._start).total_seconds()))
        return (LEFT + (WIDTH - LEFT) * seconds / self._seconds).quantize(TENTH)

    def across(self, column: Column) -> tuple[str, str]:
        x, until = self.along(column.start), self.along(column.end)
        return str(x), str(until - x)

    def up(self, level: Decimal) -> str:
        return str(self.height_of(level).quantize(TENTH))

    def height_of(self, level: Decimal) -> Decimal:
        room = HEIGHT - TOP - BOTTOM
        return TOP + room * (self._high - level) / (self._high - self._low)


def _shade(column: Column, scale: _Scale) -> Bar:
    x, width = scale.across(column)
    return Bar("surplus", x, str(TOP), width, str(HEIGHT - TOP - BOTTOM))


def _stack(column: Column, scale: _Scale) -> Stack:
    x, width = scale.across(column)
    above = below = Decimal(0)
    bars = []
    for part, size in column.parts:
        if not size:
            continue
        base = above if size > 0 else below
        top, bottom = max(base, base + size), min(base, base + size)
        if size > 0:
            above = top
        else:
            below = bottom
        y = scale.height_of(top)
        height = max(scale.height_of(bottom) - y, Decimal(0)).quantize(TENTH)
        bars.append(Bar(part, x, str(y.quantize(TENTH)), width, str(height)))
    return Stack(tuple(bars), column.text)


def _list_levels(low: Decimal, high: Decimal) -> list[Decimal]:
    """Round figures from below `low` to above `high`, zero among them; a sliver below zero needs none."""
    span = max(high, Decimal(0)) - min(low, Decimal(0)) or Decimal(1)
    rough = ROUNDING.divide(span, Decimal(MARKS_MAX - 1))
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(power * size for size in (1, 2, 5, 10) if power * size >= rough)
    if -low * SLIVER < step:
        low = Decimal(0)
    first = -(-min(low, Decimal(0)) / step).to_integral_value(rounding=ROUND_CEILING)
    last = (max(high, step) / step).to_integral_value(rounding=ROUND_CEILING)
    return [step * number for number in range(int(first), int(last) + 1)]


def _list_hours(start: datetime, end: datetime, scale: _Scale, zone: Any) -> Iterable[Mark]:
    at = start.replace(minute=0, second=0, microsecond=0) + HOUR
    while at < end:
        local = at.astimezone(zone)
        if local.hour % TICK_HOURS == 0:
            yield Mark(str(scale.along(at)), local.strftime("%H:%M"))
        at += HOUR


def _write(level: Decimal) -> str:
    return format(level.normalize(), "f")


def list_parts(groups: Mapping[str, Decimal], *, times: Decimal) -> tuple[tuple[str, Decimal], ...]:
    """The groups of a price as parts of a column, the largest lowest, each times a number."""
    order = ("chip", "facility", "platform", "algorithm", "network", "heat", "electricity")
    return tuple((name, ROUNDING.multiply(groups[name], times)) for name in order)
