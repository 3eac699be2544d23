"""Earnings as CSV, line by line, however many there are."""

import csv
from collections.abc import Iterator
from datetime import date

from django.http import StreamingHttpResponse

from billing.statements.csv_files import FORMULA
from core.money import AMOUNT_PLACES
from workers.income.movements import Choice, Total, list_days, list_sites, walk_lines

PAGE = 1000
COLUMNS = {
    "days": ("day", "earned", "taken_back", "amount", "currency"),
    "sites": ("site", "name", "charges", "earned", "taken_back", "amount", "currency"),
    "jobs": ("time", "kind", "job", "usage", "entry", "site", "site_name", "amount", "currency"),
}
"""What a file can be by, and what it then has."""


class _Line:
    """What csv writes into: gives the line back."""

    def write(self, text: str) -> str:
        return text


def answer_csv(*, choice: Choice, by: str) -> StreamingHttpResponse:
    """A download of everything that was chosen."""
    answer = StreamingHttpResponse(write_csv(choice=choice, by=by), content_type="text/csv; charset=utf-8")
    name = f"earnings-{by}-{choice.currency}-{choice.period.name}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def write_csv(*, choice: Choice, by: str) -> Iterator[str]:
    """Its lines: newest first, sites by their number. What would begin a formula gets an apostrophe."""
    writer = csv.writer(_Line(), lineterminator="\n")
    yield writer.writerow(COLUMNS[by])
    for row in ROWS[by](choice):
        yield writer.writerow((*row, choice.currency))


def _list_days(choice: Choice) -> Iterator[tuple[object, ...]]:
    before: date | None = None
    while days := list_days(choice=choice, limit=PAGE, before=before):
        for one in days:
            yield (one.day, *_write(one))
        before = days[-1].day


def _list_sites(choice: Choice) -> Iterator[tuple[object, ...]]:
    after = -1
    while sites := list_sites(choice=choice, limit=PAGE, after=after):
        for one in sites:
            yield (one.uid or "", _guard(one.name), one.charges, *_write(one))
        after = sites[-1].number


def _list_jobs(choice: Choice) -> Iterator[tuple[object, ...]]:
    for one in walk_lines(choice=choice):
        yield (
            one.happened_at.isoformat(timespec="milliseconds"),
            one.kind,
            one.job or "",
            one.usage_id or "",
            one.entry_id,
            one.site or "",
            _guard(one.site_name),
            f"{one.amount:.{AMOUNT_PLACES}f}",
        )


ROWS = {"days": _list_days, "sites": _list_sites, "jobs": _list_jobs}


def _write(total: Total) -> tuple[str, str, str]:
    return (
        f"{total.earned:.{AMOUNT_PLACES}f}",
        f"{total.taken:.{AMOUNT_PLACES}f}",
        f"{total.amount:.{AMOUNT_PLACES}f}",
    )


def _guard(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
