"""Sheets of payments for people: CSV that a spreadsheet reads as text, never as a formula."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_sheet(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """A sheet in UTF-8, lines ending in CR LF (RFC 4180); what would begin a formula gets an apostrophe."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_quote(row[name]) for name in columns])
    return text.getvalue().encode("utf-8")


def _quote(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
