"""
Deadlines of connections, which the server does not keep by itself: for the whole head of a request, for its
whole body, and for a buyer to take what was sent. Each is a total: a byte now and then extends nothing.

Serve with this `Protocol` or a subclass; whatever application is served, these hold for it. Trailers are
read by nobody: they are counted and dropped. Once a connection is a WebSocket nothing here applies.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from core.cycles import Cycle

CHECK_SECONDS = 1.0
HEAD_BYTES_MAX = 64 * 1024
# The application has a body's deadline, too, and can say what is wrong: it goes first.
BODY_MARGIN_SECONDS = 5.0
SECONDS_MAX = 3600
HEAD_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)


class DeadlinesRefused(ValueError):
    """The environment gives a deadline that is none."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """
    Seconds for a head, for a body, and for the reader of an answer.

    Who has an answer waiting and takes less than `stall_bytes` of it in `stall_seconds` is cut off.
    """

    head_seconds: float = 10.0
    body_seconds: float = 60.0
    stall_seconds: float = 60.0
    stall_bytes: int = 48 * 1024


def read_deadlines(environ: Mapping[str, str] = os.environ) -> Deadlines:
    """
    Read JOULEPORT_HEAD_SECONDS, _BODY_SECONDS and _STALL_SECONDS.

    :raises DeadlinesRefused: one of them is no whole number of seconds up to an hour
    """
    given = {}
    for field in ("head_seconds", "body_seconds", "stall_seconds"):
        name = f"JOULEPORT_{field.upper()}"
        if value := environ.get(name, ""):
            if not value.isdecimal() or not 0 < int(value) <= SECONDS_MAX:
                raise DeadlinesRefused(f"{name} must be a whole number of seconds from 1 to {SECONDS_MAX}")
            given[field] = float(value)
    return Deadlines(**given)  # type: ignore[arg-type]


class Protocol(HttpToolsProtocol):
    """A server's side of one HTTP/1.1 connection. Times are the loop's; 0: nothing is waited for."""

    deadlines: ClassVar[Deadlines | None] = None
    """Those of the environment unless a subclass has its own."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        if type(self).deadlines is None:
            type(self).deadlines = read_deadlines()
        self._head_since = 0.0
        self._head_bytes = 0
        self._body_since = 0.0
        self._idle_bytes = self._trailer_bytes = 0
        self._unread: tuple[float, int] = (0.0, 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._head_since = self.loop.time()
        _watch(self.server_state, self.loop)

    def data_received(self, data: bytes) -> None:
        if not self._head_since and not self._body_since:
            self._head_since = self.loop.time()
        idle_before = self._idle_bytes
        self._idle_bytes += len(data)
        super().data_received(data)
        if self._head_since:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(HEAD_TOO_LARGE)
        elif self._body_since and idle_before and self._idle_bytes > HEAD_BYTES_MAX:
            # A trailer, or the extension of a chunk, that never ends stays inside the parser.
            self.transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._body_since:
            super().on_header(name, value)
            return
        self._trailer_bytes += len(name) + len(value) + 4
        if self._trailer_bytes > HEAD_BYTES_MAX:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self._head_since, self._head_bytes = 0.0, 0
        self._idle_bytes = self._trailer_bytes = 0
        self._body_since = self.loop.time()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            # uvicorn has no door for a cycle of one's own. Its task has not begun yet.
            self.cycle.__class__ = Cycle

    def on_message_complete(self) -> None:
        self._body_since = 0.0
        super().on_message_complete()

    def check(self, now: float) -> None:
        """End the connection if something took too long."""
        deadlines = self.deadlines
        if deadlines is None or self.transport is None:
            return
        cycle: RequestResponseCycle | None = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if self._head_since and not answering and now - self._head_since > deadlines.head_seconds:
            self._refuse(HEAD_TIMEOUT if self._head_bytes else b"")
        elif self._body_since and now - self._body_since > deadlines.body_seconds + BODY_MARGIN_SECONDS:
            self.transport.abort()
        else:
            self._check_reader(deadlines, now, answering=answering)

    def _check_reader(self, deadlines: Deadlines, now: float, *, answering: bool) -> None:
        waiting = self.transport.get_write_buffer_size()
        since, before = self._unread
        # While more is being added nothing follows from how much there is; a paused answer adds nothing.
        is_growing = waiting > before or (answering and not self.flow.write_paused)
        if not waiting or not since or is_growing:
            self._unread = (now, waiting) if waiting else (0.0, 0)
        elif now - since > deadlines.stall_seconds:
            if before - waiting < deadlines.stall_bytes:
                self.transport.abort()
            self._unread = (now, waiting)

    def _refuse(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()
        self._head_since = 0.0


_watches: WeakKeyDictionary[ServerState, asyncio.TimerHandle] = WeakKeyDictionary()


def _watch(state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
    """Have all connections of a server checked every second for as long as there are any."""
    if state not in _watches:
        _watches[state] = loop.call_later(CHECK_SECONDS, _check_all, state, loop)


def _check_all(state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
    del _watches[state]
    now = loop.time()
    for connection in list(state.connections):
        if isinstance(connection, Protocol):
            connection.check(now)
    if state.connections:
        _watch(state, loop)
