"""
The ledger as a file, for programs of others: an hledger journal that proves itself, or CSV.

Entries come in ledger order (`ledger_seq`), page by page out of one snapshot, so that any size streams.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from typing import TextIO
from urllib.parse import quote

from django.db import connection, transaction

from core.money import AMOUNT_PLACES, fit

PAGE_ENTRIES = 2000
# What has a meaning in a journal's line is written as %XX.
PLAIN = ":._-/ @+=#"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

CSV_COLUMNS = (
    *("number", "entry", "key", "kind", "actor", "reason", "reverses", "happened_at", "recorded_at"),
    *("line", "account", "currency", "debit", "credit"),
)

PAGE = """
SELECT s.seq, e.id, e.key, e.kind, e.actor, e.reason, e.reverses, e.happened_at, e.recorded_at,
       p.seq, a.code, p.currency, p.amount
  FROM ledger_seq s JOIN entry e ON e.id = s.entry_id
  JOIN posting p ON p.entry_id = e.id JOIN ledger_account a ON a.id = p.account_id
 WHERE s.seq > %s AND s.seq <= %s ORDER BY s.seq, p.seq
"""


@dataclass(frozen=True, slots=True)
class Leg:
    """One posting: positive for a debit."""

    number: int
    account: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class NumberedEntry:
    """One entry with its postings."""

    number: int
    id: int
    key: str
    kind: str
    actor: str
    reason: str
    reverses: int | None
    happened_at: datetime
    recorded_at: datetime
    legs: list[Leg]


def export_ledger(output: TextIO, *, style: str) -> None:
    """
    Write every numbered entry as `hledger` or `csv`.

    :raises KeyError: for another style
    """
    write = WRITERS[style]
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        write(output)


def read_entries() -> Iterator[NumberedEntry]:
    """Numbered entries in ledger order; to be read inside one snapshot."""
    last = _read_one("SELECT coalesce(max(seq), 0) FROM ledger_seq")
    for start in range(0, last, PAGE_ENTRIES):
        with connection.cursor() as cursor:
            cursor.execute(PAGE, [start, start + PAGE_ENTRIES])
            rows = cursor.fetchall()
        for head, lines in groupby(rows, key=lambda row: row[:9]):
            legs = [Leg(number, code, currency, amount) for *_, number, code, currency, amount in lines]
            yield NumberedEntry(*(*head, legs))


def write_hledger(output: TextIO) -> None:
    """
    Write a journal that `hledger check --strict balancednoautoconversion ordereddates` accepts.

    The commodity's nine places keep hledger from tolerating a difference. The last transaction asserts the
    balance that our own fold has of each account, so that hledger recomputes every one of them.
    """
    output.write("; The ledger in the order of its numbers. Debits are positive, credits negative.\n")
    with connection.cursor() as cursor:
        cursor.execute("SELECT code FROM currency ORDER BY code")
        output.writelines(f'commodity 1000.000000000 "{code}"\n' for (code,) in cursor.fetchall())
        cursor.execute("SELECT code FROM ledger_account ORDER BY code")
        output.writelines(f"account {code}\n" for (code,) in cursor.fetchall())
    day = date.min
    for entry in read_entries():
        # Numbers follow commits; the day never goes back although a commit may be overtaken around midnight.
        day = max(day, entry.recorded_at.astimezone(UTC).date())
        output.write(_make_transaction(entry, day))
    if day > date.min:
        output.write(_make_closing(day))


def write_csv(output: TextIO) -> None:
    """Write one row for each posting: ISO dates, amounts in a debit or a credit column, nine places."""
    writer = csv.writer(output)
    writer.writerow(CSV_COLUMNS)
    for entry in read_entries():
        for leg in entry.legs:
            amount = fit(leg.amount, AMOUNT_PLACES)
            writer.writerow(
                [
                    *(entry.number, entry.id, _guard(entry.key), _guard(entry.kind), _guard(entry.actor)),
                    *(_guard(entry.reason), entry.reverses or ""),
                    *(_isoformat(entry.happened_at), _isoformat(entry.recorded_at)),
                    *(leg.number, _guard(leg.account), leg.currency),
                    *((f"{amount:f}", "") if amount > 0 else ("", f"{amount.copy_negate():f}")),
                ]
            )


WRITERS: dict[str, Callable[[TextIO], None]] = {"hledger": write_hledger, "csv": write_csv}


def _make_transaction(entry: NumberedEntry, day: date) -> str:
    head = f"\n{day} * ({_escape(entry.key)}) {entry.kind}"
    tags = f"number:{entry.number}, entry:{entry.id}, happened:{_isoformat(entry.happened_at)}"
    tags += f", actor:{_escape(entry.actor)}"
    tags += f", reverses:{entry.reverses}" if entry.reverses else ""
    tags += f", reason:{_escape(entry.reason)}" if entry.reason else ""
    lines = [f'    {leg.account}  {fit(leg.amount, AMOUNT_PLACES):f} "{leg.currency}"' for leg in entry.legs]
    return "\n".join([f"{head}  ; {tags}", *lines, ""])


def _make_closing(day: date) -> str:
    lines = [f"\n{day} * Closing balances"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.code, a.currency, f.amount FROM account_fold f"
            " JOIN ledger_account a ON a.id = f.account_id ORDER BY a.code"
        )
        for code, currency, amount in cursor.fetchall():
            balance = fit(amount, AMOUNT_PLACES)
            lines.append(f'    {code}  0.000000000 "{currency}" = {balance:f} "{currency}"')
    return "\n".join([*lines, ""])


def _read_one(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _escape(text: str) -> str:
    return quote(text, safe=PLAIN)


def _guard(text: str) -> str:
    # A spreadsheet would take such a cell for a formula.
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _isoformat(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
