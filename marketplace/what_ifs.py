"""
What a provider could change about an offer, tried without changing it: cooling, heat, batch, chip. Pure;
imports no Django.

Where the reference table measured a set-up its figures are taken; where it did not, the provider says its
own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from core.quantities import ROUNDING
from marketplace.energy import levers
from marketplace.energy.inputs import Inputs
from marketplace.energy.levers import Change
from marketplace.energy.refusals import BadInput, require
from marketplace.energy.table import TABLE_CHIPS, OperatingPoint, find_point, strip_name
from marketplace.energy.work import Unit
from marketplace.reference import DECLARED, Chip, DefaultPue, TokenEnergy

CHIP_SLUGS = {name: slug for slug, name in TABLE_CHIPS.items()}


@dataclass(frozen=True, slots=True)
class Setup:
    """One copy of a model on `chips` chips of a kind, as it was measured; `batches` are those measured."""

    model: str
    chip: str
    precision: str
    chips: int
    batches: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Names it in a form."""
        return f"{self.model}|{self.chip}|{self.precision}|{self.chips}"


@dataclass(frozen=True, slots=True)
class Served:
    """
    A whole node of `chips` chips: chip joules per output token, output tokens a second, and where from.

    `point` is that of one copy of the model, of which the node runs `replicas`.
    """

    point: OperatingPoint
    replicas: int
    source: str

    @property
    def tokens_per_second(self) -> Decimal:
        """Of all copies."""
        return ROUNDING.multiply(self.point.tokens_per_second, Decimal(self.replicas))


def list_setups(rows: Iterable[TokenEnergy]) -> tuple[Setup, ...]:
    """Every set-up of the table, by model, chip and size."""
    found: dict[tuple[str, str, str, int], set[int]] = {}
    for row in rows:
        if row.gpu in CHIP_SLUGS:
            name = (row.model, CHIP_SLUGS[row.gpu], row.precision, row.chips)
            found.setdefault(name, set()).add(row.batch_max)
    return tuple(Setup(*name, tuple(sorted(found[name]))) for name in sorted(found))


def find_setup(setups: Iterable[Setup], key: str) -> Setup | None:
    """The set-up with this key."""
    return next((setup for setup in setups if setup.key == key), None)


def list_likely(setups: Iterable[Setup], model: str) -> list[Setup]:
    """Set-ups of a model of the catalogue: those whose name says the same, however it is written."""
    wanted = strip_name(model)
    return [setup for setup in setups if strip_name(setup.model) == wanted]


def list_on_chip_of(setups: Iterable[Setup], source: str) -> list[Setup]:
    """Set-ups on the chip that an offer's joules were measured on; none where they are from elsewhere."""
    return [setup for setup in setups if f"/{TABLE_CHIPS[setup.chip]}/" in source]


def find_served(*, rows: Iterable[TokenEnergy], setup: Setup, batch: Decimal, chips: int) -> Served:
    """
    A node of `chips` chips that runs a measured set-up at a batch, as many copies as fit.

    :raises BadInput: if not even one copy fits, or the batch is less than one
    """
    if chips < setup.chips:
        raise BadInput("chips", f"one copy takes {setup.chips} chips")
    point = find_point(
        rows=rows,
        model=setup.model,
        chip=setup.chip,
        precision=setup.precision,
        batch=batch,
        chips=setup.chips,
    )
    if point is None:
        raise BadInput("setup", "was not measured")
    source = f"ML.ENERGY v3: {', '.join(point.rows)}"
    if point.how != "measured":
        source += f" ({point.how})"
    return Served(point, chips // setup.chips, source)


def state_served(*, joules: Decimal, tokens_per_second: Decimal, chips: int) -> Served:
    """
    A node as its provider says it runs.

    :raises BadInput: if a figure is not positive
    """
    require("joules", joules, above=Decimal(0))
    require("tokens_per_second", tokens_per_second, above=Decimal(0))
    watts = ROUNDING.multiply(joules, tokens_per_second)
    point = OperatingPoint(Decimal(1), chips, joules, tokens_per_second, watts, (), DECLARED)
    return Served(point, 1, DECLARED)


def try_cooling(*, inputs: Inputs, unit: Unit, pue: Decimal, source: str = DECLARED) -> Change:
    """
    Another cooling.

    :raises BadInput: if the PUE cannot be
    :raises PriceNegative: if credits outweigh every cost
    """
    after = levers.cool_better(inputs=inputs, pue=pue, source=source)
    return levers.compare(before=inputs, after=after, unit=unit)


def try_heat(*, inputs: Inputs, unit: Unit, reused: Decimal, per_kwh: Decimal) -> Change:
    """
    A share of the energy sold again as heat.

    :raises BadInput: if share or price cannot be
    :raises PriceNegative: if credits outweigh every cost
    """
    after = levers.reuse_heat(inputs=inputs, reused=reused, per_kwh=per_kwh, source=DECLARED)
    return levers.compare(before=inputs, after=after, unit=unit)


def try_batch(*, inputs: Inputs, unit: Unit, served: Served) -> Change:
    """
    The same machine at another batch.

    :raises BadInput: if the unit is none of tokens
    """
    _require_token(unit)
    after = levers.enlarge_batch(
        inputs=inputs, point=served.point, replicas=served.replicas, source=served.source
    )
    return levers.compare(before=inputs, after=after, unit=unit)


def try_chip(
    *,
    inputs: Inputs,
    unit: Unit,
    served: Served,
    chip: Chip | None,
    chips: int,
    capital: Decimal,
    idle_watts: Decimal | None = None,
) -> Change:
    """
    Another machine, its host and terms as before; it idles at `idle_watts`, else as its chips are said to.

    :raises BadInput: if the unit is none of tokens, or nothing says what the machine draws when idle
    """
    _require_token(unit)
    if idle_watts is None:
        idle_watts = find_idle_watts(chip=chip, chips=chips)
    if idle_watts is None:
        raise BadInput("idle_watts", "is not known of this chip")
    machine = replace(
        inputs.machine, chips=chips, capital=capital, idle_watts=idle_watts, source=served.source
    )
    after = levers.change_chip(
        inputs=inputs,
        machine=machine,
        point=served.point,
        replicas=served.replicas,
        source=served.source,
    )
    return levers.compare(before=inputs, after=after, unit=unit)


def find_idle_watts(*, chip: Chip | None, chips: int) -> Decimal | None:
    """What so many chips draw when idle, by the catalogue; None where it does not say."""
    if chip is None or chip.idle_watts_max is None:
        return None
    return ROUNDING.multiply(chip.idle_watts_max, Decimal(chips))


def find_better_cooling(*, inputs: Inputs, known: Iterable[DefaultPue]) -> DefaultPue | None:
    """The next kind of cooling with a lower PUE than the hall's; None if it has the lowest."""
    better = [one for one in known if one.pue < inputs.hall.pue]
    return max(better, key=lambda one: one.pue, default=None)


def find_larger_batch(
    *, inputs: Inputs, rows: Iterable[TokenEnergy], setups: Iterable[Setup]
) -> Served | None:
    """
    Of measured set-ups that fit the machine, at the largest batch of each, the one that takes least, if that
    is less than now.
    """
    listed = tuple(rows)
    found = [
        find_served(rows=listed, setup=setup, batch=Decimal(setup.batches[-1]), chips=inputs.machine.chips)
        for setup in setups
        if setup.chips <= inputs.machine.chips
    ]
    with localcontext(ROUNDING):
        now = inputs.work[Unit.OUTPUT]
        better = [
            one for one in found if one.point.joules < now.joules and one.tokens_per_second * now.seconds > 1
        ]
    return min(better, key=lambda one: one.point.joules, default=None)


def _require_token(unit: Unit) -> None:
    if unit not in {Unit.OUTPUT, Unit.INPUT, Unit.CACHED_INPUT}:
        raise BadInput("unit", "the batch moves what tokens cost, and nothing else")
