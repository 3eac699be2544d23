"""
Which published price counts when. Pure; imports no Django.

In force is the card that started last; of those that start together, the one with the highest number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Ask:
    """
    What an offer costs from `start` to `end` by one card; prices are for one token or chip-second.

    `per_kwh` is what electricity costs then, `location_g` the grid's grams CO2e per kWh, where they are known
    for that time. `forecast`: the price of electricity is; `surplus`: power is from a surplus lot, or costs
    nothing or less.
    """

    start: datetime
    end: datetime
    card: UUID
    number: int
    input: Decimal
    cached_input: Decimal
    output: Decimal
    chip_second: Decimal
    per_kwh: Decimal | None = None
    location_g: Decimal | None = None
    forecast: bool = False
    surplus: bool = False


@dataclass(frozen=True, slots=True)
class Lowest:
    """The lowest ask of several offers from `start` to `end`; `offer` is its place among them."""

    start: datetime
    end: datetime
    ask: Ask
    offer: int


def cut_asks(asks: Iterable[Ask], *, start: datetime, end: datetime) -> list[Ask]:
    """
    Of one offer's cards what counts between two moments; there are gaps where nothing does.

    :param asks: each until its card runs out by itself, or `end`
    """
    last = {ask.start: ask for ask in sorted(asks, key=lambda ask: (ask.start, ask.number))}
    begun = sorted(last)
    found = []
    for place, moment in enumerate(begun):
        ask, following = last[moment], begun[place + 1] if place + 1 < len(begun) else end
        first, until = max(moment, start), min(ask.end, following, end)
        if first < until:
            found.append(replace(ask, start=first, end=until))
    return found


def find_lowest(offers: Sequence[Sequence[Ask]], *, start: datetime, end: datetime) -> list[Lowest]:
    """The lowest output price among offers, stretch by stretch; of equal ones the first offer's."""
    edges = {start, end} | {edge for asks in offers for ask in asks for edge in (ask.start, ask.end)}
    inside = sorted(edge for edge in edges if start <= edge <= end)
    places = [0] * len(offers)
    found: list[Lowest] = []
    for at, until in pairwise(inside):
        there = []
        for offer, asks in enumerate(offers):
            while places[offer] < len(asks) and asks[places[offer]].end <= at:
                places[offer] += 1
            if places[offer] < len(asks) and asks[places[offer]].start <= at:
                there.append((asks[places[offer]].output, offer))
        if not there:
            continue
        _, offer = min(there)
        ask = offers[offer][places[offer]]
        if found and found[-1].ask is ask and found[-1].end == at:
            found[-1] = replace(found[-1], end=until)
        else:
            found.append(Lowest(at, until, ask, offer))
    return found
