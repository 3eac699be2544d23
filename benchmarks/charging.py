"""Charging: usage lines posted a second in the full shape, against COPY of as many bare rows (the floor)."""

import time

from benchmarks import calls
from benchmarks.exchange import Exchange, open_exchange
from benchmarks.report import Figure

CALLS = 500
LINES = CALLS * calls.CALL_SIZE


def measure() -> list[Figure]:
    """Lines a second, over every step: queue, entry, links, holds, scopes, postings, commit."""
    with open_exchange() as exchange:
        with exchange.connect() as connection:
            for number in range(CALLS):
                buyer = exchange.buyers[number % len(exchange.buyers)]
                calls.record(connection, calls.admit(connection, exchange, buyer))
            started = time.perf_counter()
            posted = 0
            while True:
                row = connection.execute("SELECT charges FROM post_charges_v1(5000)").fetchone()
                if row is None or row[0] == 0:
                    break
                posted += row[0]
            charging = posted / (time.perf_counter() - started)
            left = connection.execute("SELECT count(*) FROM hold WHERE state = 'OPEN'").fetchone()
        if posted != LINES or left != (0,):
            raise RuntimeError(f"{posted} of {LINES} lines posted, {left} holds left open")
        copying = _copy_rate(exchange)
    return [
        Figure("COPY of bare rows", copying, "rows/s"),
        Figure("charging", charging, "lines/s", "COPY of bare rows", charging / copying, "30,000 lines/s"),
    ]


def _copy_rate(exchange: Exchange) -> float:
    import psycopg

    with psycopg.connect(exchange.owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (LIKE charge INCLUDING INDEXES)")
        rows = connection.execute("SELECT * FROM charge").fetchall()
        started = time.perf_counter()
        for first in range(0, len(rows), 5000):
            with connection.cursor().copy("COPY bare FROM STDIN") as copy:
                for row in rows[first : first + 5000]:
                    copy.write_row(row)
        return len(rows) / (time.perf_counter() - started)
