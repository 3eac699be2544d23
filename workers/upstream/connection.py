"""One HTTP/1.1 connection to an upstream: a request, its answer as it arrives, and then the next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import httptools

HEAD_BYTES_MAX = 32 * 1024
# Above the first the socket is not read any more, below the second it is read again.
BUFFER_BYTES_HIGH = 256 * 1024
BUFFER_BYTES_LOW = 64 * 1024


class UpstreamError(Exception):
    """The upstream did not give a whole answer."""


class Unreachable(UpstreamError):
    """No connection could be opened."""


class Broken(UpstreamError):
    """The connection ended too early, or what came over it is not HTTP."""


class TimedOut(UpstreamError):
    """Nothing came for too long, or the whole took too long."""


class TooLarge(UpstreamError):
    """A head or a body is longer than its limit."""


class Aborted(UpstreamError):
    """We ended it ourselves: the buyer left, or the lease was lost."""


class Response:
    """
    One answer while it arrives. `status` and `headers` (names in lower case) are valid once the head is in.

    `begun` says whether any byte of the answer has come. `deadline` (loop time) is watched by the client.
    """

    __slots__ = (
        "_buffer",
        "_buffered",
        "_connection",
        "_waiter",
        "begun",
        "deadline",
        "done",
        "error",
        "head_complete",
        "headers",
        "idle",
        "paused",
        "status",
        "total_deadline",
    )

    def __init__(self, connection: Connection, *, head: float, idle: float, total: float) -> None:
        now = connection.loop.time()
        self._connection = connection
        self._buffer: deque[bytes] = deque()
        self._buffered = 0
        self._waiter: asyncio.Future[None] | None = None
        self.begun = self.done = self.head_complete = self.paused = False
        self.error: UpstreamError | None = None
        self.headers: dict[bytes, bytes] = {}
        self.status = 0
        self.idle = idle
        self.total_deadline = now + total
        self.deadline = min(now + head, self.total_deadline)

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def wait_head(self) -> None:
        """
        Wait until status and headers are in.

        :raises UpstreamError: they will not come
        """
        while not self.head_complete:
            if self.error is not None:
                raise self.error
            await self._wait()

    async def read_chunk(self) -> bytes:
        """
        Give what has arrived of the body, waiting for at least one byte; empty at its proper end.

        :raises UpstreamError: the body broke off; what came before has been given already
        """
        while not self._buffer:
            if self.done:
                return b""
            if self.error is not None:
                raise self.error
            await self._wait()
        data = self._buffer.popleft() if len(self._buffer) == 1 else b"".join(self._buffer)
        self._buffer.clear()
        self._buffered = 0
        if self.paused:
            self.paused = False
            self._touch()
            self._connection.resume()
        return data

    async def read(self, *, limit: int) -> bytes:
        """
        Give the whole body.

        :raises TooLarge: it is longer than `limit` bytes
        :raises UpstreamError: it broke off
        """
        parts: list[bytes] = []
        size = 0
        while data := await self.read_chunk():
            size += len(data)
            if size > limit:
                self.abort(TooLarge(f"the answer is longer than {limit} bytes"))
                raise TooLarge(f"the answer is longer than {limit} bytes")
            parts.append(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def abort(self, error: UpstreamError | None = None) -> None:
        """End it now: close the connection, so that the upstream stops. Harmless after the end."""
        if not self.done and self.error is None:
            self.fail(error or Aborted("the request was ended by us"))
            self._connection.transport.abort()

    def fail(self, error: UpstreamError) -> None:
        self.error = error
        self.wake()

    def _touch(self) -> None:
        self.deadline = min(self._connection.loop.time() + self.idle, self.total_deadline)

    def take_body(self, data: bytes) -> None:
        self._buffer.append(data)
        self._buffered += len(data)
        if self._buffered > BUFFER_BYTES_HIGH and not self.paused:
            # While we do not read, silence is our own: only the total deadline counts.
            self.paused = True
            self.deadline = self.total_deadline
            self._connection.pause()
        elif not self.paused:
            self._touch()
        self.wake()


class Connection(asyncio.Protocol):
    """A connection that serves one exchange at a time; `release` is called when it is free again."""

    def __init__(self, loop: asyncio.AbstractEventLoop, release: Callable[[Connection], None]) -> None:
        self.loop = loop
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.response: Response | None = None
        self.reused = False
        self.closed = False
        self.idle_since = 0.0
        self._release = release
        self._parser: Any = httptools.HttpResponseParser(self)
        self._head_size = self._unfinished_head_size = 0
        self._framed = False

    def begin(self, data: bytes, *, head: float, idle: float, total: float) -> Response:
        """Send a whole request. Times are in seconds: until the head, between bytes, in all."""
        self.response = response = Response(self, head=head, idle=idle, total=total)
        self._head_size = self._unfinished_head_size = 0
        self._framed = False
        self.transport.write(data)
        return response

    def pause(self) -> None:
        if not self.closed:
            self.transport.pause_reading()

    def resume(self) -> None:
        if not self.closed:
            self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        response = self.response
        if response is None:
            # Bytes that nobody asked for: what would come next could not be told from them.
            self.transport.abort()
            return
        response.begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._break(response, Broken(f"the upstream does not speak HTTP/1.1: {error}"))
        if not response.head_complete and response.error is None:
            # A header that never ends stays inside the parser, which has no limit of its own.
            self._unfinished_head_size += len(data)
            if self._unfinished_head_size > HEAD_BYTES_MAX:
                self._break(response, TooLarge("the upstream's head is too long"))

    def on_message_begin(self) -> None:
        if self.response is None:
            # A second answer behind the first: never let it be taken for the answer to the next request.
            self.closed = True
            self.transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        response = self.response
        if response is None:
            return
        self._head_size += len(name) + len(value) + 4
        if self._head_size > HEAD_BYTES_MAX:
            self._break(response, TooLarge("the upstream's head is too long"))
            return
        if response.head_complete:
            # A trailer: what the head said, whoever asks and whenever, stays what it was.
            return
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self._framed = True
        response.headers[name] = value

    def on_headers_complete(self) -> None:
        response = self.response
        if response is None or response.error is not None:
            return
        status = self._parser.get_status_code()
        if status < 200:
            response.headers.clear()
            return
        response.status = status
        response.head_complete = True
        if not response.paused:
            response._touch()
        response.wake()

    def on_body(self, data: bytes) -> None:
        if self.response is not None and self.response.error is None:
            self.response.take_body(data)

    def on_message_complete(self) -> None:
        response = self.response
        if response is None or not response.head_complete or response.error is not None:
            return
        self.response = None
        response.done = True
        response.wake()
        if self._parser.should_keep_alive() and not self.closed:
            if response.paused:
                response.paused = False
                self.resume()
            self._release(self)
        else:
            self.transport.close()

    def eof_received(self) -> bool:
        response = self.response
        if response is not None and response.head_complete and not self._framed and response.error is None:
            # Neither length nor chunks: the end of the connection is the end of the body.
            self.response = None
            response.done = True
            response.wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        response = self.response
        self.response = None
        if response is not None and not response.done and response.error is None:
            response.fail(Broken("the upstream closed the connection before the answer was complete"))

    def _break(self, response: Response, error: UpstreamError) -> None:
        if response.error is None and not response.done:
            response.fail(error)
        self.transport.abort()
