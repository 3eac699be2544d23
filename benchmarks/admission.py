"""Admission and recording, in calls of 64 jobs, by one and by two client processes."""

import multiprocessing
import time
from multiprocessing.pool import Pool

import psycopg

from benchmarks import calls
from benchmarks.exchange import Exchange, open_exchange
from benchmarks.report import Figure

CALLS = 150


def measure() -> list[Figure]:
    """Jobs a second."""
    figures = []
    with open_exchange() as exchange:
        _work(exchange, 0, 20)
        for processes in (1, 2):
            with multiprocessing.get_context("spawn").Pool(processes) as pool:
                admitted, recorded = _rates(pool, exchange, processes)
            suffix = f"{processes} client{'s' if processes > 1 else ''}"
            figures += [
                Figure(f"admission, {suffix}", admitted, "jobs/s", goal="10,000 jobs/s"),
                Figure(f"recording, {suffix}", recorded, "records/s", goal="12,000 records/s"),
            ]
    return figures


def _rates(pool: Pool, exchange: Exchange, processes: int) -> tuple[float, float]:
    spans = pool.starmap(_work, [(exchange, number, CALLS) for number in range(processes)])
    jobs = CALLS * calls.CALL_SIZE * processes
    return jobs / max(admit for admit, _ in spans), jobs / max(record for _, record in spans)


def _work(exchange: Exchange, number: int, rounds: int) -> tuple[float, float]:
    """Seconds spent admitting and recording `rounds` calls, one buyer a process."""
    admitting = recording = 0.0
    with psycopg.connect(exchange.app_url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("SET lock_timeout = '2s'")
        for _ in range(rounds):
            started = time.perf_counter()
            attempts = calls.admit(connection, exchange, exchange.buyers[number])
            admitted = time.perf_counter()
            calls.record(connection, attempts)
            admitting += admitted - started
            recording += time.perf_counter() - admitted
    return admitting, recording
