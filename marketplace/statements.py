"""A wallet's statement, with the jobs that were charged for and what they used."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from billing import wallets
from billing.wallets import Cursor, StatementRow, Wallet
from marketplace.models import Job

FIGURES = "kwh, it_kwh, cooling_kwh, loss_kwh, heat_kwh, gco2e, market_gco2e, market_kwh"
OF_CHARGES = f"SELECT usage_id, {FIGURES} FROM charges_energy_v1(%s::bigint[])"  # noqa: S608 - constants
IN_ALL = f"SELECT {FIGURES} FROM energy_total_v1(%s, %s, %s)"  # noqa: S608 - constants
EVER = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Energy:
    """
    What work used: `kwh` at the grid's meter, which are the machines' (IT), the hall's beside them, and lost
    on the way; `heat_kwh` of it was delivered as heat.

    `gco2e` is by the grid (location-based). `market_gco2e` is by what was contracted, and speaks of
    `market_kwh` only; None where nothing was. The two are never added up.
    """

    kwh: Decimal
    it_kwh: Decimal
    cooling_kwh: Decimal
    loss_kwh: Decimal
    heat_kwh: Decimal
    gco2e: Decimal
    market_gco2e: Decimal | None
    market_kwh: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the statement; `job_uid` and `energy` are there when it charges for a job."""

    row: StatementRow
    job_uid: UUID | None
    energy: Energy | None


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
    used = _find_energy([row.usage_id for row in rows if row.usage_id is not None])
    lines = [
        Line(
            row,
            uids.get(row.source) if row.source is not None else None,
            used.get(row.usage_id) if row.usage_id is not None else None,
        )
        for row in rows
    ]
    return Page(lines, rows[-1].cursor if len(rows) == size else None)


def read_energy(*, wallet: Wallet, since: date = EVER) -> Energy:
    """What all jobs that the wallet paid for used from a day (of UTC) on, posted or not."""
    with connection.cursor() as cursor:
        cursor.execute(IN_ALL, [wallet.organization_id, wallet.currency, since])
        return Energy(*cursor.fetchone())


def _find_energy(usages: list[int]) -> dict[Any, Energy]:
    if not usages:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(OF_CHARGES, [usages])
        return {usage: Energy(*figures) for usage, *figures in cursor.fetchall()}
