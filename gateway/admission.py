"""
Admission: no request starts before one SQL call has checked its key, held its money and written its job.

Requests that wait share a call. One whose wallet is locked by somebody else (`busy`) goes on to a crowd of
its own wallet, whose calls wait for the lock, so that a busy tenant stalls nobody but itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import TupleRow

from core.metrics import SIZES, Counts, Histogram
from gateway import arrays
from gateway.coalescing import Coalescer
from gateway.database import Database, DatabaseAway, DatabaseBusy, Link, Links

QUERY = """
    SELECT idx, verdict, job_id, attempt_id, hold_amount, detail FROM admit_v1(
        %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::bigint[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::bytea[], %s::jsonb[], %s)
"""
OUTCOME_QUERY = "SELECT idx, verdict, job_id, attempt_id, hold_amount, detail FROM outcome_v1(%s::uuid[])"
REATTEMPT_QUERY = """
    SELECT verdict, attempt_id FROM reattempt_v1(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[],
        %s::bigint[], %s::bigint[], %s::uuid[], %s::uuid[])
"""
RECONNECT_SECONDS = 0.1
# Wallets with a crowd of their own; past it, those that nobody waits for are forgotten.
CROWDS_MAX = 256


class Asked(NamedTuple):
    """One request for admission."""

    key_id: int
    organization_id: int
    model_id: int
    offer_id: int
    card_id: int
    node_id: int
    in_bound: int
    out_bound: int
    job_uid: UUID
    attempt_uid: UUID
    receipt_uid: UUID
    idempotency_key: str | None
    body_hash: bytes | None
    matched: str


class Verdict(NamedTuple):
    """What became of it: `ok` with ids and the amount held, or the reason."""

    verdict: str
    job_id: int | None = None
    attempt_id: int | None = None
    held: Decimal | None = None
    detail: str | None = None


class Admissions:
    """Admits requests. `orphan` is told of admissions whose buyer left before the answer came."""

    def __init__(
        self, database: Database, *, seconds: float, orphan: Callable[[Asked, Verdict], None]
    ) -> None:
        self._database = database
        self._seconds = seconds
        self._orphan = orphan
        self.verdicts = Counts()
        self.waiting_sizes = Histogram(SIZES)
        self._main: Coalescer[Asked, Verdict] = Coalescer(self._run, orphan=orphan)
        self.sizes = self._main.sizes
        self._crowds: dict[int, Coalescer[Asked, Verdict]] = {}

    async def admit(self, asked: Asked) -> Verdict:
        """
        Admit one request; `busy` only after the wallet stayed locked for `seconds`.

        :raises DatabaseAway: PostgreSQL does not answer; nothing was started, or it will be swept
        """
        deadline = time.monotonic() + self._seconds
        # An answer that was lost takes as long again to be found.
        patience = 2 * self._seconds
        try:
            verdict = await self._main.submit(asked, seconds=patience)
            while verdict.verdict == "busy" and time.monotonic() < deadline:
                verdict = await self._wait_in_crowd(asked, patience)
        except TimeoutError as error:
            self.verdicts.add("away")
            raise DatabaseAway("admission took too long", sent=True) from error
        except DatabaseAway:
            self.verdicts.add("away")
            raise
        self.verdicts.add(verdict.verdict)
        return verdict

    async def _wait_in_crowd(self, asked: Asked, seconds: float) -> Verdict:
        wallet = asked.organization_id
        crowd = self._crowds.get(wallet)
        if crowd is None:
            if len(self._crowds) >= CROWDS_MAX:
                busy = {one: crowd for one, crowd in self._crowds.items() if not crowd.is_idle()}
                self._crowds = busy
            crowd = self._crowds[wallet] = Coalescer(
                self._run_waiting, orphan=self._orphan, sizes=self.waiting_sizes
            )
        return await crowd.submit(asked, seconds=seconds)

    async def _run(self, batch: list[Asked]) -> list[Verdict]:
        try:
            return await self._call(self._database.admission, batch, wait=False)
        except DatabaseBusy:
            return [Verdict("busy")] * len(batch)

    async def _run_waiting(self, batch: list[Asked]) -> list[Verdict]:
        try:
            return await self._call(self._database.waiting, batch, wait=True)
        except DatabaseBusy:
            return [Verdict("busy")] * len(batch)

    async def _call(self, link: Link | Links, batch: list[Asked], *, wait: bool) -> list[Verdict]:
        try:
            rows = await link.fetch(QUERY, write_columns(batch, wait=wait))
        except DatabaseAway as error:
            if not error.sent:
                raise
            return await self._ask_outcome(batch)
        return _read_verdicts(rows, len(batch))

    async def _ask_outcome(self, batch: list[Asked]) -> list[Verdict]:
        """
        Find out what became of a call whose answer was lost.

        :raises DatabaseAway: PostgreSQL stays away; what it did take is swept when its leases end
        """
        deadline = time.monotonic() + self._seconds
        uids = arrays.write_plain(asked.job_uid for asked in batch)
        while True:
            try:
                rows = await self._database.changes.fetch(OUTCOME_QUERY, [uids])
                return _read_verdicts(rows, len(batch))
            except (DatabaseAway, DatabaseBusy) as error:
                if time.monotonic() >= deadline:
                    raise DatabaseAway(str(error), sent=True) from error
                await asyncio.sleep(RECONNECT_SECONDS)

    async def reattempt(
        self,
        *,
        job_id: int,
        attempt_id: int,
        error_code: str,
        offer_id: int,
        card_id: int,
        node_id: int,
        attempt_uid: UUID,
        receipt_uid: UUID,
    ) -> tuple[str, int | None]:
        """
        Fence an attempt that failed before its first byte and open the next. Gives verdict and attempt id.

        :raises DatabaseAway: PostgreSQL does not answer
        :raises DatabaseBusy: its rows are locked
        """
        rows = await self._database.changes.fetch(
            REATTEMPT_QUERY,
            [
                [job_id],
                [attempt_id],
                [error_code],
                [offer_id],
                [card_id],
                [node_id],
                [attempt_uid],
                [receipt_uid],
            ],
        )
        verdict, next_id = rows[0]
        return str(verdict), next_id


def write_columns(batch: list[Asked], *, wait: bool) -> list[str | bool]:
    """The arguments of admit_v1, as array literals."""
    columns = list(zip(*batch, strict=True))
    return [
        *(arrays.write_plain(column) for column in columns[:11]),
        arrays.write_texts(columns[11]),
        arrays.write_bytes(columns[12]),
        arrays.write_texts(columns[13]),
        wait,
    ]


def _read_verdicts(rows: list[TupleRow], size: int) -> list[Verdict]:
    verdicts = [Verdict("absent")] * size
    for idx, *rest in rows:
        verdicts[idx - 1] = Verdict(*rest)
    return verdicts
