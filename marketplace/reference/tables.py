"""Reads a table of reference data so that a wrong row says where it is wrong. Pure; imports no Django."""

import csv
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from core.money import NotAnAmount, parse_decimal

DATA = Path(__file__).resolve().parent / "data"
DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")


class Grade(StrEnum):
    """How good the evidence of a figure is."""

    PRIMARY = "A"
    """Official, a vendor's own publication, or a measured data set."""
    PRESS = "B"
    """Trade press, or a copy of a vendor's page."""
    BLOG = "C"
    """One analyst or blog."""
    KNOWLEDGE = "K"
    """Generally believed, not looked up."""
    COMPUTED = "S"
    """Computed from stated inputs."""


class BadRow(ValueError):
    """A file holds something that cannot be; names the file, the line (0 of a document) and the field."""

    def __init__(self, file: str, line: int, field: str, reason: str) -> None:
        # A document has fields and no rows.
        where = f"{file}, line {line}" if line else file
        super().__init__(f"{where}, {field}: {reason}")
        self.file = file
        self.line = line
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    Where a figure comes from: who says so, as of when (YYYY, YYYY-MM or YYYY-MM-DD), and how good that is.

    `verified`: read in what its originator published, or in a data package that carries that; not hearsay.
    """

    source: str
    date: str
    grade: Grade
    verified: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. Every method raises BadRow if the field does not hold what it should."""

    file: str
    line: int
    fields: dict[str, str]

    def refuse(self, field: str, reason: str) -> BadRow:
        """The error to raise about a field."""
        return BadRow(self.file, self.line, field, reason)

    def text(self, field: str) -> str:
        """A text that is there."""
        if not self.fields[field]:
            raise self.refuse(field, "is empty")
        return self.fields[field]

    def note(self, field: str) -> str:
        """A text that may be empty."""
        return self.fields[field]

    def number_if_known(self, field: str, *, low: Decimal | int, high: Decimal | int) -> Decimal | None:
        """A number from `low` to `high`, or None where the field is empty."""
        return self.number(field, low=low, high=high) if self.fields[field] else None

    def number(self, field: str, *, low: Decimal | int, high: Decimal | int) -> Decimal:
        """A decimal literal from `low` to `high`."""
        try:
            value = parse_decimal(self.text(field))
        except NotAnAmount:
            raise self.refuse(field, f"{self.fields[field]!r} is not a number")
        if not low <= value <= high:
            raise self.refuse(field, f"{value} is not between {low} and {high}")
        return value

    def count(self, field: str, *, low: int = 1, high: int = 1_000_000) -> int:
        """A whole number from `low` to `high`."""
        value = self.number(field, low=low, high=high)
        if value != value.to_integral_value():
            raise self.refuse(field, f"{value} is not a whole number")
        return int(value)

    def truth(self, field: str) -> bool:
        """True or false, written as a word."""
        word = self.text(field).lower()
        if word not in {"true", "false"}:
            raise self.refuse(field, f"{self.fields[field]!r} is neither true nor false")
        return word == "true"

    def evidence(self) -> Evidence:
        """The columns `source`, `date`, `grade` and `verified`."""
        date, grade = self.text("date"), self.text("grade")
        if not DATE.fullmatch(date):
            raise self.refuse("date", f"{date!r} is not YYYY, YYYY-MM or YYYY-MM-DD")
        if grade not in set(Grade):
            raise self.refuse("grade", f"{grade!r} is none of {', '.join(Grade)}")
        return Evidence(
            source=self.text("source"), date=date, grade=Grade(grade), verified=self.truth("verified")
        )


def read_table[Read](
    path: Path, *, columns: tuple[str, ...], read: Callable[[Row], Read], key: Callable[[Read], Hashable]
) -> tuple[Read, ...]:
    """
    Every row of a CSV file with exactly these columns, in the file's order.

    :param key: what no two rows may share

    :raises BadRow: if the columns differ, a field is wrong, or two rows have one key
    """
    made: list[Read] = []
    lines: dict[Hashable, int] = {}
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.reader(file, strict=True)
        header = tuple(next(table, ()))
        if header != columns:
            wrong = next((name for name in columns if name not in header), "header")
            raise BadRow(path.name, 1, wrong, f"the columns are not {', '.join(columns)}")
        try:
            for values in table:
                row = Row(path.name, table.line_num, _pair(path.name, table.line_num, columns, values))
                made.append(read(row))
                first = lines.setdefault(key(made[-1]), row.line)
                if first != row.line:
                    raise row.refuse(columns[0], f"the same as in line {first}")
        except csv.Error as error:
            raise BadRow(path.name, table.line_num, "row", str(error))
    return tuple(made)


def _pair(file: str, line: int, columns: tuple[str, ...], values: list[str]) -> dict[str, str]:
    if len(values) != len(columns):
        raise BadRow(file, line, "row", f"has {len(values)} fields instead of {len(columns)}")
    return {column: value.strip() for column, value in zip(columns, values, strict=True)}
