"""
What a price is built from: power, hall, heat, carbon, machine, network. Pure; imports no Django.

Money is in one currency, that of the site. Each part names its source; shares are fractions of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from enum import StrEnum
from functools import reduce

from core.money import PRICE_PLACES
from core.quantities import EXACT, ROUNDING, round_half_even
from marketplace.energy.refusals import BadInput, require
from marketplace.energy.work import Unit, Work

ZERO, ONE = Decimal(0), Decimal(1)
HOURS_PER_YEAR = 8760
HOURS_PER_MONTH = 730
PUE_MAX = Decimal(4)


@dataclass(frozen=True, slots=True)
class Power:
    """
    Energy at `per_kwh`, which may be negative; `components`, where given, sum to it.

    A demand charge per kW and month is spread over the kWh of an hour by the load factor: an adder of
    rate / (730 x load factor). `monthly` has adders per kWh that were worked out elsewhere, by name.
    """

    per_kwh: Decimal
    source: str
    components: Mapping[str, Decimal] = field(default_factory=dict)
    demand_per_kw_month: Decimal = ZERO
    load_factor: Decimal = ONE
    demand_source: str = ""
    monthly: Mapping[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require("per_kwh", self.per_kwh)
        require("demand_per_kw_month", self.demand_per_kw_month, low=ZERO)
        require("load_factor", self.load_factor, above=ZERO, high=ONE)
        if self.components and reduce(EXACT.add, self.components.values()) != self.per_kwh:
            raise BadInput("components", f"they do not sum to {self.per_kwh} per kWh")

    @property
    def demand_per_kwh(self) -> Decimal:
        """The demand charge, levelised, and everything else that a month costs."""
        return reduce(
            EXACT.add, self.monthly.values(), spread_monthly(self.demand_per_kw_month, self.load_factor)
        )


def average_power(*, parts: Sequence[tuple[Decimal, Power]], source: str) -> Power:
    """
    Power over several spans, each with its hours, as it costs work that runs through all of them alike.

    Components are averaged one by one to 18 places, and the price is their sum; one that a span lacks counts
    nothing there. Demand charges are those of the first span.

    :raises BadInput: if there are no hours
    """
    with localcontext(ROUNDING):
        whole = sum((hours for hours, _ in parts), ZERO)
        require("hours", whole, above=ZERO)
        names = dict.fromkeys(name for _, power in parts for name in power.components or {"energy": ZERO})
        components = {
            name: round_half_even(
                sum((hours * find_component(power, name) for hours, power in parts), ZERO) / whole,
                PRICE_PLACES,
            )
            for name in names
        }
    per_kwh = reduce(EXACT.add, components.values())
    return replace(parts[0][1], per_kwh=per_kwh, components=components, source=source)


def find_component(power: Power, name: str) -> Decimal:
    """A component's price per kWh; power without components is all `energy`."""
    return (power.components or {"energy": power.per_kwh}).get(name, ZERO)


@dataclass(frozen=True, slots=True)
class Hall:
    """PUE (facility over IT energy), line loss on top, and capital per watt at the meter on its own terms."""

    pue: Decimal
    source: str
    line_loss: Decimal = ZERO
    capital_per_watt: Decimal = ZERO
    years: int = 15
    rate: Decimal = Decimal("0.08")

    def __post_init__(self) -> None:
        require("pue", self.pue, low=ONE, high=PUE_MAX)
        require("line_loss", self.line_loss, low=ZERO, high=ONE)
        require("capital_per_watt", self.capital_per_watt, low=ZERO)
        require_terms("facility", self.years, self.rate)

    @property
    def factor(self) -> Decimal:
        """Energy at the meter for each unit at the machines."""
        with localcontext(ROUNDING):
            return self.pue * (1 + self.line_loss)


@dataclass(frozen=True, slots=True)
class Heat:
    """`reused` (ERF) is the share of energy at the meter that leaves as useful heat, paid per kWh of it."""

    reused: Decimal = ZERO
    per_kwh: Decimal = ZERO
    source: str = ""

    def __post_init__(self) -> None:
        require("reused", self.reused, low=ZERO, high=ONE)
        require("per_kwh", self.per_kwh, low=ZERO)


class CarbonBasis(StrEnum):
    """By which account carbon is priced; grams are told by both, whatever is priced."""

    NONE = "none"
    LOCATION = "location"
    MARKET = "market"


@dataclass(frozen=True, slots=True)
class Carbon:
    """
    Grams CO2e per kWh of the grid where the site is (`location_g`), and of what was contracted for the rest
    (`market_g`) after the share `matched` that is met hour by hour by own carbon-free supply.

    `embodied_g` was emitted in making the machine; it is spread over its busy life.
    """

    location_g: Decimal
    market_g: Decimal
    source: str
    matched: Decimal = ZERO
    embodied_g: Decimal = ZERO
    basis: CarbonBasis = CarbonBasis.NONE
    price_per_tonne: Decimal = ZERO

    def __post_init__(self) -> None:
        require("location_g", self.location_g, low=ZERO)
        require("market_g", self.market_g, low=ZERO)
        require("matched", self.matched, low=ZERO, high=ONE)
        require("embodied_g", self.embodied_g, low=ZERO)
        require("price_per_tonne", self.price_per_tonne, low=ZERO)


@dataclass(frozen=True, slots=True)
class DemandResponse:
    """
    Payments for being ready to shed load, per kW and month, and per kWh shed; `activated` is the share of
    kWh that is, and `passed_on` what of the payments reaches the price.
    """

    available_per_kw_month: Decimal = ZERO
    activated_per_kwh: Decimal = ZERO
    activated: Decimal = ZERO
    passed_on: Decimal = ONE
    source: str = ""

    def __post_init__(self) -> None:
        require("available_per_kw_month", self.available_per_kw_month, low=ZERO)
        require("activated_per_kwh", self.activated_per_kwh, low=ZERO)
        require("activated", self.activated, low=ZERO, high=ONE)
        require("passed_on", self.passed_on, low=ZERO, high=ONE)


@dataclass(frozen=True, slots=True)
class Machine:
    """
    One node. `chip_watts` of all chips and `host_watts` of the rest while busy, `idle_watts` of the whole;
    busy for the share `utilisation` of all hours. `residual` is what of the capital is left after `years`.
    """

    chips: int
    chip_watts: Decimal
    host_watts: Decimal
    idle_watts: Decimal
    utilisation: Decimal
    capital: Decimal
    source: str
    years: int = 4
    rate: Decimal = Decimal("0.10")
    residual: Decimal = ZERO
    operations_rate: Decimal = ZERO

    def __post_init__(self) -> None:
        require("chips", Decimal(self.chips), low=ONE)
        require("chip_watts", self.chip_watts, above=ZERO)
        require("host_watts", self.host_watts, low=ZERO)
        require("idle_watts", self.idle_watts, low=ZERO)
        require("utilisation", self.utilisation, above=ZERO, high=ONE)
        require("capital", self.capital, low=ZERO)
        require("residual", self.residual, low=ZERO, high=ONE)
        require("operations_rate", self.operations_rate, low=ZERO)
        require_terms("machine", self.years, self.rate)

    @property
    def watts(self) -> Decimal:
        """Of the whole machine while busy."""
        with localcontext(ROUNDING):
            return self.chip_watts + self.host_watts

    @property
    def host_factor(self) -> Decimal:
        """Kappa: the whole machine's power over its chips'."""
        with localcontext(ROUNDING):
            return self.watts / self.chip_watts

    @property
    def busy_hours(self) -> Decimal:
        """In a year."""
        with localcontext(ROUNDING):
            return HOURS_PER_YEAR * self.utilisation


@dataclass(frozen=True, slots=True)
class Network:
    """Gigabytes that leave the site for each unit of work, and what a licence costs for each."""

    per_gb: Decimal = ZERO
    gigabytes: Mapping[Unit, Decimal] = field(default_factory=dict)
    source: str = ""
    licence: Mapping[Unit, Decimal] = field(default_factory=dict)
    licence_source: str = ""

    def __post_init__(self) -> None:
        require("per_gb", self.per_gb, low=ZERO)
        for unit in self.gigabytes:
            require(f"gigabytes.{unit}", self.gigabytes[unit], low=ZERO)
        for unit in self.licence:
            require(f"licence.{unit}", self.licence[unit], low=ZERO)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a price is built from; `work_source` names the joules' origin, `tier` their evidence."""

    currency: str
    power: Power
    hall: Hall
    carbon: Carbon
    machine: Machine
    work: Mapping[Unit, Work]
    work_source: str
    tier: str = "declared"
    heat: Heat = Heat()
    demand_response: DemandResponse = DemandResponse()
    network: Network = Network()
    margin: Decimal = ZERO
    fee_bps: int = 0

    def __post_init__(self) -> None:
        require("margin", self.margin, low=ZERO)
        require("fee_bps", Decimal(self.fee_bps), low=ZERO, high=Decimal(9_999))
        if not self.work:
            raise BadInput("work", "there is nothing to price")


def require_terms(field: str, years: int, rate: Decimal) -> None:
    """
    Let pass the terms of a write-off.

    :raises BadInput: naming `field`
    """
    require(f"{field}.years", Decimal(years), low=ONE, high=Decimal(100))
    require(f"{field}.rate", rate, low=ZERO, high=ONE)


def spread_monthly(per_kw_month: Decimal, load_factor: Decimal) -> Decimal:
    """What a price per kW and month adds to each kWh at a load factor."""
    with localcontext(ROUNDING):
        return per_kw_month / (HOURS_PER_MONTH * load_factor)


def find_recovery_factor(*, rate: Decimal, years: int) -> Decimal:
    """
    Capital recovery factor: the yearly payment for one unit of capital, r(1+r)^n / ((1+r)^n - 1).

    At no interest it is the straight 1/n.
    """
    with localcontext(ROUNDING):
        if not rate:
            return ONE / years
        growth = (1 + rate) ** years
        return rate * growth / (growth - 1)


def find_yearly_cost(machine: Machine) -> Decimal:
    """What owning a machine costs a year: its capital less what its residual is worth today, written off."""
    with localcontext(ROUNDING):
        kept = machine.residual / (1 + machine.rate) ** machine.years
        return machine.capital * (1 - kept) * find_recovery_factor(rate=machine.rate, years=machine.years)


def find_hall_capital(inputs: Inputs) -> Decimal:
    """What the hall's share of one machine cost to build, by the watts it draws at the meter while busy."""
    with localcontext(ROUNDING):
        return inputs.machine.watts * inputs.hall.factor * inputs.hall.capital_per_watt
