"""What a month costs a site: its metered load through every component, line by line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, Inexact, localcontext
from itertools import pairwise

from core.money import PRICE_PLACES, Money, round_amount, total
from core.quantities import EXACT, ROUNDING, round_half_even
from marketplace.tariffs.components import Component, Kind, Percentage, Tiered
from marketplace.tariffs.layout import TOO_MANY_DIGITS, Layout, lay_out
from marketplace.tariffs.loads import Load, measured_demand, month_span
from marketplace.tariffs.monthly import (
    PERCENT,
    Capacity,
    CapacityUnit,
    Credit,
    Demand,
    DemandBasis,
    FixedMonth,
    MinimumBill,
)
from marketplace.tariffs.questions import Question, Reading
from marketplace.tariffs.refusals import FigureMissing, TariffInvalid
from marketplace.tariffs.series import Column, PriceSeries, to_moment, to_seconds
from marketplace.tariffs.supplies import Direction, DrEvent, Ppa, Surplus
from marketplace.tariffs.tariff import PowerSite, Tariff

SECONDS_PER_HOUR = Decimal(3600)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: an amount, rounded to nine places, and where it makes sense the quantity it is for."""

    component: str
    amount: Money
    quantity: Decimal | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """
    A month's lines and their sum. `forecast`: some price was not yet known, so the bill is provisional.

    `demands` are what each demand charge measured, before ratchet and minimum: next month's `earlier`.
    """

    lines: tuple[Line, ...]
    total: Money
    kwh: Decimal
    forecast: bool
    demands: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Month:
    """
    What is known of a month beside its load: demands of the months before by component (the last one last),
    moments of the system's peaks, demand-response events.
    """

    earlier: Mapping[str, Sequence[Decimal]] = field(default_factory=dict)
    coincident: Sequence[datetime] = ()
    events: Sequence[DrEvent] = ()


def bill_month(
    *,
    tariff: Tariff,
    site: PowerSite,
    load: Load,
    year: int,
    month: int,
    series: Mapping[str, PriceSeries],
    known: Month | None = None,
) -> Bill:
    """
    Bill a month on the tariff's clock, exactly; each line is rounded once, to nine places.

    :raises TariffInvalid: if the load is not of the whole month and nothing else
    :raises FigureMissing: if a component needs a figure that neither site nor month names
    :raises PriceUnknown, NotInForce, CurrencyMismatch: as for segments
    """
    month_known = known or Month()
    start, end = month_span(tariff, year, month)
    column = load.column()
    if (column.edges[0], column.edges[-1]) != (start, end):
        raise TariffInvalid(
            f"the month is {to_moment(start).isoformat()} to {to_moment(end).isoformat()}, the load "
            f"{to_moment(column.edges[0]).isoformat()} to {to_moment(column.edges[-1]).isoformat()}",
            field="load",
        )
    supplied = any(isinstance(part, Ppa | Surplus) for part in tariff.components)
    question = Question(
        tariff=tariff,
        site=site,
        start=start,
        end=end,
        series=series,
        events=(),
        reading=Reading.COST,
        load=column if supplied else None,
    )
    try:
        totals = _Totals.of(lay_out(question), column, supplied)
        return _Biller(tariff, site, load, month_known, totals).bill()
    except Inexact:
        raise TariffInvalid(TOO_MANY_DIGITS) from None


@dataclass(frozen=True, slots=True)
class _Totals:
    """Sums over the month of each component that has a price per kWh: charged, and before multipliers."""

    charged: dict[str, Decimal]
    before: dict[str, Decimal]
    forecast: bool

    @classmethod
    def of(cls, layout: Layout, load: Column, supplied: bool) -> "_Totals":
        edges = layout.edges
        charged: dict[str, Decimal] = {}
        before: dict[str, Decimal] = {}
        forecast = any(any(column.bases) for column in layout.indices)
        with localcontext(EXACT):
            # With supplies a cell is what its own load costs an hour, otherwise what one kW does.
            held = (
                [Decimal(end - start) for start, end in pairwise(edges)]
                if supplied
                else _kilowatt_seconds(load, edges)
            )
            for first, last, cell in layout.ranges():
                forecast = forecast or cell.conditions.forecast
                weights = held[first:last]
                sums = [sum(weights, start=Decimal(0))]
                for column in layout.indices:
                    values = column.values[first:last]
                    sums.append(
                        sum(
                            (w * v for w, v in zip(weights, values, strict=True) if v is not None),
                            start=Decimal(0),
                        )
                    )
                for totals, vectors in ((charged, cell.charged), (before, cell.before)):
                    for name, vector in vectors.items():
                        cost = sum((a * b for a, b in zip(vector, sums, strict=True)), start=Decimal(0))
                        totals[name] = totals.get(name, Decimal(0)) + cost
        hours = {name: _per_hour(value) for name, value in charged.items()}
        return cls(hours, {name: _per_hour(value) for name, value in before.items()}, forecast)


def _kilowatt_seconds(load: Column, edges: list[int]) -> list[Decimal]:
    """Return the energy of a load between each two edges, be they finer than its steps or coarser."""
    found = []
    at = 0
    for start, end in pairwise(edges):
        energy = Decimal(0)
        while True:
            held = min(end, load.edges[at + 1]) - max(start, load.edges[at])
            energy += (load.values[at] or Decimal(0)) * held
            if load.edges[at + 1] > end or at + 1 == len(load.values):
                break
            at += 1
        found.append(energy)
    return found


def _per_hour(value: Decimal) -> Decimal:
    return round_half_even(ROUNDING.divide(value, SECONDS_PER_HOUR), PRICE_PLACES)


class _Biller:
    """Goes through the components in order; percentages and least bills look at what came before them."""

    def __init__(self, tariff: Tariff, site: PowerSite, load: Load, known: Month, totals: _Totals) -> None:
        self._tariff, self._site, self._load, self._known = tariff, site, load, known
        self._charged, self._before = totals.charged, totals.before
        self._forecast = totals.forecast
        self._lines: list[Line] = []
        self._demands: dict[str, Decimal] = {}
        with localcontext(EXACT):
            self._kwh = sum(load.kwh, start=Decimal(0))

    def bill(self) -> Bill:
        with localcontext(EXACT):
            for part in self._tariff.components:
                amount, quantity, unit = self._cost(part)
                self._charged[part.name] = amount
                self._before.setdefault(part.name, amount)
                self._add(part.name, amount, quantity, unit)
            self._add_events()
        currency = self._tariff.currency
        return Bill(
            tuple(self._lines),
            total((line.amount for line in self._lines), currency=currency),
            self._kwh,
            self._forecast,
            self._demands,
        )

    def _add(self, name: str, amount: Decimal, quantity: Decimal | None = None, unit: str = "") -> None:
        money = Money(round_amount(amount), self._tariff.currency)
        self._lines.append(Line(name, money, quantity, unit))

    def _cost(self, part: Component) -> tuple[Decimal, Decimal | None, str]:
        if isinstance(part, Tiered):
            # Its price was one, so what was summed are the kilowatt-hours that went through the tiers.
            kwh = self._charged[part.name]
            self._before[part.name] = cost = part.cost_of(kwh)
            return cost, kwh, "kWh"
        if isinstance(part, Percentage):
            return self._percentage(part), None, ""
        if isinstance(part, FixedMonth):
            return part.amount, Decimal(1), "month"
        if isinstance(part, Credit) and part.amount is not None:
            return -part.amount, Decimal(1), "month"
        if isinstance(part, Demand):
            billed = self._demand(part)
            return part.rate * billed, billed, "kVA" if part.basis is DemandBasis.KVA else "kW"
        if isinstance(part, Capacity):
            size = capacity_of(part, self._site)
            return part.rate * size, size, part.unit
        if isinstance(part, MinimumBill):
            reached = sum((self._charged[name] for name in part.of), start=Decimal(0))
            return max(Decimal(0), least_bill(part, self._site) - reached), None, ""
        return self._charged[part.name], None, ""

    def _percentage(self, part: Percentage) -> Decimal:
        share = part.percent * PERCENT
        before = share * sum((self._before[name] for name in part.of), start=Decimal(0))
        self._before[part.name] = before
        if part.floats or part.kind is Kind.TAX_PCT:
            return share * sum((self._charged[name] for name in part.of), start=Decimal(0))
        return before

    def _demand(self, part: Demand) -> Decimal:
        measured = measured_demand(
            part=part,
            tariff=self._tariff,
            site=self._site,
            load=self._load,
            coincident=self._known.coincident,
        )
        self._demands[part.name] = measured
        if part.min_percent is not None and self._site.contract_kw is None:
            raise FigureMissing("its minimum needs contract_kw of the site", component=part.name)
        return part.billed(
            measured=measured,
            earlier=self._known.earlier.get(part.name, ()),
            contract_kw=self._site.contract_kw,
        )

    def _add_events(self) -> None:
        standing: dict[str, Decimal] = {}
        for event in self._known.events:
            delivered, missed = answer_of(event, self._load)
            self._add(f"event:{event.uid}", -event.pay_per_kwh * delivered, delivered, "kWh")
            if event.penalty_per_kwh and missed:
                self._add(f"penalty:{event.uid}", event.penalty_per_kwh * missed, missed, "kWh")
            name = event.programme or event.uid
            standing[name] = max(standing.get(name, Decimal(0)), event.kw * event.pay_per_kw_month)
        for name, amount in standing.items():
            if amount:
                self._add(f"programme:{name}", -amount, Decimal(1), "month")


def least_bill(part: MinimumBill, site: PowerSite) -> Decimal:
    """
    Return what the components of a least bill cost at least.

    :raises FigureMissing: if it is per kW and the site names no contract
    """
    if not part.rate_per_kw:
        return part.amount
    if site.contract_kw is None:
        raise FigureMissing("it is per kW of the contract: contract_kw of the site", component=part.name)
    return EXACT.add(part.amount, EXACT.multiply(part.rate_per_kw, site.contract_kw))


def capacity_of(part: Capacity, site: PowerSite) -> Decimal:
    """
    Return the kW or kVA that a capacity charge is for.

    :raises FigureMissing: if the site does not name it
    """
    size = site.contract_kw if part.unit is CapacityUnit.KW else site.capacity_kva
    if size is None:
        wanted = "contract_kw" if part.unit is CapacityUnit.KW else "capacity_kva"
        raise FigureMissing(f"it is per {part.unit}: {wanted} of the site", component=part.name)
    return size


def answer_of(event: DrEvent, load: Load) -> tuple[Decimal, Decimal]:
    """
    Return the kWh that an event got from a load, and those of its `kw` that it did not, while load is known.

    :raises FigureMissing: if the event has no baseline to compare with
    """
    if event.baseline_kw is None:
        raise FigureMissing("its bill needs baseline_kw", component=f"event:{event.uid}")
    column = load.column()
    begin, end = to_seconds(event.start), to_seconds(event.end)
    got, missed = Decimal(0), Decimal(0)
    with localcontext(EXACT):
        for number, kilowatts in enumerate(column.values):
            seconds = min(end, column.edges[number + 1]) - max(begin, column.edges[number])
            if seconds <= 0 or kilowatts is None:
                continue
            moved = kilowatts - event.baseline_kw
            if event.direction is Direction.SHED:
                moved = -moved
            moved = min(max(moved, Decimal(0)), event.kw)
            got += moved * seconds
            missed += (event.kw - moved) * seconds
    return _per_hour(got), _per_hour(missed)
