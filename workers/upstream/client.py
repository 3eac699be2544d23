"""
The HTTP/1.1 client of the data plane: pooled connections per origin, and as little work per call as possible.

Timeouts cost nothing per call: each answer carries its deadline, and one ticker looks at all of them.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from workers.upstream.connection import Broken, Connection, Response, TimedOut, Unreachable

TICK_SECONDS = 0.1
IDLE_SECONDS_MAX = 15.0
IDLE_CONNECTIONS_MAX = 256
HTTPS_PORT = 443


class Timeouts(NamedTuple):
    """Seconds: to open a connection, until the head, between two bytes of the body, in all."""

    connect: float = 3.0
    head: float = 60.0
    idle: float = 30.0
    total: float = 600.0


class Origin(NamedTuple):
    """
    Where connections go; what a pool is kept for.

    With `addresses` connections go to one of these and to nothing else, whatever the host's name says.
    """

    host: str
    port: int
    encrypted: bool
    addresses: tuple[str, ...] = ()

    def write_authority(self) -> bytes:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.encrypted and self.port == HTTPS_PORT
        return (host if usual else f"{host}:{self.port}").encode()


def read_origin(url: str) -> tuple[Origin, str]:
    """
    Split an address into its origin and its path.

    :raises ValueError: not an http or https address with a host
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http(s) address: {url}")
    encrypted = parts.scheme == "https"
    return Origin(parts.hostname, parts.port or (443 if encrypted else 80), encrypted), parts.path


class Client:
    """
    Sends requests to upstreams. Make it inside the running loop; close it at the end.

    `certificates` is a file of authorities to trust instead of the system's.
    """

    def __init__(self, *, timeouts: Timeouts | None = None, certificates: str | None = None) -> None:
        self.timeouts = timeouts or Timeouts()
        self._certificates = certificates
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Origin, list[Connection]] = {}
        self._active: set[Response] = set()
        self._tls: ssl.SSLContext | None = None
        self._ticker = self._loop.call_later(TICK_SECONDS, self._tick)

    async def post(
        self,
        *,
        origin: Origin,
        path: str,
        headers: bytes,
        body: bytes,
        timeouts: Timeouts | None = None,
        started: Callable[[Response], None] | None = None,
    ) -> Response:
        """
        Send a POST and give the answer once its head is in. `headers` are whole lines, each ending in CRLF.

        `started` gets the answer before anything of it has come, so that somebody else can abort it.

        :raises Unreachable: no connection
        :raises Broken: the connection died before the head (a reused one is replaced once)
        :raises TimedOut: no head in time
        """
        data = b"POST %s HTTP/1.1\r\nhost: %s\r\n%scontent-length: %d\r\n\r\n%s" % (
            path.encode(),
            origin.write_authority(),
            headers,
            len(body),
            body,
        )
        timeouts = timeouts or self.timeouts
        connection = self._take_idle(origin)
        if connection is not None:
            response = self._begin(connection, data, timeouts, started)
            try:
                await self._wait_head(response)
                return response
            except Broken:
                # The upstream closed an idle connection as we wrote: nothing was answered, so once more.
                if response.begun:
                    raise
        response = self._begin(await self._open(origin, timeouts), data, timeouts, started)
        await self._wait_head(response)
        return response

    def _begin(
        self,
        connection: Connection,
        data: bytes,
        timeouts: Timeouts,
        started: Callable[[Response], None] | None,
    ) -> Response:
        response = connection.begin(data, head=timeouts.head, idle=timeouts.idle, total=timeouts.total)
        self._active.add(response)
        if started is not None:
            started(response)
        return response

    async def _wait_head(self, response: Response) -> None:
        try:
            await response.wait_head()
        except BaseException:
            # Also when our own caller is cancelled: an upstream that nobody listens to must stop.
            response.abort()
            self._active.discard(response)
            raise

    def _take_idle(self, origin: Origin) -> Connection | None:
        pool = self._idle.get(origin)
        while pool:
            connection = pool.pop()
            if not connection.closed and not connection.transport.is_closing():
                connection.reused = True
                return connection
        return None

    async def _open(self, origin: Origin, timeouts: Timeouts) -> Connection:
        if origin.encrypted and self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._certificates)
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
            self._tls.set_alpn_protocols(["http/1.1"])
        addresses = list(origin.addresses or (origin.host,))
        if len(addresses) > 1:
            random.shuffle(addresses)
        try:
            async with asyncio.timeout(timeouts.connect):
                while True:
                    try:
                        return await self._connect(origin, addresses.pop())
                    except OSError:
                        if not addresses:
                            raise
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"cannot connect to the upstream: {type(error).__name__}") from error

    async def _connect(self, origin: Origin, address: str) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._loop, lambda free: self._give_back(origin, free)),
            address,
            origin.port,
            ssl=self._tls if origin.encrypted else None,
            # The name whose certificate is asked for, also where a checked address was dialled.
            server_hostname=origin.host if origin.encrypted else None,
        )
        return connection

    def _give_back(self, origin: Origin, connection: Connection) -> None:
        pool = self._idle.setdefault(origin, [])
        if connection.closed or len(pool) >= IDLE_CONNECTIONS_MAX:
            connection.transport.close()
        else:
            connection.idle_since = self._loop.time()
            pool.append(connection)

    def _tick(self) -> None:
        now = self._loop.time()
        for response in [one for one in self._active if one.done or one.error or one.deadline < now]:
            self._active.discard(response)
            if not response.done and response.error is None:
                waited = (
                    "the answer took too long" if now > response.total_deadline else "the upstream is silent"
                )
                response.abort(TimedOut(waited))
        for origin, pool in list(self._idle.items()):
            # Oldest first: the end of the list is what is used.
            while pool and (pool[0].closed or pool[0].idle_since < now - IDLE_SECONDS_MAX):
                pool.pop(0).transport.close()
            if not pool:
                del self._idle[origin]
        self._ticker = self._loop.call_later(TICK_SECONDS, self._tick)

    async def close(self) -> None:
        """Close every connection."""
        self._ticker.cancel()
        for response in self._active:
            response.abort()
        for pool in self._idle.values():
            for connection in pool:
                connection.transport.close()
        self._idle.clear()
        await asyncio.sleep(0)
