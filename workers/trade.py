"""
The report of trade in services: computing that sites in one country sold to buyers in another.

It follows the ledger: a charge counts on the day on which it is booked, and what is given back or refunded on
its own. A site stays in its country once it has offers and an organization always, so each is where it was.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from decimal import Decimal

from django.db import connection

from billing.statements.periods import Period
from core.quantities import format_plain


@dataclass(frozen=True, slots=True)
class Trade:
    """
    What went from the country of sites (`exporter`) to that of buyers (`importer`), paid in one currency.

    `amount` is what buyers paid: `charged` less `given_back`. Tokens, chip-seconds and energy are those of
    the charges; energy is at the grid's meter, grams by the grid. `fx_income` is the spread of charges that
    were paid from wallets in another currency than the price.
    """

    exporter: str
    importer: str
    currency: str
    charges: int
    charged: Decimal
    given_back: Decimal
    amount: Decimal
    tokens_in: int
    tokens_out: int
    chip_seconds: Decimal
    kwh: Decimal
    gco2e: Decimal
    fx_income: Decimal


COLUMNS = tuple(field.name for field in fields(Trade))
# One row for each charge, give-back, refund and credit that was booked in the period; test money is no trade.
QUERY = """
WITH booked AS MATERIALIZED (
    SELECT e.id, coalesce(r.kind, e.kind) AS kind, coalesce(r.key, e.key) AS key
      FROM entry e LEFT JOIN entry r ON r.id = e.reverses
     WHERE coalesce(r.kind, e.kind) IN ('CHARGE', 'GIVE_BACK', 'REFUND', 'CLAIM')
       AND booked_day(e.booked_on, e.happened_at) >= %(since)s
       AND booked_day(e.booked_on, e.happened_at) < %(until)s
), moved AS (
    SELECT c.usage_id, c.hold_id, c.currency, 1 AS charges, c.amount AS charged, 0 AS given_back,
           coalesce(c.amount - v.mid_amount, 0) AS fx_income
      FROM booked b JOIN charge_entry x ON x.entry_id = b.id JOIN charge c ON c.usage_id = x.usage_id
      LEFT JOIN charge_conversion v ON v.usage_id = c.usage_id
     WHERE b.kind = 'CHARGE'
     UNION ALL
    SELECT c.usage_id, c.hold_id, c.currency, 0, 0, g.amount, -coalesce(g.amount - v.mid_amount, 0)
      FROM booked b JOIN give_back g ON g.entry_id = b.id JOIN charge c ON c.usage_id = g.usage_id
      LEFT JOIN give_back_conversion v ON v.usage_id = g.usage_id
     WHERE b.kind = 'GIVE_BACK'
     UNION ALL
    SELECT c.usage_id, c.hold_id, c.currency, 0, 0, -p.wallet, -p.spread
      FROM booked b
      JOIN charge c ON c.usage_id = substring(b.key FROM '^(?:refund|claim):usage:([0-9]+)$')::bigint
     CROSS JOIN LATERAL (SELECT coalesce(sum(l.amount) FILTER (WHERE a.purpose = 'WALLET'), 0) AS wallet,
                                coalesce(sum(l.amount) FILTER (WHERE a.purpose = 'FX_SPREAD'), 0) AS spread
                           FROM posting l JOIN ledger_account a ON a.id = l.account_id
                          WHERE l.entry_id = b.id AND l.currency = c.currency) p
     WHERE b.kind IN ('REFUND', 'CLAIM')
)
SELECT s.country, o.country, m.currency, sum(m.charges)::bigint, sum(m.charged), sum(m.given_back),
       sum(m.charged - m.given_back), coalesce(sum(u.billed_in) FILTER (WHERE m.charges > 0), 0)::bigint,
       coalesce(sum(u.billed_out) FILTER (WHERE m.charges > 0), 0)::bigint,
       coalesce(sum(u.chip_seconds) FILTER (WHERE m.charges > 0), 0),
       coalesce(sum(e.kwh) FILTER (WHERE m.charges > 0), 0),
       coalesce(sum(e.gco2e) FILTER (WHERE m.charges > 0), 0), sum(m.fx_income)
  FROM moved m
  JOIN hold h ON h.id = m.hold_id
  JOIN job j ON j.id = h.source
  JOIN accounts_organization o ON o.id = j.organization_id
  JOIN attempt t ON t.id = j.billable_attempt_id
  JOIN offer f ON f.id = t.offer_id
  JOIN site s ON s.id = f.site_id
  LEFT JOIN usage_record u ON u.attempt_id = t.id AND u.id = m.usage_id
  LEFT JOIN usage_energy e ON e.attempt_id = t.id AND e.usage_id = m.usage_id
 WHERE s.country <> o.country AND m.currency <> 'XTS'
 GROUP BY s.country, o.country, m.currency
 ORDER BY s.country, o.country, m.currency
"""


def list_trade(*, period: Period) -> list[Trade]:
    """By exporter, importer and currency."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY, {"since": period.since, "until": period.until})
        return [Trade(*row) for row in cursor.fetchall()]


def write_csv(rows: Iterable[Trade], *, period: Period) -> str:
    """One line each, with the period in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("since", "until", *COLUMNS))
    for one in rows:
        texts = [format_plain(value) if isinstance(value, Decimal) else value for value in astuple(one)]
        writer.writerow((period.since, period.until, *texts))
    return out.getvalue()
