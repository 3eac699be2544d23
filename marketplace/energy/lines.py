"""A price with its lines, and the lines in groups. Pure; imports no Django."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from functools import reduce
from types import MappingProxyType
from typing import Any

from core.money import PRICE_PLACES
from core.quantities import EXACT, ROUNDING, format_plain, round_half_even
from marketplace.energy.refusals import require
from marketplace.energy.work import Unit

BREAKDOWN_VERSION = 2

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # The four costs that the founders want cut, then what is left.
        "heat": ("cooling_and_losses", "heat_credit"),
        "electricity": ("electricity", "demand", "carbon", "demand_response"),
        # What better scheduling and other models would change.
        "algorithm": ("idle", "licence"),
        "chip": ("hardware",),
        "network": ("network",),
        "facility": ("facility", "operations"),
        "platform": ("margin", "slack_discount", "price_cap", "platform_fee"),
    }
)


@dataclass(frozen=True, slots=True)
class Footprint:
    """
    What one unit uses: kWh at the machine while busy and for its share of idling, kWh at the meter, grams
    CO2e by location and by contract (never added to each other), embodied grams, and heat given away.
    """

    busy_kwh: Decimal
    idle_kwh: Decimal
    meter_kwh: Decimal
    location_g: Decimal
    market_g: Decimal
    embodied_g: Decimal
    heat_kwh: Decimal

    @property
    def overhead_kwh(self) -> Decimal:
        """What cooling, conversion and the line take."""
        with localcontext(ROUNDING):
            return self.meter_kwh - self.busy_kwh - self.idle_kwh

    def describe(self) -> dict[str, str]:
        """As JSON, decimal strings."""
        names = ("busy_kwh", "idle_kwh", "meter_kwh", "location_g", "market_g", "embodied_g", "heat_kwh")
        return {name: format_plain(round_half_even(getattr(self, name), PRICE_PLACES)) for name in names}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its part of the price of each unit, with the figures and sources behind it."""

    name: str
    amounts: Mapping[Unit, Decimal]
    inputs: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    tier: str | None = None

    def describe(self) -> dict[str, Any]:
        """As JSON, amounts for one unit each."""
        return {
            "line": self.name,
            "amounts": _write(self.amounts),
            "inputs": dict(self.inputs),
            "sources": list(self.sources),
            "tier": self.tier,
        }


@dataclass(frozen=True, slots=True)
class BuildUp:
    """
    Prices of one unit each, the fee included, and how they came about; the lines sum to them exactly.

    `rate` is what the site's currency was multiplied by, where the prices are in another.
    """

    currency: str
    prices: Mapping[Unit, Decimal]
    lines: tuple[Line, ...]
    footprints: Mapping[Unit, Footprint]
    fee_bps: int
    rate: str = ""

    def add_lines(self, unit: Unit, *names: str) -> Decimal:
        """Sum of the named lines for one unit."""
        return add(line.amounts[unit] for line in self.lines if line.name in names)

    def group(self, unit: Unit) -> dict[str, Decimal]:
        """The lines of one unit by heat, electricity, algorithm, chip, network, facility, platform."""
        return {group: self.add_lines(unit, *names) for group, names in GROUPS.items()}

    def find_ask(self, unit: Unit) -> Decimal:
        """What the provider gets for one unit."""
        return EXACT.subtract(self.prices[unit], self.add_lines(unit, "platform_fee"))

    def convert(self, *, rate: Decimal, currency: str, source: str) -> "BuildUp":
        """
        The same in another currency at `rate` of it for one of this; lines are rounded again, and summed.

        :raises BadInput: if the rate is not positive
        """
        require("rate", rate, above=Decimal(0))
        with localcontext(ROUNDING):
            lines = tuple(
                replace(
                    line,
                    amounts={u: round_half_even(a * rate, PRICE_PLACES) for u, a in line.amounts.items()},
                )
                for line in self.lines
            )
            prices = {unit: add(line.amounts[unit] for line in lines) for unit in self.prices}
        label = f"{format_plain(rate)} {currency} per {self.currency}, {source}"
        return replace(self, currency=currency, prices=prices, lines=lines, rate=label)

    def describe(self) -> dict[str, Any]:
        """As JSON, every number a decimal string."""
        return {
            "version": BREAKDOWN_VERSION,
            "currency": self.currency,
            "fee_bps": self.fee_bps,
            "rate": self.rate,
            "lines": [line.describe() for line in self.lines],
            "groups": {unit.value: _write(self.group(unit)) for unit in self.prices},
            "prices": _write(self.prices),
            "footprints": {unit.value: one.describe() for unit, one in self.footprints.items()},
        }


def add(amounts: Iterable[Decimal]) -> Decimal:
    """Sum with every digit."""
    return reduce(EXACT.add, amounts, Decimal(0))


def _write(amounts: Mapping[Any, Decimal]) -> dict[str, str]:
    return {str(name): format_plain(amount) for name, amount in amounts.items()}
