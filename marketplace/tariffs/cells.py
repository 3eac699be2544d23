"""
What each component costs while everything but the indices stands still.

A cost is linear in the prices of the indices, so it is a vector: a constant, and one factor for each index.
That makes 35,040 quarter-hours a multiplication and an addition each, and their components a matter of
whoever asks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from core.money import PRICE_PLACES
from core.quantities import EXACT, ROUNDING, round_half_even
from marketplace.tariffs.components import Component, Indexed, Kind, Percentage, Rate, Tiered
from marketplace.tariffs.monthly import PERCENT, Credit
from marketplace.tariffs.series import Basis
from marketplace.tariffs.supplies import Direction, DrEvent, Ppa, Surplus
from marketplace.tariffs.tariff import Tariff
from marketplace.tariffs.windows import Window

type Vector = tuple[Decimal, ...]
ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Taken:
    """So many kW (or a share of one) taken from a supply, at a price; of a CFD they are only settled."""

    component: str
    kw: Decimal
    price: Decimal
    replaces: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """
    What holds over a span: the window of each schedule, what is taken from supplies, and events.

    Costs are for `total` kW. `assumed` names supplies whose volume is a forecast; `tier_prices` are those of
    the tiers in which the next kWh lies.
    """

    windows: Mapping[str, Window]
    total: Decimal = ONE
    taken: tuple[Taken, ...] = ()
    events: tuple[DrEvent, ...] = ()
    calendar_known: bool = True
    assumed: tuple[tuple[str, Basis], ...] = ()
    tier_prices: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def forecast(self) -> bool:
        """Whether something here is assumed rather than known."""
        return not self.calendar_known or bool(self.assumed)


def add(vectors: Iterable[Vector], size: int) -> Vector:
    """Return the sum of vectors; of none, zero."""
    total = (ZERO,) * size
    with localcontext(EXACT):
        for vector in vectors:
            total = tuple(mine + yours for mine, yours in zip(total, vector, strict=True))
    return total


def scale(vector: Vector, factor: Decimal) -> Vector:
    """Return a vector times a number, exactly."""
    return tuple(EXACT.multiply(part, factor) for part in vector)


def divide(vector: Vector, divisor: Decimal) -> Vector:
    """Return a vector divided by a number, rounded to 18 places."""
    return tuple(round_half_even(ROUNDING.divide(part, divisor), PRICE_PLACES) for part in vector)


def cost_parts(
    *, tariff: Tariff, conditions: Conditions, numbers: Mapping[str, int]
) -> tuple[dict[str, Vector], dict[str, Vector]]:
    """
    Return what each component that is no percentage costs an hour: as charged, and before multipliers.

    `numbers` gives the place of each component's index, from 1.
    """
    size = len(numbers) + 1
    multiplier = conditions.windows[""].value if "" in conditions.windows else ONE
    charged: dict[str, Vector] = {}
    before: dict[str, Vector] = {}
    for part in tariff.components:
        plain = _plain_cost(part, conditions, numbers, size)
        if plain is not None:
            before[part.name] = plain
            charged[part.name] = scale(plain, multiplier) if part.floats else plain
    return charged, before


def _plain_cost(
    part: Component, conditions: Conditions, numbers: Mapping[str, int], size: int
) -> Vector | None:
    """Return the cost before multipliers; None for percentages and for what only a month costs."""
    if isinstance(part, Rate | Indexed | Tiered):
        with localcontext(EXACT):
            weight = conditions.total
            for one in conditions.taken:
                if part.name in one.replaces:
                    weight -= one.kw
        if isinstance(part, Indexed):
            return _unit(numbers[part.name], weight, size)
        return _unit(0, EXACT.multiply(weight, _price_of(part, conditions)), size)
    if isinstance(part, Credit):
        if part.price is None:
            return None
        return _unit(0, EXACT.multiply(conditions.total, part.price).copy_negate(), size)
    if isinstance(part, Ppa | Surplus):
        mine = [one for one in conditions.taken if one.component == part.name]
        costs = [_unit(0, EXACT.multiply(one.kw, one.price), size) for one in mine]
        if part.name in numbers:
            costs += [_unit(numbers[part.name], one.kw.copy_negate(), size) for one in mine]
        return add(costs, size)
    return None


def _price_of(part: Rate | Tiered, conditions: Conditions) -> Decimal:
    if isinstance(part, Tiered):
        return conditions.tier_prices[part.name]
    return conditions.windows[part.name].value if part.price is None else part.price


def _unit(place: int, value: Decimal, size: int) -> Vector:
    return tuple(value if number == place else ZERO for number in range(size))


def with_percentages(
    *, tariff: Tariff, charged: Mapping[str, Vector], before: Mapping[str, Vector], size: int
) -> dict[str, Vector]:
    """Return the costs of all components that have one, losses and taxes included, in the tariff's order."""
    charged, before = dict(charged), dict(before)
    for part in tariff.components:
        if not isinstance(part, Percentage):
            continue
        share = EXACT.multiply(part.percent, PERCENT)
        plain = scale(add((before[name] for name in part.of if name in before), size), share)
        moved = scale(add((charged[name] for name in part.of if name in charged), size), share)
        before[part.name] = plain
        charged[part.name] = moved if part.floats or part.kind is Kind.TAX_PCT else plain
    return {part.name: charged[part.name] for part in tariff.components if part.name in charged}


def event_cost(event: DrEvent) -> Decimal:
    """
    Return what one more kWh costs or earns during an event, beside its price.

    While load is to be shed it forfeits the pay and may bring the penalty; while it is to be raised it earns
    the one and spares the other.
    """
    stake = EXACT.add(event.pay_per_kwh, event.penalty_per_kwh)
    return stake if event.direction is Direction.SHED else stake.copy_negate()


@dataclass(frozen=True, slots=True)
class Cell:
    """
    Costs under one set of conditions: of each component, and their sum.

    `charged` and `before` are those of components that are no percentage, after and before multipliers.
    """

    conditions: Conditions
    parts: Mapping[str, Vector]
    whole: Vector
    charged: Mapping[str, Vector]
    before: Mapping[str, Vector]

    @classmethod
    def of(
        cls, *, tariff: Tariff, conditions: Conditions, numbers: Mapping[str, int], per_kwh: bool
    ) -> "Cell":
        """Return the cell of some conditions; `per_kwh` divides what `total` kW cost by them."""
        size = len(numbers) + 1
        charged, before = cost_parts(tariff=tariff, conditions=conditions, numbers=numbers)
        parts = with_percentages(tariff=tariff, charged=charged, before=before, size=size)
        for event in conditions.events:
            parts[f"event:{event.uid}"] = _unit(0, event_cost(event), size)
        if per_kwh and conditions.total != 1:
            parts = {name: divide(part, conditions.total) for name, part in parts.items()}
        return cls(conditions, parts, add(parts.values(), size), charged, before)
