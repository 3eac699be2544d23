"""
What moved a provider's payable account because something was sold, or was given back.

Days are UTC's, as entries are booked. Every sum here is one of postings: the charges, refunds, claims and
give-backs of an entry come to what it posted on the account, so totals equal the ledger's to the last place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from billing.models import LedgerAccount
from billing.statements.periods import Period

CHUNK, CHUNK_MAX = 100, 5000

# A reversal counts as what it reverses, with the other sign. Kinds are those that invoices speak of.
MOVED = """
moved AS MATERIALIZED (
    SELECT p.entry_id, p.account_id, coalesce(r.kind, e.kind) AS kind, coalesce(r.key, e.key) AS key,
           booked_day(e.booked_on, e.happened_at) AS day, e.happened_at, -p.amount AS amount
      FROM posting p JOIN entry e ON e.id = p.entry_id LEFT JOIN entry r ON r.id = e.reverses
     WHERE p.account_id = ANY(%(accounts)s) AND coalesce(r.kind, e.kind) = ANY (invoiced_kinds())
       AND booked_day(e.booked_on, e.happened_at) >= %(since)s
       AND booked_day(e.booked_on, e.happened_at) < %(until)s
       AND (%(entries)s::bigint[] IS NULL OR p.entry_id = ANY(%(entries)s))
)"""

# Entries of charges and of give-backs stand for many; a refund or a claim names its charge in its key, heat
# its contract.
PLACED = """
part AS (
    SELECT m.entry_id, m.day, m.happened_at, m.kind, x.usage_id, NULL::uuid AS contract,
           s.amount - s.fee + s.overrun AS amount
      FROM moved m JOIN charge_entry x ON x.entry_id = m.entry_id
      JOIN sale s ON s.usage_id = x.usage_id AND s.payable_id = m.account_id
     WHERE m.kind = 'CHARGE'
     UNION ALL
    SELECT m.entry_id, m.day, m.happened_at, m.kind, g.usage_id, NULL,
           -(coalesce(v.amount, g.amount) - coalesce(v.fee, g.fee) + coalesce(v.overrun, g.overrun))
      FROM moved m JOIN give_back g ON g.entry_id = m.entry_id
      JOIN charge c ON c.usage_id = g.usage_id AND c.payable_id = m.account_id
      LEFT JOIN give_back_conversion v ON v.usage_id = g.usage_id
     WHERE m.kind = 'GIVE_BACK'
     UNION ALL
    SELECT m.entry_id, m.day, m.happened_at, m.kind,
           substring(m.key FROM '^(?:refund|claim):usage:([0-9]+)$')::bigint,
           substring(m.key FROM '^heat:([0-9a-f-]{36}):')::uuid, m.amount
      FROM moved m
     WHERE m.kind NOT IN ('CHARGE', 'GIVE_BACK')
), placed AS (
    SELECT p.entry_id, p.day, p.happened_at, p.kind, coalesce(p.usage_id, 0) AS usage_id, p.amount,
           a.job_id, coalesce(o.site_id, k.site_id) AS site_id
      FROM part p
      LEFT JOIN usage_record u ON u.id = p.usage_id
      LEFT JOIN attempt a ON a.id = u.attempt_id
      LEFT JOIN offer o ON o.id = a.offer_id
      LEFT JOIN heat_contract k ON k.uid = p.contract
)"""
CHOSEN = """(%(site)s::uuid IS NULL OR p.site_id = (SELECT id FROM site WHERE uid = %(site)s))
   AND (%(job)s::uuid IS NULL OR p.job_id = (SELECT id FROM job WHERE uid = %(job)s))"""
SUMS = """coalesce(sum(p.amount) FILTER (WHERE p.kind IN ('CHARGE', 'HEAT')), 0) AS earned,
       coalesce(sum(p.amount) FILTER (WHERE p.kind NOT IN ('CHARGE', 'HEAT')), 0) AS taken"""
# Constants are put together, and nothing else.
TOTAL_OF_ALL = f"WITH {MOVED} SELECT {SUMS} FROM moved p"  # noqa: S608
TOTAL = f"""WITH {MOVED}, {PLACED}
SELECT {SUMS} FROM placed p WHERE {CHOSEN}"""  # noqa: S608
DAYS_OF_ALL = f"""WITH {MOVED}
SELECT p.day, {SUMS} FROM moved p GROUP BY p.day ORDER BY p.day DESC LIMIT %(limit)s"""  # noqa: S608
DAYS = f"""WITH {MOVED}, {PLACED}
SELECT p.day, {SUMS} FROM placed p WHERE {CHOSEN} GROUP BY p.day ORDER BY p.day DESC LIMIT %(limit)s"""  # noqa: S608
SITES = f"""WITH {MOVED}, {PLACED}, summed AS (
    SELECT p.site_id, count(DISTINCT p.job_id) AS jobs, {SUMS}
      FROM placed p WHERE {CHOSEN} GROUP BY p.site_id
)
SELECT coalesce(u.site_id, 0), s.uid, coalesce(s.name, ''), u.jobs, u.earned, u.taken
  FROM summed u LEFT JOIN site s ON s.id = u.site_id
 WHERE coalesce(u.site_id, 0) > %(after)s ORDER BY 1 LIMIT %(limit)s"""  # noqa: S608
# Newest entries first; the index of an account's postings is read backwards, as far as a page needs.
ENTRIES = """
SELECT p.entry_id
  FROM posting p JOIN entry e ON e.id = p.entry_id LEFT JOIN entry r ON r.id = e.reverses
 WHERE p.account_id = ANY(%(accounts)s) AND p.entry_id <= %(entry)s
   AND coalesce(r.kind, e.kind) = ANY (invoiced_kinds())
   AND booked_day(e.booked_on, e.happened_at) >= %(since)s
   AND booked_day(e.booked_on, e.happened_at) < %(until)s
 ORDER BY p.entry_id DESC LIMIT %(limit)s"""
LINES = f"""WITH {MOVED}, {PLACED}
SELECT p.entry_id, p.usage_id, p.day, p.happened_at, p.kind, j.uid, s.uid, coalesce(s.name, ''), p.amount
  FROM placed p LEFT JOIN job j ON j.id = p.job_id LEFT JOIN site s ON s.id = p.site_id
 WHERE {CHOSEN} AND (p.entry_id, p.usage_id) < (%(entry)s, %(usage)s)
 ORDER BY p.entry_id DESC, p.usage_id DESC LIMIT %(limit)s"""  # noqa: S608
# A provider's charges are a small part of everybody's at any size: each is looked up by index. The planner,
# which cannot know how many stand behind an entry, would read whole tables.
LOOK_UP = """SELECT set_config(name, 'off', true)
  FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin}'::text[]) name"""
NOWHERE = (2**62, 0)
"""Before the newest line."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose earnings, in one currency, of which days; of one site or job, if it is said."""

    accounts: tuple[int, ...]
    currency: str
    period: Period
    site: UUID | None = None
    job: UUID | None = None

    @property
    def is_whole(self) -> bool:
        """Whether entries need not be told apart by what was sold."""
        return self.site is None and self.job is None

    def name(self) -> dict[str, Any]:
        """What queries are asked with."""
        return {
            "accounts": list(self.accounts),
            "since": self.period.since,
            "until": self.period.until,
            "site": self.site,
            "job": self.job,
            "entries": None,
        }


@dataclass(frozen=True, slots=True)
class Total:
    """What sales brought, and what refunds, claims and final prices took back of it (negative)."""

    earned: Decimal
    taken: Decimal

    @property
    def amount(self) -> Decimal:
        """What is left: what the ledger posted."""
        return self.earned + self.taken


@dataclass(frozen=True, slots=True)
class Day(Total):
    """One day of UTC."""

    day: date


@dataclass(frozen=True, slots=True)
class SiteSum(Total):
    """One site; no name and no uid for what belongs to none."""

    number: int
    uid: UUID | None
    name: str
    jobs: int


@dataclass(frozen=True, slots=True)
class Line:
    """What one entry moved for one charge, or for what is no charge (`usage_id` 0)."""

    entry_id: int
    usage_id: int
    day: date
    happened_at: datetime
    kind: str
    job: UUID | None
    site: UUID | None
    site_name: str
    amount: Decimal


def choose(
    *,
    organization_id: int,
    currency: str,
    period: Period,
    site: UUID | None = None,
    job: UUID | None = None,
) -> Choice:
    """What is asked for; an organization that earned nothing in a currency has no account in it."""
    accounts = LedgerAccount.objects.filter(
        purpose="PAYABLE", organization_id=organization_id, currency=currency
    )
    numbers = tuple(accounts.values_list("pk", flat=True))
    return Choice(accounts=numbers, currency=currency, period=period, site=site, job=job)


def list_currencies(*, organization_id: int) -> list[str]:
    """In which an organization has ever been owed something."""
    accounts = LedgerAccount.objects.filter(purpose="PAYABLE", organization_id=organization_id)
    return list(accounts.order_by("currency").values_list("currency", flat=True).distinct())


def find_total(*, choice: Choice) -> Total:
    """All of it together."""
    [row] = _fetch(TOTAL_OF_ALL if choice.is_whole else TOTAL, choice.name())
    return Total(*row)


def list_days(*, choice: Choice, limit: int, before: date | None = None) -> list[Day]:
    """Days on which something moved, newest first; only those before a day, if it is said."""
    if before is not None:
        if before <= choice.period.since:
            return []
        choice = replace(choice, period=Period(choice.period.since, min(before, choice.period.until)))
    rows = _fetch(DAYS_OF_ALL if choice.is_whole else DAYS, choice.name() | {"limit": limit})
    return [Day(earned, taken, day) for day, earned, taken in rows]


def list_sites(*, choice: Choice, limit: int, after: int = -1) -> list[SiteSum]:
    """Sites for which something moved, by their number; what belongs to none is first, with number 0."""
    rows = _fetch(SITES, choice.name() | {"limit": limit, "after": after})
    return [
        SiteSum(earned, taken, number, uid, name, jobs) for number, uid, name, jobs, earned, taken in rows
    ]


def list_lines(*, choice: Choice, limit: int, after: tuple[int, int] = NOWHERE) -> list[Line]:
    """Single movements, newest first, from after an (entry, usage record) on."""
    lines: list[Line] = []
    asked, chunk, (entry, usage) = choice.name(), CHUNK, after
    while len(lines) < limit:
        entries = [row[0] for row in _fetch(ENTRIES, asked | {"entry": entry, "limit": chunk})]
        if not entries:
            break
        place = {"entries": entries, "entry": entry, "usage": usage, "limit": limit - len(lines)}
        lines += [Line(*row) for row in _fetch(LINES, asked | place)]
        if len(entries) < chunk:
            break
        # Unless there are enough by now, nothing is left of its last entry.
        (entry, usage), chunk = (entries[-1] - 1, 2**62), min(chunk * 4, CHUNK_MAX)
    return lines


def walk_lines(*, choice: Choice) -> Iterator[Line]:
    """All single movements, in pieces, each read when the one before is done with."""
    after = NOWHERE
    while lines := list_lines(choice=choice, limit=CHUNK_MAX, after=after):
        yield from lines
        after = (lines[-1].entry_id, lines[-1].usage_id)


def _fetch(query: str, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOOK_UP)
        cursor.execute(query, values)
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return rows
