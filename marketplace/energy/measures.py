"""The figures that examples of a price build-up print, by their names. Pure; imports no Django."""

from collections.abc import Mapping
from decimal import Decimal, localcontext

from core.quantities import ROUNDING
from marketplace.energy.inputs import Inputs
from marketplace.energy.lines import BuildUp
from marketplace.energy.work import Unit

MILLION = 1_000_000
SECONDS_PER_HOUR = 3600
HOURS_PER_DAY = 24
PERCENT = 100
# A multiplication and an addition for each parameter.
OPERATIONS = 2
TERA = 1_000_000_000_000
ENERGY = ("electricity", "idle", "cooling_and_losses")
OWNING = ("hardware", "facility", "operations")


def measure(*, inputs: Inputs, built: BuildUp, unit: Unit, usd: Decimal) -> Mapping[str, Decimal]:
    """
    Every figure there is of one unit.

    :param usd: price of one dollar in the build-up's currency
    """
    with localcontext(ROUNDING):
        return {
            **_measure_units(inputs, built, unit, usd),
            **_measure_hours(inputs, built, unit, usd),
            **_measure_adders(inputs, built, unit),
        }


def _measure_units(inputs: Inputs, built: BuildUp, unit: Unit, usd: Decimal) -> dict[str, Decimal]:
    """Per million units."""
    footprint, price = built.footprints[unit], built.prices[unit]
    energy = built.add_lines(unit, *ENERGY)
    return {
        "chip_joules": inputs.work[unit].joules,
        "busy_kwh": footprint.busy_kwh * inputs.hall.factor * MILLION,
        "idle_kwh": footprint.idle_kwh * inputs.hall.factor * MILLION,
        "kwh": footprint.meter_kwh * MILLION,
        "energy": energy * MILLION,
        "energy_usd": energy * MILLION / usd,
        "heat": built.add_lines(unit, "heat_credit") * MILLION,
        "carbon": built.add_lines(unit, "carbon") * MILLION,
        "owning": built.add_lines(unit, *OWNING) * MILLION,
        "total": price * MILLION,
        "total_usd": price * MILLION / usd,
        "energy_share": energy / price * PERCENT,
    }


def _measure_hours(inputs: Inputs, built: BuildUp, unit: Unit, usd: Decimal) -> dict[str, Decimal]:
    """Per busy hour and day of the whole machine, and per chip and hour."""
    footprint = built.footprints[unit]
    units = SECONDS_PER_HOUR / inputs.work[unit].seconds
    energy = built.add_lines(unit, *ENERGY) * units
    hardware = built.add_lines(unit, "hardware") * units
    chip_kwh = footprint.busy_kwh * inputs.hall.factor * units / inputs.machine.chips
    return {
        "kwh_day": footprint.meter_kwh * units * HOURS_PER_DAY,
        "energy_day_cny": energy * HOURS_PER_DAY,
        "energy_day_usd": energy * HOURS_PER_DAY / usd,
        "hardware_day_usd": hardware * HOURS_PER_DAY / usd,
        "energy_hour_usd": energy / usd,
        "hardware_hour_usd": hardware / inputs.machine.chips / usd,
        "chip_kw": chip_kwh,
        "chip_hour_cny": chip_kwh * inputs.power.per_kwh,
        "chip_hour_usd": chip_kwh * inputs.power.per_kwh / usd,
    }


def _measure_adders(inputs: Inputs, built: BuildUp, unit: Unit) -> dict[str, Decimal]:
    """Per kWh at the meter, and as shares of its price."""
    kwh, price = built.footprints[unit].meter_kwh, inputs.power.per_kwh
    per_kwh = {
        "demand": built.add_lines(unit, "demand") / kwh,
        "heat": built.add_lines(unit, "heat_credit") / kwh,
        "carbon": built.add_lines(unit, "carbon") / kwh,
    }
    shares = {f"{name}_share": amount / price * PERCENT for name, amount in per_kwh.items()} if price else {}
    return {**{f"{name}_per_kwh": amount for name, amount in per_kwh.items()}, **shares}


def measure_roofline(
    *,
    parameters: Decimal,
    peak_tflops: Decimal,
    peak_share: Decimal,
    chip_watts: Decimal,
    output_joules: Decimal,
) -> Mapping[str, Decimal]:
    """An input token's joules, two operations a parameter at a share of the chip's peak, and its ratio."""
    with localcontext(ROUNDING):
        seconds = OPERATIONS * parameters / (peak_share * peak_tflops * TERA)
        joules = seconds * chip_watts
        return {"input_joules": joules, "input_ratio": joules / output_joules}
