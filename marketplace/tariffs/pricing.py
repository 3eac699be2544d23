"""The one door: what a kilowatt-hour costs, for every moment of a span, with every component and why."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, Inexact, localcontext
from itertools import count, repeat
from typing import NamedTuple, overload

from core.quantities import EXACT
from marketplace.tariffs.cells import Cell
from marketplace.tariffs.components import Component, Percentage, Tiered
from marketplace.tariffs.documents import content_hash
from marketplace.tariffs.layout import TOO_MANY_DIGITS, Layout, lay_out
from marketplace.tariffs.questions import Question, Reading
from marketplace.tariffs.refusals import TariffInvalid
from marketplace.tariffs.series import Basis, PriceSeries, to_moment, to_seconds
from marketplace.tariffs.supplies import DrEvent, Surplus
from marketplace.tariffs.tariff import PowerSite, Tariff
from marketplace.tariffs.windows import format_minute


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a component costs what it costs: how well it is known, and from what."""

    basis: Basis
    text: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a price comes from: the tariff's content hash, and the reason of each component."""

    tariff: str
    forecast: bool
    reasons: Mapping[str, Reason]


class Segment(NamedTuple):
    """
    One price per kWh from `start` to `end` (UTC); its components sum to it exactly.

    It is segment `number` of `among`, where components and provenance are worked out when asked for.
    """

    start: datetime
    end: datetime
    price: Decimal
    among: "Segments"
    number: int

    @property
    def forecast(self) -> bool:
        """Whether the price is partly forecast or assumed."""
        return self.among.is_forecast(self.number)

    @property
    def surplus(self) -> bool:
        """Whether the next kilowatt-hour is taken from a lot of surplus power."""
        return self.among.is_surplus(self.number)

    @property
    def components(self) -> dict[str, Decimal]:
        """The price of each component, in the tariff's order."""
        return self.among.components_of(self.number)

    @property
    def provenance(self) -> Provenance:
        """Why each component costs what it costs."""
        return self.among.provenance_of(self.number)

    @property
    def hours(self) -> Decimal:
        """Length in hours, to 18 digits."""
        return Decimal(to_seconds(self.end) - to_seconds(self.start)) / 3600


class Segments(Sequence[Segment]):
    """
    Prices of a span: without gap, without overlap, in order.

    Kept as columns, because a year has 35,040 quarter-hours; a `Segment` is made when one is looked at.
    """

    def __init__(self, question: Question, layout: Layout) -> None:
        self._question, self._layout = question, layout
        self.currency = question.tariff.currency
        self.edges: list[int] = layout.edges
        self.prices: list[Decimal] = _price(layout)
        self._hash = ""
        self._lots = {part.name for part in question.tariff.components if isinstance(part, Surplus)}

    def __len__(self) -> int:
        return len(self.prices)

    @overload
    def __getitem__(self, key: int) -> Segment: ...

    @overload
    def __getitem__(self, key: slice) -> list[Segment]: ...

    def __getitem__(self, key: int | slice) -> Segment | list[Segment]:
        if isinstance(key, slice):
            return [self._segment(number) for number in range(*key.indices(len(self)))]
        number = key + len(self) if key < 0 else key
        if not 0 <= number < len(self):
            raise IndexError(key)
        return self._segment(number)

    def __iter__(self) -> Iterator[Segment]:
        moments = list(map(datetime.fromtimestamp, self.edges, repeat(UTC)))
        return map(Segment._make, zip(moments, moments[1:], self.prices, repeat(self), count(), strict=False))

    def _segment(self, number: int) -> Segment:
        edges = self.edges
        return Segment(
            to_moment(edges[number]), to_moment(edges[number + 1]), self.prices[number], self, number
        )

    def at(self, moment: datetime) -> Segment:
        """
        Return the segment of a moment.

        :raises LookupError: outside the span
        """
        number = bisect_right(self.edges, to_seconds(moment)) - 1
        if not 0 <= number < len(self):
            raise LookupError(f"{moment.isoformat()} is outside the span")
        return self._segment(number)

    @property
    def price_seconds(self) -> Decimal:
        """The integral of the price over the span, in currency per kW and hour, times 3600: exact."""
        edges = self.edges
        with localcontext(EXACT):
            return sum(
                (price * (edges[n + 1] - edges[n]) for n, price in enumerate(self.prices)), start=Decimal(0)
            )

    def component_seconds(self) -> dict[str, Decimal]:
        """Return the same integral of each component; they sum to `price_seconds`."""
        totals: dict[str, Decimal] = {}
        edges = self.edges
        with localcontext(EXACT):
            for first, last, cell in self._layout.ranges():
                held = edges[last] - edges[first]
                weighted = [
                    sum((column.values[n] or 0) * (edges[n + 1] - edges[n]) for n in range(first, last))
                    for column in self._layout.indices
                ]
                for name, (constant, *factors) in cell.parts.items():
                    moved = sum((f * w for f, w in zip(factors, weighted, strict=True)), start=Decimal(0))
                    totals[name] = totals.get(name, Decimal(0)) + constant * held + moved
        return totals

    def cell_of(self, number: int) -> Cell:
        """Return the cell that a segment lies in."""
        return self._layout.cells[bisect_right(self._layout.starts, number) - 1]

    def is_forecast(self, number: int) -> bool:
        """Whether a segment's price is partly forecast or assumed."""
        return self.cell_of(number).conditions.forecast or any(
            column.bases[number] for column in self._layout.indices
        )

    def is_surplus(self, number: int) -> bool:
        """Whether a segment's kilowatt-hours are taken from a lot of surplus power."""
        return bool(self._lots) and any(
            one.component in self._lots for one in self.cell_of(number).conditions.taken
        )

    def components_of(self, number: int) -> dict[str, Decimal]:
        """Return the price of each component of a segment."""
        values = [column.values[number] or Decimal(0) for column in self._layout.indices]
        with localcontext(EXACT):
            return {
                name: sum((f * v for f, v in zip(factors, values, strict=True)), start=constant)
                for name, (constant, *factors) in self.cell_of(number).parts.items()
            }

    def provenance_of(self, number: int) -> Provenance:
        """Return why the components of a segment cost what they cost."""
        self._hash = self._hash or content_hash(tariff=self._question.tariff)
        bases = {
            name: column.bases[number]
            for name, column in zip(self._question.terms(), self._layout.indices, strict=True)
        }
        reasons = explain(self._question, self.cell_of(number), bases)
        return Provenance(self._hash, self.is_forecast(number), reasons)


def _price(layout: Layout) -> list[Decimal]:
    prices: list[Decimal] = []
    with localcontext(EXACT):
        for first, last, cell in layout.ranges():
            constant, *factors = cell.whole
            moving = [(f, c.values) for f, c in zip(factors, layout.indices, strict=True) if f]
            if not moving:
                prices += [constant] * (last - first)
            elif len(moving) == 1:
                factor, values = moving[0]
                prices += [factor * value + constant for value in values[first:last] if value is not None]
            else:
                prices += [
                    sum((factor * (values[n] or 0) for factor, values in moving), start=constant)
                    for n in range(first, last)
                ]
    return prices


def explain(question: Question, cell: Cell, bases: Mapping[str, Basis]) -> dict[str, Reason]:
    """Return the reason of each component's price in a cell, given the basis of each index."""
    conditions = cell.conditions
    assumed = dict(conditions.assumed)
    terms = question.terms()
    reasons: dict[str, Reason] = {}
    for part in question.tariff.components:
        if part.name not in cell.parts:
            continue
        basis = max(bases.get(part.name, Basis.KNOWN), assumed.get(part.name, Basis.KNOWN))
        text = [part.source] if part.source else []
        if part.name in terms:
            text.append(_say_index(question, part.name, bases[part.name]))
        if isinstance(part, Percentage):
            text.append(f"{part.percent} % of {', '.join(part.of)}")
            basis = max((reasons[name].basis for name in part.of if name in reasons), default=basis)
        if isinstance(part, Tiered):
            text.append("the tier of the month's expected use")
        for owner in (part.name, *_multipliers(part)):
            if owner in conditions.windows:
                window = conditions.windows[owner]
                named = window.period or f"{format_minute(window.start)}-{format_minute(window.end)}"
                text.append(f"window {named}" if owner else f"times {window.value} ({named})")
                if not conditions.calendar_known:
                    text.append(f"calendar {question.tariff.calendar} ends before: by weekday")
                    basis = max(basis, Basis.ASSUMED)
        text += [one.source for one in conditions.taken if one.component == part.name and one.source]
        reasons[part.name] = Reason(basis, "; ".join(text) or "stated")
    for event in conditions.events:
        reasons[f"event:{event.uid}"] = Reason(Basis.KNOWN, f"{event.direction} of {event.kw} kW")
    return reasons


def _multipliers(part: Component) -> list[str]:
    return [""] if part.floats and not isinstance(part, Percentage) else []


def _say_index(question: Question, name: str, basis: Basis) -> str:
    term = question.terms()[name]
    forecast = term.forecast
    main = question.series.get(term.series)
    if basis is Basis.FORECAST_SERIES and forecast is not None and forecast.series in question.series:
        main = question.series[forecast.series]
        return f"forecast {main.name} {main.snapshot}".rstrip()
    if basis is Basis.REPEATED and forecast is not None:
        return f"forecast: {term.series} {forecast.hours_back} hours back"
    if basis is Basis.ASSUMED and forecast is not None:
        return f"forecast: {forecast.value} per kWh assumed"
    return f"series {term.series} {main.snapshot if main else ''}".rstrip()


def segments(
    *,
    tariff: Tariff,
    site: PowerSite,
    start: datetime,
    end: datetime,
    series: Mapping[str, PriceSeries],
    events: Sequence[DrEvent] = (),
    reading: Reading = Reading.MARGINAL,
) -> Segments:
    """
    Price every moment from `start` to `end`, in the tariff's currency per kWh.

    MARGINAL is the next kWh above the site's load; MEAN is an average one of that load, in which agreements
    and lots count by the share they deliver.

    :raises PriceUnknown: where nothing is known of an index or a volume: the component, series and time
    :raises NotInForce: outside the time for which the version holds
    :raises FigureMissing: if a component needs a figure that the site does not name
    :raises CurrencyMismatch: if site, tariff and series are not all in one currency
    :raises TariffInvalid: for an empty span, moments without a zone, or another calendar
    """
    if reading is Reading.COST:
        raise TariffInvalid("costs of a load are a bill's", field="reading")
    question = Question(
        tariff=tariff,
        site=site,
        start=to_seconds(start),
        end=to_seconds(end),
        series=series,
        events=tuple(events),
        reading=reading,
    )
    try:
        return Segments(question, lay_out(question))
    except Inexact:
        raise TariffInvalid(TOO_MANY_DIGITS) from None
