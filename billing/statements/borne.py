"""
Which taxes a document bears: what gives a charge back bears those of the invoice that the charge is in.

A buyer's country, its tax number and the rules may be others by then; at today's rate a credit note could
give back a tax that nobody ever paid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from django.db import connection

from billing.models import Invoice
from billing.statements.shares import add, show_shares
from billing.statements.taxes import TaxLine, reckon_lines
from core.quantities import EXACT

# What entries of a wallet, or of what a provider is owed, gave back of charges that are in an invoice that
# stands. A correction of heat is of the reading before it of the same contract.
BACK = """
WITH mine AS MATERIALIZED (SELECT unnest(%(entries)s::bigint[]) AS entry_id),
own AS (SELECT a.id, a.purpose = 'PAYABLE' AS sells, s.id AS wallet_id
          FROM ledger_account a LEFT JOIN scope s ON s.account_id = a.id WHERE a.id = %(account)s),
back AS (
    SELECT m.entry_id, x.entry_id AS charged_in,
           -CASE WHEN own.sells THEN coalesce(v.amount - v.fee + v.overrun, g.amount - g.fee + g.overrun)
                 ELSE g.amount END AS amount
      FROM mine m JOIN give_back g USING (entry_id) JOIN charge c ON c.usage_id = g.usage_id
      JOIN own ON own.wallet_id = c.wallet_id OR own.sells AND own.id = c.payable_id
      LEFT JOIN give_back_conversion v ON v.usage_id = g.usage_id
      JOIN charge_entry x ON x.usage_id = g.usage_id
     UNION ALL
    SELECT m.entry_id, x.entry_id, CASE WHEN own.sells THEN -p.amount ELSE p.amount END
      FROM mine m JOIN entry e ON e.id = m.entry_id LEFT JOIN entry r ON r.id = e.reverses
      JOIN charge_entry x
        ON x.usage_id = substring(coalesce(r.key, e.key) FROM '^(?:refund|claim):usage:([0-9]+)$')::bigint
      JOIN own ON true JOIN posting p ON p.entry_id = e.id AND p.account_id = own.id
     WHERE coalesce(r.kind, e.kind) IN ('REFUND', 'CLAIM')
     UNION ALL
    SELECT m.entry_id, b.entry_id, h.amount - CASE WHEN own.sells THEN h.fee ELSE 0 END
      FROM mine m JOIN heat_charge h USING (entry_id) CROSS JOIN own
      CROSS JOIN LATERAL (
          SELECT o.entry_id FROM heat_charge o
           WHERE o.wallet_id = h.wallet_id AND o.id < h.id AND o.amount > 0
             AND starts_with(o.key, substring(h.key FROM '^.*:')) ORDER BY o.id DESC LIMIT 1) b
     WHERE h.amount < 0)
SELECT i.invoice_id, sum(b.amount)
  FROM back b
  JOIN invoice_entry i ON i.account_id = %(account)s AND i.entry_id = b.charged_in AND NOT i.cancelled
 GROUP BY i.invoice_id HAVING sum(b.amount) <> 0 ORDER BY i.invoice_id
"""


def choose(
    *, account_id: int, entries: Sequence[int], net: Decimal, usual: Sequence[TaxLine], places: int
) -> list[TaxLine]:
    """
    The taxes of entries that come to `net`: those of `usual`, and of the invoices of charges that are given
    back, each kind reckoned once over its part of what is printed.

    :param account_id: a wallet's, or a provider's of what it is owed; `net` has the sign of its invoices
    """
    with connection.cursor() as cursor:
        cursor.execute(BACK, {"account": account_id, "entries": list(entries)})
        parts = dict(cursor.fetchall())
    found = Invoice.objects.in_bulk(list(parts))
    return reckon_parts(
        parts=[(read_lines(found[number].facts["taxes"]), amount) for number, amount in parts.items()],
        net=net,
        usual=usual,
        places=places,
    )


def reckon_parts(
    *,
    parts: Sequence[tuple[Sequence[TaxLine], Decimal]],
    net: Decimal,
    usual: Sequence[TaxLine],
    places: int,
) -> list[TaxLine]:
    """Taxes of amounts with taxes of their own, and of what they leave of `net` with the usual ones. Pure."""
    sums: dict[tuple[TaxLine, ...], Decimal] = {}
    rest = EXACT.subtract(net, add([amount for _, amount in parts]))
    for lines, amount in [*parts, (usual, rest)]:
        if amount:
            key = tuple(replace(line, amount=Decimal(0)) for line in lines)
            sums[key] = EXACT.add(sums.get(key, Decimal(0)), amount)
    shown = show_shares(list(sums.values()), places=places)
    borne: dict[TaxLine, Decimal] = {}
    for lines, share in zip(sums, shown, strict=True):
        for line, told in zip(lines, reckon_lines(lines, net=share, places=places), strict=True):
            borne[line] = EXACT.add(borne.get(line, Decimal(0)), told.amount)
    return [replace(line, amount=amount) for line, amount in borne.items()]


def read_lines(told: Sequence[Mapping[str, object]]) -> list[TaxLine]:
    """Taxes as an invoice keeps them."""
    return [
        TaxLine(
            label=str(one["label"]),
            label_zh=str(one["label_zh"]),
            note=str(one["note"]),
            note_zh=str(one["note_zh"]),
            rate=Decimal(str(one["rate"])),
            reverse_charge=bool(one["reverse_charge"]),
            amount=Decimal(str(one["amount"])),
        )
        for one in told
    ]
