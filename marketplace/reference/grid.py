"""Yearly carbon intensity of grids, for sites without an hourly series. Pure; imports no Django."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from marketplace.reference.tables import DATA, Evidence, Row, read_table

FILE = DATA / "grid_factors.csv"
GASES = frozenset({"co2", "co2e"})
G_PER_KWH_MAX = 2_000
COLUMNS = ("zone", "name", "g_per_kwh", "gas", "year", "grade", "verified", "source", "date", "note")


@dataclass(frozen=True, slots=True)
class GridFactor:
    """
    Grams per kWh generated in a grid zone, mean of `year`, location-based.

    `gas` is `co2e`, or `co2` where the source counts carbon dioxide alone. Zones are named as their market
    does: `CN-GZ` (ISO 3166-2) for provinces and states, `SE3` for bidding zones, `DE` for countries.
    """

    zone: str
    name: str
    g_per_kwh: Decimal
    gas: str
    year: int
    evidence: Evidence
    note: str


@cache
def read_grid_factors(path: Path = FILE) -> tuple[GridFactor, ...]:
    """
    Every grid of the table.

    :raises BadRow: naming file, line and field
    """
    return read_table(path, columns=COLUMNS, read=read_factor, key=lambda factor: factor.zone)


def read_factor(row: Row) -> GridFactor:
    gas = row.text("gas")
    if gas not in GASES:
        raise row.refuse("gas", f"{gas!r} is neither co2 nor co2e")
    return GridFactor(
        zone=row.text("zone"),
        name=row.text("name"),
        g_per_kwh=row.number("g_per_kwh", low=0, high=G_PER_KWH_MAX),
        gas=gas,
        year=row.count("year", low=1990, high=2100),
        evidence=row.evidence(),
        note=row.note("note"),
    )
