"""What was sold, for invoices and statements: charges by model and site, and the names of jobs."""

from collections.abc import Mapping, Sequence

from django.db import connection

from billing.statements.sources import Work
from marketplace.models import Job

NAMED = """
SELECT m.kind, md.name, s.name, s.country, count(*), coalesce(sum(u.billed_in), 0)::bigint,
       coalesce(sum(u.billed_out), 0)::bigint, sum(m.amount)
  FROM moved m
  JOIN hold h ON h.id = m.hold_id
  JOIN job j ON j.id = h.source
  JOIN attempt a ON a.id = j.billable_attempt_id
  JOIN offer o ON o.id = a.offer_id
  JOIN model md ON md.id = o.model_id
  JOIN site s ON s.id = o.site_id
  LEFT JOIN usage_record u ON u.attempt_id = a.id AND u.id = m.usage_id
 GROUP BY m.kind, md.name, s.name, s.country
 ORDER BY 1, 2, 3, 4
"""
# What a refund or a claim gave back is its entry's: it names its charge in its key. One that was undone has
# the sign of a charge, and is found by the entry that it undid.
GROUPS = f"""
WITH mine AS MATERIALIZED (SELECT unnest(%(entries)s::bigint[]) AS entry_id),
wallet AS (SELECT id FROM scope WHERE account_id = %(account)s),
moved AS (
    SELECT 'CHARGE' AS kind, c.usage_id, c.hold_id, c.amount
      FROM mine JOIN charge_entry x USING (entry_id) JOIN charge c ON c.usage_id = x.usage_id
     WHERE c.wallet_id = (SELECT id FROM wallet) AND c.amount > 0
     UNION ALL
    SELECT 'GIVE_BACK', c.usage_id, c.hold_id, -g.amount
      FROM mine JOIN give_back g USING (entry_id) JOIN charge c ON c.usage_id = g.usage_id
     WHERE c.wallet_id = (SELECT id FROM wallet) AND g.amount > 0
     UNION ALL
    SELECT coalesce(r.kind, e.kind), c.usage_id, c.hold_id, p.amount
      FROM mine JOIN entry e ON e.id = mine.entry_id LEFT JOIN entry r ON r.id = e.reverses
      JOIN charge c
        ON c.usage_id = substring(coalesce(r.key, e.key) FROM '^(?:refund|claim):usage:([0-9]+)$')::bigint
      JOIN posting p ON p.entry_id = e.id AND p.account_id = %(account)s
     WHERE coalesce(r.kind, e.kind) IN ('REFUND', 'CLAIM')
)
{NAMED}"""  # noqa: S608 - constants

# The same of a provider's account: what it got, and what was taken back of it.
SALES = f"""
WITH mine AS MATERIALIZED (SELECT unnest(%(entries)s::bigint[]) AS entry_id),
moved AS (
    SELECT 'CHARGE' AS kind, s.usage_id, s.hold_id, s.amount - s.fee + s.overrun AS amount
      FROM mine JOIN charge_entry x USING (entry_id) JOIN sale s ON s.usage_id = x.usage_id
     WHERE s.payable_id = %(account)s AND s.amount - s.fee + s.overrun > 0
     UNION ALL
    SELECT 'GIVE_BACK', c.usage_id, c.hold_id,
           -(coalesce(v.amount, g.amount) - coalesce(v.fee, g.fee) + coalesce(v.overrun, g.overrun))
      FROM mine JOIN give_back g USING (entry_id) JOIN charge c ON c.usage_id = g.usage_id
      LEFT JOIN give_back_conversion v ON v.usage_id = g.usage_id
     WHERE c.payable_id = %(account)s
     UNION ALL
    SELECT coalesce(r.kind, e.kind), c.usage_id, c.hold_id, -p.amount
      FROM mine JOIN entry e ON e.id = mine.entry_id LEFT JOIN entry r ON r.id = e.reverses
      JOIN charge c
        ON c.usage_id = substring(coalesce(r.key, e.key) FROM '^(?:refund|claim):usage:([0-9]+)$')::bigint
      JOIN posting p ON p.entry_id = e.id AND p.account_id = %(account)s
     WHERE coalesce(r.kind, e.kind) IN ('REFUND', 'CLAIM')
)
{NAMED}"""  # noqa: S608 - constants


def group_work(account_id: int, entries: Sequence[int]) -> list[Work]:
    """The work that these entries of a wallet charge for or give back, by kind, model and site."""
    with connection.cursor() as cursor:
        cursor.execute(GROUPS, {"account": account_id, "entries": list(entries)})
        return [Work(*row) for row in cursor.fetchall()]


def group_sales(account_id: int, entries: Sequence[int]) -> list[Work]:
    """The work that a provider sold in these entries, or that was taken back, by kind, model and site."""
    with connection.cursor() as cursor:
        cursor.execute(SALES, {"account": account_id, "entries": list(entries)})
        return [Work(*row) for row in cursor.fetchall()]


def name_jobs(numbers: Sequence[int]) -> Mapping[int, str]:
    """The uid of each job."""
    found = Job.objects.filter(pk__in=numbers).values_list("pk", "uid")
    return {number: str(uid) for number, uid in found}
