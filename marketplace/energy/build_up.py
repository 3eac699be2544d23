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
    Power,
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

# Lines whose energy was measured, or not; the others have no tier.
MEASURED = frozenset({"electricity", "cooling_and_losses"})

# Lines that power moves, and the kWh of a footprint that each is for.
POWERED = {
    "electricity": "busy_kwh",
    "idle": "idle_kwh",
    "cooling_and_losses": "overhead_kwh",
    "demand": "meter_kwh",
    "demand_response": "meter_kwh",
}

type Amounts = Mapping[Unit, Decimal]
type Part = tuple[str, Amounts, Mapping[str, object], tuple[str, ...]]


def build_up(inputs: Inputs) -> BuildUp:
    """
    Price one unit of each kind of work.

    :raises PriceNegative: if credits, or a negative price of power, outweigh every cost of some unit
    """
    return Pricer(inputs).price(inputs.power)


class Pricer:
    """
    Prices the same work at any price of power.

    All that power does not change is worked out once: an offer has as many prices as its tariff.
    """

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        with localcontext(ROUNDING):
            self._footprints = {unit: find_footprint(inputs, unit) for unit in inputs.work}
            parts = (*_list_credits(inputs, self._footprints), *_list_owning(inputs))
            self._lasting = tuple(_make_line(part) for part in parts)
            self._lasting_sum = _sum(self._lasting, inputs.work)
            self._kwh = {
                name: {unit: getattr(one, field) for unit, one in self._footprints.items()}
                for name, field in POWERED.items()
            }
            self._figures = _write_figures(inputs)
            self._margin = _write({"margin": inputs.margin})
            self._fee = _write({"fee_bps": inputs.fee_bps})
            self._fee_factor = Decimal(inputs.fee_bps) / (BPS - inputs.fee_bps)

    def price(self, power: Power) -> BuildUp:
        """
        Price one unit of each kind of work while power is so.

        :raises PriceNegative: if credits, or a negative price of power, outweigh every cost of some unit
        """
        inputs = self._inputs
        with localcontext(ROUNDING):
            lines = [*self._list_power(power), *self._lasting]
            cost = _sum(lines, inputs.work)
            margin = _round({unit: cost[unit] * inputs.margin for unit in cost})
            ask = {unit: cost[unit] + margin[unit] for unit in cost}
            fee = _round({unit: ask[unit] * self._fee_factor for unit in ask})
            prices = {unit: ask[unit] + fee[unit] for unit in ask}
        for unit, price in prices.items():
            if price < 0:
                raise PriceNegative(f"{unit}: credits outweigh every cost by {-price} {inputs.currency}")
        lines += (Line("margin", margin, self._margin), Line("platform_fee", fee, self._fee))
        return BuildUp(inputs.currency, prices, tuple(lines), self._footprints, inputs.fee_bps)

    def _list_power(self, power: Power) -> list[Line]:
        """Lines that power moves."""
        inputs, figures = self._inputs, self._figures
        response = inputs.demand_response
        paid = spread_monthly(response.available_per_kw_month, power.load_factor)
        paid = (paid + response.activated * response.activated_per_kwh) * response.passed_on
        added = {"demand": power.demand_per_kwh, "demand_response": -paid}
        tariff = _write({"per_kwh": power.per_kwh} | {f"per_kwh.{n}": p for n, p in power.components.items()})
        demand = {"demand_per_kw_month": power.demand_per_kw_month, "load_factor": power.load_factor}
        demand |= {f"per_kwh.{name}": adder for name, adder in power.monthly.items()}
        moved = {"demand": _write(demand), "demand_response": _write({"load_factor": power.load_factor})}
        sources = {
            "electricity": (power.source, inputs.work_source),
            "idle": (power.source, inputs.machine.source),
            "cooling_and_losses": (power.source, inputs.hall.source),
            "demand": (power.demand_source,),
            "demand_response": (response.source,),
        }
        return [
            Line(
                name,
                _round({unit: each * added.get(name, power.per_kwh) for unit, each in kwh.items()}),
                {**moved.get(name, tariff), **figures[name]},
                _known(sources[name]),
                inputs.tier if name in MEASURED else None,
            )
            for name, kwh in self._kwh.items()
        ]


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


def _write_figures(inputs: Inputs) -> dict[str, dict[str, str]]:
    """The figures behind the lines of power, as far as power does not bring them."""
    machine, response = inputs.machine, inputs.demand_response
    joules = {f"joules.{unit}": work.joules for unit, work in inputs.work.items()}
    seconds = {f"seconds.{unit}": work.seconds for unit, work in inputs.work.items()}
    return {
        "electricity": _write(joules | {"host_factor": machine.host_factor}),
        "idle": _write(seconds | {"idle_watts": machine.idle_watts, "utilisation": machine.utilisation}),
        "cooling_and_losses": _write({"pue": inputs.hall.pue, "line_loss": inputs.hall.line_loss}),
        "demand": {},
        "demand_response": _write(
            {
                "available_per_kw_month": response.available_per_kw_month,
                "activated_per_kwh": response.activated_per_kwh,
                "activated": response.activated,
                "passed_on": response.passed_on,
            }
        ),
    }


def _list_credits(inputs: Inputs, footprints: Mapping[Unit, Footprint]) -> list[Part]:
    """Lines that energy causes whatever it costs: heat that is sold, carbon that is paid for."""
    heat, carbon = inputs.heat, inputs.carbon
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


def _make_line(part: Part) -> Line:
    name, amounts, figures, sources = part
    return Line(name, _round(amounts), _write(figures), _known(sources))


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
