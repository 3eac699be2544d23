"""What breaks between relay, agents, database and Redis, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.db import connections
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts import agent_tokens, audit
from agent import protocol
from agent.protocol import Kind
from core import ids
from tests.workers.relay.exchange import NOW, Exchange, Registered, hear, wait_until

pytestmark = pytest.mark.fault
SLOW = ("--tokens-per-second", "10", "--tokens", "300")


def events(exchange: Exchange) -> list[str]:
    query = "SELECT kind FROM node_event WHERE kind <> 'KEY_PINNED' ORDER BY id"
    return [kind for (kind,) in exchange.rows(query)]


async def test_a_killed_agent_ends_its_streams_as_incomplete(exchange: Exchange, rack: Registered) -> None:
    agent = exchange.start_agent(rack, exchange.start_upstream(*SLOW))

    async with exchange.open(rack.node) as response:
        stream = response.aiter_raw()
        received = await anext(stream)
        agent.send_signal(signal.SIGKILL)
        received += b"".join([chunk async for chunk in stream])

    meter = json.loads(received.partition(b"\x1e")[2])
    assert meter["complete"] is False
    assert (await exchange.ask(rack.node)).status == 404


async def test_an_agent_whose_network_went_silent_is_let_go(exchange: Exchange, rack: Registered) -> None:
    agent = exchange.start_agent(rack, exchange.start_upstream(*SLOW))

    async with exchange.open(rack.node) as response:
        stream = response.aiter_raw()
        received = await anext(stream)
        # A stopped process keeps its connection open and says nothing, as behind a cut without FIN.
        agent.send_signal(signal.SIGSTOP)
        received += b"".join([chunk async for chunk in stream])

    assert json.loads(received.partition(b"\x1e")[2])["complete"] is False
    assert exchange.ready()["nodes"] == 0
    agent.send_signal(signal.SIGCONT)
    wait_until(lambda: exchange.ready()["nodes"] == 1, what="the agent is back")
    wait_until(lambda: exchange.rows("SELECT 1 FROM receipt"), what="its receipt came with it")
    assert events(exchange) == []


async def test_a_restarted_relay_gets_the_agent_and_its_receipts_again(
    exchange: Exchange, rack: Registered
) -> None:
    exchange.start_agent(rack, exchange.start_upstream(*SLOW))

    async with exchange.open(rack.node) as response:
        await anext(response.aiter_raw())
        assert exchange.relay is not None
        exchange.relay.send_signal(signal.SIGKILL)
        exchange.relay.wait()
    exchange.start_relay()

    wait_until(lambda: exchange.ready()["nodes"] == 1, what="the agent is back")
    wait_until(lambda: exchange.rows("SELECT 1 FROM receipt"), what="the receipt was sent again")
    assert exchange.rows("SELECT epoch FROM node") == [(2,)]
    assert (await exchange.ask(rack.node, max_tokens=2)).status == 200


async def test_a_relay_told_to_stop_lets_streams_finish(exchange: Exchange, rack: Registered) -> None:
    exchange.start_agent(rack, exchange.start_upstream("--tokens-per-second", "20"))

    async with exchange.open(rack.node) as response:
        stream = response.aiter_raw()
        received = await anext(stream)
        assert exchange.relay is not None
        exchange.relay.send_signal(signal.SIGTERM)
        received += b"".join([chunk async for chunk in stream])

    assert json.loads(received.partition(b"\x1e")[2])["complete"] is True
    assert await asyncio.to_thread(exchange.relay.wait, 10) == 0


async def test_an_agent_told_to_stop_finishes_its_streams(exchange: Exchange, rack: Registered) -> None:
    agent = exchange.start_agent(rack, exchange.start_upstream("--tokens-per-second", "20"))

    async with exchange.open(rack.node) as response:
        stream = response.aiter_raw()
        received = await anext(stream)
        agent.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        refused = await exchange.ask(rack.node)
        received += b"".join([chunk async for chunk in stream])

    assert (refused.status, refused.code) == (429, "node_draining")
    assert json.loads(received.partition(b"\x1e")[2])["complete"] is True
    assert await asyncio.to_thread(agent.wait, 10) == 0
    assert len(exchange.rows("SELECT 1 FROM receipt")) == 1


async def test_a_copied_token_without_its_key_is_refused_and_noted(
    exchange: Exchange, rack: Registered
) -> None:
    upstream = exchange.start_upstream()
    exchange.start_agent(rack, upstream)

    copy = exchange.start_agent(rack, upstream, state="copy", wait=False)

    assert await asyncio.to_thread(copy.wait, 10) == 6
    assert exchange.ready()["nodes"] == 1
    wait_until(lambda: "KEY_MISMATCH" in events(exchange), what="it is noted")


async def test_a_copied_token_with_its_key_ends_the_first_and_is_noted(
    exchange: Exchange, rack: Registered
) -> None:
    upstream = exchange.start_upstream()
    first = exchange.start_agent(rack, upstream)
    copied = exchange.folder / "copy"
    copied.mkdir(mode=0o700)
    key = copied / "agent.key"
    key.write_bytes((exchange.folder / "rack" / "agent.key").read_bytes())
    key.chmod(0o600)

    exchange.start_agent(rack, upstream, state="copy", wait=False)

    assert await asyncio.to_thread(first.wait, 10) == 6
    assert (await exchange.ask(rack.node)).status == 200
    wait_until(lambda: "SECOND_CONNECTION" in events(exchange), what="it is noted")


async def test_a_second_connection_at_another_relay_ends_the_first(
    exchange: Exchange, rack: Registered
) -> None:
    first = exchange.start_agent(rack, exchange.start_upstream())

    with exchange.db.connect() as connection:
        connection.execute("UPDATE node SET epoch = epoch + 1")
        connection.execute("SELECT pg_notify('jouleport_node', %s)", [f"{rack.node.uid}:2"])

    assert await asyncio.to_thread(first.wait, 10) == 6
    assert events(exchange)[-1] == "SECOND_CONNECTION"


async def test_a_revoked_token_ends_its_live_connection(exchange: Exchange, rack: Registered) -> None:
    agent = exchange.start_agent(rack, exchange.start_upstream())

    def revoke() -> None:
        agent_tokens.revoke_agent_token(agent_token=rack.token, actor=audit.SYSTEM, now=NOW)
        connections.close_all()

    await asyncio.to_thread(revoke)

    assert await asyncio.to_thread(agent.wait, 10) == 3
    assert exchange.ready()["nodes"] == 0
    again = exchange.start_agent(rack, exchange.start_upstream(), wait=False)
    assert await asyncio.to_thread(again.wait, 10) == 3


async def test_an_emptied_redis_loses_nothing(exchange: Exchange, rack: Registered) -> None:
    exchange.start_agent(rack, exchange.start_upstream("--tokens-per-second", "30"))
    client = redis.Redis.from_url(exchange.redis_url)

    def presence() -> list[dict[str, Any]]:
        return [json.loads(client.get(key) or b"{}") for key in client.keys("relay:*")]

    wait_until(lambda: any(each["nodes"] for each in presence()), what="the node is announced")

    async with exchange.open(rack.node) as response:
        client.flushall()
        received = b"".join([chunk async for chunk in response.aiter_raw()])

    assert json.loads(received.partition(b"\x1e")[2])["complete"] is True
    wanted = {"epoch": 1, "slots": 4, "busy": 0, "tier": "declared"}
    wait_until(lambda: announced(presence(), rack) == wanted, what="it is announced again", seconds=4)
    assert [each["url"] for each in presence()] == [exchange.url]
    client.close()


def announced(presence: list[dict[str, Any]], rack: Registered) -> dict[str, Any]:
    nodes = [dict(each["nodes"][str(rack.node.uid)]) for each in presence if each["nodes"]]
    for node in nodes:
        assert "simulated-small" in node.pop("models")
    return nodes[0] if nodes else {}


async def test_garbage_ends_only_the_connection_it_came_on(
    exchange: Exchange, rack: Registered, shed: Registered
) -> None:
    exchange.start_agent(shed, exchange.start_upstream())

    for garbage in (
        b"",
        b"\xff" * 40,
        b"\x05" + bytes(10) + b"{}",
        b"\x09" + bytes(10) + b"[" * 10_000,
        b"\x04" + bytes(10) + b'{"energy": 5}',
        "text",
    ):
        async with exchange.pose(rack, public_key=b"k" * 32) as posed:
            assert (await hear(posed))[0] is Kind.WELCOME
            await posed.send(garbage)
            kind, told = await hear(posed)
            assert (kind, told["code"]) == (Kind.REFUSED, "garbage")
            with pytest.raises(ConnectionClosed):
                await posed.recv()

    assert (await exchange.ask(shed.node)).status == 200


async def test_a_frame_beyond_the_limit_ends_the_connection(exchange: Exchange, rack: Registered) -> None:
    async with exchange.pose(rack) as posed:
        assert (await hear(posed))[0] is Kind.WELCOME
        await posed.send(bytes(protocol.FRAME_BYTES_MAX + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await posed.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_more_than_there_was_credit_for_ends_the_connection(
    exchange: Exchange, rack: Registered
) -> None:
    async with exchange.pose(rack) as posed:
        await hear(posed)
        reading = asyncio.Event()
        asking = asyncio.create_task(read_late(exchange, rack, reading))
        frame = protocol.decode(await posed.recv())
        whose = {"attempt_id": frame.attempt_id, "number": frame.number}
        request = protocol.read_request(frame.payload)
        head = {"status": 200, "headers": {"content-type": "text/plain"}}
        await posed.send(protocol.encode_control(Kind.HEAD, head, **whose))
        flood = protocol.encode(Kind.CHUNK, bytes(protocol.PAYLOAD_BYTES_MAX), **whose)

        async def send_flood() -> None:
            for _ in range(1000 * request.credit_bytes // protocol.PAYLOAD_BYTES_MAX):
                await posed.send(flood)
            while True:
                await posed.recv()

        with pytest.raises(ConnectionClosed):
            await send_flood()

    reading.set()
    assert json.loads((await asking).partition(b"\x1e")[2])["complete"] is False


async def read_late(exchange: Exchange, rack: Registered, reading: asyncio.Event) -> bytes:
    async with exchange.open(rack.node) as response:
        await reading.wait()
        return await response.aread()


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (
            {"protocol": 4, "protocol_min": 3, "slots": "whatever version 2 makes of it"},
            "protocol_unsupported",
        ),
        ({"slots": 0}, "hello_refused"),
        ({"public_key": b"short"}, "hello_refused"),
        ({"models": ["m"] * 300}, "hello_refused"),
        ({"machine_id": "rack\x00"}, "hello_refused"),
    ],
)
async def test_a_hello_that_cannot_be_is_refused_with_its_reason(
    exchange: Exchange, rack: Registered, hello: dict[str, object], code: str
) -> None:
    async with exchange.pose(rack, **hello) as posed:
        kind, told = await hear(posed)

    assert (kind, told["code"]) == (Kind.REFUSED, code)


async def test_strangers_are_not_let_in(exchange: Exchange, rack: Registered) -> None:
    unknown = "jp_node_" + "0" * 36

    for text in ("", "jp_node_short", unknown, rack.text[:-1] + "é"):
        with pytest.raises((InvalidStatus, ConnectionClosed)) as refused:
            async with exchange.pose(Registered(rack.node, rack.token, text)):
                pass
        if isinstance(refused.value, InvalidStatus):
            assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"GET /agent HTTP/1.1\r\nx: ", b"a" * 65536),
        (b"POST /nodes/x/v1/y HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ", b"a" * 65536),
    ],
    ids=["a head", "a trailer"],
)
async def test_what_a_stranger_sends_before_and_after_a_request_is_bounded(
    exchange: Exchange, head: bytes, more: bytes
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", exchange.port)
    writer.write(head)
    sent = 0
    try:
        while sent < 200:
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(0.001)
            sent += 1
    except ConnectionError:
        pass
    writer.close()

    assert sent < 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda _: {"expires_at": time.time() - 1}, "ticket_refused"),
        (lambda _: {"node_uid": ids.make_uid()}, "ticket_refused"),
    ],
)
async def test_a_wrong_ticket_is_refused(
    exchange: Exchange, rack: Registered, change: Callable[[Registered], dict[str, object]], code: str
) -> None:
    exchange.start_agent(rack, exchange.start_upstream())

    answer = await exchange.ask(rack.node, ticket=exchange.ticket(rack.node, **change(rack)))

    assert (answer.status, answer.code) == (401, code)
    assert answer.headers["x-jouleport-relay"] == "1"


async def test_a_ticket_opens_once(exchange: Exchange, rack: Registered) -> None:
    exchange.start_agent(rack, exchange.start_upstream())
    ticket = exchange.ticket(rack.node)

    first = await exchange.ask(rack.node, ticket=ticket)
    second = await exchange.ask(rack.node, ticket=ticket)
    none = await exchange.ask(rack.node, ticket="")

    assert first.status == 200
    assert (second.status, second.code) == (401, "ticket_used")
    assert (none.status, none.code) == (401, "ticket_refused")


async def test_a_forged_receipt_is_rejected_and_noted(exchange: Exchange, rack: Registered) -> None:
    body = (
        b"jouleport-receipt-v1\n"
        + json.dumps(
            {
                **{name: str(ids.make_uid()) for name in ("attempt_uid", "receipt_uid", "card_uid")},
                **dict.fromkeys(("request_sha256", "response_sha256"), "0" * 64),
                **dict.fromkeys(("started_at", "ended_at"), NOW.isoformat()),
                "key_id": "0" * 16,
                "nonce": "00",
                "tokens": {"in": 1, "cached": None, "out": 10**9},
                "joules": "5",
                "tier": "counter",
                "previous": None,
            }
        ).encode()
    )

    async with exchange.pose(rack) as posed:
        await hear(posed)
        await posed.send(protocol.encode_control(Kind.RECEIPT, {"body": body, "signature": bytes(64)}))
        kind, told = await hear(posed)

    assert (kind, len(told["stored"]), len(told["rejected"])) == (Kind.RECEIPT_ACK, 0, 1)
    wait_until(lambda: "RECEIPT_REFUSED" in events(exchange), what="it is noted")
    assert exchange.rows("SELECT 1 FROM receipt") == []


def test_an_agent_says_clearly_why_it_stops(exchange: Exchange, rack: Registered) -> None:
    unknown = Registered(rack.node, rack.token, "jp_node_" + "0" * 36)

    refused = exchange.start_agent(unknown, exchange.start_upstream(), state="other", wait=False)
    unreachable = exchange.start_agent(rack, "http://127.0.0.1:9/v1", wait=False)

    assert refused.wait(10) == 3
    assert unreachable.wait(10) == 5
    said = exchange.logs("agent")
    assert "does not accept this token" in said
    assert "does not answer GET /models" in said
