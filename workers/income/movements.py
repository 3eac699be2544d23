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

from django.db import connection

from billing.models import LedgerAccount
from billing.statements.periods import Period
from marketplace.models import Site

CHUNK, CHUNK_MAX = 100, 5000

# A reversal counts as what it reverses, with the other sign. Kinds are those that invoices speak of.
MOVED = """
  FROM posting p JOIN entry e ON e.id = p.entry_id LEFT JOIN entry r ON r.id = e.reverses
 WHERE p.account_id = ANY(%(accounts)s) AND coalesce(r.kind, e.kind) = ANY (invoiced_kinds())
   AND booked_day(e.booked_on, e.happened_at) >= %(since)s
   AND booked_day(e.booked_on, e.happened_at) < %(until)s"""
SUMS_OF_ALL = """coalesce(-sum(p.amount) FILTER (WHERE coalesce(r.kind, e.kind) IN ('CHARGE', 'HEAT')), 0),
       coalesce(-sum(p.amount) FILTER (WHERE coalesce(r.kind, e.kind) NOT IN ('CHARGE', 'HEAT')), 0)"""
PARTS = """p.day, p.site_id, CASE WHEN p.kind IN ('CHARGE', 'HEAT') THEN p.amount ELSE 0 END,
           CASE WHEN p.kind IN ('CHARGE', 'HEAT') THEN 0 ELSE p.amount END, (p.kind = 'CHARGE')::int"""
# What is folded, and the entries since.
OF_SITES = f"""WITH whole (day, site_id, earned, taken, charges) AS (
    SELECT day, site_id, earned, taken, charges FROM income_day
     WHERE account_id = ANY(%(accounts)s) AND day >= %(since)s AND day < %(until)s
     UNION ALL
    SELECT {PARTS}
      FROM place_income_v1(%(accounts)s, ARRAY(
           SELECT p.entry_id {MOVED}
              AND NOT EXISTS (SELECT 1 FROM ledger_seq n WHERE n.entry_id = p.entry_id
                                 AND n.seq <= (SELECT folded_to FROM income_cursor)))) p
)"""  # noqa: S608
# Entries that name a charge of one job, or undo one that does.
JOB_ENTRIES = """
    SELECT x.entry_id FROM charge_entry x WHERE x.usage_id = ANY(%(usages)s::bigint[])
     UNION SELECT g.entry_id FROM give_back g
     WHERE g.usage_id = ANY(%(usages)s::bigint[]) AND g.entry_id IS NOT NULL
     UNION SELECT unnest(ARRAY[e.id, b.id]) FROM unnest(%(usages)s::bigint[]) u
      JOIN entry e ON e.key IN ('refund:usage:' || u, 'claim:usage:' || u)
      LEFT JOIN entry b ON b.reverses = e.id"""
OF_JOB = f"""WITH whole (day, site_id, earned, taken, charges) AS (
    SELECT {PARTS} FROM place_income_v1(%(accounts)s, ARRAY({JOB_ENTRIES})) p
     WHERE p.usage_id = ANY(%(usages)s::bigint[]) AND p.day >= %(since)s AND p.day < %(until)s
)"""  # noqa: S608
CHOSEN = "(%(site)s::bigint IS NULL OR p.site_id = %(site)s)"
SUMS = "coalesce(sum(w.earned), 0), coalesce(sum(w.taken), 0)"
OF_SITE = "(%(site)s::bigint IS NULL OR w.site_id = %(site)s)"
# Constants are put together, and nothing else.
TOTAL_OF_ALL = f"SELECT {SUMS_OF_ALL} {MOVED}"
TOTAL = f"SELECT {SUMS} FROM whole w WHERE {OF_SITE}"  # noqa: S608
DAYS_OF_ALL = f"""SELECT booked_day(e.booked_on, e.happened_at), {SUMS_OF_ALL} {MOVED}
 GROUP BY 1 ORDER BY 1 DESC LIMIT %(limit)s"""
DAYS = f"""
SELECT w.day, {SUMS} FROM whole w WHERE {OF_SITE} GROUP BY w.day ORDER BY w.day DESC LIMIT %(limit)s"""  # noqa: S608
SITES = f"""
SELECT w.site_id, s.uid, coalesce(s.name, ''), sum(w.charges)::bigint, {SUMS}
  FROM whole w LEFT JOIN site s ON s.id = w.site_id
 WHERE {OF_SITE} AND w.site_id > %(after)s
 GROUP BY w.site_id, s.uid, s.name ORDER BY w.site_id LIMIT %(limit)s"""  # noqa: S608
# Newest entries first; the index of an account's postings is read backwards, as far as a page needs.
ENTRIES = f"""
SELECT p.entry_id {MOVED} AND p.entry_id <= %(entry)s
   AND (%(usages)s::bigint[] IS NULL OR p.entry_id IN ({JOB_ENTRIES}))
 ORDER BY p.entry_id DESC LIMIT %(limit)s"""
LINES = f"""
SELECT p.entry_id, p.usage_id, p.day, p.happened_at, p.kind, j.uid, s.uid, coalesce(s.name, ''), p.amount
  FROM place_income_v1(%(accounts)s, %(entries)s) p
  LEFT JOIN job j ON j.id = p.job_id LEFT JOIN site s ON s.id = p.site_id
 WHERE {CHOSEN} AND (%(usages)s::bigint[] IS NULL OR p.usage_id = ANY(%(usages)s::bigint[]))
   AND (p.entry_id, p.usage_id) < (%(entry)s, %(usage)s)
 ORDER BY p.entry_id DESC, p.usage_id DESC LIMIT %(limit)s"""  # noqa: S608
USAGES = """
SELECT coalesce(array_agg(u.id), '{}') FROM job j JOIN attempt a ON a.job_id = j.id
  JOIN usage_record u ON u.attempt_id = a.id WHERE j.uid = %(job)s"""
NOWHERE = (2**62, 0)
"""Before the newest line."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose earnings, in one currency, of which days; of one site or job, if it is said."""

    accounts: tuple[int, ...]
    currency: str
    period: Period
    site: UUID | None = None
    site_id: int | None = None
    job: UUID | None = None
    usages: tuple[int, ...] | None = None
    """The job's usage records."""

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
            "site": self.site_id,
            "usages": None if self.usages is None else list(self.usages),
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
    charges: int


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
    # No site has the number -1.
    found = Site.objects.filter(uid=site).values_list("pk", flat=True).first() if site else None
    return Choice(
        accounts=tuple(accounts.values_list("pk", flat=True)),
        currency=currency,
        period=period,
        site=site,
        site_id=(found or -1) if site else None,
        job=job,
        usages=tuple(_fetch(USAGES, {"job": job})[0][0]) if job else None,
    )


def list_currencies(*, organization_id: int) -> list[str]:
    """In which an organization has ever been owed something."""
    accounts = LedgerAccount.objects.filter(purpose="PAYABLE", organization_id=organization_id)
    return list(accounts.order_by("currency").values_list("currency", flat=True).distinct())


def find_total(*, choice: Choice) -> Total:
    """All of it together."""
    [row] = _fetch(TOTAL_OF_ALL if choice.is_whole else _find_whole(choice) + TOTAL, choice.name())
    return Total(*row)


def list_days(*, choice: Choice, limit: int, before: date | None = None) -> list[Day]:
    """Days on which something moved, newest first; only those before a day, if it is said."""
    if before is not None:
        if before <= choice.period.since:
            return []
        choice = replace(choice, period=Period(choice.period.since, min(before, choice.period.until)))
    query = DAYS_OF_ALL if choice.is_whole else _find_whole(choice) + DAYS
    rows = _fetch(query, choice.name() | {"limit": limit})
    return [Day(earned, taken, day) for day, earned, taken in rows]


def list_sites(*, choice: Choice, limit: int, after: int = -1) -> list[SiteSum]:
    """Sites for which something moved, by their number; what belongs to none is first, with number 0."""
    rows = _fetch(_find_whole(choice) + SITES, choice.name() | {"limit": limit, "after": after})
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


def fold(*, limit: int) -> int:
    """Add what the next entries brought to the sums by day and site; gives how many numbers were folded."""
    return int(_fetch("SELECT fold_income_v1(%(limit)s)", {"limit": limit})[0][0])


def _find_whole(choice: Choice) -> str:
    return OF_SITES if choice.usages is None else OF_JOB


def _fetch(query: str, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return rows
