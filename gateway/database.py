"""
Connections to PostgreSQL: a few of them, each with a purpose, opened again when they break.

No statement is prepared on the server and nothing is kept in a session, so that a proxy that pools by
transaction may stand in between.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow, tuple_row

from core.metrics import Counts, Histogram

CONNECT_SECONDS_MAX = 2
# A server that is cut off says nothing; without this the kernel waits for it for a quarter of an hour.
NETWORK: dict[str, int | str | None] = {
    "connect_timeout": CONNECT_SECONDS_MAX,
    "tcp_user_timeout": 8_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
STATEMENT_MILLISECONDS_MAX = 5000


class DatabaseAway(Exception):
    """PostgreSQL did not answer. `sent`: the statement may have reached it, and may have taken effect."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class DatabaseBusy(Exception):
    """Somebody else held a lock for too long. Nothing took effect."""


def add_limits(url: str) -> str:
    """The address with limits for a network that fails; what it says itself stays."""
    return make_conninfo("", **(NETWORK | conninfo_to_dict(url)))


def is_lost(connection: psycopg.AsyncConnection[Any]) -> bool:
    """
    Whether an idle connection is of no more use: the server has closed it, or said goodbye.

    Asked before a statement is sent: one that is lost afterwards may or may not have taken effect.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Link:
    """
    One connection, used by one caller at a time. It is opened when it is first needed.

    `seconds` counts how long calls took that PostgreSQL answered, `failures` those it did not, by kind.
    """

    def __init__(self, url: str, *, lock_milliseconds: int = 2000) -> None:
        self.seconds = Histogram()
        self.failures = Counts()
        self._url = add_limits(url)
        self._options = (
            f"-c statement_timeout={STATEMENT_MILLISECONDS_MAX} -c lock_timeout={lock_milliseconds}"
        )
        self._connection: psycopg.AsyncConnection[TupleRow] | None = None
        self._lock = asyncio.Lock()

    async def fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[TupleRow]:
        """
        Run one statement, a transaction of its own, and give its rows.

        :raises DatabaseAway: no connection, or it broke, or the statement took too long
        :raises DatabaseBusy: a lock was not had in time
        """
        async with self._lock:
            sent = False
            try:
                connection = self._connection
                if connection is None or is_lost(connection):
                    await self._drop()
                    connection = self._connection = await psycopg.AsyncConnection.connect(
                        self._url,
                        autocommit=True,
                        prepare_threshold=None,
                        options=self._options,
                        row_factory=tuple_row,
                    )
                sent = True
                began = time.monotonic()
                cursor = await connection.execute(query, parameters)
                rows = await cursor.fetchall()
                self.seconds.add(time.monotonic() - began)
                return rows
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                self.failures.add("busy")
                raise DatabaseBusy(str(error)) from error
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                # Disk full, shutdown and a cancelled statement are OperationalErrors as well.
                self.failures.add("away")
                await self._drop()
                reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
                raise DatabaseAway(reason, sent=sent) from error
            except asyncio.CancelledError:
                await self._drop()
                raise

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._drop()


class Links:
    """Several links for the same purpose; a caller takes whichever is free."""

    def __init__(self, url: str, *, count: int, lock_milliseconds: int = 2000) -> None:
        self._all = [Link(url, lock_milliseconds=lock_milliseconds) for _ in range(count)]
        # The same for all of them: which one was free means nothing.
        self.seconds, self.failures = Histogram(), Counts()
        for link in self._all:
            link.seconds, link.failures = self.seconds, self.failures
        self._free: asyncio.LifoQueue[Link] = asyncio.LifoQueue()
        for link in reversed(self._all):
            self._free.put_nowait(link)

    async def fetch(self, query: str, parameters: Sequence[Any] = ()) -> list[TupleRow]:
        """As `Link.fetch`, on whichever connection is free first."""
        link = await self._free.get()
        try:
            return await link.fetch(query, parameters)
        finally:
            self._free.put_nowait(link)

    async def close(self) -> None:
        """Close all."""
        for link in self._all:
            await link.close()


class Database:
    """The gateway's connections, by purpose, so that one kind of call never waits behind another."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.admission = Link(url)
        # Calls that wait for one busy wallet; short locks, so that the caller may count its own time.
        self.waiting = Links(url, count=4, lock_milliseconds=200)
        self.recording = Link(url)
        self.leases = Link(url)
        self.lookups = Links(url, count=2)
        self.changes = Links(url, count=2)
        # What buyers read of themselves; however long it takes, keys are looked up meanwhile.
        self.reading = Links(url, count=2)

    def by_purpose(self) -> dict[str, Link | Links]:
        """Every connection by what it is for."""
        return {
            "admission": self.admission,
            "waiting": self.waiting,
            "recording": self.recording,
            "leases": self.leases,
            "lookups": self.lookups,
            "changes": self.changes,
            "reading": self.reading,
        }

    async def close(self) -> None:
        """Close every connection."""
        for links in self.by_purpose().values():
            await links.close()
