"""
From the price of a kilowatt-hour to the price of a token, line by line. Pure; imports no Django.

Each line is first what one busy hour of the node costs, then divided by the tokens or chip-seconds of
that hour. An input token costs `input_ratio` of an output token, a cached one `cached_ratio`: the weights
by which joules are apportioned too. Lines are rounded to 18 places each and prices are their sums, so a
breakdown always adds up.

The fee is a share of what the buyer pays (provider = gross - fee), so the price is the provider's ask
divided by what the fee leaves of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Any

from core.money import BPS, PRICE_PLACES
from core.quantities import JOULES_PER_KWH, ROUNDING, format_plain, round_half_even

HOURS_PER_YEAR = 8760
SECONDS_PER_HOUR = 3600
WATTS_PER_KILOWATT = 1000
GRAMS_PER_TONNE = 1_000_000
MILLION = 1_000_000

BREAKDOWN_VERSION = 1

# What nothing is charged for while tariffs are one flat price; listed, so that a buyer sees that it is
# nothing.
UNCHARGED = ("demand", "demand_response", "network")


class PriceNegative(ValueError):
    """Credits for heat outweigh every cost."""


@dataclass(frozen=True, slots=True)
class SiteEnergy:
    """
    What a kilowatt-hour costs at a site, all in `currency`.

    `pue` is facility over IT energy, `line_loss` a share on top; carbon is priced per tonne CO2e, and the
    heat price is what is earned for each reused kWh, `heat_reuse_factor` (ERF) being the share that is.
    Sources are ids.
    """

    price_per_kwh: Decimal
    currency: str
    pue: Decimal
    gco2_per_kwh: Decimal
    source: str
    carbon_source: str
    line_loss: Decimal = Decimal(0)
    carbon_price_per_tonne: Decimal = Decimal(0)
    heat_reuse_factor: Decimal = Decimal(0)
    heat_price_per_kwh: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class ServingProfile:
    """
    How a node serves a model at its operating point.

    `joules_per_output_token` is chip energy and says in `joules_source` where it is from, with its
    evidence `tier`; `host_factor` (kappa) raises it to the whole machine. `tokens_per_second` are output
    tokens of the whole node while busy, `watts_idle` is the whole machine, `utilisation` the busy share
    of all hours.
    """

    chips: int
    joules_per_output_token: Decimal
    joules_source: str
    tokens_per_second: Decimal
    utilisation: Decimal
    watts_idle: Decimal
    host_factor: Decimal = Decimal(1)
    input_ratio: Decimal = Decimal("0.45")
    cached_ratio: Decimal = Decimal(0)
    tier: str = "declared"


@dataclass(frozen=True, slots=True)
class HardwareCost:
    """
    What the node itself costs: capital written off over `years` at `rate` a year, and a share for operations.

    The facility's capital is per watt of its whole draw, written off on its own terms.
    """

    capital: Decimal
    source: str
    years: int = 4
    rate: Decimal = Decimal("0.10")
    operations_rate: Decimal = Decimal(0)
    facility_per_watt: Decimal = Decimal(0)
    facility_years: int = 15
    facility_rate: Decimal = Decimal("0.08")


@dataclass(frozen=True, slots=True)
class Amounts:
    """Prices of one unit each, 18 places; they add up unit by unit."""

    input: Decimal
    cached_input: Decimal
    output: Decimal
    chip_second: Decimal

    def __add__(self, other: "Amounts") -> "Amounts":
        with localcontext(ROUNDING):
            return Amounts(
                self.input + other.input,
                self.cached_input + other.cached_input,
                self.output + other.output,
                self.chip_second + other.chip_second,
            )

    def scale(self, factor: Decimal) -> "Amounts":
        """Each price times `factor`, rounded to 18 places."""
        with localcontext(ROUNDING):
            return Amounts(
                *(
                    round_half_even(price * factor, PRICE_PLACES)
                    for price in (self.input, self.cached_input, self.output, self.chip_second)
                )
            )


NOTHING = Amounts(*[round_half_even(Decimal(0), PRICE_PLACES)] * 4)


@dataclass(frozen=True)
class Line:
    """One line of a breakdown: a part of every unit price, with the figures and sources behind it."""

    name: str
    amounts: Amounts
    inputs: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    tier: str | None = None

    @cached_property
    def described(self) -> dict[str, Any]:
        """The line as JSON, amounts per million tokens and per chip-second."""
        return {
            "line": self.name,
            "per_million_tokens": {
                "input": format_plain(self.amounts.input * MILLION),
                "cached_input": format_plain(self.amounts.cached_input * MILLION),
                "output": format_plain(self.amounts.output * MILLION),
            },
            "per_chip_second": format_plain(self.amounts.chip_second),
            "inputs": dict(self.inputs),
            "sources": list(self.sources),
            "tier": self.tier,
        }


@dataclass(frozen=True, slots=True)
class Quote:
    """
    A price and how it came about. `prices` are the buyer's, the fee included.

    `kwh_per_million_output` is facility energy, idle share included; `gco2e_per_million_output` its grams.
    """

    currency: str
    prices: Amounts
    fee_bps: int
    lines: tuple[Line, ...]
    kwh_per_million_output: Decimal
    gco2e_per_million_output: Decimal

    def describe(self) -> dict[str, Any]:
        """The breakdown as JSON, every number a decimal string."""
        return {
            "version": BREAKDOWN_VERSION,
            "currency": self.currency,
            "fee_bps": self.fee_bps,
            "lines": [line.described for line in self.lines],
            "prices": {
                "input": format_plain(self.prices.input),
                "cached_input": format_plain(self.prices.cached_input),
                "output": format_plain(self.prices.output),
                "chip_second": format_plain(self.prices.chip_second),
            },
            "kwh_per_million_output": format_plain(self.kwh_per_million_output),
            "gco2e_per_million_output": format_plain(self.gco2e_per_million_output),
        }


def find_recovery_factor(*, rate: Decimal, years: int) -> Decimal:
    """
    Capital recovery factor: the yearly payment for one unit of capital, r(1+r)^n / ((1+r)^n - 1).

    At no interest it is the straight 1/n.
    """
    with localcontext(ROUNDING):
        if not rate:
            return Decimal(1) / years
        growth = (1 + rate) ** years
        return rate * growth / (growth - 1)


def build_quote(
    *, site: SiteEnergy, profile: ServingProfile, hardware: HardwareCost, margin: Decimal, fee_bps: int
) -> Quote:
    """
    Price a token and a chip-second from what energy and hardware cost.

    :param margin: the provider's, as a share of the cost
    :param fee_bps: the platform's, in ten-thousandths of the buyer's price
    :raises PriceNegative: if credits outweigh costs
    """
    quoter = Quoter(site=site, profile=profile, hardware=hardware, margin=margin, fee_bps=fee_bps)
    return quoter.quote(price_per_kwh=site.price_per_kwh, source=site.source)


class Quoter:
    """
    Prices one offer at any price of electricity.

    All that electricity does not change is worked out once: an offer has as many prices as its tariff.
    """

    def __init__(
        self,
        *,
        site: SiteEnergy,
        profile: ServingProfile,
        hardware: HardwareCost,
        margin: Decimal,
        fee_bps: int,
    ) -> None:
        self._site, self._profile, self._margin, self._fee_bps = site, profile, margin, fee_bps
        with localcontext(ROUNDING):
            self._kwh = _find_hourly_kwh(site, profile)
            costs = (
                *_list_credits(site, self._kwh),
                *_list_hardware_costs(site, profile, hardware),
            )
            self._lasting = tuple(_spread(profile, *cost) for cost in costs) + tuple(
                Line(name, NOTHING) for name in UNCHARGED
            )
            self._lasting_sum = sum((line.amounts for line in self._lasting), NOTHING)
            self._fee_factor = Decimal(fee_bps) / (BPS - fee_bps)
            per_million = self._kwh.total / (profile.tokens_per_second * SECONDS_PER_HOUR) * MILLION
            self._kwh_per_million = round_half_even(per_million, 12)
            self._gco2e_per_million = round_half_even(per_million * site.gco2_per_kwh, 9)

    def quote(self, *, price_per_kwh: Decimal, source: str) -> Quote:
        """
        Price the offer while a kilowatt-hour costs so much; `source` says by what.

        :raises PriceNegative: if credits outweigh costs
        """
        with localcontext(ROUNDING):
            site = replace(self._site, price_per_kwh=price_per_kwh, source=source)
            energy = [
                _spread(self._profile, *cost) for cost in _list_energy_costs(site, self._profile, self._kwh)
            ]
            cost = sum((line.amounts for line in energy), self._lasting_sum)
            margin = Line("margin", cost.scale(self._margin), {"margin": format_plain(self._margin)})
            ask = cost + margin.amounts
            fee = Line("platform_fee", ask.scale(self._fee_factor), {"fee_bps": str(self._fee_bps)})
            prices = ask + fee.amounts
        if min(prices.input, prices.cached_input, prices.output, prices.chip_second) < 0:
            raise PriceNegative("credits outweigh every cost")
        return Quote(
            currency=site.currency,
            prices=prices,
            fee_bps=self._fee_bps,
            lines=(*energy, *self._lasting, margin, fee),
            kwh_per_million_output=self._kwh_per_million,
            gco2e_per_million_output=self._gco2e_per_million,
        )


@dataclass(frozen=True, slots=True)
class _HourlyKwh:
    """Facility energy of one busy hour, and of the idle time that stands behind it."""

    busy: Decimal
    idle: Decimal

    @property
    def total(self) -> Decimal:
        return self.busy + self.idle


type _Cost = tuple[str, Decimal, Mapping[str, Decimal], tuple[str, ...]]


def _find_hourly_kwh(site: SiteEnergy, profile: ServingProfile) -> _HourlyKwh:
    facility = site.pue * (1 + site.line_loss)
    joules = profile.joules_per_output_token * profile.tokens_per_second * SECONDS_PER_HOUR
    return _HourlyKwh(
        busy=joules * profile.host_factor * facility / JOULES_PER_KWH,
        idle=profile.watts_idle
        * facility
        * (1 - profile.utilisation)
        / profile.utilisation
        / WATTS_PER_KILOWATT,
    )


def _list_energy_costs(site: SiteEnergy, profile: ServingProfile, kwh: _HourlyKwh) -> list[_Cost]:
    """Lines that the price of energy moves, for one busy hour of the node."""
    tariff = {"price_per_kwh": site.price_per_kwh, "pue": site.pue, "line_loss": site.line_loss}
    serving = {
        "joules_per_output_token": profile.joules_per_output_token,
        "tokens_per_second": profile.tokens_per_second,
        "host_factor": profile.host_factor,
        "input_ratio": profile.input_ratio,
        "cached_ratio": profile.cached_ratio,
    }
    idle = {"watts_idle": profile.watts_idle, "utilisation": profile.utilisation}
    return [
        ("energy", kwh.busy * site.price_per_kwh, tariff | serving, (site.source, profile.joules_source)),
        ("idle", kwh.idle * site.price_per_kwh, tariff | idle, (site.source,)),
    ]


def _list_credits(site: SiteEnergy, kwh: _HourlyKwh) -> list[_Cost]:
    """Lines that energy causes whatever it costs: heat that is sold, carbon that is paid for."""
    reuse = {"erf": site.heat_reuse_factor, "heat_price_per_kwh": site.heat_price_per_kwh}
    carbon = {
        "gco2_per_kwh": site.gco2_per_kwh,
        "carbon_price_per_tonne": site.carbon_price_per_tonne,
    }
    heat_credit = kwh.total * site.heat_reuse_factor * site.heat_price_per_kwh
    carbon_cost = kwh.total * site.gco2_per_kwh * site.carbon_price_per_tonne / GRAMS_PER_TONNE
    return [
        ("heat", -heat_credit, reuse, (site.source,)),
        ("carbon", carbon_cost, carbon, (site.carbon_source,)),
    ]


def _list_hardware_costs(site: SiteEnergy, profile: ServingProfile, hardware: HardwareCost) -> list[_Cost]:
    """Lines that owning the machine causes, for one busy hour of the node."""
    busy_hours = HOURS_PER_YEAR * profile.utilisation
    recovery = find_recovery_factor(rate=hardware.rate, years=hardware.years)
    facility_recovery = find_recovery_factor(rate=hardware.facility_rate, years=hardware.facility_years)
    watts = (
        profile.joules_per_output_token
        * profile.tokens_per_second
        * profile.host_factor
        * site.pue
        * (1 + site.line_loss)
    )
    capital = {"capital": hardware.capital, "years": Decimal(hardware.years), "rate": hardware.rate}
    facility = {
        "watts": round_half_even(watts, 6),
        "facility_per_watt": hardware.facility_per_watt,
        "years": Decimal(hardware.facility_years),
        "rate": hardware.facility_rate,
    }
    operations = {"capital": hardware.capital, "operations_rate": hardware.operations_rate}
    sources = (hardware.source,)
    return [
        ("hardware", hardware.capital * recovery / busy_hours, capital, sources),
        (
            "facility",
            watts * hardware.facility_per_watt * facility_recovery / busy_hours,
            facility,
            sources,
        ),
        ("operations", hardware.capital * hardware.operations_rate / busy_hours, operations, sources),
    ]


def _spread(
    profile: ServingProfile,
    name: str,
    hourly_cost: Decimal,
    inputs: Mapping[str, Decimal],
    sources: tuple[str, ...],
) -> Line:
    """Divide what one busy hour costs by its tokens and by its chip-seconds."""
    output = hourly_cost / (profile.tokens_per_second * SECONDS_PER_HOUR)
    amounts = Amounts(
        input=round_half_even(output * profile.input_ratio, PRICE_PLACES),
        cached_input=round_half_even(output * profile.cached_ratio, PRICE_PLACES),
        output=round_half_even(output, PRICE_PLACES),
        chip_second=round_half_even(hourly_cost / (profile.chips * SECONDS_PER_HOUR), PRICE_PLACES),
    )
    texts = {key: format_plain(value) for key, value in inputs.items()}
    return Line(name, amounts, texts, sources, profile.tier)
