"""Power usage effectiveness by kind of cooling, for sites that declare none. Pure; imports no Django."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from marketplace.reference.tables import DATA, Evidence, Row, read_table

FILE = DATA / "default_pue.csv"
COLUMNS = ("cooling", "pue", "grade", "verified", "source", "date", "note")


@dataclass(frozen=True, slots=True)
class DefaultPue:
    """Facility energy over IT energy (ISO/IEC 30134-2, yearly) of a kind of cooling."""

    cooling: str
    pue: Decimal
    evidence: Evidence
    note: str


@cache
def read_default_pues(path: Path = FILE) -> tuple[DefaultPue, ...]:
    """
    Every kind of cooling of the table.

    :raises BadRow: naming file, line and field
    """
    return read_table(path, columns=COLUMNS, read=read_pue, key=lambda default: default.cooling)


def read_pue(row: Row) -> DefaultPue:
    return DefaultPue(
        cooling=row.text("cooling"),
        # Below one a hall would give back more than its machines take.
        pue=row.number("pue", low=1, high=4),
        evidence=row.evidence(),
        note=row.note("note"),
    )
