"""Answers that leave the server: to the byte those of the library's own cycle, refused where it refuses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from core.deadlines import Protocol

type Messages = list[dict[str, Any]]
LENGTH = (b"content-length", b"5")


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    """The head of an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    """A part of an answer."""
    return {"type": "http.response.body", "body": data, "more_body": more}


def answer_with(messages: Messages) -> Callable[..., Awaitable[None]]:
    """An application that sends these."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return answer


@asynccontextmanager
async def serve(protocol: type[HttpToolsProtocol], messages: Messages) -> AsyncIterator[int]:
    """Serve the answer; gives the port."""
    config = uvicorn.Config(
        answer_with(messages),
        port=0,
        loop="none",
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        date_header=False,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await server.shutdown()


async def ask(protocol: type[HttpToolsProtocol], messages: Messages, method: str) -> bytes:
    """Everything that comes back for two requests on one connection, the second of them the last."""
    async with serve(protocol, messages) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"{method} / HTTP/1.1\r\nhost: x\r\n"
        writer.write(f"{head}\r\n{head}connection: close\r\n\r\n".encode())
        said = await reader.read()
        writer.close()
        return said


ANSWERS: dict[str, Messages] = {
    "of a known length": [start(LENGTH), body(b"hello")],
    "in two parts": [start(LENGTH), body(b"he", more=True), body(b"llo")],
    "of unknown length": [start(), body(b"he", more=True), body(b"llo")],
    "without a body": [start(status=204), body(b"")],
    "empty": [start((b"Content-Length", b"0")), body(b"")],
    "closing": [start(LENGTH, (b"connection", b"close")), body(b"hello")],
    "shorter than promised": [start(LENGTH), body(b"hell")],
    "longer than promised": [start(LENGTH), body(b"hello you")],
    "a line smuggled into a value": [start(LENGTH, (b"x", b"a\r\nset-cookie: b")), body(b"hello")],
    "a line feed in a name": [start(LENGTH, (b"x\ny", b"a")), body(b"hello")],
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("messages", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_is_the_librarys_to_the_byte(messages: Messages, method: str) -> None:
    ours = await ask(Protocol, messages, method)

    assert ours == await ask(HttpToolsProtocol, messages, method)
