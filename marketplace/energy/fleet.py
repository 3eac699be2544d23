"""A day of a whole fleet, from the tokens it made. Pure; imports no Django."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.quantities import JOULES_PER_KWH, ROUNDING
from marketplace.energy.build_up import find_footprint
from marketplace.energy.inputs import Carbon, Hall, Inputs, Machine, Power
from marketplace.energy.work import Unit, Work

SECONDS_PER_DAY = 86_400
HOURS_PER_DAY = 24
PERCENT = 100


@dataclass(frozen=True, slots=True)
class Day:
    """
    Tokens of a day, of which `cached_share` of the input was cached; rates of one node, which works at either
    input or output; nodes on average, and what a chip and hour cost. `prices` are per kWh, by name.
    """

    node_watts: Decimal
    pue: Decimal
    chips: int
    input_tokens: Decimal
    cached_share: Decimal
    output_tokens: Decimal
    input_per_second: Decimal
    output_per_second: Decimal
    nodes: Decimal
    chip_hour: Decimal
    revenue: Decimal
    prices: Mapping[str, Decimal]


def measure_day(day: Day, *, usd: Decimal) -> Mapping[str, Decimal]:
    """Node-days, joules per token, energy, and what that costs at each price, beside cost and revenue."""
    with localcontext(ROUNDING):
        inputs = _describe_node(day)
        joules = {
            unit: find_footprint(inputs, unit).meter_kwh * JOULES_PER_KWH
            for unit in (Unit.OUTPUT, Unit.INPUT)
        }
        chip_kwh = find_footprint(inputs, Unit.CHIP_SECOND).meter_kwh
        kwh = chip_kwh * day.chips * SECONDS_PER_DAY * day.nodes
        cost = day.nodes * day.chips * HOURS_PER_DAY * day.chip_hour
        prefill = day.input_tokens / day.input_per_second / SECONDS_PER_DAY
        decode = day.output_tokens / day.output_per_second / SECONDS_PER_DAY
        return {
            "prefill_node_days": prefill,
            "decode_node_days": decode,
            "node_days": prefill + decode,
            "cost_usd": cost / usd,
            "output_joules": joules[Unit.OUTPUT],
            "input_joules": joules[Unit.INPUT] / (1 - day.cached_share),
            "any_input_joules": joules[Unit.INPUT],
            "input_ratio": joules[Unit.INPUT] / (1 - day.cached_share) / joules[Unit.OUTPUT],
            "mwh_day": kwh / 1000,
            **{f"usd_{name}": kwh * price / usd for name, price in day.prices.items()},
            "cost_share": kwh * day.prices["delivered"] / cost * PERCENT,
            **{
                f"revenue_share_{name}": kwh * price / day.revenue * PERCENT
                for name, price in day.prices.items()
            },
        }


def _describe_node(day: Day) -> Inputs:
    """One node that is never idle, its watts being those of the whole."""
    rates = {Unit.OUTPUT: day.output_per_second, Unit.INPUT: day.input_per_second}
    rates[Unit.CHIP_SECOND] = Decimal(day.chips)
    nothing, whole = Decimal(0), Decimal(1)
    return Inputs(
        currency="CNY",
        power=Power(nothing, "example"),
        hall=Hall(day.pue, "example"),
        carbon=Carbon(nothing, nothing, "example"),
        machine=Machine(day.chips, day.node_watts, nothing, nothing, whole, nothing, "example"),
        work={unit: Work(day.node_watts / rate, 1 / rate) for unit, rate in rates.items()},
        work_source="example",
    )
