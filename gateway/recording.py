"""
What came of attempts, written before the buyer sees the end: usage records, and failures that give money
back.

Writes that wait share a call and are repeated while PostgreSQL is away, at most for the seconds a buyer can
be kept; after that the sweeper settles from the last checkpoint.

A plain answer has not been seen by anybody when it is recorded, so giving up is a write as well: the attempt
is ended as failed, and whichever of the two PostgreSQL takes first stands. What was charged is delivered,
what is not delivered was not charged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import TupleRow

from core import tracing
from gateway import arrays
from gateway.coalescing import Coalescer
from gateway.database import Database, DatabaseAway, DatabaseBusy
from workers.metering import Count

QUERY = """
    SELECT idx, verdict, billed_in, billed_cached, billed_out, amount, currency, provider_amount,
           joules, kwh, it_kwh, cooling_kwh, heat_kwh, gco2e, intensity, grid, market_gco2e, market_intensity,
           price_currency, price_amount, rate
      FROM record_usage_v3(%s::bigint[], %s::int[], %s::boolean[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::numeric[], %s::numeric[], %s::text[],
        %s::text[], %s::text[], %s::text[])
"""
FAIL_QUERY = "SELECT idx, verdict FROM fail_v1(%s::bigint[], %s::text[], %s::text[])"
RETRY_SECONDS = 0.1
# A failure that could not be written in time is tried in the background until its lease has run out.
BACKGROUND_SECONDS = 10.0
# How long one asks in the background what became of a record that nobody waits for any more.
UNKNOWN_SECONDS = 3600.0
FLAG_QUERY = """
    INSERT INTO meter_flag (attempt_id, kind) VALUES (%s, 'charged_undelivered')
    ON CONFLICT (attempt_id, kind) DO NOTHING RETURNING id
"""

logger = logging.getLogger(__name__)


class Used(NamedTuple):
    """What one attempt used, as it goes into its usage record."""

    attempt_id: int
    counted: Count
    chip_seconds: Decimal
    joules: Decimal
    tier: str
    attribution: str
    ended_how: str
    job_state: str


class Billed(NamedTuple):
    """What the record came to. Amounts are None when the attempt was overtaken and nothing was charged."""

    verdict: str
    tokens_in: int | None = None
    cached: int | None = None
    tokens_out: int | None = None
    amount: Decimal | None = None
    currency: str | None = None
    provider_amount: Decimal | None = None
    joules: Decimal | None = None
    kwh: Decimal | None = None
    it_kwh: Decimal | None = None
    cooling_kwh: Decimal | None = None
    heat_kwh: Decimal | None = None
    gco2e: Decimal | None = None
    intensity: Decimal | None = None
    grid: str | None = None
    market_gco2e: Decimal | None = None
    market_intensity: Decimal | None = None
    # Where the price is in another currency than the wallet: how much of it, and what a unit of it cost.
    price_currency: str | None = None
    price_amount: Decimal | None = None
    rate: Decimal | None = None


class Failed(NamedTuple):
    """An attempt that delivered nothing."""

    attempt_id: int
    error_code: str
    job_state: str


class Recorder:
    """
    Writes usage records and failures.

    `seconds` is how long a buyer may be kept for it, `decide_seconds` how long on top of it for PostgreSQL's
    word on whether a plain answer was recorded.
    """

    def __init__(self, database: Database, *, seconds: float, decide_seconds: float) -> None:
        self._database = database
        self._seconds = seconds
        self._decide_seconds = decide_seconds
        self._records: Coalescer[Used, Billed] = Coalescer(self._record)
        self._failures: Coalescer[Failed, str] = Coalescer(self._fail)
        self.sizes, self.failure_sizes = self._records.sizes, self._failures.sizes
        self._background: set[asyncio.Task[None]] = set()

    async def record(self, used: Used) -> Billed:
        """
        Write a usage record and give what it came to. Harmless to repeat.

        :raises DatabaseAway: not written within `seconds`, as far as we know
        """
        with tracing.span("record", ended=used.ended_how):
            return await self._insist(self._records, used, self._seconds)

    async def settle(self, used: Used) -> Billed | None:
        """
        As `record`, for an answer that nobody has seen yet: what it came to, or None if it was not recorded
        and never will be.

        :raises DatabaseAway: PostgreSQL does not say which; nothing may be promised
        """
        failed = Failed(used.attempt_id, "not_recorded", "FAILED")
        try:
            return _find_charged(await self.record(used))
        except DatabaseAway as error:
            if not error.sent:
                self.fail_later(failed)
                return None
        try:
            return await self._decide(used, failed, self._decide_seconds)
        except DatabaseAway:
            self._run_later(self._find_out(used, failed))
            raise

    async def _decide(self, used: Used, failed: Failed, seconds: float) -> Billed | None:
        """End the attempt as failed, unless it was recorded: then what it came to."""
        if await self._insist(self._failures, failed, seconds) == "ok":
            return None
        return _find_charged(await self._insist(self._records, used, seconds))

    async def _find_out(self, used: Used, failed: Failed) -> None:
        """Flag a charge whose answer its buyer never got, once that is known."""
        try:
            if await self._decide(used, failed, UNKNOWN_SECONDS) is not None:
                await self._database.changes.fetch(FLAG_QUERY, [used.attempt_id])
                logger.error("Attempt %s was charged and not delivered", used.attempt_id)
        except (DatabaseAway, DatabaseBusy):
            logger.exception("Unable to learn whether attempt %s was charged", used.attempt_id)

    async def fail(self, failed: Failed) -> None:
        """End an attempt that delivered nothing; its hold is given back at once."""
        try:
            with tracing.span("release", reason=failed.error_code):
                await self._insist(self._failures, failed, self._seconds)
        except DatabaseAway:
            self.fail_later(failed)

    def fail_later(self, failed: Failed) -> None:
        """As `fail`, with nobody waiting for it."""
        self._run_later(self._fail_in_background(failed))

    def _run_later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def finish(self) -> None:
        """Wait for what still runs in the background."""
        if self._background:
            await asyncio.wait(self._background, timeout=self._seconds)

    async def _fail_in_background(self, failed: Failed) -> None:
        try:
            await self._insist(self._failures, failed, BACKGROUND_SECONDS)
        except DatabaseAway:
            logger.warning(
                "Unable to give back the hold of attempt %s; left to the sweeper", failed.attempt_id
            )

    async def _insist[Item, Result](
        self, coalescer: Coalescer[Item, Result], item: Item, seconds: float
    ) -> Result:
        deadline = time.monotonic() + seconds
        sent = False
        while True:
            left = deadline - time.monotonic()
            try:
                return await coalescer.submit(item, seconds=max(left, RETRY_SECONDS))
            except (DatabaseAway, DatabaseBusy, TimeoutError) as error:
                # Of a call that is still under way nobody knows.
                sent |= isinstance(error, TimeoutError) or (isinstance(error, DatabaseAway) and error.sent)
                if time.monotonic() + RETRY_SECONDS >= deadline:
                    raise DatabaseAway(str(error), sent=sent) from error
                await asyncio.sleep(RETRY_SECONDS)

    async def _record(self, batch: list[Used]) -> list[Billed]:
        # Two records of one attempt in one call would only meet after a retry; the first answers for both.
        unique = {used.attempt_id: used for used in batch}
        rows = await self._database.recording.fetch(QUERY, write_columns(list(unique.values())))
        billed = {
            used.attempt_id: result
            for used, result in zip(unique.values(), _read_billed(rows, len(unique)), strict=True)
        }
        return [billed[used.attempt_id] for used in batch]

    async def _fail(self, batch: list[Failed]) -> list[str]:
        unique = {failed.attempt_id: failed for failed in batch}
        ids, codes, states = zip(*unique.values(), strict=True)
        columns = [arrays.write_plain(ids), arrays.write_texts(codes), arrays.write_texts(states)]
        rows = await self._database.changes.fetch(FAIL_QUERY, columns)
        verdicts = dict(zip(unique, (row[1] for row in sorted(rows)), strict=True))
        return [verdicts[failed.attempt_id] for failed in batch]


def _find_charged(billed: Billed) -> Billed | None:
    """None if the attempt was settled otherwise meanwhile, with nothing charged: it can never be recorded."""
    return None if billed.amount is None else billed


def write_columns(batch: list[Used]) -> list[str]:
    """The arguments of record_usage_v3, as array literals."""
    counts = [used.counted for used in batch]
    plain, texts = arrays.write_plain, arrays.write_texts
    return [
        plain(used.attempt_id for used in batch),
        plain(1 for _ in batch),
        arrays.write_flags(True for _ in batch),
        plain(count.ours_in for count in counts),
        plain(count.ours_cached for count in counts),
        plain(count.ours_out for count in counts),
        plain(count.claim.tokens_in for count in counts),
        plain(count.claim.cached for count in counts),
        plain(count.claim.tokens_out for count in counts),
        texts(count.method for count in counts),
        plain(used.chip_seconds for used in batch),
        plain(used.joules for used in batch),
        texts(used.tier for used in batch),
        texts(used.attribution for used in batch),
        texts(used.ended_how for used in batch),
        texts(used.job_state for used in batch),
    ]


def _read_billed(rows: list[TupleRow], size: int) -> list[Billed]:
    results = [Billed("fenced")] * size
    for idx, *rest in rows:
        results[idx - 1] = Billed(*rest)
    return results
