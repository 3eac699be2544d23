"""One figure over days as a line of steps in SVG. Pure; sizes are numbers of a view box and need no style."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from core.quantities import ROUNDING

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 110, 12, 12, 28
STEPS_MAX = 4
NAMED_DAYS = 6
TENTH = Decimal("0.1")
# A scale begins near its lowest figure if that is more than this share of the highest.
CLOSE = Decimal("0.6")


@dataclass(frozen=True, slots=True)
class Point:
    """What a figure was from this day on, until the next one."""

    day: date
    value: Decimal


@dataclass(frozen=True, slots=True)
class Mark:
    """A level or a day beside an axis, and where."""

    at: Decimal
    level: Decimal | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A line with its levels and days, and the levels that it may not pass."""

    path: str
    levels: tuple[Mark, ...]
    days: tuple[Mark, ...]
    bounds: tuple[Mark, ...]
    zero: Decimal | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM


def draw(points: Sequence[Point], *, since: date, until: date, bounds: Sequence[Decimal] = ()) -> Chart:
    """
    Draw one figure from the first day to the last.

    :param points: by day; one before `since` says what it was when the chart begins
    :param bounds: levels that are drawn as well
    """
    seen = [one for one in points if one.day <= until]
    values = [*(one.value for one in _cut(seen, since)), *bounds] or [Decimal(0)]
    levels = list_levels(min(values), max(values))
    scale = _Scale(since, until, levels[0], levels[-1])
    return Chart(
        path=_draw_path(_cut(seen, since), until, scale),
        levels=tuple(Mark(scale.up(level), level=level) for level in levels),
        days=tuple(Mark(scale.along(day), day=day) for day in _list_days(since, until)),
        bounds=tuple(Mark(scale.up(bound), level=bound) for bound in bounds),
        zero=scale.up(Decimal(0)) if levels[0] <= 0 <= levels[-1] else None,
    )


def list_levels(low: Decimal, high: Decimal) -> list[Decimal]:
    """Round figures from below the lowest to above the highest; with zero, unless all are close together."""
    with localcontext(ROUNDING):
        if not (low > high * CLOSE > 0 or high < low * CLOSE < 0):
            low, high = min(low, Decimal(0)), max(high, Decimal(0))
        rough = (high - low or abs(high) or Decimal(1)) / STEPS_MAX
        power = Decimal(1).scaleb(rough.adjusted())
        step = next(power * size for size in (1, 2, Decimal("2.5"), 5, 10) if power * size >= rough)
        first = int((low / step).to_integral_value(rounding=ROUND_FLOOR))
        last = max(int((high / step).to_integral_value(rounding=ROUND_CEILING)), first + 1)
        return [step * number for number in range(first, last + 1)]


class _Scale:
    def __init__(self, since: date, until: date, low: Decimal, high: Decimal) -> None:
        self._since, self._low, self._high = since, low, high
        self._days = Decimal(max((until - since).days, 1))

    def along(self, day: date) -> Decimal:
        with localcontext(ROUNDING):
            share = (day - self._since).days / self._days
            return (LEFT + (WIDTH - LEFT - RIGHT) * share).quantize(TENTH)

    def up(self, value: Decimal) -> Decimal:
        with localcontext(ROUNDING):
            share = (value - self._low) / (self._high - self._low)
            return (HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share).quantize(TENTH)


def _cut(points: Sequence[Point], since: date) -> list[Point]:
    """The points from a day on, the last one before it moved there."""
    before = [one for one in points if one.day <= since][-1:]
    return [*(Point(since, one.value) for one in before), *(one for one in points if one.day > since)]


def _draw_path(points: Sequence[Point], until: date, scale: _Scale) -> str:
    if not points:
        return ""
    first, *rest = points
    path = [f"M{scale.along(first.day)} {scale.up(first.value)}"]
    path += [f"H{scale.along(one.day)}V{scale.up(one.value)}" for one in rest]
    return "".join([*path, f"H{scale.along(until)}"])


def _list_days(since: date, until: date) -> list[date]:
    days = max((until - since).days, 1)
    step = -(-days // NAMED_DAYS)
    # The first and the last stand at the edges, where a name would be cut off.
    return [since + timedelta(days=number) for number in range(step, days, step)]
