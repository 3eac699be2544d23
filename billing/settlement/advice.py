"""Remittance advice: what was settled for a provider, down to every charge behind it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Organization
from billing.models import SettlementBatch, SettlementItem
from core.errors import NotFound
from core.quantities import format_plain

ROWS_MAX = 1000
PIECE = 10_000
"""So many lines are read at once where all of them are."""
SHOWN = (
    SettlementBatch.State.APPROVED,
    SettlementBatch.State.EXECUTING,
    SettlementBatch.State.DONE,
)
"""Providers see what two people agreed to, and nothing before."""


class SettlementUnknown(NotFound):
    """There is no such settlement, or it is somebody else's."""

    code = "settlement_unknown"


@dataclass(frozen=True, slots=True)
class AdviceRow:
    """
    One line behind a payout. Of a charge: its usage record, what was sold, the platform's fee and what it
    added; of a refund or a claim the usage record it is about. `net` is what the provider got of it.
    """

    number: int
    kind: str
    happened_at: datetime
    usage_id: int | None
    amount: Decimal
    fee: Decimal
    overrun: Decimal
    net: Decimal


# Entries of charges stand for many: the advice lists those, as their provider sold them.
ROWS = """
WITH moved AS MATERIALIZED (
    SELECT n.seq, e.id, e.kind, e.key, e.reverses, e.happened_at, -sum(p.amount) AS net
      FROM posting p JOIN ledger_seq n ON n.entry_id = p.entry_id JOIN entry e ON e.id = p.entry_id
     WHERE p.account_id = %(account)s AND n.seq > %(from)s AND n.seq <= %(to)s AND n.seq >= %(seq)s
     GROUP BY n.seq, e.id ORDER BY n.seq LIMIT %(limit)s + 1
)
SELECT m.seq, m.kind, coalesce(s.rated_at, m.happened_at),
       coalesce(s.usage_id,
                substring(coalesce(r.key, m.key) FROM '^(?:refund|claim):usage:([0-9]+)$')::bigint),
       coalesce(s.amount, m.net),
       coalesce(s.fee, 0), coalesce(s.overrun, 0), coalesce(s.amount - s.fee + s.overrun, m.net)
  FROM moved m
  LEFT JOIN entry r ON r.id = m.reverses
  LEFT JOIN charge_entry x ON x.entry_id = m.id AND m.kind = 'CHARGE'
  LEFT JOIN sale s ON s.usage_id = x.usage_id
 WHERE (s.usage_id IS NULL AND x.usage_id IS NULL OR s.payable_id = %(account)s)
   AND (m.seq, coalesce(s.usage_id, 0)) > (%(seq)s, %(usage)s)
 ORDER BY m.seq, coalesce(s.usage_id, 0) LIMIT %(limit)s
"""


def list_settlements(*, organization: Organization) -> QuerySet[SettlementItem]:
    """What was settled for a provider."""
    rows = SettlementItem.objects.filter(organization=organization, batch__state__in=SHOWN)
    return rows.select_related("batch", "payout").prefetch_related("lines")


def find_settlement(*, organization: Organization, uid: UUID | str) -> SettlementItem:
    """
    One of them.

    :raises SettlementUnknown: if the provider has none with this uid
    """
    found = list_settlements(organization=organization).filter(uid=uid).first()
    if found is None:
        raise SettlementUnknown
    return found


def list_rows(
    *, item: SettlementItem, after: tuple[int, int] = (0, 0), limit: int = ROWS_MAX
) -> list[AdviceRow]:
    """The lines behind an item in the ledger's order, from after a (number, usage record) on."""
    values: dict[str, Any] = {
        "account": item.account_id,
        "from": item.from_seq,
        "to": item.batch.cutoff_seq,
        "seq": after[0],
        "usage": after[1],
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(ROWS, values)
        return [AdviceRow(*row) for row in cursor.fetchall()]


def walk_rows(*, item: SettlementItem) -> Iterator[AdviceRow]:
    """All lines behind an item, in pieces."""
    after = (0, 0)
    while rows := list_rows(item=item, after=after, limit=PIECE):
        yield from rows
        after = (rows[-1].number, rows[-1].usage_id or 0)


def list_taken(item: SettlementItem) -> list[tuple[str, Decimal]]:
    """What leads from what was owed at the cutoff to what is carried on, by kind."""
    return [
        ("EARNINGS_HELD", item.held.copy_negate()),
        ("EARNINGS_RELEASED", item.released),
        ("WITHHOLDING", item.tax.copy_negate()),
        ("PAYOUT_FEE", item.fee.copy_negate()),
        ("PAYOUT", item.amount.copy_negate()),
    ]


class _Line:
    """What csv writes into: gives the line back."""

    def write(self, text: str) -> str:
        return text


COLUMNS = ("number", "kind", "happened_at", "usage", "amount", "fee", "overrun", "net", "currency")


def write_csv(*, item: SettlementItem) -> Iterator[str]:
    """
    The advice as CSV, line by line: the opening, every line behind the payout, what was kept back, released,
    withheld and taken, the payout, and what is carried. `net` of all lines but the last comes to the last.
    """
    writer, currency = csv.writer(_Line()), item.batch.currency
    yield writer.writerow(COLUMNS)

    def total(kind: str, net: Decimal) -> str:
        line: str = writer.writerow(("", kind, "", "", "", "", "", format_plain(net), currency))
        return line

    yield total("OPENING", item.opening)
    for row in walk_rows(item=item):
        yield writer.writerow(
            (
                *(row.number, row.kind, row.happened_at.isoformat(), row.usage_id or ""),
                *(format_plain(row.amount), format_plain(row.fee), format_plain(row.overrun)),
                *(format_plain(row.net), currency),
            )
        )
    for kind, net in list_taken(item):
        if net:
            yield total(kind, net)
    yield total("CARRIED", item.carried)
