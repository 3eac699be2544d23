"""
What an offer costs over the hours ahead, hour by hour and on the whole. Pure; imports no Django.

Power changes from stretch to stretch; on the whole counts each for as long as it lasts, as for work that runs
through all of them alike.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from functools import cached_property

from core.quantities import ROUNDING
from marketplace.energy.build_up import build_up
from marketplace.energy.inputs import Inputs, average_power
from marketplace.energy.lines import BuildUp
from marketplace.energy.refusals import PriceNegative
from marketplace.energy.returns import compare_with_selling
from marketplace.energy.work import Unit
from marketplace.outlooks import Outlook, Stretch

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Step:
    """
    One price of power from `start` to `end`, and what work costs meanwhile; `built` is None where credits
    outweigh every cost. `surplus`: power comes from a surplus lot, or costs nothing or less.
    """

    start: datetime
    end: datetime
    inputs: Inputs
    surplus: bool
    forecast: bool
    built: BuildUp | None

    @property
    def per_kwh(self) -> Decimal:
        """What a kilowatt-hour costs."""
        return self.inputs.power.per_kwh

    @property
    def hours(self) -> Decimal:
        """How long it lasts."""
        return ROUNDING.divide(Decimal((self.end - self.start) // timedelta(seconds=1)), Decimal(3600))


@dataclass(frozen=True)
class Prospect:
    """The steps ahead, without a gap; `problem` says why they end before what was asked for."""

    steps: tuple[Step, ...]
    problem: str

    @cached_property
    def inputs(self) -> Inputs:
        """What the price is built from on the whole."""
        first = self.steps[0].inputs
        power = average_power(
            parts=[(step.hours, step.inputs.power) for step in self.steps], source=first.power.source
        )
        return replace(first, power=power)

    @cached_property
    def built(self) -> BuildUp:
        """
        The price on the whole.

        :raises PriceNegative: if credits outweigh every cost of some unit
        """
        return build_up(self.inputs)

    def find_range(self, unit: Unit) -> tuple[Decimal, Decimal] | None:
        """The lowest and the highest price of one unit; None if nothing can be priced."""
        prices = [step.built.prices[unit] for step in self.steps if step.built is not None]
        return (min(prices), max(prices)) if prices else None

    def count_hours(self, *, is_wanted: Callable[[Step], bool]) -> Decimal:
        """Hours of the steps that are wanted."""
        with localcontext(ROUNDING):
            return sum((step.hours for step in self.steps if is_wanted(step)), Decimal(0))

    def count_idle_hours(self, *, unit: Unit, selling_per_kwh: Decimal) -> Decimal:
        """Hours in which power earns more when it is sold than when it computes."""
        return self.count_hours(is_wanted=lambda step: not _is_worth_running(step, unit, selling_per_kwh))


def foresee(*, read: Callable[[Stretch | None], Inputs], outlook: Outlook) -> Prospect | None:
    """
    Price work over an outlook; None if not even its first moment has a price of power.

    :param read: what work is priced from while power costs that
    """
    if not outlook.stretches:
        return None
    steps = tuple(
        _make_step(stretch.start, stretch.end, read(stretch), is_surplus(stretch), stretch.forecast)
        for stretch in outlook.stretches
    )
    return Prospect(steps, outlook.problem)


def foresee_one_price(*, inputs: Inputs, start: datetime, end: datetime) -> Prospect:
    """Price work where power costs the same at all times."""
    return Prospect((_make_step(start, end, inputs, inputs.power.per_kwh <= 0, forecast=False),), "")


def is_surplus(stretch: Stretch) -> bool:
    """Whether power comes from a surplus lot then, or costs nothing or less."""
    return stretch.surplus or stretch.price <= 0


def list_hours(steps: Iterable[Step]) -> list[Step]:
    """The steps cut at full hours, so that each has its column in a table or chart."""
    cut: list[Step] = []
    for step in steps:
        at = step.start
        while at < step.end:
            following = min(at.replace(minute=0, second=0, microsecond=0) + HOUR, step.end)
            cut.append(replace(step, start=at, end=following))
            at = following
    return cut


def _make_step(start: datetime, end: datetime, inputs: Inputs, surplus: bool, forecast: bool) -> Step:
    try:
        built = build_up(inputs)
    except PriceNegative:
        built = None
    return Step(start, end, inputs, surplus, forecast, built)


def _is_worth_running(step: Step, unit: Unit, selling_per_kwh: Decimal) -> bool:
    if step.built is None:
        return True
    use = compare_with_selling(built=step.built, unit=unit, selling_per_kwh=selling_per_kwh)
    return use.worth_running
