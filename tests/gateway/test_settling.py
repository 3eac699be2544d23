"""
Plain answers at a PostgreSQL that takes too long: what is charged is delivered, what is not delivered is not
charged, whichever way it ends.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest

from gateway.app import Gateway
from gateway.settings import Settings
from tests.billing import exchange
from tests.databases import Database
from tests.gateway.conftest import Market
from tests.gateway.test_faults import CHAT, FINE, break_upstream
from workers.upstream.client import Timeouts

# The simulated answer takes a second: time to break something under it.
SLOW = "rate=40+tokens=40"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    # No renewal of a lease stands in the way of the record.
    return replace(
        settings,
        database_wait=0.5,
        decision_wait=4.0,
        renew_seconds=60.0,
        plain_timeouts=Timeouts(head=5.0),
    )


@pytest.fixture
def superuser(db: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(db.superuser_dsn, autocommit=True) as connection:
        yield connection
        stall(connection, False)


def stall(superuser: psycopg.Connection[Any], on: bool) -> None:
    """Have every commit wait for a standby that is not there: its effects are on disk, and unsaid."""
    superuser.execute("SET synchronous_commit = local")
    superuser.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{'nobody' if on else ''}'".encode())
    superuser.execute("SELECT pg_reload_conf()")
    # Sessions hear of it before their next statement.
    time.sleep(0.1)


@contextlib.asynccontextmanager
async def ask(http: httpx.AsyncClient, market: Market) -> AsyncIterator["asyncio.Task[httpx.Response]"]:
    """Ask, and go on once the attempt runs."""
    task = asyncio.create_task(http.post(CHAT, json=FINE))
    while not exchange.fetch(market.connection, "SELECT 1 FROM attempt WHERE state = 'RUNNING'"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield task
    if not task.done():
        task.cancel()


def read_outcome(market: Market) -> tuple[list[tuple[str, str | None]], int, Any]:
    """States of jobs, how many records there are, what is held."""
    return market.read_jobs(), len(market.read_usage()), market.read_wallet()[1]


@pytest.mark.parametrize("seconds", [1.2, 2.6])
async def test_a_row_that_is_locked_at_the_end_delays_the_answer(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, db: Database, seconds: float
) -> None:
    await break_upstream(market, gateway, SLOW)
    async with ask(http, market) as asked:
        with psycopg.connect(db.owner_dsn) as other:
            other.execute("SELECT 1 FROM attempt FOR UPDATE")
            await asyncio.sleep(1 + seconds)
        answer = await asked

    jobs, records, held = read_outcome(market)
    if answer.status_code == 200:
        assert (jobs, records) == ([("SUCCEEDED", None)], 1)
        assert answer.json()["usage"]["cost"] > 0
    else:
        assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "true")
        assert (jobs, records, held) == ([("FAILED", "not_recorded")], 0, 0)


async def test_a_commit_that_stalls_is_waited_for(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, superuser: psycopg.Connection[Any]
) -> None:
    await break_upstream(market, gateway, SLOW)
    async with ask(http, market) as asked:
        await asyncio.sleep(0.5)
        stall(superuser, True)
        await asyncio.sleep(2.5)
        assert not asked.done()
        stall(superuser, False)
        answer = await asked

    jobs, records, _ = read_outcome(market)
    assert answer.status_code == 200, answer.text
    assert (jobs, records) == ([("SUCCEEDED", None)], 1)
    assert answer.json()["usage"]["cost_amount"] == f"{market.read_usage()[0]['amount']:f}".rstrip("0")


async def test_a_commit_that_stalls_too_long_is_not_to_be_repeated_and_flagged(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, superuser: psycopg.Connection[Any]
) -> None:
    await break_upstream(market, gateway, SLOW)
    async with ask(http, market) as asked:
        await asyncio.sleep(0.5)
        stall(superuser, True)
        answer = await asked
        stall(superuser, False)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], answer.headers["x-should-retry"]) == (
        503,
        "not_recorded",
        "false",
    )
    assert error["job_id"]
    deadline = time.monotonic() + 10
    while True:
        jobs, records, _ = read_outcome(market)
        flags = exchange.fetch(market.connection, "SELECT kind FROM meter_flag")
        settled = (jobs == [("FAILED", "not_recorded")] and records == 0) or (
            records == 1 and flags == [{"kind": "charged_undelivered"}]
        )
        if settled:
            break
        assert time.monotonic() < deadline, (jobs, records, flags)
        await asyncio.sleep(0.1)


async def test_a_record_that_never_left_may_be_asked_for_again(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await break_upstream(market, gateway, SLOW)
    assert gateway.runtime is not None
    link = gateway.runtime.database.recording
    await link.close()
    monkeypatch.setattr(link, "_url", "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1")

    answer = await http.post(CHAT, json=FINE)

    assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "true")
    deadline = time.monotonic() + 5
    while read_outcome(market) != ([("FAILED", "not_recorded")], 0, 0):
        assert time.monotonic() < deadline, read_outcome(market)
        await asyncio.sleep(0.05)


async def test_an_answer_of_an_attempt_that_was_settled_meanwhile_is_not_given_away(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, db: Database
) -> None:
    await break_upstream(market, gateway, SLOW)
    async with ask(http, market) as asked:
        with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
            exchange.expire_leases(owner)
        assert exchange.sweep(market.connection) == 1
        answer = await asked

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], answer.headers["x-should-retry"]) == (
        503,
        "not_recorded",
        "true",
    )
    jobs, records, held = read_outcome(market)
    assert ([state for state, _ in jobs], records, held) == (["FAILED"], 0, 0)
