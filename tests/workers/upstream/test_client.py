"""The upstream client against the simulated upstream and against servers that speak badly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from workers.simulated import server
from workers.upstream import client as upstream
from workers.upstream.connection import Aborted, Broken, Response, TimedOut, TooLarge, Unreachable

QUICK = upstream.Timeouts(connect=1.0, head=0.3, idle=0.3, total=1.0)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def client() -> AsyncIterator[upstream.Client]:
    client = upstream.Client(timeouts=QUICK)
    yield client
    await client.close()


@pytest.fixture
async def simulated() -> AsyncIterator[tuple[server.Upstream, upstream.Origin]]:
    shared = server.Upstream()
    listening = await server.serve(host="127.0.0.1", port=0, upstream=shared)
    yield shared, upstream.Origin("127.0.0.1", listening.sockets[0].getsockname()[1], False)
    listening.close()


async def ask(
    client: upstream.Client, origin: upstream.Origin, model: str, *, stream: bool = False
) -> Response:
    body = b'{"model":"%s","stream":%s,"messages":[]}' % (model.encode(), b"true" if stream else b"false")
    return await client.post(origin=origin, path="/v1/chat/completions", headers=b"", body=body)


async def serve_bytes(*answers: bytes, close: bool = True) -> tuple[asyncio.Server, upstream.Origin]:
    """Serve one canned answer a connection, the last one again and again."""
    waiting = list(answers)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])
        if not close:
            await reader.read()
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    return listening, upstream.Origin("127.0.0.1", listening.sockets[0].getsockname()[1], False)


async def test_reuses_a_connection(
    client: upstream.Client, simulated: tuple[server.Upstream, upstream.Origin]
) -> None:
    _, origin = simulated

    for _ in range(3):
        response = await ask(client, origin, "simulated-small")
        assert b"Simulated answer" in await response.read(limit=10_000)

    assert response.status == 200
    assert response.headers[b"content-type"] == b"application/json"
    assert len(client._idle[origin]) == 1


async def test_reads_a_stream_to_its_end(
    client: upstream.Client, simulated: tuple[server.Upstream, upstream.Origin]
) -> None:
    response = await ask(client, simulated[1], "simulated-small", stream=True)

    body = await response.read(limit=100_000)

    assert body.count(b"data: ") == 24 + 3
    assert body.endswith(b"data: [DONE]\n\n")


async def test_asks_again_when_a_reused_connection_was_closed(
    client: upstream.Client, simulated: tuple[server.Upstream, upstream.Origin]
) -> None:
    shared, origin = simulated
    response = await ask(client, origin, "simulated-small")
    await response.read(limit=10_000)
    shared.order_faults({"fault": "drop"})

    response = await ask(client, origin, "simulated-small")

    assert response.status == 200
    assert shared.requests == 3


async def test_does_not_ask_again_on_a_fresh_connection(
    client: upstream.Client, simulated: tuple[server.Upstream, upstream.Origin]
) -> None:
    shared, origin = simulated

    with pytest.raises(Broken):
        await ask(client, origin, "simulated-small+drop")

    assert shared.requests == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "error"),
    [("garbage", Broken), ("stall_head", TimedOut), ("stall_body", TimedOut), ("truncate", Broken)],
)
async def test_names_what_went_wrong(
    client: upstream.Client,
    simulated: tuple[server.Upstream, upstream.Origin],
    fault: str,
    error: type[Exception],
    stream: bool,
) -> None:
    async def read_all() -> bytes:
        response = await ask(client, simulated[1], f"simulated-small+{fault}", stream=stream)
        return await response.read(limit=100_000)

    with pytest.raises(error):
        await read_all()


async def test_ends_an_answer_that_takes_too_long_in_all(
    client: upstream.Client, simulated: tuple[server.Upstream, upstream.Origin]
) -> None:
    response = await ask(client, simulated[1], "simulated-small+rate=10", stream=True)

    with pytest.raises(TimedOut, match="too long"):
        await response.read(limit=100_000)


async def test_says_when_nobody_listens(client: upstream.Client) -> None:
    with pytest.raises(Unreachable):
        await ask(client, upstream.Origin("127.0.0.1", 9, False), "x")


async def test_abort_ends_the_read_and_stops_the_upstream(
    client: upstream.Client, simulated: tuple[server.Upstream, upstream.Origin]
) -> None:
    shared, origin = simulated
    response = await ask(client, origin, "simulated-small+rate=5", stream=True)
    await response.read_chunk()

    response.abort()
    with pytest.raises(Aborted):
        await response.read(limit=100_000)
    await asyncio.sleep(0.05)

    assert (shared.running, shared.cancelled) == (0, 1)


async def test_a_cancelled_caller_stops_the_upstream(
    client: upstream.Client, simulated: tuple[server.Upstream, upstream.Origin]
) -> None:
    shared, origin = simulated
    task = asyncio.create_task(ask(client, origin, "simulated-small+stall_head"))
    await asyncio.sleep(0.05)

    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0.05)

    assert (shared.running, shared.cancelled) == (0, 1)


async def test_stops_reading_while_its_reader_is_slow(client: upstream.Client) -> None:
    size = 8 * 1024 * 1024
    listening, origin = await serve_bytes(
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size, close=False
    )
    response = await client.post(origin=origin, path="/", headers=b"", body=b"")
    # Longer than the idle timeout: silence of our own making is not the upstream's.
    await asyncio.sleep(0.6)

    buffered = response._buffered
    body = await response.read(limit=size)

    assert buffered < 1024 * 1024
    assert len(body) == size
    listening.close()


async def test_refuses_more_than_the_limit(client: upstream.Client) -> None:
    listening, origin = await serve_bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + b"x" * 100)
    response = await client.post(origin=origin, path="/", headers=b"", body=b"")

    with pytest.raises(TooLarge):
        await response.read(limit=99)
    listening.close()


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
async def test_refuses_an_endless_head(client: upstream.Client, end: bytes) -> None:
    listening, origin = await serve_bytes(b"HTTP/1.1 200 OK\r\n" + b"a: " + b"x" * 40_000 + end)

    with pytest.raises((TooLarge, Broken)):
        await client.post(origin=origin, path="/", headers=b"", body=b"")
    listening.close()


async def test_takes_the_connection_s_end_for_an_unframed_body_s(
    client: upstream.Client,
) -> None:
    listening, origin = await serve_bytes(b"HTTP/1.1 200 OK\r\n\r\nwhole")
    response = await client.post(origin=origin, path="/", headers=b"", body=b"")

    assert await response.read(limit=100) == b"whole"
    listening.close()


async def test_passes_over_informational_heads(client: upstream.Client) -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    listening, origin = await serve_bytes(answer)
    response = await client.post(origin=origin, path="/", headers=b"", body=b"")

    assert (response.status, await response.read(limit=100)) == (200, b"ok")
    assert b"link" not in response.headers
    listening.close()


async def test_a_second_answer_behind_the_first_is_never_used(client: upstream.Client) -> None:
    one = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"
    listening, origin = await serve_bytes(one + b"one" + one + b"two", one + b"new", close=False)
    first = await client.post(origin=origin, path="/", headers=b"", body=b"")
    assert await first.read(limit=100) == b"one"
    await asyncio.sleep(0.05)

    second = await client.post(origin=origin, path="/", headers=b"", body=b"")

    assert await second.read(limit=100) == b"new"
    listening.close()


async def test_trailers_do_not_become_part_of_the_head(client: upstream.Client) -> None:
    listening, origin = await serve_bytes(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-one: 1\r\n\r\n"
        b"2\r\nhi\r\n0\r\njouleport-framing: 1\r\nx-one: 2\r\n\r\n"
    )

    response = await ask(client, origin, "m")

    assert await response.read(limit=100) == b"hi"
    assert b"jouleport-framing" not in response.headers
    assert response.headers[b"x-one"] == b"1"
    listening.close()
