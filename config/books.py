"""
The state of the books and of the work, for Prometheus: read from PostgreSQL when somebody asks, at most every
few seconds, in queries that look at few rows however old the exchange is.

Several processes tell the same figures, so that they are there when one of the processes is not: take the
greatest. Figures that cannot be read are absent, never old.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg
from prometheus_client.core import Metric

from billing.stripe import activity
from config import heartbeat
from core.metrics import write_gauge, write_gauges

KEPT_SECONDS = 10.0
# More of anything is counted as this many.
COUNTED_MAX = 10_000

WALLETS = "SELECT currency, sum(held), sum(posted - held) FROM scope WHERE kind = 1 GROUP BY currency"
QUEUED = f"""
SELECT (SELECT count(*) FROM (SELECT 1 FROM charge_queue LIMIT {COUNTED_MAX}) q),
       (SELECT extract(epoch FROM now() - queued_at) FROM charge_queue ORDER BY usage_id LIMIT 1)
"""  # noqa: S608 - the limit is a constant
QUARANTINED = "SELECT count(*), extract(epoch FROM now() - min(quarantined_at)) FROM charge_quarantine"
ATTEMPTS = """
SELECT count(*), count(*) FILTER (WHERE lease_until < now()), extract(epoch FROM now() - min(lease_until))
  FROM attempt WHERE state = 'RUNNING'
"""
JOBS = "SELECT count(*), extract(epoch FROM now() - min(submitted_at)) FROM job WHERE state = 'QUEUED'"
UNNUMBERED = f"""
SELECT count(*), extract(epoch FROM now() - min(e.recorded_at)) FROM (
    SELECT e.recorded_at FROM entry e
     WHERE e.cluster = coalesce((SELECT cluster FROM ledger_cursor), ledger_cluster())
       AND e.xid >= coalesce((SELECT xid FROM ledger_cursor), '0'::xid8)
       AND NOT EXISTS (SELECT 1 FROM ledger_seq s WHERE s.entry_id = e.id) LIMIT {COUNTED_MAX}) e
"""  # noqa: S608 - the limit is a constant
RECEIPTS = f"""
SELECT count(*), extract(epoch FROM now() - min(r.received_at)) FROM receipt r
 WHERE r.id > (SELECT coalesce(max(receipt_id), 0) FROM receipt_comparison) - {COUNTED_MAX}
   AND NOT EXISTS (SELECT 1 FROM receipt_comparison c WHERE c.receipt_id = r.id)
"""  # noqa: S608 - the limit is a constant
# What wallets hold, less what is held for work that moves: running attempts, jobs that wait, and charges that
# are not posted yet. One snapshot sees both sides, so any rest is money that nothing frees.
UNMOVED = """
WITH moving AS (
    SELECT j.hold_id FROM attempt a JOIN job j ON j.id = a.job_id WHERE a.state = 'RUNNING'
    UNION SELECT hold_id FROM job WHERE state = 'QUEUED'
    UNION SELECT c.hold_id FROM charge_queue q JOIN charge c ON c.usage_id = q.usage_id
    UNION SELECT c.hold_id FROM charge_quarantine q JOIN charge c ON c.usage_id = q.usage_id
), explained AS (
    SELECT h.currency, sum(h.amount - h.released) AS amount
      FROM moving m CROSS JOIN LATERAL (SELECT * FROM hold WHERE id = m.hold_id AND state = 'OPEN' OFFSET 0) h
     GROUP BY h.currency
)
SELECT w.currency, w.held - coalesce(e.amount, 0)
  FROM (SELECT currency, sum(held) AS held FROM scope WHERE kind = 1 GROUP BY currency) w
  LEFT JOIN explained e ON e.currency = w.currency
"""
# The newest row stands for the sequence, which the application may not read. Children: parent_000001.
PARTITIONS = r"""
WITH newest (sequence, id) AS (VALUES
    ('entry_id_seq', (SELECT max(id) FROM entry)),
    ('usage_id_seq', (SELECT max(usage_id) FROM charge)),
    ('attempt_id_seq', (SELECT max(id) FROM attempt)))
SELECT p.parent, max(substring(c.relname FROM '_(\d{6})$')::bigint) - coalesce(max(n.id), 0) / max(p.width)
  FROM partitioned_table p JOIN newest n ON n.sequence = p.sequence
  JOIN pg_inherits i ON i.inhparent = p.parent::regclass JOIN pg_class c ON c.oid = i.inhrelid
 GROUP BY p.parent
UNION ALL
SELECT i.inhparent::regclass::text,
       max(substring(c.relname FROM '_(\d{4})$')::int) - extract(year FROM now() AT TIME ZONE 'UTC')::int
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent IN ('series_point'::regclass, 'series_correction'::regclass)
 GROUP BY i.inhparent
"""
# How much of its limit each position takes; with a limit of nothing, anything is beyond it.
POSITIONS = """
SELECT l.currency, CASE WHEN l.amount > 0 THEN abs(p.amount) / l.amount WHEN p.amount <> 0 THEN 2 ELSE 0 END
  FROM fx_limit l CROSS JOIN LATERAL fx_position_v1(l.currency) p(amount)
"""
UNTOLD = (
    "SELECT coalesce((SELECT max(seq) FROM ledger_seq), 0) - coalesce((SELECT max(seq) FROM fx_cursor), 0)"
)
# How long ago a feed last brought something, or was made; and how often it was refused since.
FEEDS = """
SELECT s.slug, extract(epoch FROM now() - coalesce(f.fetched_at, s.created_at)), f.failures
  FROM series_feed f JOIN series s ON s.id = f.series_id WHERE f.enabled
"""

# Live offers that nobody can buy, because no card of theirs is in force.
UNPRICED = """
SELECT count(*) FROM offer o
  LEFT JOIN LATERAL (SELECT c.id, c.valid_until FROM price_card c
                      WHERE c.offer_id = o.id AND c.starts_at <= now()
                      ORDER BY c.starts_at DESC, c.number DESC LIMIT 1) c ON true
 WHERE o.state = 'LIVE' AND (c.id IS NULL OR c.valid_until <= now())
"""

# What Stripe told and nobody acted on yet, or could not.
STRIPE_EVENTS = "SELECT count(*), extract(epoch FROM now() - min(received_at)) FROM stripe_event"
STRIPE_WAITING = f"{STRIPE_EVENTS} WHERE state = 'NEW'"
STRIPE_FAILED = f"{STRIPE_EVENTS} WHERE state = 'FAILED'"

# Differences of the newest run whose amount nobody has explained, and the run's age.
RECONCILIATION = """
SELECT l.currency, l.equation, count(*) FROM reconciliation_line l
 WHERE l.run_id = (SELECT max(id) FROM reconciliation_run) AND l.state IN ('DIFFERENT', 'BROKEN')
   AND (l.ours - l.theirs) IS DISTINCT FROM (
       SELECT difference FROM reconciliation_note n
        WHERE n.currency = l.currency AND n.equation = l.equation ORDER BY n.id DESC LIMIT 1)
 GROUP BY l.currency, l.equation
"""
RECONCILED = "SELECT extract(epoch FROM now() - max(made_at)) FROM reconciliation_run"
SUSPENSE = """
SELECT count(*), extract(epoch FROM now() - min(acted_at)) FROM bank_line
 WHERE state IN ('SUSPENSE', 'RETURNING')
"""

type Rows = list[tuple[Any, ...]]
type Asker = Callable[[str], Rows]


class Books:
    """A source of metrics; `url` names the database."""

    def __init__(self, url: str, *, seconds: float = KEPT_SECONDS) -> None:
        self._url = url
        self._seconds = seconds
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._told: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        """Give the figures of now, or of a few seconds ago."""
        with self._lock:
            if not self._read_at or time.monotonic() - self._read_at > self._seconds:
                self._told = list(self._read())
                self._read_at = time.monotonic()
            return self._told

    def _read(self) -> Iterator[Metric]:
        text = "1 if the figures of the books could be read; the others are absent if not."
        try:
            with heartbeat.connect(self._url) as connection:
                told = list(tell(connection))
        except psycopg.Error:
            yield write_gauge("jouleport_books_readable", text, 0)
            return
        yield write_gauge("jouleport_books_readable", text, 1)
        yield from told


def tell(connection: psycopg.Connection) -> Iterator[Metric]:
    """
    Every figure, as of now.

    :raises psycopg.Error: one cannot be read in time
    """

    def ask(query: str) -> Rows:
        return connection.execute(query.encode()).fetchall()

    ((queued, _),) = ask(QUEUED)
    # Of a long queue, what it explains is asked again when it is shorter.
    yield from _tell_money(ask, asks_unmoved=queued < COUNTED_MAX)
    yield from _tell_charging(ask)
    yield from _tell_reconciliation(ask)
    yield from _tell_disputes(ask)
    yield from _tell_work(ask)
    yield write_gauges(
        "jouleport_heartbeat_age_seconds",
        "Time since a task of this queue last ran.",
        ["queue"],
        [([queue], age) for queue, age in heartbeat.read_ages(connection).items()],
    )
    yield from _tell_exchange(ask)
    yield from _tell_feeds(ask)
    ((unpriced,),) = ask(UNPRICED)
    yield write_gauge("jouleport_offers_unpriced", "Live offers without a price card in force.", unpriced)
    yield write_gauges(
        "jouleport_partitions_ahead",
        "Partitions made beyond the one that is being filled.",
        ["table"],
        [([parent], ahead) for parent, ahead in ask(PARTITIONS)],
    )


def _tell_money(ask: Asker, *, asks_unmoved: bool) -> Iterator[Metric]:
    wallets = ask(WALLETS)
    yield write_gauges(
        "jouleport_wallets_held_amount",
        "Money held for work in all wallets.",
        ["currency"],
        [([currency], held) for currency, held, _ in wallets],
    )
    yield write_gauges(
        "jouleport_wallets_available_amount",
        "Money that buyers may still spend, in all wallets.",
        ["currency"],
        [([currency], available) for currency, _, available in wallets],
    )
    yield write_gauges(
        "jouleport_holds_unmoved_amount",
        "Money held for which nothing runs, waits or is charged; always 0.",
        ["currency"],
        [([currency], rest) for currency, rest in (ask(UNMOVED) if asks_unmoved else [])],
    )


def _tell_reconciliation(ask: Asker) -> Iterator[Metric]:
    yield write_gauges(
        "jouleport_reconciliation_open",
        "Differences of the newest reconciliation that nobody has explained.",
        ["currency", "equation"],
        [([currency, equation], count) for currency, equation, count in ask(RECONCILIATION)],
    )
    ((age,),) = ask(RECONCILED)
    yield write_gauge(
        "jouleport_reconciliation_age_seconds",
        "Time since the newest reconciliation; absent before the first.",
        age,
    )
    ((number, oldest),) = ask(SUSPENSE)
    yield write_gauge("jouleport_suspense_lines", "Lines of bank statements that nobody could tell.", number)
    yield write_gauge(
        "jouleport_suspense_lines_age_seconds", "How long the oldest of them has waited, or 0.", oldest or 0
    )


def _tell_charging(ask: Asker) -> Iterator[Metric]:
    for query, name, text in (
        (QUEUED, "usage_unposted", "Usage that is rated and not posted yet"),
        (QUARANTINED, "charges_quarantined", "Charges that could not be posted and wait for an operator"),
        (UNNUMBERED, "entries_unnumbered", "Entries that are not in the chain yet"),
        (RECEIPTS, "receipts_uncompared", "Receipts that are not compared with our records yet"),
        (JOBS, "jobs_queued", "Deferred jobs that wait"),
        (STRIPE_WAITING, "stripe_events_waiting", "Events of Stripe that are not acted on yet"),
        (STRIPE_FAILED, "stripe_events_failed", "Events of Stripe that wait for an operator"),
    ):
        ((number, age),) = ask(query)
        yield write_gauge(f"jouleport_{name}", f"{text}.", number)
        yield write_gauge(f"jouleport_{name}_age_seconds", f"{text}: age of the oldest, or 0.", age or 0)


def _tell_disputes(ask: Asker) -> Iterator[Metric]:
    ((now,),) = ask("SELECT now()")
    names = ("this", "last")
    months = activity.list_months(now=now, count=len(names))
    read = [activity.read_activity(ask=ask, month=month) for month in months]
    told = list(zip(names, read, strict=True))
    yield write_gauges(
        "jouleport_card_payments",
        "Payments by card of a month (UTC).",
        ["month"],
        [([name], one.payments) for name, one in told],
    )
    yield write_gauges(
        "jouleport_disputes",
        "Disputes that were opened in a month (UTC).",
        ["month"],
        [([name], one.disputes) for name, one in told],
    )
    yield write_gauges(
        "jouleport_disputes_ratio",
        "Disputes of a month for each payment by card of it; more than 0.0075 is called excessive.",
        ["month"],
        [([name], float(one.share / 100)) for name, one in told],
    )
    yield write_gauges(
        "jouleport_disputes_volume_ratio",
        "What was contested in a month, of what was paid by card in it.",
        ["month", "currency"],
        [([name, row.currency], float(row.share / 100)) for name, one in told for row in one.volumes],
    )


def _tell_work(ask: Asker) -> Iterator[Metric]:
    ((running, expired, late),) = ask(ATTEMPTS)
    yield write_gauge("jouleport_attempts_running", "Attempts that run.", running)
    yield write_gauge(
        "jouleport_attempts_expired", "Attempts whose lease ran out and that nobody settled yet.", expired
    )
    yield write_gauge(
        "jouleport_attempts_expired_age_seconds",
        "How long ago the oldest of these leases ran out, or 0.",
        max(late or 0, 0),
    )


def _tell_exchange(ask: Asker) -> Iterator[Metric]:
    yield write_gauges(
        "jouleport_fx_position_share",
        "How much of its limit a position in a currency takes.",
        ["currency"],
        [([currency], share) for currency, share in ask(POSITIONS)],
    )
    ((untold,),) = ask(UNTOLD)
    yield write_gauge("jouleport_fx_entries_untold", "Entries from which no position is told yet.", untold)


def _tell_feeds(ask: Asker) -> Iterator[Metric]:
    feeds = ask(FEEDS)
    yield write_gauges(
        "jouleport_feed_age_seconds",
        "Time since a series was last fetched.",
        ["series"],
        [([slug], age) for slug, age, _ in feeds],
    )
    yield write_gauges(
        "jouleport_feed_failures",
        "How often a series was refused since it was last fetched.",
        ["series"],
        [([slug], failures) for slug, _, failures in feeds],
    )
