"""What a provider earns with its power and its machine. Pure; imports no Django."""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from core.quantities import ROUNDING
from marketplace.energy.inputs import HOURS_PER_YEAR, Inputs, find_hall_capital, find_yearly_cost
from marketplace.energy.lines import BuildUp
from marketplace.energy.refusals import BadInput
from marketplace.energy.work import Unit

SECONDS_PER_HOUR = 3600
WATTS_PER_KW = 1000
# Lines that are the power itself, and those that are paid whether the machine runs or not.
POWER = ("electricity", "idle", "cooling_and_losses", "demand")
OWNING = ("hardware", "facility", "operations")
# Below this share of hours a provider is warned that capacity stands idle; 0.6 is what examples assume.
UTILISATION_LOW = Decimal("0.3")


@dataclass(frozen=True, slots=True)
class PowerUse:
    """
    What a kWh at the meter earns as computing beside what it earns when sold, in the build-up's currency.

    `ask` is all the provider gets for it, `before_owning` what is left when all but power and owning is paid,
    `after_owning` what is left of that when machine, hall and operations are paid too. Running pays at
    this moment if `before_owning` exceeds `selling`: what is owned is paid in any case.
    """

    unit: Unit
    ask: Decimal
    before_owning: Decimal
    after_owning: Decimal
    selling: Decimal

    @property
    def worth_running(self) -> bool:
        """Whether computing earns more than selling the power."""
        return self.before_owning > self.selling

    @property
    def worth_owning(self) -> bool:
        """Whether it still does when the machine is to be paid from it."""
        return self.after_owning > self.selling


@dataclass(frozen=True, slots=True)
class Payback:
    """Capital of machine and hall, what a year brings towards it, and the years until it is back, if ever."""

    capital: Decimal
    yearly: Decimal
    years: Decimal | None


@dataclass(frozen=True, slots=True)
class Idleness:
    """What the hours without work cost a year: owning them, and the power drawn meanwhile."""

    hours: Decimal
    owning: Decimal
    power: Decimal
    is_low: bool

    @property
    def cost(self) -> Decimal:
        """Both together."""
        with localcontext(ROUNDING):
            return self.owning + self.power


def compare_with_selling(*, built: BuildUp, unit: Unit, selling_per_kwh: Decimal) -> PowerUse:
    """
    Income per kWh at the meter against `selling_per_kwh`, what the grid pays for it.

    :raises BadInput: if the unit takes no energy
    """
    kwh = built.footprints[unit].meter_kwh
    if not kwh:
        raise BadInput("unit", f"{unit} takes no energy")
    ask, margin = built.find_ask(unit), built.add_lines(unit, "margin")
    owning, power = built.add_lines(unit, *OWNING), built.add_lines(unit, *POWER)
    with localcontext(ROUNDING):
        return PowerUse(
            unit=unit,
            ask=ask / kwh,
            before_owning=(margin + owning + power) / kwh,
            after_owning=(margin + power) / kwh,
            selling=selling_per_kwh,
        )


def find_payback(*, inputs: Inputs, built: BuildUp, unit: Unit) -> Payback:
    """
    How long until machine and hall are paid, all busy hours being sold as `unit` at the price built.

    Towards it goes what the price has for hardware and facility, and the margin; no interest is counted.

    :raises BadInput: if the unit takes no time of the machine
    """
    seconds = inputs.work[unit].seconds
    if not seconds:
        raise BadInput("unit", f"{unit} takes no time")
    with localcontext(ROUNDING):
        yearly_units = inputs.machine.busy_hours * SECONDS_PER_HOUR / seconds
        yearly = built.add_lines(unit, "hardware", "facility", "margin") * yearly_units
        capital = inputs.machine.capital + find_hall_capital(inputs)
        return Payback(capital, yearly, capital / yearly if yearly > 0 else None)


def find_idleness(*, inputs: Inputs) -> Idleness:
    """What the machine's idle hours cost a year, and whether they are so many that the provider is warned."""
    machine = inputs.machine
    with localcontext(ROUNDING):
        share = 1 - machine.utilisation
        hours = HOURS_PER_YEAR * share
        kwh = machine.idle_watts / WATTS_PER_KW * hours * inputs.hall.factor
        yearly = find_yearly_cost(machine) + machine.capital * machine.operations_rate
        power = kwh * (inputs.power.per_kwh + inputs.power.demand_per_kwh)
        return Idleness(hours, yearly * share, power, machine.utilisation < UTILISATION_LOW)
