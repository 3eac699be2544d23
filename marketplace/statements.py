"""A wallet's statement, with the jobs that were charged for."""

from dataclasses import dataclass
from uuid import UUID

from billing import wallets
from billing.wallets import Cursor, StatementRow, Wallet
from marketplace.models import Job


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the statement; `job_uid` is there when it charges for one."""

    row: StatementRow
    job_uid: UUID | None


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, newest first, and where the next page starts; None after the last."""

    lines: list[Line]
    next: Cursor | None


def read_page(*, wallet: Wallet, after: Cursor | None, size: int) -> Page:
    """A page of at most `size` lines."""
    rows = wallets.list_statement(wallet=wallet, after=after, limit=size)
    sources = {row.source for row in rows if row.source is not None}
    uids = dict(Job.objects.filter(pk__in=sources).values_list("pk", "uid"))
    lines = [Line(row, uids.get(row.source) if row.source is not None else None) for row in rows]
    return Page(lines, rows[-1].cursor if len(rows) == size else None)
