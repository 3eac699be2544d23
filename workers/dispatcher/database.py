"""What the dispatcher asks of PostgreSQL: the same calls as a gateway makes, one job at a time. No Django."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from marketplace.book import Book
from marketplace.listings import Listing
from workers.deferral import SlackBook
from workers.metering import Count
from workers.upstream import targets
from workers.upstream.framing import Meter

CONNECTIONS_MAX = 8
WAIT_SECONDS_MAX = 5.0
OPTIONS = "-c statement_timeout=5000 -c lock_timeout=2000"

# What `Away` means to a caller: nothing is known about the call; ask again.
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError)

# Attempts that ended so were nobody's fault.
NO_FAULT = ("node_full", "node_gone", "relay_busy", "dispatcher_stopped")

QUEUED = """
    SELECT j.id, j.uid, j.organization_id, j.request_blob, j.in_bound, j.out_bound,
           coalesce(h.price_currency, h.currency),
           j.cancel_requested_at IS NOT NULL,
           coalesce(a.number, 0), a.faults,
           -- Clocks may differ by a minute (reattempt_v1).
           coalesce(floor(extract(epoch FROM j.deadline_at - j.submitted_at + interval '1 minute') / 3600),
                    0)::int
      FROM job j JOIN hold h ON h.id = j.hold_id
      CROSS JOIN LATERAL (
           SELECT max(number) AS number, count(*) FILTER (WHERE NOT error_code = ANY (%s)) AS faults
             FROM attempt WHERE job_id = j.id) a
     WHERE j.state = 'QUEUED' AND NOT j.id = ANY (%s) AND (j.deadline_at IS NULL OR j.deadline_at > now())
     ORDER BY j.id LIMIT %s
"""
REATTEMPT = """
    SELECT verdict, attempt_id FROM reattempt_v1(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[],
        %s::bigint[], %s::bigint[], %s::uuid[], %s::uuid[])
"""
RENEW = "SELECT attempt_id FROM renew_v1(%s::bigint[], %s::bigint[], %s::bigint[])"
CANCELLED = """
    SELECT a.id FROM attempt a JOIN job j ON j.id = a.job_id
     WHERE a.id = ANY (%s) AND j.cancel_requested_at IS NOT NULL
"""
RECORD = """
    SELECT verdict FROM record_usage_v3(%s::bigint[], ARRAY[1], ARRAY[true], %s::bigint[], %s::bigint[],
        %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::numeric[], %s::numeric[],
        %s::text[], %s::text[], ARRAY['complete'], ARRAY['SUCCEEDED'])
"""
FAIL = "SELECT verdict FROM fail_v1(%s::bigint[], %s::text[], %s::text[])"


class Queued(NamedTuple):
    """
    A deferred job that waits. `attempts` were made before, `faults` of them were somebody's fault;
    `currency` is that of its price;
    `cancelled`: its buyer wants it no more. It may wait `slack_hours` from when it was submitted.
    """

    job_id: int
    uid: UUID
    organization_id: int
    request_blob: str | None
    in_bound: int
    out_bound: int
    currency: str
    cancelled: bool
    attempts: int
    faults: int
    slack_hours: int = 0


@dataclass(frozen=True, slots=True)
class Next:
    """The attempt that is to be opened: on whom, after which one (None: it is the first), and why."""

    listing: Listing
    uid: UUID
    receipt_uid: UUID
    failed_attempt_id: int | None = None
    error_code: str | None = None


class Database:
    """A small pool. Every method raises one of AWAY while PostgreSQL does not answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            url,
            min_size=0,
            max_size=CONNECTIONS_MAX,
            timeout=WAIT_SECONDS_MAX,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": None, "options": OPTIONS},
            check=AsyncConnectionPool.check_connection,
        )

    async def open(self) -> None:
        """Open the pool without waiting for the server."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close(timeout=2)

    async def connect_listener(self, *channels: str) -> AsyncConnection[TupleRow]:
        """A connection of its own that listens."""
        connection = await AsyncConnection.connect(
            self._url, autocommit=True, prepare_threshold=None, connect_timeout=2
        )
        for channel in channels:
            await connection.execute(f"LISTEN {channel}")
        return connection

    async def _fetch(self, query: str, values: Sequence[Any] = ()) -> list[TupleRow]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, values)).fetchall()

    async def load_book(self) -> SlackBook:
        """The offers, and what they cost those who can wait."""
        async with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute("SELECT * FROM book_v2()")
            book = Book.from_rows(await cursor.fetchall())
            await cursor.execute("SELECT * FROM slack_cards_v1()")
            return SlackBook(book, await cursor.fetchall())

    async def list_upstreams(self) -> list[TupleRow]:
        """Providers' own addresses that may be called, as `targets.Directory` reads them."""
        return await self._fetch(targets.QUERY, [])

    async def complain(self, *, node_id: int, attempt_uid: UUID) -> None:
        """Tell a node's provider that its address refused our credential."""
        await self._fetch(targets.COMPLAINT, targets.list_complaint(node_id, attempt_uid))

    async def list_queued(self, *, without: Sequence[int], limit: int) -> list[Queued]:
        """Jobs that wait, oldest first."""
        rows = await self._fetch(QUEUED, [list(NO_FAULT), list(without), limit])
        return [Queued(*row) for row in rows]

    async def open_attempt(self, job_id: int, wanted: Next) -> tuple[str, int | None]:
        """Claim a job, or move it on from an attempt that failed. Gives the verdict and the attempt's id."""
        rows = await self._fetch(
            REATTEMPT,
            [
                [job_id],
                [wanted.failed_attempt_id],
                [wanted.error_code],
                [wanted.listing.offer_id],
                [wanted.listing.card_id],
                [wanted.listing.node_id],
                [wanted.uid],
                [wanted.receipt_uid],
            ],
        )
        verdict, attempt_id = rows[0]
        return str(verdict), attempt_id

    async def renew(self, attempt_ids: list[int]) -> tuple[set[int], set[int]]:
        """
        Renew leases: the attempts that are still ours, and those whose buyers want them no more.

        An answer that comes whole has no checkpoint: until it is there, nothing was delivered.
        """
        zeros = [0] * len(attempt_ids)
        held = await self._fetch(RENEW, [attempt_ids, zeros, zeros])
        cancelled = await self._fetch(CANCELLED, [attempt_ids])
        return {row[0] for row in held}, {row[0] for row in cancelled}

    async def record(
        self, attempt_id: int, *, job_uid: UUID, count: Count, meter: Meter, answer_blob: str
    ) -> str:
        """
        Record what was used and name the answer, both or neither. Harmless to repeat.

        Gives `ok`, `already` (it was recorded before) or `fenced` (somebody else ended the attempt).
        """
        claim = count.claim
        values: list[Any] = [
            [attempt_id],
            [count.ours_in],
            [count.ours_cached],
            [count.ours_out],
            [claim.tokens_in],
            [claim.cached],
            [claim.tokens_out],
            [count.method],
            [meter.chip_seconds],
            [meter.joules],
            [meter.tier],
            [meter.attribution],
        ]
        async with self._pool.connection() as connection, connection.transaction():
            row = await (await connection.execute(RECORD, values)).fetchone()
            verdict = str(row[0]) if row else "fenced"
            if verdict == "ok":
                await connection.execute("SELECT attach_blobs_v1(%s, NULL, %s, NULL)", [job_uid, answer_blob])
        return verdict

    async def fail(self, attempt_id: int, *, error_code: str, job_state: str) -> str:
        """End an attempt that delivered nothing, and its job; QUEUED lets the job wait for another try."""
        return str((await self._fetch(FAIL, [[attempt_id], [error_code], [job_state]]))[0][0])

    async def fail_queued(self, job_id: int, *, error_code: str) -> None:
        """End a job that can never run."""
        await self._fetch("SELECT fail_queued_v1(%s::bigint[], %s)", [[job_id], error_code])

    async def cancel(self, job: Queued) -> None:
        """End a queued job as its buyer asked."""
        await self._fetch("SELECT cancel_job_v1(%s, %s)", [job.organization_id, job.uid])
