"""
The shipped files as they are loaded into the database: rows of texts with their evidence, and a digest of the
whole. Pure; imports no Django.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marketplace.reference import chips, cooling, examples, grid, joules
from marketplace.reference.examples import TariffExample
from marketplace.reference.tables import DATA, BadRow, Evidence, Grade, Row, read_table

LIST = "files.csv"
# What a row says about itself.
ABOUT = frozenset({"source", "date", "grade", "verified", "note"})
COLUMNS = ("file", "title", "source", "date", "licence", "url", "note")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one row says under its key; an empty text is "not known"."""

    key: str
    figures: Mapping[str, Any]
    evidence: Evidence
    note: str


@dataclass(frozen=True, slots=True)
class ReferenceFile:
    """
    One file with its rows. `digest` is SHA-256 over its content and its line in the list of files,
    hexadecimal: another licence is another version too.
    """

    name: str
    title: str
    source: str
    date: str
    licence: str
    url: str
    note: str
    digest: str
    rows: tuple[Figures, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """How a row of a file is checked, which column names it, and what vouches for rows that say nothing."""

    columns: tuple[str, ...]
    check: Callable[[Row], object]
    key: str
    evidence: Evidence | None = None

    def read(self, row: Row) -> Figures:
        """
        The row as texts, if it can be meant.

        :raises BadRow: naming file, line and field
        """
        self.check(row)
        about = ABOUT | {self.key}
        return Figures(
            key=row.text(self.key),
            figures={name: value for name, value in row.fields.items() if name not in about},
            evidence=self.evidence or row.evidence(),
            note=row.fields.get("note", ""),
        )


KINDS: Mapping[str, Kind] = {
    chips.FILE.stem: Kind(chips.COLUMNS, chips.read_chip, "slug"),
    joules.FILE.stem: Kind(joules.COLUMNS, joules.read_energy, "row_id", joules.EVIDENCE),
    grid.FILE.stem: Kind(grid.COLUMNS, grid.read_factor, "zone"),
    cooling.FILE.stem: Kind(cooling.COLUMNS, cooling.read_pue, "cooling"),
}


def read_files(folder: Path = DATA) -> tuple[ReferenceFile, ...]:
    """
    Every file of the list, checked row by row.

    :raises BadRow: naming file, line and field
    """

    return read_table(
        folder / LIST, columns=COLUMNS, read=lambda row: _read_file(row, folder), key=lambda file: file.name
    )


def check_figures(*, name: str, figures: Mapping[str, str], shipped: Mapping[str, str]) -> None:
    """
    Refuse what could not stand in a file: `figures`, which replace fields of the row `shipped`.

    :raises BadRow: naming the field
    """
    kind = KINDS.get(name)
    if kind is None:
        raise BadRow(name, 0, "name", "there is no such file")
    for unknown in sorted(figures.keys() - (set(kind.columns) - ABOUT - {kind.key})):
        raise BadRow(name, 0, unknown, "there is no such field")
    missing = dict.fromkeys(kind.columns, "")
    # What a row says about itself is not the provider's to say.
    about = {kind.key: "-", "source": "-", "date": "2000", "grade": Grade.KNOWLEDGE, "verified": "false"}
    kind.check(Row(name, 0, {**missing, **shipped, **figures, **about}))


def _read_file(row: Row, folder: Path) -> ReferenceFile:
    path = folder / row.text("file")
    if path.name == examples.FOLDER.name and path.is_dir():
        contents = sorted(path.glob("*.json"))
        rows = tuple(_as_figures(example) for example in examples.read_tariff_examples(path))
    elif path.stem in KINDS and path.is_file():
        kind = KINDS[path.stem]
        contents = [path]
        rows = read_table(path, columns=kind.columns, read=kind.read, key=lambda figures: figures.key)
    else:
        raise row.refuse("file", f"{path.name} is not there, or nothing knows how to read it")
    digest = hashlib.sha256("\x1f".join(row.fields.values()).encode())
    for content in contents:
        digest.update(b"\x1e" + content.name.encode() + b"\x1f" + content.read_bytes())
    return ReferenceFile(
        name=path.stem,
        title=row.text("title"),
        source=row.text("source"),
        date=row.text("date"),
        licence=row.text("licence"),
        url=row.note("url"),
        note=row.note("note"),
        digest=digest.hexdigest(),
        rows=rows,
    )


def _as_figures(example: TariffExample) -> Figures:
    claims = [
        {"claim": said.claim, "source": said.evidence.source, "date": said.evidence.date}
        | {"grade": said.evidence.grade.value}
        for said in example.claims
    ]
    tariff = example.tariff
    return Figures(
        key=example.name,
        figures={
            "title": example.title,
            "hub": example.hub,
            "grid_zone": example.grid_zone,
            "illustrative": example.illustrative,
            "claims": claims,
            "tariff": example.document,
        },
        evidence=Evidence(
            source="; ".join(dict.fromkeys(said.evidence.source for said in example.claims)) or "none found",
            date=max((said.evidence.date for said in example.claims), default="2026-11"),
            grade=Grade(tariff.grade) if tariff else Grade.KNOWLEDGE,
            verified=tariff.verified if tariff else False,
        ),
        note=example.note,
    )
