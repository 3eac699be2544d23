"""What a provider could change, and what that would do to a price. Pure; imports no Django."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from core.quantities import ROUNDING
from marketplace.energy.build_up import build_up
from marketplace.energy.inputs import Heat, Inputs, Machine
from marketplace.energy.table import OperatingPoint
from marketplace.energy.work import Unit, Work, list_token_work


@dataclass(frozen=True, slots=True)
class Change:
    """One unit's price before and after, and by how much each group of lines moves."""

    unit: Unit
    before: Decimal
    after: Decimal
    groups: Mapping[str, Decimal]

    @property
    def saved(self) -> Decimal:
        """Share of the price before that is saved; negative where it rises."""
        with localcontext(ROUNDING):
            return (self.before - self.after) / self.before


def cool_better(*, inputs: Inputs, pue: Decimal, source: str) -> Inputs:
    """Another cooling: the hall at another PUE."""
    return replace(inputs, hall=replace(inputs.hall, pue=pue, source=source))


def reuse_heat(*, inputs: Inputs, reused: Decimal, per_kwh: Decimal, source: str) -> Inputs:
    """A share of the energy sold again as heat."""
    return replace(inputs, heat=Heat(reused=reused, per_kwh=per_kwh, source=source))


def enlarge_batch(*, inputs: Inputs, point: OperatingPoint, replicas: int, source: str) -> Inputs:
    """
    The same machine at another batch: `replicas` copies of the model, each at `point`.

    Input tokens keep their ratios to output tokens.
    """
    with localcontext(ROUNDING):
        machine = replace(inputs.machine, chip_watts=point.watts * replicas)
        return replace(
            inputs, machine=machine, work=_move_tokens(inputs, point, replicas), work_source=source
        )


def change_chip(
    *, inputs: Inputs, machine: Machine, point: OperatingPoint, replicas: int, source: str
) -> Inputs:
    """Another machine: its capital and watts as given, its chips' draw and speed as at `point`."""
    return enlarge_batch(
        inputs=replace(inputs, machine=machine), point=point, replicas=replicas, source=source
    )


def compare(*, before: Inputs, after: Inputs, unit: Unit) -> Change:
    """
    What a change does to the price of one unit.

    :raises PriceNegative: if credits outweigh every cost
    """
    old, new = build_up(before), build_up(after)
    old_groups, new_groups = old.group(unit), new.group(unit)
    with localcontext(ROUNDING):
        groups = {name: new_groups[name] - old_groups[name] for name in old_groups}
        return Change(unit, old.prices[unit], new.prices[unit], groups)


def _move_tokens(inputs: Inputs, point: OperatingPoint, replicas: int) -> Mapping[Unit, Work]:
    old = inputs.work[Unit.OUTPUT]
    moved = list_token_work(output_joules=point.joules, output_per_second=point.tokens_per_second * replicas)
    new = moved[Unit.OUTPUT]
    kept: dict[Unit, Work] = {
        unit: Work(work.joules / old.joules * new.joules, work.seconds / old.seconds * new.seconds)
        for unit, work in inputs.work.items()
        if unit in {Unit.INPUT, Unit.CACHED_INPUT}
    }
    return {Unit.OUTPUT: new, **kept}
