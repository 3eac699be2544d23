"""
One connection to Redis that runs one script, with one call in flight.

The client that everything else uses takes as long for a call as half of a request may. Here a call is one
write, and its answer is handed over where it is read. A connection that breaks is opened again; until then
`connected` is False and nothing is called.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Callable
from typing import Any, cast

from redis.connection import parse_url

RETRY_SECONDS = 0.5
CONNECT_SECONDS_MAX = 2.0
ANSWER_BYTES_MAX = 16 * 1024 * 1024

type Answer = bytes | None
"""None: Redis did not answer, or not with what was asked for."""

logger = logging.getLogger(__name__)


class PipeRefused(ConnectionError):
    """Redis answered with an error."""


class Pipe:
    """A connection for `script`. A call that has no answer after `seconds` ends the connection."""

    def __init__(self, url: str, *, script: str, seconds: float) -> None:
        self._options: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
        self._script = script.encode()
        self._sha = hashlib.sha1(self._script).hexdigest().encode()  # noqa: S324 - how Redis names scripts
        self._seconds = seconds
        self._wire: _Wire | None = None

    @property
    def connected(self) -> bool:
        """Whether a call can be made now, or once the one in flight has been answered."""
        return self._wire is not None

    async def open(self) -> None:
        """
        Connect, and leave the script with Redis.

        :raises OSError: it cannot be reached, took too long, or does not let us in
        """
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            wire = await self._connect()
            try:
                for command in self._greet():
                    await wire.ask(command)
            except BaseException:
                wire.close()
                raise
        self._wire = wire

    async def run(self) -> None:
        """Keep the connection open until cancelled."""
        try:
            while True:
                if self._wire is None:
                    try:
                        await self.open()
                    except OSError as error:
                        logger.warning("Unable to reach Redis for limits: %s %s", type(error).__name__, error)
                if (wire := self._wire) is not None:
                    await wire.closed.wait()
                    self._wire = None
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """End the connection; a call in flight is answered with None."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def call(self, payload: bytes, done: Callable[[Answer], None]) -> None:
        """Run the script with one argument. `done` is called exactly once, later. One call at a time."""
        wire = self._wire
        if wire is None:
            asyncio.get_running_loop().call_soon(done, None)
            return
        timer = asyncio.get_running_loop().call_later(self._seconds, self._expire, wire)

        def finish(answer: bytes | Exception) -> None:
            if isinstance(answer, PipeRefused) and str(answer).startswith("NOSCRIPT"):
                # Redis forgot the script; with its text it learns it again.
                wire.send(_write(b"EVAL", self._script, b"0", payload), finish)
                return
            timer.cancel()
            if isinstance(answer, Exception):
                logger.warning("Limits are not applied: %s %s", type(answer).__name__, answer)
                done(None)
            else:
                done(answer)

        wire.send(_write(b"EVALSHA", self._sha, b"0", payload), finish)

    def _expire(self, wire: _Wire) -> None:
        # Whose answer comes next could not be told any more.
        self._wire = None
        wire.close()

    def _greet(self) -> list[bytes]:
        options, commands = self._options, []
        if options.get("password"):
            names = [options["username"].encode()] if options.get("username") else []
            commands.append(_write(b"AUTH", *names, options["password"].encode()))
        if options.get("db"):
            commands.append(_write(b"SELECT", b"%d" % options["db"]))
        return [*commands, _write(b"SCRIPT", b"LOAD", self._script)]

    async def _connect(self) -> _Wire:
        loop, options = asyncio.get_running_loop(), self._options
        if "path" in options:
            _, wire = await loop.create_unix_connection(_Wire, options["path"])
            return wire
        host, port = options.get("host") or "localhost", options.get("port") or 6379
        _, wire = await loop.create_connection(_Wire, host, port, ssl=self._make_tls())
        return wire

    def _make_tls(self) -> ssl.SSLContext | None:
        options = self._options
        if "SSL" not in getattr(options.get("connection_class"), "__name__", ""):
            return None
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if options.get("ssl_certfile"):
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
        if options.get("ssl_cert_reqs") == "none":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


class _Wire(asyncio.Protocol):
    """Redis' protocol as far as it is needed: simple strings, errors and bulk strings."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._waiting: Callable[[bytes | Exception], None] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def send(self, command: bytes, done: Callable[[bytes | Exception], None]) -> None:
        """Send a command whose answer goes to `done`."""
        self._waiting = done
        if self._transport is None or self.closed.is_set():
            asyncio.get_running_loop().call_soon(self._hand_over, ConnectionError("not connected"))
        else:
            self._transport.write(command)

    async def ask(self, command: bytes) -> bytes:
        """Send a command and give its answer."""
        future: asyncio.Future[bytes | Exception] = asyncio.get_running_loop().create_future()
        self.send(command, lambda answer: None if future.done() else future.set_result(answer))
        answer = await future
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()
        self._end(None)

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data if self._buffer else data
        end = data.find(b"\r\n")
        if end < 0:
            return
        kind, answer = data[:1], data[1:end]
        if kind == b"$":
            if not answer.isdigit() or int(answer) > ANSWER_BYTES_MAX:
                self.close()
                return
            last = end + 2 + int(answer)
            if len(data) < last + 2:
                return
            answer = data[end + 2 : last]
        self._buffer = b""
        self._hand_over(PipeRefused(answer.decode("latin-1")) if kind == b"-" else answer)

    def _hand_over(self, answer: bytes | Exception) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting(answer)

    def _end(self, error: Exception | None) -> None:
        if not self.closed.is_set():
            self.closed.set()
            self._hand_over(error or ConnectionError("the connection ended"))


def _write(*parts: bytes) -> bytes:
    return b"*%d\r\n%s" % (len(parts), b"".join([b"$%d\r\n%s\r\n" % (len(part), part) for part in parts]))
