"""A statement as CSV: every movement, with the balance after it."""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import batched
from typing import IO

from billing.statements import sources
from billing.statements.statement import BATCH, Line, Statement
from core.money import AMOUNT_PLACES

COLUMNS = ("day", "time", "kind", "job", "usage", "entry", "reference", "amount", "balance", "currency")
OPENING, CLOSING = "OPENING", "CLOSING"
# What a program for tables would take for a formula (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: how many movements, the SHA-256 of the bytes, and the first movements themselves."""

    lines: int
    sha256: str
    kept: list[tuple[Line, str]]
    """With what each one's source is called."""


def write_csv(statement: Statement, out: IO[bytes], *, keep: int = 0) -> Written:
    """
    Write a statement, the opening balance first and the closing one last.

    :param keep: so many movements are answered, too; none of them if there are more
    """
    digest = hashlib.sha256()
    kept: list[tuple[Line, str]] = []
    count = 0

    def write(rows: Sequence[Sequence[object]]) -> None:
        text = StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        piece = text.getvalue().encode()
        digest.update(piece)
        out.write(piece)

    write([COLUMNS, _end(statement, OPENING)])
    for lines in batched(statement.read_lines(), BATCH):
        named = sources.name_sources([line.source for line in lines if line.source is not None])
        pairs = [(line, named.get(line.source, "") if line.source is not None else "") for line in lines]
        write(list(_describe(pairs, statement.wallet.currency)))
        count += len(lines)
        kept = [*kept, *pairs] if count <= keep else []
    write([_end(statement, CLOSING)])
    return Written(count, digest.hexdigest(), kept)


def _end(statement: Statement, kind: str) -> Sequence[object]:
    period, opens = statement.period, kind == OPENING
    balance = statement.opening if opens else statement.closing
    day = period.since if opens else period.last
    return (day, "", kind, "", "", "", "", "", f"{balance:.{AMOUNT_PLACES}f}", statement.wallet.currency)


def _describe(pairs: Sequence[tuple[Line, str]], currency: str) -> Iterator[Sequence[object]]:
    for line, job in pairs:
        reference = line.reason or line.key
        yield (
            line.day.isoformat(),
            line.happened_at.isoformat(timespec="milliseconds"),
            line.kind,
            job,
            line.usage_id or "",
            line.entry_id,
            f"'{reference}" if reference.startswith(FORMULA) else reference,
            f"{line.amount:f}",
            f"{line.balance:f}",
            currency,
        )
