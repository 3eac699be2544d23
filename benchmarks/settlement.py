"""
Preparing a settlement: CHARGES charges of PROVIDERS providers counted, gated, reckoned and hashed.

Rows are written as a superuser who passes by triggers: what is measured is reading them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg

from benchmarks.exchange import REPOSITORY, Exchange, open_exchange
from benchmarks.report import Figure

CHARGES = int(os.environ.get("CHARGES", "1000000"))
PROVIDERS = int(os.environ.get("PROVIDERS", "10000"))
# An entry has at most 1000 legs: these, the wallet and the fee.
LEGS = 990
GOAL_SECONDS, GOAL_MEGABYTES = 60, 1000

ROWS = Path(__file__).with_name("settlement.sql")


def measure() -> list[Figure]:
    """Seconds for one batch, and the memory of the two processes that made it."""
    with open_exchange(buyers=1) as exchange:
        _fill(exchange)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.settling"],
            env=exchange.environ
            | {"REDIS_URL": "redis://127.0.0.1:1/0", "JOULEPORT_HOME": str(exchange.home)},
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
            text=True,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    if (found["items"], found["charges"]) != (PROVIDERS, CHARGES):
        raise RuntimeError(f"the batch has {found}")
    name = f"{CHARGES:,} charges of {PROVIDERS:,} providers"
    return [
        Figure(f"settlement drafted: {name}", found["draft_s"], "s", "", None, f"{GOAL_SECONDS} s"),
        Figure("settlement submitted with its hash", found["submit_s"], "s"),
        Figure(
            "settlement, memory of both processes", found["megabytes"], "MB", "", None, f"{GOAL_MEGABYTES} MB"
        ),
        Figure("settlement carried out", found["paid_per_s"], "payouts/s"),
    ]


def _fill(exchange: Exchange) -> None:
    from config.embedded.postgres import SUPERUSER

    with psycopg.connect(exchange.cluster.url(SUPERUSER), autocommit=True) as connection:
        text = ROWS.read_text(encoding="utf-8")
        for name, value in (("charges", CHARGES), ("providers", PROVIDERS), ("legs", LEGS)):
            text = text.replace(f":{name}", str(value))
        connection.execute(text.encode())
        while connection.execute("SELECT sequence_entries_v1()").fetchone() != (0,):
            pass
        connection.execute("VACUUM ANALYZE")
