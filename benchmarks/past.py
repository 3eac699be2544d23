"""Trial balances of the past at many postings: of a moment and of a day, against summing everything."""

import os
import random
import statistics
import time
from datetime import UTC, datetime, timedelta

import psycopg

from benchmarks.exchange import Exchange, open_exchange
from benchmarks.report import Figure

POSTINGS = int(os.environ.get("POSTINGS", "10000000"))
ACCOUNTS = 2000
ROUNDS = 9
SPAN = timedelta(days=90)
# Written as a superuser who passes by triggers: what is measured is reading. Every entry moves money between
# the bank and one of many accounts, at its moment of the ninety days from now on.
ENTRIES = """
INSERT INTO entry (id, key, kind, actor, happened_at, recorded_at, accounts, amounts) OVERRIDING SYSTEM VALUE
SELECT n, 'past:' || n, 'TOPUP', 'bench', at, at, ARRAY[%(bank)s, wallet], ARRAY[amount, -amount]
  FROM (SELECT n, %(began)s + interval '90 days' * ((n - %(first)s)::float / %(entries)s) AS at,
               %(wallet)s + n %% %(accounts)s AS wallet, ((n %% 100000) + 1) * 0.000001 AS amount
          FROM generate_series(%(first)s::bigint, %(last)s::bigint) n) x
"""
LEGS = """
INSERT INTO posting (entry_id, seq, account_id, currency, amount)
SELECT e.id, l.seq, l.account, 'USD', l.amount
  FROM entry e CROSS JOIN LATERAL unnest(e.accounts, e.amounts) WITH ORDINALITY l(account, amount, seq)
 WHERE e.id BETWEEN %(first)s AND %(last)s
"""
NUMBERS = """
INSERT INTO ledger_seq (seq, entry_id, chain)
SELECT n - %(first)s + 1 + (SELECT coalesce(max(seq), 0) FROM ledger_seq), n, sha256('link')
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
"""
ROUND = 500_000


def measure() -> list[Figure]:
    """Seconds for one trial balance."""
    with open_exchange(buyers=ACCOUNTS) as exchange:
        began = datetime.now(UTC)
        _fill(exchange, began)
        with exchange.connect() as connection:
            connection.execute("SET statement_timeout = 0")
            lot = random.Random(4)
            moments = [began + SPAN * lot.random() for _ in range(ROUNDS)]
            at, day = [], []
            for moment in moments:
                at.append(_time(connection, "SELECT * FROM balances_at_v1(%s)", moment))
                day.append(_time(connection, "SELECT * FROM balances_of_day_v1(%s)", moment.date()))
            whole = _time(connection, "SELECT account_id, sum(amount) FROM posting GROUP BY account_id")
    worst = max(*at, *day)
    return [
        Figure(f"sum of all {POSTINGS:,} postings", whole, "s"),
        Figure(
            "trial balance as of a moment",
            statistics.median(at),
            "s",
            "summing all",
            statistics.median(at) / whole,
        ),
        Figure(
            "trial balance of a day",
            statistics.median(day),
            "s",
            "summing all",
            statistics.median(day) / whole,
        ),
        Figure("the slowest of them", worst, "s", "summing all", worst / whole, "1 s"),
    ]


def _fill(exchange: Exchange, began: datetime) -> None:
    from config.embedded.postgres import SUPERUSER

    with psycopg.connect(exchange.cluster.url(SUPERUSER), autocommit=True) as connection:
        row = connection.execute(
            "SELECT min(id) FILTER (WHERE purpose = 'CLEARING_BANK'),"
            " min(id) FILTER (WHERE purpose = 'WALLET') FROM ledger_account"
        ).fetchone()
        bank, wallet = row or (0, 0)
        while connection.execute("SELECT sequence_entries_v1()").fetchone() != (0,):
            pass
        first = (connection.execute("SELECT max(id) FROM entry").fetchone() or (0,))[0] + 1
        connection.execute("SET session_replication_role = replica")
        entries = POSTINGS // 2
        for start in range(first, first + entries, ROUND):
            last = min(start + ROUND, first + entries) - 1
            values = {"first": start, "last": last, "entries": entries, "bank": bank, "wallet": wallet}
            values["began"] = began
            for query in (ENTRIES.replace("(n - %(first)s)", f"(n - {first})"), LEGS, NUMBERS):
                connection.execute(query, values | {"accounts": ACCOUNTS})
        connection.execute("SET session_replication_role = origin")
        connection.execute("ANALYZE entry, posting, ledger_seq")
        while (connection.execute("SELECT keep_checkpoints_v1(20000)").fetchone() or (0,))[0]:
            pass


def _time(connection: psycopg.Connection, query: str, *values: object) -> float:
    began = time.perf_counter()
    rows = connection.execute(query.encode(), values or None).fetchall()
    took = time.perf_counter() - began
    if len(rows) < 2:
        raise RuntimeError("there is no balance to measure")
    return took
