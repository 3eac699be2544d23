"""
Single entries from eight processes that wait for each, against django-hordak doing the same on one server;
with one account of the platform in every entry, against one of many; and a thousand entries in one statement.
"""

import multiprocessing
import statistics
import subprocess
import sys
import time
from typing import Any

import psycopg

from benchmarks import peers
from benchmarks.exchange import Exchange
from benchmarks.report import Figure
from config.embedded.postgres import SUPERUSER

CLIENTS, SECONDS, ROUNDS = 8, 5.0, 3
BATCH, BATCHES = 1000, 20
POST = "SELECT entry_id FROM post_v1(%s, 'BENCH', 'bench', '', now(), %s::bigint[], %s::numeric[])"
# As charging and settling write theirs: one statement, every entry with its key, its postings and all that is
# checked of them.
MANY = """
INSERT INTO entry (key, kind, actor, happened_at, accounts, amounts)
SELECT %(key)s || n, 'BENCH', 'bench', now(), ARRAY[%(bank)s, (%(wallets)s::bigint[])[1 + n %% %(count)s]],
       ARRAY[0.000000001, -0.000000001]
  FROM generate_series(1, %(size)s) n
"""


def measure(exchange: Exchange) -> list[Figure]:
    """Entries a second."""
    with exchange.connect() as connection:
        banks, wallets = _find_accounts(connection, exchange)
    hordak = _find_hordak(exchange)
    hot, spread, theirs = [], [], []
    for number in range(ROUNDS):
        hot.append(_post(exchange, f"hot{number}", banks[:1], wallets))
        spread.append(_post(exchange, f"spread{number}", banks, wallets))
        if hordak is not None:
            theirs.append(_run_hordak(exchange, hordak))
    with psycopg.connect(exchange.owner_url, autocommit=True) as connection:
        batched = _post_many(connection, banks[0], wallets)
    ratio = statistics.median(a / b for a, b in zip(hot, spread, strict=True))
    one = f"single entries, {CLIENTS} processes"
    figures = [
        Figure(f"{one}, one platform account each", statistics.median(spread), "entries/s"),
        Figure(f"{one}, all the same one", statistics.median(hot), "entries/s", "one each", ratio, "0.9"),
    ]
    if theirs:
        ratio = statistics.median(a / b for a, b in zip(hot, theirs, strict=True))
        figures += [
            Figure(f"django-hordak, {CLIENTS} processes", statistics.median(theirs), "entries/s"),
            Figure(one, statistics.median(hot), "entries/s", "django-hordak", ratio, "6 x django-hordak"),
        ]
    return [
        *figures,
        Figure("entries, 1,000 a statement", batched, "entries/s", "", None, "20,000 entries/s"),
    ]


def _find_accounts(connection: psycopg.Connection, exchange: Exchange) -> tuple[list[int], list[int]]:
    rows = connection.execute(
        "SELECT account_v1('PAYABLE', o, 'USD'), account_v1('WALLET', o, 'USD') FROM unnest(%s::bigint[]) o",
        [[organization for organization, _ in exchange.buyers]],
    ).fetchall()
    return [row[0] for row in rows], [row[1] for row in rows]


def _post(exchange: Exchange, name: str, banks: list[int], wallets: list[int]) -> float:
    context = multiprocessing.get_context("spawn")
    done: Any = context.Queue()
    workers = [
        context.Process(
            target=_post_until, args=(exchange.app_url, f"{name}:{n}", n * 7, banks, wallets, done)
        )
        for n in range(CLIENTS)
    ]
    for worker in workers:
        worker.start()
    counts: list[int] = [done.get(timeout=SECONDS + 60) for _ in workers]
    for worker in workers:
        worker.join()
    return sum(counts) / SECONDS


def _post_until(url: str, name: str, first: int, banks: list[int], wallets: list[int], done: Any) -> None:
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        count = 0
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            place = first + count
            legs = [banks[place % len(banks)], wallets[(place * 5 + 1) % len(wallets)]]
            connection.execute(POST, [f"{name}:{count}", legs, ["0.000000001", "-0.000000001"]])
            count += 1
    done.put(count)


def _post_many(connection: psycopg.Connection, bank: int, wallets: list[int]) -> float:
    started = time.perf_counter()
    for number in range(BATCHES):
        values = {"size": BATCH, "key": f"many:{number}:", "bank": bank, "wallets": wallets}
        done = connection.execute(MANY, values | {"count": len(wallets)})
        if done.rowcount != BATCH:
            raise RuntimeError(f"{done.rowcount} entries of {BATCH}")
    return BATCH * BATCHES / (time.perf_counter() - started)


def _find_hordak(exchange: Exchange) -> str | None:
    try:
        program = peers.install_hordak()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped django-hordak: {peers.explain(error)}", file=sys.stderr, flush=True)
        return None
    with psycopg.connect(exchange.cluster.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE hordak")
    return program


def _run_hordak(exchange: Exchange, program: str) -> float:
    url = exchange.cluster.url(SUPERUSER, "hordak")
    argv = [program, str(peers.PINS / "hordak_books.py"), url, str(CLIENTS), str(SECONDS)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])
