"""
What others ask for the models sold here, from the PyPI package `genai-prices`. Imports no Django.

Which of their names means which of ours is listed in `public_models.csv`, and nowhere guessed. The package's
data is large: it is imported when first asked for.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGE, CURRENCY = "genai-prices", "USD"
LICENCE, URL = "MIT", "https://github.com/pydantic/genai-prices"
NAMES = Path(__file__).with_name("public_models.csv")


@dataclass(frozen=True, slots=True)
class Name:
    """What one of our models is called by somebody who sells it too."""

    slug: str
    seller: str
    model: str


@dataclass(frozen=True, slots=True)
class PublicPrice:
    """
    Somebody's price of a million input and output tokens in USD; None where none is published.

    `hours` (UTC) is when of a day it holds, if not always; `since` from which day on, if that is known.
    `rises_above` is the length of a prompt in tokens, above which more is asked.
    """

    seller: str
    model: str
    input: Decimal | None
    output: Decimal | None
    hours: tuple[time, time] | None = None
    since: date | None = None
    rises_above: int | None = None


@dataclass(frozen=True, slots=True)
class Edition:
    """Which data prices are from; `newest` is the last day on which one of its prices began."""

    package: str
    version: str
    newest: date
    licence: str
    url: str


@cache
def read_names(path: Path = NAMES) -> tuple[Name, ...]:
    """The table of names."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(Name(**row) for row in csv.DictReader(file))


def list_prices(*, slug: str, day: date) -> list[PublicPrice]:
    """What others ask for a model on a day, by seller; empty for a model that is not in the table."""
    return [
        price
        for name in read_names()
        if name.slug == slug
        for price in _list_conditions(name, _index()[name.seller, name.model], day)
    ]


@cache
def find_edition(*, day: date) -> Edition:
    """The data that is installed, as of a day."""
    starts = [
        begun
        for _, model in _index().values()
        if isinstance(model.prices, list)
        for condition in model.prices
        if (begun := _find_start(condition.constraint)) is not None and begun <= day
    ]
    return Edition(PACKAGE, version(PACKAGE), max(starts), LICENCE, URL)


@cache
def _index() -> dict[tuple[str, str], tuple[Any, Any]]:
    # Here, because it is two megabytes that few processes need.
    from genai_prices.data import providers

    return {(seller.id, model.id): (seller, model) for seller in providers for model in seller.models}


def _list_conditions(name: Name, found: tuple[Any, Any], day: date) -> Iterator[PublicPrice]:
    """
    Yield the price that always holds, then those of certain hours.

    Of conditions that hold at once the last one counts, and the first one where none does.
    """
    seller, model = found
    if not isinstance(model.prices, list):
        yield _make_price(seller, name, model.prices)
        return
    begun = [place for place, one in enumerate(model.prices) if _has_begun(one.constraint, day)]
    last = begun[-1] if begun else 0
    first = model.prices[last]
    yield _make_price(seller, name, first.prices, since=_find_start(first.constraint))
    for condition in model.prices[last + 1 :]:
        if (hours := _find_hours(condition.constraint)) is not None:
            yield _make_price(seller, name, condition.prices, hours=hours)


def _has_begun(constraint: Any, day: date) -> bool:
    """Whether a price holds all day."""
    begun = _find_start(constraint)
    return constraint is None or (begun is not None and begun <= day)


def _find_start(constraint: Any) -> date | None:
    found: date | None = getattr(constraint, "start_date", None)
    return found


def _find_hours(constraint: Any) -> tuple[time, time] | None:
    start, end = getattr(constraint, "start_time", None), getattr(constraint, "end_time", None)
    return None if start is None or end is None else (start, end)


def _make_price(
    seller: Any, name: Name, prices: Any, *, hours: tuple[time, time] | None = None, since: date | None = None
) -> PublicPrice:
    given: list[Any] = [getattr(prices, kind, None) for kind in ("input_mtok", "output_mtok")]
    bases = [price.base if hasattr(price, "tiers") else price for price in given]
    tiers = [tier.start for price in given if hasattr(price, "tiers") for tier in price.tiers]
    return PublicPrice(
        seller=seller.name,
        model=name.model,
        input=bases[0],
        output=bases[1],
        hours=hours,
        since=since,
        rises_above=min(tiers, default=None),
    )
