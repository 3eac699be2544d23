"""
Verification: everything that must be true of the books, recomputed from the rows themselves.

A check is one SQL file whose query answers the rows that are wrong; its name is the file's, its first comment
says what holds. Applications register folders of them, so that checks across jobs, attempts and usage stay
with the layer that knows those.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from core import sql

FINDINGS_MAX = 100
"""Rows named for each check; one wrong rule often spoils thousands."""

_folders: list[str] = []


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    name: str
    promise: str
    query: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that breaks a promise: the check's name and the row's own columns."""

    check: str
    row: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.check}: " + " ".join(f"{name}={value}" for name, value in self.row.items())


def register_checks(folder: str) -> None:
    """Add a folder of SQL files, relative to the repository."""
    if folder not in _folders:
        _folders.append(folder)


def list_checks() -> list[Check]:
    """All registered checks, by name."""
    paths = [path for folder in _folders for path in (sql.REPOSITORY / folder).glob("*.sql")]
    return sorted(map(_read, paths), key=lambda check: check.name)


def verify() -> list[Finding]:
    """
    Run every check in one snapshot and answer what is wrong, at most FINDINGS_MAX rows a check.

    Needs no lock and disturbs nobody. Not to be called inside a transaction, whose snapshot may be old.
    """
    findings: list[Finding] = []
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Reading everything takes as long as it takes.
        cursor.execute("SET LOCAL statement_timeout = 0")
        for check in list_checks():
            cursor.execute(check.query)
            names = [column.name for column in cursor.description or ()]
            rows = cursor.fetchmany(FINDINGS_MAX)
            findings += [Finding(check.name, dict(zip(names, map(_plain, row), strict=True))) for row in rows]
    return findings


def _plain(value: Any) -> Any:
    # The plain form of a billionth is not 1E-9.
    return f"{value:f}" if isinstance(value, Decimal) else value


def _read(path: Path) -> Check:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    comment = []
    while lines and lines[0].startswith("--"):
        comment.append(lines.pop(0).removeprefix("--").strip())
    return Check(name=path.stem, promise=" ".join(comment), query="\n".join(lines))
