"""Metered load of a site, and the demand that is read from it."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, localcontext

from core.money import Money, split
from core.quantities import EXACT, ROUNDING, round_half_even
from marketplace.tariffs.checks import AMOUNT_MAX, check_number
from marketplace.tariffs.clock import periods
from marketplace.tariffs.components import Averaging
from marketplace.tariffs.monthly import DEMAND_MINUTES, Demand, DemandBasis
from marketplace.tariffs.refusals import FigureMissing, TariffInvalid
from marketplace.tariffs.series import Basis, Column, to_seconds
from marketplace.tariffs.tariff import PowerSite, Tariff, load_zone

STEP_MINUTES = (1, 5, 10, 15, 30, 60)
STEPS_MAX = 50_000
DEMAND_PLACES = 12


@dataclass(frozen=True, slots=True)
class Load:
    """Kilowatt-hours of equal steps, the first beginning at `start`."""

    start: datetime
    step_minutes: int
    kwh: tuple[Decimal, ...]

    def __post_init__(self) -> None:
        """
        :raises TariffInvalid: for steps of another length, too many of them, or energy below zero
        """
        to_seconds(self.start)
        if self.step_minutes not in STEP_MINUTES:
            raise TariffInvalid("a step has 1, 5, 10, 15, 30 or 60 minutes", field="step_minutes")
        if not 1 <= len(self.kwh) <= STEPS_MAX:
            raise TariffInvalid(f"a load has 1 to {STEPS_MAX} steps", field="kwh")
        for number, energy in enumerate(self.kwh):
            check_number(energy, f"kwh[{number}]", most=AMOUNT_MAX)

    def column(self) -> Column:
        """Return mean kilowatts of each step."""
        begin, step = to_seconds(self.start), 60 * self.step_minutes
        edges = list(range(begin, begin + step * (len(self.kwh) + 1), step))
        per_hour = Decimal(60 // self.step_minutes)
        kilowatts: list[Decimal | None] = [EXACT.multiply(energy, per_hour) for energy in self.kwh]
        return Column(edges, kilowatts, [Basis.KNOWN] * len(kilowatts), gaps=False)


def month_span(tariff: Tariff, year: int, month: int) -> tuple[int, int]:
    """Return the first second of a month and of the one after, on the tariff's clock."""
    zone = load_zone(tariff.zone)
    following = date(year + month // 12, month % 12 + 1, 1)
    moments = [datetime.combine(day, time(), zone) for day in (date(year, month, 1), following)]
    return to_seconds(moments[0]), to_seconds(moments[1])


def measured_demand(
    *,
    part: Demand,
    tariff: Tariff,
    site: PowerSite,
    load: Load,
    coincident: Sequence[datetime] = (),
) -> Decimal:
    """
    Return the kW (or kVA) that a demand charge measures in a load.

    A maximum is of means over whole intervals of the local clock; coincident demand is the mean of the load
    at the moments of the system's peaks.

    :raises FigureMissing: if the load is too coarse, the peaks are unknown, or nothing was contracted
    """
    if part.basis is DemandBasis.CONTRACT:
        if site.contract_kw is None:
            raise FigureMissing("it is per kW of the contract: contract_kw of the site", component=part.name)
        return site.contract_kw
    if part.basis is DemandBasis.COINCIDENT_PEAK:
        return _coincident(part, load, coincident)
    minutes = DEMAND_MINUTES[part.basis]
    if minutes % load.step_minutes:
        raise FigureMissing(
            f"demand over {minutes} minutes is not told by steps of {load.step_minutes}", component=part.name
        )
    column = load.column()
    edges = periods(load_zone(tariff.zone), (column.edges[0], column.edges[-1]), Averaging(str(minutes)))
    with localcontext(EXACT):
        most, at = Decimal(0), 0
        for edge in edges[1:]:
            energy = Decimal(0)
            while at < len(load.kwh) and column.edges[at] < edge:
                energy += load.kwh[at]
                at += 1
            most = max(most, energy * (60 // minutes))
    if part.basis is DemandBasis.KVA:
        return round_half_even(ROUNDING.divide(most, site.power_factor), DEMAND_PLACES)
    return most


def share_peak(*, amount: Money, loads: Mapping[str, Load]) -> dict[str, Money]:
    """
    Give each user of one meter its share of a demand charge: that of the site's peak, the first if it recurs.

    The shares sum to the amount exactly. Where nobody used anything, they are equal.

    :raises TariffInvalid: for no load, or loads of different times
    """
    shapes = {(load.start, load.step_minutes, len(load.kwh)) for load in loads.values()}
    if len(shapes) != 1:
        raise TariffInvalid("expected loads of the same steps", field="loads")
    with localcontext(EXACT):
        totals = [
            sum(step, start=Decimal(0)) for step in zip(*(load.kwh for load in loads.values()), strict=True)
        ]
    peak = totals.index(max(totals))
    weights = [load.kwh[peak] if totals[peak] else Decimal(1) for load in loads.values()]
    return dict(zip(loads, split(amount, weights=weights), strict=True))


def _coincident(part: Demand, load: Load, moments: Sequence[datetime]) -> Decimal:
    column = load.column()
    found = []
    for moment in moments:
        place = bisect_right(column.edges, to_seconds(moment)) - 1
        if not 0 <= place < len(column.values):
            raise FigureMissing(f"the peak at {moment.isoformat()} is outside the load", component=part.name)
        found.append(column.values[place] or Decimal(0))
    if not found:
        raise FigureMissing("the moments of the system's peaks are not given", component=part.name)
    with localcontext(ROUNDING):
        return round_half_even(sum(found, start=Decimal(0)) / len(found), DEMAND_PLACES)
