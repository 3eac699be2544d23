"""
The ledger as a file, for programs of others: a journal for hledger or Beancount that proves itself, or CSV.

Entries come in ledger order (`ledger_seq`), page by page out of one snapshot, so that any size streams.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from itertools import groupby
from typing import Any, TextIO
from urllib.parse import quote

from django.db import connection, transaction

from billing import beancount
from billing.journal import Leg, NumberedEntry, format_moment
from core.money import AMOUNT_PLACES, fit

PAGE_ENTRIES = 2000
# What has a meaning in a journal's line is written as %XX.
PLAIN = ":._-/ @+=#"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

CSV_COLUMNS = (
    *("number", "entry", "key", "kind", "actor", "reason", "reverses", "happened_at", "recorded_at"),
    *("line", "account", "currency", "debit", "credit"),
)

# What is booked in a period has numbers around those of other periods.
BETWEEN = "AND booked_day(e.booked_on, e.happened_at) BETWEEN %s AND %s"
PAGE = """
SELECT s.seq, e.id, e.key, e.kind, e.actor, e.reason, e.reverses, e.happened_at, e.recorded_at,
       p.seq, a.code, p.currency, p.amount
  FROM ledger_seq s JOIN entry e ON e.id = s.entry_id
  JOIN posting p ON p.entry_id = e.id JOIN ledger_account a ON a.id = p.account_id
 WHERE s.seq > %s AND s.seq <= %s {between} ORDER BY s.seq, p.seq
"""
ACCOUNTS = "SELECT code, currency FROM ledger_account WHERE code > %s ORDER BY code LIMIT %s"
BALANCES = """
SELECT a.code, a.currency, f.amount FROM account_fold f
  JOIN ledger_account a ON a.id = f.account_id WHERE a.code > %s ORDER BY a.code LIMIT %s
"""
CURRENCIES = "SELECT code, name FROM currency WHERE code > %s ORDER BY code LIMIT %s"


@dataclass(frozen=True, slots=True)
class Extract:
    """
    What a journal tells: all of the ledger, or one closed period between its opening and closing balances.

    Rows of balances are (account, currency, debits less credits), in the order of accounts.
    """

    entries: Callable[[], Iterator[NumberedEntry]]
    closing: Callable[[], Iterable[tuple[str, str, Decimal]]]
    opening: Sequence[tuple[str, str, Decimal]] = ()
    starts_on: date = date.min


def export_ledger(output: TextIO, *, style: str) -> None:
    """
    Write every numbered entry as `hledger`, `beancount` or `csv`.

    :raises KeyError: for another style
    """
    write = WRITERS[style]
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        write(output, Extract(read_entries, lambda: _read_by_code(BALANCES)))


def read_entries(*, booked: tuple[date, date] | None = None) -> Iterator[NumberedEntry]:
    """
    Numbered entries in ledger order, of all or of those `booked` from one day to another; to be read inside
    one snapshot.
    """
    last = _read_one("SELECT coalesce(max(seq), 0) FROM ledger_seq")
    page = PAGE.format(between=BETWEEN if booked else "")
    for start in range(0, last, PAGE_ENTRIES):
        with connection.cursor() as cursor:
            cursor.execute(page, [start, start + PAGE_ENTRIES, *(booked or ())])
            rows = cursor.fetchall()
        for head, lines in groupby(rows, key=lambda row: row[:9]):
            legs = [Leg(number, code, currency, amount) for *_, number, code, currency, amount in lines]
            yield NumberedEntry(*(*head, legs))


def write_hledger(output: TextIO, extract: Extract) -> None:
    """
    Write a journal that `hledger check --strict balancednoautoconversion ordereddates` accepts.

    The commodity's nine places keep hledger from tolerating a difference. The last transaction asserts the
    balance that our own fold has of each account, so that hledger recomputes every one of them.
    """
    output.write("; The ledger in the order of its numbers. Debits are positive, credits negative.\n")
    output.writelines(f'commodity 1000.000000000 "{code}"\n' for code, _ in _read_by_code(CURRENCIES))
    output.writelines(f"account {code}\n" for code, _ in _read_by_code(ACCOUNTS))
    day = extract.starts_on
    if extract.opening:
        output.write(f"\n{day} * Opening balances\n")
        output.writelines(
            f'    {code}  {fit(amount, AMOUNT_PLACES):f} "{currency}"\n'
            for code, currency, amount in extract.opening
        )
    for entry in extract.entries():
        # Numbers follow commits; the day never goes back although a commit may be overtaken around midnight.
        day = max(day, entry.recorded_at.astimezone(UTC).date())
        output.write(_make_transaction(entry, day))
    if day > date.min:
        output.write(f"\n{day} * Closing balances\n")
        output.writelines(map(_make_closing, extract.closing()))


def write_beancount(output: TextIO, extract: Extract) -> None:
    """
    Write a journal that `bean-check` accepts; it closes with the balance our own fold has of each account.
    """
    beancount.write_journal(
        output,
        commodities=_read_by_code(CURRENCIES),
        accounts=_read_by_code(ACCOUNTS),
        opening=(extract.starts_on, extract.opening),
        entries=extract.entries(),
        balances=extract.closing,
        escape=_escape,
    )


def write_csv(output: TextIO, extract: Extract) -> None:
    """Write one row for each posting: ISO dates, amounts in a debit or a credit column, nine places."""
    writer = csv.writer(output)
    writer.writerow(CSV_COLUMNS)
    for entry in extract.entries():
        for leg in entry.legs:
            amount = fit(leg.amount, AMOUNT_PLACES)
            writer.writerow(
                [
                    *(entry.number, entry.id, _guard(entry.key), _guard(entry.kind), _guard(entry.actor)),
                    *(_guard(entry.reason), entry.reverses or ""),
                    *(format_moment(entry.happened_at), format_moment(entry.recorded_at)),
                    *(leg.number, _guard(leg.account), leg.currency),
                    *((f"{amount:f}", "") if amount > 0 else ("", f"{amount.copy_negate():f}")),
                ]
            )


WRITERS: dict[str, Callable[[TextIO, Extract], None]] = {
    "hledger": write_hledger,
    "beancount": write_beancount,
    "csv": write_csv,
}


def _make_transaction(entry: NumberedEntry, day: date) -> str:
    head = f"\n{day} * ({_escape(entry.key)}) {entry.kind}"
    tags = f"number:{entry.number}, entry:{entry.id}, happened:{format_moment(entry.happened_at)}"
    tags += f", actor:{_escape(entry.actor)}"
    tags += f", reverses:{entry.reverses}" if entry.reverses else ""
    tags += f", reason:{_escape(entry.reason)}" if entry.reason else ""
    lines = [f'    {leg.account}  {fit(leg.amount, AMOUNT_PLACES):f} "{leg.currency}"' for leg in entry.legs]
    return "\n".join([f"{head}  ; {tags}", *lines, ""])


def _make_closing(row: tuple[str, str, Decimal]) -> str:
    code, currency, amount = row
    return f'    {code}  0.000000000 "{currency}" = {fit(amount, AMOUNT_PLACES):f} "{currency}"\n'


def _read_by_code(query: str) -> Iterator[Any]:
    """Rows in the order of their first column, however many there are."""
    after = ""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, [after, PAGE_ENTRIES])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < PAGE_ENTRIES:
            return
        after = rows[-1][0]


def _read_one(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _escape(text: str) -> str:
    return quote(text, safe=PLAIN)


def _guard(text: str) -> str:
    # A spreadsheet would take such a cell for a formula.
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
