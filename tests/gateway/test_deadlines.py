"""Senders and readers that are slow on purpose: each connection ends, and memory is bounded."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import uvicorn

from gateway.app import Gateway, create_app
from gateway.deadlines import Deadlines, DeadlinesRefused, Protocol, read_deadlines
from gateway.settings import Settings
from tests.gateway.conftest import Market
from tests.gateway.test_faults import break_upstream

QUICK = Deadlines(head_seconds=1.0, body_seconds=1.0, stall_seconds=2.0)
# A second for the check that comes every second, and some for a busy machine.
SLACK = 3.0


class QuickProtocol(Protocol):
    """Less patient than in production."""

    deadlines = QUICK


@contextlib.asynccontextmanager
async def listen(gateway: Gateway) -> AsyncIterator[tuple[int, uvicorn.Server]]:
    """Serve with deadlines; gives the port."""
    config = uvicorn.Config(
        gateway, port=0, loop="none", http=QuickProtocol, ws="none", lifespan="on", log_config=None
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1], server
    finally:
        server.should_exit = True
        await server.shutdown()
        await gateway.close()


@pytest.fixture
async def port(market: Market, settings: Settings) -> AsyncIterator[int]:
    """The port of a gateway with little patience."""
    async with listen(create_app(replace(settings, body_seconds_max=1.0))) as (port, _):
        yield port


async def drip(port: int, head: bytes, drops: bytes) -> tuple[float, bytes]:
    """Send a head, then drop after drop until the other side ends it: after how long, and saying what."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(head)
    answer = b""
    try:
        for place in range(600):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    if not (part := await reader.read(65536)):
                        break
                    answer += part
            if drops:
                writer.write(drops[place % len(drops) :][:1])
    except ConnectionError:
        pass
    seconds = time.monotonic() - began
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return seconds, answer


@pytest.mark.parametrize(
    ("head", "drops", "said"),
    [
        (b"", b"", b""),
        (b"GET /v1/models HTTP/1.1\r\nx-slow: ", b"a", b"408 Request Timeout"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n", b"200 OK"),
    ],
    ids=["nothing", "a head", "empty lines after an answer"],
)
async def test_a_head_has_a_deadline_as_a_whole(port: int, head: bytes, drops: bytes, said: bytes) -> None:
    seconds, answer = await drip(port, head, drops)

    assert seconds < QUICK.head_seconds + SLACK
    assert said in answer


async def test_a_head_without_end_is_refused(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\n")
    with contextlib.suppress(ConnectionError):
        for number in range(40):
            writer.write(b"x-%d: %s\r\n" % (number, b"a" * 8000))
            await writer.drain()
            await asyncio.sleep(0.01)
    with contextlib.suppress(ConnectionError):
        assert b"431" in await reader.read()
    writer.close()


CHUNKED = b"POST /v1/nothing HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
TRAILING = {
    "many trailers": (CHUNKED + b"0\r\n", b"x: %s\r\n" % (b"a" * 1000)),
    "a trailer without end": (CHUNKED + b"0\r\nx: ", b"a" * 1000),
    "an extension without end": (CHUNKED + b"1;x=", b"a" * 1000),
}


@pytest.mark.parametrize(("head", "more"), TRAILING.values(), ids=TRAILING)
async def test_what_follows_a_body_is_bounded_like_a_head(port: int, head: bytes, more: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 8 * 1024 * 1024:
            writer.write(more * 64)
            await writer.drain()
            await asyncio.sleep(0.001)
            sent += len(more) * 64
    writer.close()

    assert sent < 8 * 1024 * 1024


async def test_bodies_of_all_requests_together_are_bounded(market: Market, settings: Settings) -> None:
    gateway = create_app(replace(settings, bodies_bytes_max=100_000))
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n"
    head = head % market.token.encode() + b"content-length: 70000\r\n\r\n"
    async with listen(gateway) as (port, _):
        _, first = await asyncio.open_connection("127.0.0.1", port)
        first.write(head + b" " * 60_000)
        await first.drain()
        runtime = gateway.runtime
        assert runtime is not None
        for _ in range(500):
            if runtime.bodies_bytes == 60_000:
                break
            await asyncio.sleep(0.01)
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        second.write(head + b" " * 60_000)
        answer = await reader.readuntil(b"\r\n\r\n")
        first.close()
        second.close()
        for _ in range(500):
            if not runtime.bodies_bytes:
                break
            await asyncio.sleep(0.01)
        assert runtime.bodies_bytes == 0

    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer
    market.assert_nothing_happened()


BODIES = {
    "chat": b"POST /v1/chat/completions",
    "embeddings": b"POST /v1/embeddings",
    "a route that reads": b"GET /v1/models",
    "nowhere": b"POST /v1/nothing",
}


@pytest.mark.parametrize("line", BODIES.values(), ids=BODIES)
async def test_a_body_has_a_deadline_as_a_whole_on_every_route(
    port: int, market: Market, line: bytes
) -> None:
    head = b"%s HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ncontent-length: 5000\r\n\r\n"
    seconds, answer = await drip(port, head % (line, market.token.encode()), b" ")

    # The application's deadline, the margin in which it may answer, and the check.
    assert seconds < QUICK.body_seconds + 5 + SLACK
    assert answer.startswith(b"HTTP/1.1 4" if line.startswith(b"POST") else b"HTTP/1.1 200")
    market.assert_nothing_happened()


async def test_a_patient_connection_may_be_used_again(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for _ in range(4):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(b'{"status":"ok"}'))
        answers.append(head.split(b"\r\n")[0])
        await asyncio.sleep(0.8)
    writer.close()

    assert answers == [b"HTTP/1.1 200 OK"] * 4


async def test_a_reader_at_one_byte_a_second_is_cut_off_and_pays_for_what_it_got(
    market: Market, settings: Settings
) -> None:
    gateway = create_app(settings)
    async with listen(gateway) as (port, server):
        await break_upstream(market, gateway, "ignore_limit+factor=10+rate=100000+tokens=400000")
        # The kernel's buffers come before ours.
        server.servers[0].sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", port))
        body = b'{"model":"small","stream":true,"max_tokens":2000,"n":4,'
        body += b'"messages":[{"role":"user","content":"?"}]}'
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n"
        head += b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
        await loop.sock_sendall(sock, head % (market.token.encode(), len(body)) + body)
        began, largest = time.monotonic(), 0
        while server.server_state.connections or time.monotonic() - began < 1:
            assert time.monotonic() - began < 30
            for connection in server.server_state.connections:
                if connection.transport is not None:
                    largest = max(largest, connection.transport.get_write_buffer_size())
            with contextlib.suppress(ConnectionError, BlockingIOError):
                sock.recv(1)
            await asyncio.sleep(0.2)
        for _ in range(100):
            if market.read_usage():
                break
            await asyncio.sleep(0.05)
        sock.close()

    [used] = market.read_usage()
    assert largest < 512 * 1024
    assert used["billed_out"] > 0
    assert used["ended_how"] in ("buyer_gone", "buyer_stalled")
    assert market.read_jobs()[0][0] == "CANCELLED"


def test_deadlines_of_the_environment() -> None:
    assert read_deadlines({"JOULEPORT_HEAD_SECONDS": "3"}) == Deadlines(head_seconds=3.0)
    with pytest.raises(DeadlinesRefused, match="BODY_SECONDS"):
        read_deadlines({"JOULEPORT_BODY_SECONDS": "soon"})
