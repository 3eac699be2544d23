"""
A single posting through post_v1 against pgbench's TPC-B on the same server: 16 connections, in turns. Then
trial balances of the past (POSTINGS says among how many postings).
"""

import os
import re
import statistics
import subprocess
from pathlib import Path

from benchmarks import books, past
from benchmarks.exchange import Exchange, open_exchange
from benchmarks.report import Figure

CLIENTS, SECONDS, ROUNDS = 16, 5, 3
# A transfer between two of many accounts, of which one is a wallet and so is locked and checked.
SCRIPT = """\
\\set wallet random({first}, {last})
\\set n random(1, 1000000000000000)
SELECT post_v1('bench-:client_id-:n', 'BENCH', 'bench', '', now(),
               '{{{bank},:wallet}}', '{{0.000000001,-0.000000001}}');
"""
WALLETS = """
SELECT min(id) FILTER (WHERE purpose = 'CLEARING_BANK'), min(id) FILTER (WHERE purpose = 'WALLET'),
       max(id) FILTER (WHERE purpose = 'WALLET'), count(*) FILTER (WHERE purpose = 'WALLET')
  FROM ledger_account
"""


def measure() -> list[Figure]:
    """Entries and transactions a second."""
    with open_exchange(buyers=64) as exchange:
        script = _prepare(exchange)
        postings, peers = [], []
        for _ in range(ROUNDS):
            peers.append(_pgbench(exchange, "tpcb"))
            postings.append(_pgbench(exchange, "exchange", "-f", str(script)))
        single = books.measure(exchange)
    posting, peer = statistics.median(postings), statistics.median(peers)
    ratio = statistics.median(a / b for a, b in zip(postings, peers, strict=True))
    return [
        Figure("pgbench TPC-B, 16 connections", peer, "transactions/s"),
        Figure("posting, 16 connections", posting, "entries/s", "TPC-B", ratio, "1 x TPC-B"),
        *single,
        *past.measure(),
    ]


def _prepare(exchange: Exchange) -> Path:
    import psycopg

    superuser = exchange.cluster.url(postgres_superuser(), "postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("CREATE DATABASE tpcb")
    subprocess.run(
        [
            exchange.cluster.binaries / "pgbench",
            "-i",
            "-q",
            "-s",
            "16",
            exchange.cluster.url(postgres_superuser(), "tpcb"),
        ],
        check=True,
        capture_output=True,
    )
    with exchange.connect() as connection:
        bank, first, last, wallets = connection.execute(WALLETS).fetchone() or ()
    if last - first + 1 != wallets:
        raise RuntimeError("the wallets' accounts are not numbered in one row")
    script = exchange.home / "post.sql"
    script.write_text(SCRIPT.format(bank=bank, first=first, last=last), encoding="utf-8")
    return script


def postgres_superuser() -> str:
    """The name of the embedded server's superuser."""
    from config.embedded.postgres import SUPERUSER

    return SUPERUSER


def _pgbench(exchange: Exchange, database: str, *arguments: str) -> float:
    url = exchange.app_url if database == "exchange" else exchange.cluster.url(postgres_superuser(), database)
    done = subprocess.run(
        [
            exchange.cluster.binaries / "pgbench",
            "-n",
            "-c",
            str(CLIENTS),
            "-j",
            "2",
            "-T",
            str(SECONDS),
            *arguments,
            url,
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(done.stdout + done.stderr)
    return float(found[1])
