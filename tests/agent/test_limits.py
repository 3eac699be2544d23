"""What an agent does when its disk or memory is short: it takes no job whose receipt it could not keep."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from agent import jobs as agent_jobs
from agent import protocol, receipts, upstream
from agent.energy import Meter
from agent.jobs import Jobs
from agent.protocol import Frame, Kind
from agent.sources import Declared
from tests.agent.test_commands import Market, market

__all__ = ["market"]


class Relay:
    """What the agent sent."""

    def __init__(self) -> None:
        self.ends: list[dict[str, Any]] = []

    async def send(self, message: bytes) -> None:
        frame = protocol.decode(message)
        if frame.kind is Kind.END:
            self.ends.append(protocol.decode_control(frame.payload))


def make_request(number: int, *, body_bytes: int = 0) -> Frame:
    control = {
        "method": "POST",
        "path": "/chat/completions",
        "headers": {},
        "body_bytes": body_bytes,
        "attempt_uid": str(UUID(int=number)),
        "receipt_uid": str(UUID(int=number)),
        "card_uid": str(UUID(int=number)),
        "nonce": "00",
        "credit_bytes": 1000,
    }
    return protocol.decode(protocol.encode_control(Kind.REQUEST, control, attempt_id=number))


@pytest.fixture
async def running(tmp_path: Path, market: Market) -> AsyncIterator[Jobs]:
    """Jobs with a real journal and a model server that answers (404, which is an answer)."""
    journal = receipts.Journal(state=tmp_path, identity=receipts.load_identity(state=tmp_path))
    meter = Meter(declared=Declared(1, 2), parts=[], started_ns=time.monotonic_ns())
    server = upstream.Upstream(url=f"{market.url}/v1", key=None)
    running = Jobs(slots=64, upstream=server, meter=meter, journal=journal)
    yield running
    await running.close()
    await server.close()


async def run(jobs: Jobs, frame: Frame, relay: Relay) -> dict[str, Any]:
    jobs.begin(frame, send=relay.send)
    await jobs.settle()
    return relay.ends[-1]


async def test_a_full_journal_takes_no_jobs_until_receipts_are_acknowledged(running: Jobs) -> None:
    relay = Relay()
    assert (await run(running, make_request(1), relay))["outcome"] == "complete"
    running.journal.full = True

    refused = await run(running, make_request(2), relay)

    assert (refused["outcome"], refused["message"]) == (
        "refused",
        "receipts cannot be kept: the journal is full",
    )
    await running.forget_receipts([str(UUID(int=1))])
    assert (await run(running, make_request(3), relay))["outcome"] == "complete"


async def test_a_disk_that_is_full_is_tried_again(running: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Relay()
    monkeypatch.setattr(agent_jobs, "JOURNAL_RETRY_SECONDS", 0.02)
    # As SQLite says it when the disk has no room.
    running.journal._database.execute("PRAGMA max_page_count = 1")

    outcome = "complete"
    number = 0
    while outcome == "complete" and number < 100:
        number += 1
        outcome = (await run(running, make_request(number), relay))["outcome"]

    # The answer whose receipt was not kept was delivered; the next job was not taken.
    assert (outcome, running.journal_failure is None) == ("refused", False)
    running.journal._database.execute("PRAGMA max_page_count = 100000")
    watching = asyncio.create_task(running.watch_journal())
    while running.journal_failure is not None:  # noqa: ASYNC110 - what is waited for is the agent's own look
        await asyncio.sleep(0.01)
    watching.cancel()
    assert (await run(running, make_request(900), relay))["outcome"] == "complete"


async def test_requests_that_wait_for_their_bodies_are_bounded_in_memory(running: Jobs) -> None:
    relay = Relay()
    most = agent_jobs.BODIES_BYTES_MAX // protocol.REQUEST_BYTES_MAX
    for number in range(most):
        running.begin(make_request(number + 1, body_bytes=protocol.REQUEST_BYTES_MAX), send=relay.send)

    running.begin(make_request(500, body_bytes=1), send=relay.send)
    await asyncio.sleep(0.05)

    assert [end["message"] for end in relay.ends] == ["too many large requests at once"]
    await running.abandon_all()


async def test_a_relay_that_reads_no_answer_is_let_go(running: Jobs) -> None:
    running.draining = True

    async def never(_: bytes) -> None:
        await asyncio.Event().wait()

    for number in range(running.slots + agent_jobs.REFUSALS_UNSENT_MAX + 1):
        running.begin(make_request(number), send=never)

    with pytest.raises(protocol.FrameRefused, match="without reading"):
        running.begin(make_request(0), send=never)
    for task in list(running._tasks):
        task.cancel()


def test_the_journal_says_why_it_cannot_be_written(tmp_path: Path) -> None:
    journal = receipts.Journal(state=tmp_path, identity=receipts.load_identity(state=tmp_path))
    other = sqlite3.connect(tmp_path / receipts.JOURNAL_FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    journal._database.execute("PRAGMA busy_timeout = 1")

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        journal.prove()
    other.close()
    journal.prove()
    journal.close()
