"""
From the price of a kilowatt-hour to the price of a unit of work, line by line. Pure; imports no Django.

Every term of the formula is one line, for each unit of work. Lines are rounded to 18 places each and a price
is their sum, so a build-up always adds up. The fee is a share of what the buyer pays (provider = gross -
fee), so the price is the provider's ask divided by what the fee leaves of it. Prices are before tax.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, localcontext

from core.money import BPS, PRICE_PLACES
from core.quantities import JOULES_PER_KWH, ROUNDING, format_plain, round_half_even
from marketplace.energy.inputs import (
    CarbonBasis,
    Inputs,
    find_hall_capital,
    find_recovery_factor,
    find_yearly_cost,
    spread_monthly,
)
from marketplace.energy.lines import BuildUp, Footprint, Line, add
from marketplace.energy.refusals import PriceNegative
from marketplace.energy.work import Unit

SECONDS_PER_HOUR = 3600
WATTS_PER_KW = 1000
GRAMS_PER_TONNE = 1_000_000

type Amounts = Mapping[Unit, Decimal]
type Part = tuple[str, Amounts, Mapping[str, object], tuple[str, ...]]


def build_up(inputs: Inputs) -> BuildUp:
    """
    Price one unit of each kind of work.

    :raises PriceNegative: if credits, or a negative price of power, outweigh every cost of some unit
    """
    with localcontext(ROUNDING):
        footprints = {unit: find_footprint(inputs, unit) for unit in inputs.work}
        parts = (*_list_power(inputs, footprints), *_list_credits(inputs, footprints), *_list_owning(inputs))
        lines = [
            Line(name, _round(amounts), _write(figures), _known(sources), _find_tier(name, inputs))
            for name, amounts, figures, sources in parts
        ]
        cost = _sum(lines, inputs.work)
        margin = {unit: cost[unit] * inputs.margin for unit in cost}
        lines.append(Line("margin", _round(margin), _write({"margin": inputs.margin})))
        ask = _sum(lines, inputs.work)
        fee = {unit: ask[unit] * inputs.fee_bps / (BPS - inputs.fee_bps) for unit in ask}
        lines.append(Line("platform_fee", _round(fee), _write({"fee_bps": inputs.fee_bps})))
        prices = _sum(lines, inputs.work)
        for unit, price in prices.items():
            if price < 0:
                raise PriceNegative(f"{unit}: credits outweigh every cost by {-price} {inputs.currency}")
        return BuildUp(inputs.currency, prices, tuple(lines), footprints, inputs.fee_bps)


def find_footprint(inputs: Inputs, unit: Unit) -> Footprint:
    """Energy, grams and heat of one unit, its share of idle time included."""
    work, machine, carbon = inputs.work[unit], inputs.machine, inputs.carbon
    with localcontext(ROUNDING):
        busy = work.joules * machine.host_factor / JOULES_PER_KWH
        # The idle hours that stand behind each busy one.
        behind = (1 - machine.utilisation) / machine.utilisation
        idle = work.seconds / SECONDS_PER_HOUR * machine.idle_watts / WATTS_PER_KW * behind
        meter = (busy + idle) * inputs.hall.factor
        life = machine.busy_hours * machine.years * SECONDS_PER_HOUR
        return Footprint(
            busy_kwh=busy,
            idle_kwh=idle,
            meter_kwh=meter,
            location_g=meter * carbon.location_g,
            market_g=meter * carbon.market_g * (1 - carbon.matched),
            embodied_g=carbon.embodied_g * work.seconds / life,
            heat_kwh=meter * inputs.heat.reused,
        )


def _list_power(inputs: Inputs, footprints: Mapping[Unit, Footprint]) -> list[Part]:
    """Lines that power causes."""
    power, hall, machine = inputs.power, inputs.hall, inputs.machine
    tariff = {"per_kwh": power.per_kwh, **{f"per_kwh.{name}": p for name, p in power.components.items()}}
    joules = {f"joules.{unit}": work.joules for unit, work in inputs.work.items()}
    seconds = {f"seconds.{unit}": work.seconds for unit, work in inputs.work.items()}
    idle = {"idle_watts": machine.idle_watts, "utilisation": machine.utilisation}
    overhead = {"pue": hall.pue, "line_loss": hall.line_loss}
    demand = {"demand_per_kw_month": power.demand_per_kw_month, "load_factor": power.load_factor}
    return [
        (
            "electricity",
            _each(footprints, lambda one: one.busy_kwh * power.per_kwh),
            tariff | joules | {"host_factor": machine.host_factor},
            (power.source, inputs.work_source),
        ),
        (
            "idle",
            _each(footprints, lambda one: one.idle_kwh * power.per_kwh),
            tariff | seconds | idle,
            (power.source, machine.source),
        ),
        (
            "cooling_and_losses",
            _each(footprints, lambda one: one.overhead_kwh * power.per_kwh),
            tariff | overhead,
            (power.source, hall.source),
        ),
        (
            "demand",
            _each(footprints, lambda one: one.meter_kwh * power.demand_per_kwh),
            demand,
            (power.demand_source,),
        ),
    ]


def _list_credits(inputs: Inputs, footprints: Mapping[Unit, Footprint]) -> list[Part]:
    """Lines for heat, carbon and demand response."""
    heat, carbon, response = inputs.heat, inputs.carbon, inputs.demand_response
    ready = spread_monthly(response.available_per_kw_month, inputs.power.load_factor)
    paid = (ready + response.activated * response.activated_per_kwh) * response.passed_on
    per_gram = carbon.price_per_tonne / GRAMS_PER_TONNE
    return [
        (
            "heat_credit",
            _each(footprints, lambda one: -one.heat_kwh * heat.per_kwh),
            {"reused": heat.reused, "heat_per_kwh": heat.per_kwh},
            (heat.source,),
        ),
        (
            "carbon",
            _each(footprints, lambda one: _find_priced_grams(carbon.basis, one) * per_gram),
            {
                "basis": carbon.basis,
                "location_g": carbon.location_g,
                "market_g": carbon.market_g,
                "matched": carbon.matched,
                "embodied_g": carbon.embodied_g,
                "price_per_tonne": carbon.price_per_tonne,
            },
            (carbon.source,),
        ),
        (
            "demand_response",
            _each(footprints, lambda one: -one.meter_kwh * paid),
            {
                "available_per_kw_month": response.available_per_kw_month,
                "activated_per_kwh": response.activated_per_kwh,
                "activated": response.activated,
                "passed_on": response.passed_on,
            },
            (response.source,),
        ),
    ]


def _list_owning(inputs: Inputs) -> list[Part]:
    """Lines for what is owned, run and paid to others, by the time each unit takes the machine."""
    machine, hall, network = inputs.machine, inputs.hall, inputs.network
    hours = {unit: work.seconds / SECONDS_PER_HOUR for unit, work in inputs.work.items()}
    recovery = find_recovery_factor(rate=hall.rate, years=hall.years)
    yearly = {
        "hardware": find_yearly_cost(machine),
        "facility": find_hall_capital(inputs) * recovery,
        "operations": machine.capital * machine.operations_rate,
    }
    terms = {"years": machine.years, "rate": machine.rate, "residual": machine.residual}
    hall_terms = {"capital_per_watt": hall.capital_per_watt, "years": hall.years, "rate": hall.rate}
    figures: dict[str, dict[str, object]] = {
        "hardware": {"capital": machine.capital, **terms},
        "facility": {"watts": machine.watts, "pue": hall.pue, "line_loss": hall.line_loss, **hall_terms},
        "operations": {"capital": machine.capital, "operations_rate": machine.operations_rate},
    }
    sources = {"hardware": machine.source, "facility": hall.source, "operations": machine.source}
    owning: list[Part] = [
        (
            name,
            {unit: cost * hours[unit] / machine.busy_hours for unit in hours},
            figures[name] | {"utilisation": machine.utilisation},
            (sources[name],),
        )
        for name, cost in yearly.items()
    ]
    nothing = Decimal(0)
    return [
        *owning,
        (
            "network",
            {unit: network.gigabytes.get(unit, nothing) * network.per_gb for unit in inputs.work},
            {"per_gb": network.per_gb, **{f"gigabytes.{u}": g for u, g in network.gigabytes.items()}},
            (network.source,),
        ),
        (
            "licence",
            {unit: network.licence.get(unit, nothing) for unit in inputs.work},
            {f"licence.{unit}": fee for unit, fee in network.licence.items()},
            (network.licence_source,),
        ),
    ]


def _find_priced_grams(basis: CarbonBasis, footprint: Footprint) -> Decimal:
    if basis is CarbonBasis.NONE:
        return Decimal(0)
    used = footprint.location_g if basis is CarbonBasis.LOCATION else footprint.market_g
    return used + footprint.embodied_g


def _find_tier(name: str, inputs: Inputs) -> str | None:
    return inputs.tier if name in {"electricity", "cooling_and_losses"} else None


def _each(footprints: Mapping[Unit, Footprint], price: Callable[[Footprint], Decimal]) -> Amounts:
    return {unit: price(footprint) for unit, footprint in footprints.items()}


def _round(amounts: Amounts) -> Amounts:
    return {unit: round_half_even(amount, PRICE_PLACES) for unit, amount in amounts.items()}


def _sum(lines: Iterable[Line], units: Iterable[Unit]) -> dict[Unit, Decimal]:
    listed = tuple(lines)
    return {unit: add(line.amounts[unit] for line in listed) for unit in units}


def _known(sources: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source for source in sources if source))


def _write(figures: Mapping[str, object]) -> dict[str, str]:
    return {
        name: format_plain(round_half_even(value, PRICE_PLACES)) if isinstance(value, Decimal) else str(value)
        for name, value in figures.items()
    }
