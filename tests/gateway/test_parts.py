"""Parts of the gateway by themselves: coalescing, array literals, settings, presence."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import arrays
from gateway.coalescing import BATCH_MAX, Coalescer
from gateway.settings import SettingsRefused, read_settings
from workers.presence import NodeWord, RelayWord, merge_presence

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://app@localhost/x",
    "REDIS_URL": "redis://localhost",
    "JOULEPORT_TICKET_SECRET": "sixteen bytes or more",
}


class Calls:
    """Remembers its batches, and gives back each item when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()

    async def run(self, batch: list[int]) -> list[int]:
        self.batches.append(batch)
        await self.gate.wait()
        if -1 in batch:
            raise RuntimeError("broken")
        return [item * 10 for item in batch]


async def test_one_call_gathers_what_waits_for_the_one_before() -> None:
    calls = Calls()
    coalescer = Coalescer(calls.run)
    tasks = [asyncio.create_task(coalescer.submit(0, seconds=5))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(coalescer.submit(item, seconds=5)) for item in range(1, 100)]
    await asyncio.sleep(0)
    calls.gate.set()

    results = await asyncio.gather(*tasks)

    assert results == [item * 10 for item in range(100)]
    assert [len(batch) for batch in calls.batches] == [1, BATCH_MAX, 35]
    await asyncio.sleep(0.05)
    assert coalescer.is_idle()


async def test_an_error_reaches_every_waiter_of_its_batch_and_no_other() -> None:
    calls = Calls()
    calls.gate.set()
    coalescer = Coalescer(calls.run)

    first = await asyncio.gather(
        coalescer.submit(-1, seconds=5), coalescer.submit(2, seconds=5), return_exceptions=True
    )

    assert [type(result) for result in first] == [RuntimeError, RuntimeError]
    assert await coalescer.submit(3, seconds=5) == 30


async def _leave_before(coalescer: Coalescer[int, int], calls: Calls) -> None:
    first = asyncio.create_task(coalescer.submit(1, seconds=5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = asyncio.create_task(coalescer.submit(2, seconds=5))
    await asyncio.sleep(0)
    waiting.cancel()
    calls.gate.set()
    await first


async def _leave_during(coalescer: Coalescer[int, int], calls: Calls) -> None:
    task = asyncio.create_task(coalescer.submit(2, seconds=5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    calls.gate.set()
    await asyncio.wait([task])


async def _leave_at_the_same_moment(coalescer: Coalescer[int, int], calls: Calls) -> None:
    task = asyncio.create_task(coalescer.submit(2, seconds=5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    calls.gate.set()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(
    ("leave", "orphans"),
    [(_leave_before, []), (_leave_during, [(2, 20)]), (_leave_at_the_same_moment, [(2, 20)])],
)
async def test_a_waiter_who_leaves_is_undone_if_its_call_went_through(
    leave: Callable[..., Any], orphans: list[tuple[int, int]]
) -> None:
    found: list[tuple[int, int]] = []
    calls = Calls()
    coalescer = Coalescer(calls.run, orphan=lambda item, result: found.append((item, result)))

    await leave(coalescer, calls)
    await asyncio.sleep(0.01)

    assert found == orphans


async def test_one_item_that_cannot_be_stored_fails_nobody_else() -> None:
    async def run(items: list[int]) -> list[int]:
        if 7 in items:
            raise psycopg.DataError("value out of range")
        return [item * 2 for item in items]

    coalescer = Coalescer(run)
    waiting = [asyncio.create_task(coalescer.submit(item, seconds=5)) for item in range(20)]
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(results.pop(7), psycopg.DataError)
    assert results == [item * 2 for item in range(20) if item != 7]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    texts=st.lists(st.none() | TEXT, min_size=1, max_size=5),
    blobs=st.lists(st.none() | st.binary(max_size=8), min_size=1, max_size=5),
    numbers=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5),
)
def test_array_literals_mean_what_they_say(
    database: psycopg.Connection[Any],
    texts: list[str | None],
    blobs: list[bytes | None],
    numbers: list[int | None],
) -> None:
    row = database.execute(
        "SELECT %s::text[], %s::bytea[], %s::bigint[]",
        [arrays.write_texts(texts), arrays.write_bytes(blobs), arrays.write_plain(numbers)],
    ).fetchone()

    assert row == (texts, blobs, numbers)


def test_array_literals_of_other_kinds() -> None:
    uid = UUID(int=7)

    assert arrays.write_plain([Decimal("0.000001"), uid]) == f"{{0.000001,{uid}}}"
    assert arrays.write_flags([True, False]) == "{t,f}"


def test_reads_the_environment() -> None:
    read = read_settings(ENVIRONMENT | {"JOULEPORT_LOG_FORMAT": "console", "JOULEPORT_LOG_LEVEL": "warning"})

    assert (read.log_format, read.log_requests) == ("console", False)
    assert "sixteen" not in repr(read)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"REDIS_URL": "localhost"}, "REDIS_URL"),
        ({"JOULEPORT_TICKET_SECRET": "short"}, "JOULEPORT_TICKET_SECRET"),
        ({"JOULEPORT_TICKET_SECRET_FILE": "/nowhere"}, "JOULEPORT_TICKET_SECRET"),
        ({"JOULEPORT_LOG_FORMAT": "xml"}, "JOULEPORT_LOG_FORMAT"),
        ({"JOULEPORT_LOG_LEVEL": "loud"}, "JOULEPORT_LOG_LEVEL"),
    ],
)
def test_refuses_an_environment_it_does_not_understand(change: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsRefused, match=named):
        read_settings(ENVIRONMENT | change)


def test_reads_a_secret_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("kept in a file of its own\n")
    environment = {name: value for name, value in ENVIRONMENT.items() if "TICKET" not in name}

    read = read_settings(environment | {"JOULEPORT_TICKET_SECRET_FILE": str(path)})

    assert read.ticket_secret == b"kept in a file of its own"


def test_of_two_relays_that_name_a_node_the_later_connection_counts() -> None:
    words = {
        "old": RelayWord("http://old", {"n": NodeWord(epoch=1, slots=1), "only": NodeWord(epoch=1)}),
        "new": RelayWord("http://new", {"n": NodeWord(epoch=2, slots=2)}),
    }

    nodes = merge_presence(words)

    assert (nodes["n"].relay_url, nodes["only"].relay_url) == ("http://new", "http://old")
