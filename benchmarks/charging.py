"""
Charging: usage lines posted a second in the full shape, against COPY of the same usage records, a thousand
at a time, into a table without triggers (the floor). Then the same with every line paid from a wallet in
another currency than its price. COPY of the narrower charges, in the size of a step, is told beside it.
"""

import time
from typing import Literal

import psycopg
from psycopg import sql

from benchmarks import calls
from benchmarks.exchange import Exchange, open_exchange
from benchmarks.report import Figure
from config.embedded.postgres import SUPERUSER

CALLS = 500
LINES = CALLS * calls.CALL_SIZE
STEP = 5000


# The wallets' dollars are not the currency of the price any more; written past what protects it.
OTHER_CURRENCY = """
SET session_replication_role = replica;
UPDATE site SET currency = 'CNY';
UPDATE offer SET currency = 'CNY';
UPDATE price_card SET currency = 'CNY';
INSERT INTO fx_quote (uid, base, quote, mid, spread_bps, rate, source, rate_at, made_at, expires_at)
VALUES (gen_random_uuid(), 'USD', 'CNY', 0.14, 50, 0.1407, 'benchmark', now() - interval '1 hour', now(),
        now() + interval '1 day');
INSERT INTO fx_standing_quote (base, quote, quote_id) SELECT base, quote, id FROM fx_quote;
"""


def measure() -> list[Figure]:
    """Lines a second, over every step: queue, entry, links, holds, scopes, postings, commit."""
    with open_exchange() as exchange:
        charging = _charge(exchange)
        copying = _copy_rate(exchange, "usage_record", 1000)
        charges = _copy_rate(exchange, "charge", STEP)
    with open_exchange() as exchange:
        with psycopg.connect(exchange.cluster.url(SUPERUSER), autocommit=True) as superuser:
            superuser.execute(OTHER_CURRENCY)
        converting = _charge(exchange)
    floor, goal = "COPY of usage records", "60,000 lines/s, 0.35 of COPY"
    return [
        Figure(floor, copying, "rows/s"),
        Figure("COPY of charges, 5,000 at a time", charges, "rows/s"),
        Figure("charging", charging, "lines/s", floor, charging / copying, goal),
        Figure("charging, every line converted", converting, "lines/s", floor, converting / copying, goal),
    ]


def _charge(exchange: Exchange) -> float:
    with exchange.connect() as connection:
        for number in range(CALLS):
            buyer = exchange.buyers[number % len(exchange.buyers)]
            calls.record(connection, calls.admit(connection, exchange, buyer))
        started = time.perf_counter()
        posted = 0
        while True:
            row = connection.execute("SELECT charges FROM post_charges_v1(%s)", [STEP]).fetchone()
            if row is None or row[0] == 0:
                break
            posted += row[0]
        rate = posted / (time.perf_counter() - started)
        left = connection.execute("SELECT count(*) FROM hold WHERE state = 'OPEN'").fetchone()
    if posted != LINES or left != (0,):
        raise RuntimeError(f"{posted} of {LINES} lines posted, {left} holds left open")
    return rate


def _copy_rate(exchange: Exchange, table: Literal["usage_record", "charge"], size: int) -> float:
    with psycopg.connect(exchange.owner_url, autocommit=True) as connection:
        name = sql.Identifier(table)
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(sql.SQL("CREATE TABLE bare (LIKE {} INCLUDING INDEXES)").format(name))
        rows = connection.execute(sql.SQL("SELECT * FROM {}").format(name)).fetchall()
        started = time.perf_counter()
        for first in range(0, len(rows), size):
            with connection.cursor().copy("COPY bare FROM STDIN") as copy:
                for row in rows[first : first + size]:
                    copy.write_row(row)
        return len(rows) / (time.perf_counter() - started)
