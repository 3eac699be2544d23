"""A span of time laid out for a tariff: edges, the prices of each index between them, and cells."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from core.money import PRICE_PLACES
from core.quantities import EXACT, ROUNDING, round_half_even
from marketplace.tariffs.cells import ONE, Cell, Conditions
from marketplace.tariffs.clock import LocalClock
from marketplace.tariffs.components import Tiered
from marketplace.tariffs.indices import price_index
from marketplace.tariffs.questions import Question, Reading
from marketplace.tariffs.refusals import FigureMissing
from marketplace.tariffs.series import Column, to_seconds
from marketplace.tariffs.stack import Stack

HOURS_PER_MONTH = Decimal(730)

TOO_MANY_DIGITS = "the figures have so many digits that their products are not exact in 60"


@dataclass(frozen=True, slots=True)
class Layout:
    """
    Edges of a grid; for each index its prices on the grid; cells with the number of the edge they start at.
    """

    edges: list[int]
    indices: list[Column]
    starts: list[int]
    cells: list[Cell]

    def ranges(self) -> Iterator[tuple[int, int, Cell]]:
        """Yield (first, last, cell): a cell holds for the steps of the grid from first, before last."""
        yield from zip(self.starts, [*self.starts[1:], len(self.edges) - 1], self.cells, strict=True)


def lay_out(question: Question) -> Layout:
    """
    Lay a span out.

    :raises PriceUnknown, FigureMissing, NotInForce, TariffInvalid, CurrencyMismatch: naming what is missing
    """
    question.check()
    clock = LocalClock(question.tariff, question.site.calendar)
    span = (question.start, question.end)
    terms = question.terms()
    numbers = {name: place for place, name in enumerate(terms, 1)}
    columns = [
        price_index(
            term=term,
            component=name,
            currency=question.tariff.currency,
            zone=clock.zone,
            series=question.series,
            span=span,
        )
        for name, term in terms.items()
    ]
    times: list[int] = []
    cells: list[Cell] = []
    made: dict[object, Cell] = {}
    for start, key, conditions in _conditions(question, clock):
        cell = made.get(key)
        if cell is None:
            cell = made[key] = Cell.of(
                tariff=question.tariff,
                conditions=conditions,
                numbers=numbers,
                per_kwh=question.reading is Reading.MEAN,
            )
        if not cells or cells[-1] is not cell:
            times.append(start)
            cells.append(cell)
    edges = _join([[*times, question.end], *(column.edges for column in columns)])
    starts = [bisect_left(edges, moment) for moment in times]
    return Layout(edges, [column.on(edges) for column in columns], starts, cells)


def _join(lists: list[list[int]]) -> list[int]:
    longest = max(lists, key=len)
    joined = set(longest).union(*(edges for edges in lists if edges is not longest))
    return longest if len(joined) == len(longest) else sorted(joined)


def _conditions(question: Question, clock: LocalClock) -> Iterator[tuple[int, object, Conditions]]:
    """Yield (start, key, conditions) for each span of constant conditions; equal keys, equal conditions."""
    slices = clock.slices(question.start, question.end)
    stack = Stack.of(question)
    events = [
        (to_seconds(event.start), to_seconds(event.end), event)
        for event in (question.events if question.reading is Reading.MARGINAL else ())
        if to_seconds(event.start) < question.end and to_seconds(event.end) > question.start
    ]
    inside = {moment for start, end, _ in events for moment in (start, end)} | stack.edges()
    edges = {one.start for one in slices} | {m for m in inside if question.start < m < question.end}
    tiers = _tier_prices(question)
    at = 0
    for moment in sorted(edges):
        while slices[at].end <= moment:
            at += 1
        now = slices[at]
        windows = dict(zip(clock.owners, now.windows, strict=False))
        total = stack.total_at(moment)
        taken, assumed = stack.take(moment, windows)
        active = tuple(event for start, end, event in events if start <= moment < end)
        key = (id(now.windows), now.calendar_known, total, taken, assumed, active)
        yield (
            moment,
            key,
            Conditions(
                windows=windows,
                total=total,
                taken=taken,
                events=active,
                calendar_known=now.calendar_known,
                assumed=assumed,
                tier_prices=tiers,
            ),
        )


def _tier_prices(question: Question) -> dict[str, Decimal]:
    tiered = [part for part in question.tariff.components if isinstance(part, Tiered)]
    if question.reading is Reading.COST:
        return {part.name: ONE for part in tiered}
    site = question.site
    kwh = site.kwh_month or EXACT.multiply(site.load_kw, HOURS_PER_MONTH)
    if tiered and not kwh:
        raise FigureMissing("tiers need kwh_month or load_kw of the site", component=tiered[0].name)
    if question.reading is Reading.MARGINAL:
        return {part.name: part.price_at(kwh) for part in tiered}
    return {
        part.name: round_half_even(ROUNDING.divide(part.cost_of(kwh), kwh), PRICE_PLACES) for part in tiered
    }
