"""
Series of prices and volumes over time, and the values that a component takes of them.

Time is counted in whole seconds since 1970, UTC. A series is made of blocks of equal steps, because markets
change their resolution; a value that is not known is None.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from itertools import pairwise

from core.quantities import format_plain
from marketplace.tariffs.checks import AMOUNT_MAX, check_label, check_number
from marketplace.tariffs.refusals import PriceUnknown, TariffInvalid

STEPS_MAX = 2_000_000
STEP_MINUTES = (1, 5, 10, 15, 30, 60, 1440)
REPEATS_MAX = 400
"""How many times a rule goes back before it gives up: more than a year of days."""


class SeriesUnit(StrEnum):
    """What a value of a series is per."""

    KWH = "kWh"
    MWH = "MWh"
    KW = "kW"


class Market(StrEnum):
    """Where the values come from."""

    DAY_AHEAD = "DA"
    INTRADAY = "ID"
    REAL_TIME = "RT"
    FORECAST = "FORECAST"
    METER = "METER"


class Basis(IntEnum):
    """How a value is known, best first."""

    KNOWN = 0
    FORECAST_SERIES = 1
    REPEATED = 2
    ASSUMED = 3


def to_seconds(moment: datetime) -> int:
    """
    Return whole seconds since 1970.

    :raises TariffInvalid: for a moment without a zone, or with a part of a second
    """
    if moment.utcoffset() is None:
        raise TariffInvalid(f"{moment.isoformat()} has no time zone")
    if moment.microsecond:
        raise TariffInvalid(f"{moment.isoformat()} is no whole second")
    return int(moment.timestamp())


def to_moment(seconds: int) -> datetime:
    """Return the moment so many seconds after 1970."""
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Block:
    """Values at equal steps: the n-th holds from `start + n * step` for one step; None is a gap."""

    start: int
    step: int
    values: tuple[Decimal | None, ...]
    gaps: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        if self.step not in {60 * minutes for minutes in STEP_MINUTES}:
            raise TariffInvalid(f"a step has {', '.join(map(str, STEP_MINUTES))} minutes", field="step")
        if not 1 <= len(self.values) <= STEPS_MAX:
            raise TariffInvalid(f"a block has 1 to {STEPS_MAX} values", field="values")
        for number, value in enumerate(self.values):
            if value is not None:
                check_number(value, f"values[{number}]", least=None, most=AMOUNT_MAX)
            else:
                object.__setattr__(self, "gaps", True)

    @property
    def end(self) -> int:
        """Return the second at which the last value ends."""
        return self.start + self.step * len(self.values)


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """
    Prices in `currency` per kWh or MWh, or a volume in kW (then without currency).

    `snapshot` says which state of the series it is, so that a price can be found again from it.
    """

    name: str
    unit: SeriesUnit
    blocks: tuple[Block, ...]
    currency: str = ""
    market: Market = Market.DAY_AHEAD
    snapshot: str = ""

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: for blocks out of order, or a price without a currency
        """
        check_label(self.name, "name")
        if bool(self.currency) is (self.unit is SeriesUnit.KW):
            raise TariffInvalid("a price has a currency, a volume has none", field="currency")
        for number, (earlier, later) in enumerate(pairwise(self.blocks), 1):
            if later.start < earlier.end:
                raise TariffInvalid("blocks follow each other", field=f"blocks[{number}]")

    @classmethod
    def regular(
        cls,
        *,
        name: str,
        start: datetime,
        step_minutes: int,
        values: Sequence[Decimal | None],
        unit: SeriesUnit = SeriesUnit.MWH,
        currency: str = "",
        market: Market = Market.DAY_AHEAD,
    ) -> "PriceSeries":
        """Return a series of one block, whose snapshot is the digest of what it says."""
        block = Block(to_seconds(start), 60 * step_minutes, tuple(values))
        series = cls(name=name, unit=unit, blocks=(block,), currency=currency, market=market)
        return replace(series, snapshot=series.digest())

    def digest(self) -> str:
        """Return a digest of all values: the same values, the same digest."""
        said = [self.name, self.unit, self.currency, self.market]
        for block in self.blocks:
            said += [str(block.start), str(block.step)]
            said += ["" if value is None else format_plain(value) for value in block.values]
        return "sha256:" + hashlib.sha256("\n".join(said).encode()).hexdigest()

    def sample(self, start: int, end: int) -> "Column":
        """Return what is known from `start` to `end`; a gap is one step of None."""
        edges: list[int] = []
        values: list[Decimal | None] = []
        reached, gaps = start, False
        for block in self.blocks:
            if block.end <= reached or block.start >= end:
                continue
            if block.start > reached:
                edges.append(reached)
                values.append(None)
                reached, gaps = block.start, True
            stop = min(end, block.end)
            first = (reached - block.start) // block.step
            last = -((block.start - stop) // block.step)
            edges.append(reached)
            edges += range(
                block.start + (first + 1) * block.step, block.start + last * block.step, block.step
            )
            values += block.values[first:last]
            reached, gaps = stop, gaps or block.gaps
        if reached < end:
            edges.append(reached)
            values.append(None)
            gaps = True
        edges.append(end)
        return Column(edges, values, [Basis.KNOWN] * len(values), gaps=gaps)


@dataclass(slots=True)
class Column:
    """
    Values between edges: the n-th holds from edge n to edge n + 1, and is known by the n-th basis.

    Without `gaps` no value is None; with them, some may be.
    """

    edges: list[int]
    values: list[Decimal | None]
    bases: list[Basis]
    gaps: bool = True

    def append(self, edge: int, value: Decimal | None, basis: Basis) -> None:
        """Add a step that starts at `edge`; the last edge is still to come."""
        self.edges.append(edge)
        self.values.append(value)
        self.bases.append(basis)

    def shift(self, seconds: int) -> "Column":
        """Return the same values, later."""
        if not seconds:
            return self
        return Column([edge + seconds for edge in self.edges], self.values, self.bases, self.gaps)

    def marked(self, basis: Basis) -> "Column":
        """Return the same values, known by `basis`."""
        return Column(self.edges, self.values, [basis] * len(self.values), self.gaps)

    def fill(self, source: "Column") -> "Column":
        """Return a column in which `source`, which spans the same time, stands wherever this says None."""
        filled = Column([], [], [])
        at = 0
        for number, value in enumerate(self.values):
            start, end = self.edges[number], self.edges[number + 1]
            if value is not None:
                filled.append(start, value, self.bases[number])
                continue
            while source.edges[at + 1] <= start:
                at += 1
            reached = start
            while reached < end:
                filled.append(reached, source.values[at], source.bases[at])
                reached = min(end, source.edges[at + 1])
                at += reached == source.edges[at + 1] and at + 2 < len(source.edges)
        filled.edges.append(self.edges[-1])
        return filled

    def on(self, grid: list[int]) -> "Column":
        """Return the same values on finer edges, which span the same time and contain these."""
        if len(grid) == len(self.edges):
            return self
        values: list[Decimal | None] = []
        bases: list[Basis] = []
        at = -1
        coming = self.edges[0]
        for edge in grid[:-1]:
            if edge == coming:
                at += 1
                coming = self.edges[at + 1]
            values.append(self.values[at])
            bases.append(self.bases[at])
        return Column(grid, values, bases)


@dataclass(frozen=True, slots=True)
class Forecast:
    """
    What stands in where a series says nothing, tried in this order: another series; the value so many hours
    earlier, and so on back to the last known one; an assumed value, in the unit of the series.
    """

    series: str = ""
    hours_back: int = 0
    value: Decimal | None = None

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: if it says nothing, or goes back by something else than 1 hour to 53 weeks
        """
        check_label(self.series, "series", empty=True)
        if not 0 <= self.hours_back <= 53 * 7 * 24:
            raise TariffInvalid("a rule goes back 1 hour to 53 weeks", field="hours_back")
        if self.value is not None:
            check_number(self.value, "value", least=None)
        if not (self.series or self.hours_back or self.value is not None):
            raise TariffInvalid("a forecast names a series, hours_back or a value")


def resolve(
    *,
    name: str,
    forecast: Forecast | None,
    series: Mapping[str, PriceSeries],
    span: tuple[int, int],
    component: str,
) -> Column:
    """
    Return the values of a series over `span` (start, end), each known or marked with what stands in for it.

    :raises PriceUnknown: for the first moment of which nothing is known
    """
    start, end = span
    empty = Column([start, end], [None], [Basis.KNOWN])
    known = series.get(name)
    column = known.sample(start, end) if known else empty
    if known and known.market is Market.FORECAST:
        column = column.marked(Basis.FORECAST_SERIES)
    if not column.gaps:
        return column
    if forecast is not None:
        other = series.get(forecast.series)
        if other is not None:
            column = column.fill(other.sample(start, end).marked(Basis.FORECAST_SERIES))
        if forecast.hours_back and known and known.blocks:
            column = _repeat(column, known, forecast.hours_back * 3600)
        if forecast.value is not None:
            column = column.fill(Column([start, end], [forecast.value], [Basis.ASSUMED]))
    if None in column.values:
        raise PriceUnknown(
            component=component, series=name, time=to_moment(column.edges[column.values.index(None)])
        )
    return column


def _repeat(column: Column, known: PriceSeries, back: int) -> Column:
    """Fill each gap, a period of the rule at a time, with what was known one or more such periods earlier."""
    filled = Column([], [], [])
    for number, value in enumerate(column.values):
        start, end = column.edges[number], column.edges[number + 1]
        if value is not None:
            filled.append(start, value, column.bases[number])
            continue
        for begin in range(start, end, back):
            piece = _look_back(known, begin, min(end, begin + back), back)
            filled.edges += piece.edges[:-1]
            filled.values += piece.values
            filled.bases += piece.bases
    filled.edges.append(column.edges[-1])
    return filled


def _look_back(known: PriceSeries, start: int, end: int, back: int) -> Column:
    found = Column([start, end], [None], [Basis.REPEATED])
    nearest = max(1, (start - known.blocks[-1].end) // back + 1)
    for times in range(nearest, nearest + REPEATS_MAX):
        if end - times * back <= known.blocks[0].start:
            break
        earlier = known.sample(start - times * back, end - times * back).shift(times * back)
        found = found.fill(earlier.marked(Basis.REPEATED))
        if None not in found.values:
            break
    return found
