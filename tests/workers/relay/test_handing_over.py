"""Versions side by side, one agent taking over from another, tokens and keys replaced: no job is dropped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from accounts import audit
from agent import enrolment, receipts
from agent import protocol as agent_end
from agent.protocol import Kind
from agent.receipts import identify_key
from tests.workers.relay.exchange import (
    HEARTBEAT_SECONDS,
    ROOT,
    SECRET,
    Exchange,
    Registered,
    free_port,
    hear,
    make_hello,
    wait_until,
)
from workers import enrolments, protocol

SLOW = ("--tokens-per-second", "20")


def events(exchange: Exchange) -> list[str]:
    return [kind for (kind,) in exchange.rows("SELECT kind FROM node_event ORDER BY id")]


def is_complete(received: bytes) -> bool:
    return bool(json.loads(received.partition(b"\x1e")[2])["complete"])


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hello", "agreed"),
    [
        ({"protocol": 1}, 1),
        ({"protocol": 2, "protocol_min": 1}, 2),
        # One version on: it still speaks the one before.
        ({"protocol": 3, "protocol_min": 2, "news": {"of": "version 3"}}, 2),
    ],
    ids=["older", "same", "newer"],
)
async def test_an_agent_of_one_version_before_or_after_is_welcome(
    exchange: Exchange, rack: Registered, hello: dict[str, Any], agreed: int
) -> None:
    async with exchange.pose(rack, **hello) as posed:
        kind, told = await hear(posed)

    assert (kind, told["protocol"]) == (Kind.WELCOME, agreed)
    assert exchange.rows("SELECT protocol FROM node") == [(agreed,)]


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        ({"protocol": 0}, "1 to 2, the agent 0: update the agent"),
        (
            {"protocol": 4, "protocol_min": 3},
            "1 to 2, the agent 3 to 4: the exchange is older",
        ),
    ],
    ids=["too old", "too new"],
)
async def test_beyond_one_version_the_refusal_names_both(
    exchange: Exchange, rack: Registered, hello: dict[str, Any], said: str
) -> None:
    async with exchange.pose(rack, **hello) as posed:
        kind, told = await hear(posed)

    assert (kind, told["code"]) == (Kind.REFUSED, "protocol_unsupported")
    assert said in told["message"]


def test_an_agent_comes_down_to_a_relay_of_the_version_before(exchange: Exchange, rack: Registered) -> None:
    """A relay that was never told of negotiation refuses by name; the agent then speaks as it did."""
    exchange.close()
    exchange.processes.clear()
    relay = start_older_relay(exchange)

    agent = exchange.start_agent(rack, exchange.start_upstream(), wait=False)

    wait_until(lambda: exchange.ready()["nodes"] == 1, what="the agent is connected")
    assert exchange.rows("SELECT protocol FROM node") == [(1,)]
    assert relay.poll() is None
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(10) == 0


def start_older_relay(exchange: Exchange) -> subprocess.Popen[bytes]:
    """The relay with version 1's rule: exactly version 1, and no other, read before anything else."""
    program = (
        "import sys\n"
        "from workers import protocol\n"
        "from workers.relay import __main__ as relay\n"
        "def agree(offered):\n"
        "    if offered.protocol != 1:\n"
        "        raise protocol.VersionUnsupported('this exchange speaks agent protocol 1')\n"
        "    return 1\n"
        "protocol.agree_version = agree\n"
        "sys.exit(relay.main())\n"
    )
    with (exchange.folder / "older-relay.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "--heartbeat-seconds", HEARTBEAT_SECONDS],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env={
                "PATH": os.environ["PATH"],
                "DATABASE_URL": exchange.db.dsn,
                "REDIS_URL": exchange.redis_url,
                "JOULEPORT_TICKET_SECRET": SECRET.decode(),
                "JOULEPORT_RELAY_ADDRESS": f"127.0.0.1:{exchange.port}",
            },
        )
    exchange.processes.append(process)
    wait_until(exchange.is_up, what="the older relay answers")
    return process


# --- taking over ----------------------------------------------------------------------------------


async def test_a_second_process_takes_over_and_the_first_finishes_what_it_runs(
    exchange: Exchange, rack: Registered
) -> None:
    upstream = exchange.start_upstream(*SLOW)
    first = exchange.start_agent(rack, upstream)

    async with exchange.open(rack.node, max_tokens=80) as response:
        stream = response.aiter_raw()
        received = await anext(stream)
        second = exchange.start_agent(rack, upstream, "--takeover", wait=False)
        await asyncio.to_thread(wait_until, lambda: "TAKEOVER" in events(exchange), what="it is taken over")
        # What is new goes to the second one while the first one still answers.
        during = await exchange.ask(rack.node, max_tokens=5)
        assert first.poll() is None
        received += b"".join([chunk async for chunk in stream])

    assert during.status == 200
    assert is_complete(received)
    assert await asyncio.to_thread(first.wait, 15) == 0
    assert second.poll() is None
    assert (await exchange.ask(rack.node, max_tokens=5)).status == 200
    await asyncio.to_thread(
        wait_until, lambda: len(exchange.rows("SELECT 1 FROM receipt")) == 3, what="every job has its receipt"
    )
    assert "SECOND_CONNECTION" not in events(exchange)


async def test_both_processes_together_are_one_node(exchange: Exchange, rack: Registered) -> None:
    # Slow enough that both jobs still run when the second process is there, however busy this machine is.
    upstream = exchange.start_upstream("--tokens-per-second", "2")
    exchange.start_agent(rack, upstream, "--slots", "2")
    received = [b"", b""]
    started = time.monotonic()

    async with exchange.open(rack.node, max_tokens=60) as one:
        streams = [one.aiter_raw()]
        received[0] = await anext(streams[0])
        exchange.start_agent(rack, upstream, "--slots", "2", "--takeover", wait=False)
        await asyncio.to_thread(wait_until, lambda: "TAKEOVER" in events(exchange), what="it is taken over")
        async with exchange.open(rack.node, max_tokens=60) as two:
            streams.append(two.aiter_raw())
            received[1] = await anext(streams[1])
            refused = await exchange.ask(rack.node)
            for place, stream in enumerate(streams):
                received[place] += b"".join([chunk async for chunk in stream])

    seconds = time.monotonic() - started
    assert (refused.status, refused.code) == (429, "node_full")
    assert all(is_complete(each) for each in received)
    # Two chips for that long, and not two for each process.
    meters = [json.loads(each.partition(b"\x1e")[2]) for each in received]
    assert 0 < sum(float(meter["chip_seconds"]) for meter in meters) <= 2 * seconds


def test_without_takeover_a_second_process_is_told_what_to_do(exchange: Exchange, rack: Registered) -> None:
    upstream = exchange.start_upstream()
    exchange.start_agent(rack, upstream)

    second = exchange.start_agent(rack, upstream, wait=False)

    assert second.wait(10) == 7
    assert "--takeover lets it finish its jobs" in exchange.logs("agent")


# --- tokens and keys ------------------------------------------------------------------------------


async def test_a_new_token_and_key_are_used_while_the_old_ones_drain(
    exchange: Exchange, rack: Registered
) -> None:
    upstream = exchange.start_upstream(*SLOW)
    first = exchange.start_agent(rack, upstream)
    wait_until(
        lambda: exchange.rows("SELECT 1 FROM accounts_agenttoken WHERE public_key IS NOT NULL"), what="pinned"
    )

    async with exchange.open(rack.node, max_tokens=80) as response:
        stream = response.aiter_raw()
        received = await anext(stream)
        renewed = await asyncio.to_thread(enrol_again, exchange, rack)
        exchange.start_agent(renewed, upstream, "--takeover", wait=False)
        await asyncio.to_thread(wait_until, lambda: "TAKEOVER" in events(exchange), what="it is taken over")
        during = await exchange.ask(rack.node, max_tokens=5)
        received += b"".join([chunk async for chunk in stream])

    assert during.status == 200
    assert is_complete(received)
    assert await asyncio.to_thread(first.wait, 15) == 0
    # Receipts of both keys were verified against the key that signed each, and stored.
    await asyncio.to_thread(
        wait_until,
        lambda: len(exchange.rows("SELECT DISTINCT key_id FROM receipt")) == 2,
        what="receipts of both keys are there",
    )
    keys = {identify_key(key) for (key,) in exchange.rows("SELECT public_key FROM accounts_agenttoken")}
    assert {key_id for (key_id,) in exchange.rows("SELECT key_id FROM receipt")} == keys


def enrol_again(exchange: Exchange, rack: Registered) -> Registered:
    """What `jouleport-agent enroll` does beside a running agent: another token, another key, one file."""
    now = datetime.now(UTC)
    state = exchange.folder / rack.node.name
    identity = receipts.make_identity(file=state / "agent-2.key")
    try:
        opened = enrolments.open_enrolment(node=rack.node, actor=audit.SYSTEM, now=now)
        enrolled = enrolments.enrol_agent(
            code=opened.code,
            public_key=identity.public,
            signature=identity.private.sign(enrolments.DOMAIN_TAG + opened.code.encode()),
            now=now,
        )
    finally:
        connection.close()
    stored = {"market": "http://127.0.0.1:1", "relay": exchange.url, "token": enrolled.token}
    stored |= {"node": str(rack.node.uid), "name": rack.node.name, "key": "agent-2.key"}
    enrolment.write_private(state / enrolment.CONFIG_FILE, json.dumps(stored))
    return Registered(rack.node, rack.token, "")


async def test_a_token_that_has_ended_signs_nobody_in(exchange: Exchange, rack: Registered) -> None:
    with exchange.db.connect() as sql:
        sql.execute("UPDATE node_token SET ends_at = now() - interval '1 s'")

    agent = exchange.start_agent(rack, exchange.start_upstream(), wait=False)

    assert await asyncio.to_thread(agent.wait, 10) == 3


# --- one machine, one relay -----------------------------------------------------------------------


async def test_agents_of_one_machine_meet_at_one_relay(
    exchange: Exchange, rack: Registered, shed: Registered
) -> None:
    other = Exchange(db=exchange.db, redis_url=exchange.redis_url, folder=exchange.folder, port=free_port())
    other.start_relay()
    try:
        async with exchange.pose(rack, machine_id="one machine") as first:
            assert (await hear(first))[0] is Kind.WELCOME
            async with other.pose(shed, machine_id="one machine", public_key=b"s" * 32) as second:
                kind, told = await hear(second)
            async with exchange.pose(shed, machine_id="one machine", public_key=b"s" * 32) as here:
                welcome, _ = await hear(here)
        assert (kind, told["code"]) == (Kind.REFUSED, "machine_elsewhere")
        assert welcome is Kind.WELCOME
        with exchange.db.connect() as sql:
            sql.execute("UPDATE machine_lease SET until = now() - interval '1 s'")
        # The relay that had it is gone for longer than its lease: another one may have it.
        async with other.pose(shed, machine_id="one machine", public_key=b"s" * 32) as moved:
            assert (await hear(moved))[0] is Kind.WELCOME
    finally:
        other.close()


async def test_a_lost_sensor_is_reported_and_written_down(exchange: Exchange, rack: Registered) -> None:
    loss = {"source": "nvml-energy", "part": "accelerators", "reason": "gpu0 stands still"}
    async with exchange.pose(rack, protocol=2, protocol_min=1, lost=[loss]) as posed:
        assert (await hear(posed))[0] is Kind.WELCOME
        beat = {
            "energy": make_hello()["energy"],
            "running": 0,
            "models": [],
            "lost": [loss, loss | {"source": "nvml-power"}],
        }
        for _ in range(2):
            await posed.send(agent_end.encode_control(Kind.HEARTBEAT, beat))
        await asyncio.to_thread(
            wait_until, lambda: events(exchange).count("METER_LOST") == 2, what="both are written down"
        )

    rows = exchange.rows("SELECT details FROM node_event WHERE kind = 'METER_LOST' ORDER BY id")
    assert [details["source"] for (details,) in rows] == ["nvml-energy", "nvml-power"]
    assert protocol.VERSION_MIN == agent_end.VERSION_MIN
