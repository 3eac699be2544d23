"""Who takes least energy for a token, and who asks least for it: ours by region, and others beside them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from core.brief import recall
from core.quantities import EXACT
from marketplace import public_prices
from marketplace.board import MILLION, Place, Row, recall_rows
from marketplace.caveats import Caveat
from marketplace.energy.estimator import SOURCE as ESTIMATOR
from marketplace.energy.joules import Basis
from marketplace.public_prices import PublicPrice

FRESH_SECONDS = 30
# How findings and reference rows begin their source (joules_findings, energy.joules).
FINDING = re.compile(r"finding \d+: ")
REFERENCE = "ML.ENERGY"


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """
    Chip joules of an output token at a model's cheapest offer of a region, and how they are known.

    `kwh` is of a million tokens at the meter, with idle time, cooling and losses.
    """

    slug: str
    place: Place
    joules: Decimal
    evidence: Basis
    tier: str
    source: str
    kwh: Decimal | None
    row: Row

    @property
    def key(self) -> tuple[str, ...]:
        """What there is one row of; rows are in this order."""
        return f"{self.joules:030.9f}", *self.row.key


@dataclass(frozen=True, slots=True)
class Asked:
    """One price of a million tokens: ours, of a region, or somebody else's."""

    seller: str
    place: Place | None
    currency: str
    input: Decimal | None
    output: Decimal | None
    caveats: frozenset[Caveat]
    row: Row | None = None
    public: PublicPrice | None = None

    @property
    def here(self) -> bool:
        """Whether it is ours."""
        return self.row is not None

    @property
    def hours(self) -> list[str] | None:
        """When of a day it holds, in UTC; None if always."""
        if self.public is None or self.public.hours is None:
            return None
        return [moment.strftime("%H:%M") for moment in self.public.hours]


@dataclass(frozen=True, slots=True)
class PriceTable:
    """A model's prices, the lowest first within each currency; `known` says whether others have any."""

    slug: str
    asked: tuple[Asked, ...]
    known: bool


def recall_energy(*, now: datetime) -> list[EnergyRow]:
    """Every model and region, the least joules first; nothing older than half a minute."""
    return recall("energy", seconds=FRESH_SECONDS, now=now, find=lambda: rank_energy(recall_rows(now=now)))


def recall_prices(*, now: datetime) -> list[PriceTable]:
    """Every model that is sold here, by slug; nothing older than half a minute."""
    return recall(
        "asked", seconds=FRESH_SECONDS, now=now, find=lambda: rank_prices(recall_rows(now=now), now)
    )


def rank_energy(rows: Sequence[Row]) -> list[EnergyRow]:
    """Rows of the board by the joules their prices are built from; first cards do not say them."""
    found = [energy for row in rows if (energy := _read_energy(row)) is not None]
    return sorted(found, key=lambda one: one.key)


def rank_prices(rows: Sequence[Row], now: datetime) -> list[PriceTable]:
    """Rows of the board, and what others ask for the same model on that day."""
    tables = []
    for slug, group in groupby(rows, key=lambda row: row.slug):
        ours = [_describe_ours(row) for row in group]
        others = [_describe_public(price) for price in public_prices.list_prices(slug=slug, day=now.date())]
        asked = sorted([*ours, *others], key=_rank)
        tables.append(PriceTable(slug, tuple(asked), bool(others)))
    return tables


def find_evidence(*, source: str, tier: str) -> Basis:
    """Where joules are from, by what a card says of them."""
    told = FINDING.sub("", source)
    if tier not in ("declared", ""):
        return Basis.MEASURED
    if told.startswith(ESTIMATOR):
        return Basis.ESTIMATED
    return Basis.REFERENCE if told.startswith(REFERENCE) else Basis.DECLARED


def _read_energy(row: Row) -> EnergyRow | None:
    lines = [line for line in row.breakdown["lines"] if line["line"] == "electricity"]
    if not lines or "joules.output" not in lines[0]["inputs"]:
        return None
    line = lines[0]
    # Its sources are the price's, then the joules'; one that is the same as the other is told once.
    source, tier = line["sources"][-1], line.get("tier") or ""
    return EnergyRow(
        slug=row.slug,
        place=row.place,
        joules=Decimal(line["inputs"]["joules.output"]),
        evidence=find_evidence(source=source, tier=tier),
        tier=tier,
        source=FINDING.sub("", source),
        kwh=row.footprint.kwh,
        row=row,
    )


def _describe_ours(row: Row) -> Asked:
    return Asked(
        seller=row.place.provider,
        place=row.place,
        currency=row.currency,
        input=EXACT.multiply(row.input_price, MILLION),
        output=EXACT.multiply(row.output_price, MILLION),
        caveats=row.caveats,
        row=row,
    )


def _describe_public(price: PublicPrice) -> Asked:
    return Asked(
        seller=price.seller,
        place=None,
        currency=public_prices.CURRENCY,
        input=price.input,
        output=price.output,
        caveats=frozenset(),
        public=price,
    )


def _rank(asked: Asked) -> tuple[str, bool, Decimal, str]:
    # Who publishes no price of outputs comes last.
    return asked.currency, asked.output is None, asked.output or Decimal(0), asked.seller
