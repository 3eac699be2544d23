"""One deferred job on its way: claimed, tried on one node after the other, recorded or given back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from core import ids
from core.errors import DomainError
from workers import deferral
from workers.blobs import BlobMissing, BlobStore, BlobUnreadable
from workers.bodies import ModelRequest
from workers.dispatcher.calls import CallFailed, Delivered, Hope, Running, Stopped
from workers.dispatcher.database import AWAY, Database, Next, Queued
from workers.dispatcher.leases import CANCELLED, LEASE_LOST, LEASE_SECONDS, Leases
from workers.dispatcher.watching import Watch
from workers.metering import Limits, bound_input
from workers.upstream import targets
from workers.upstream.client import Client
from workers.upstream.guard import Guard

ANSWER_KEPT = timedelta(days=7)
# Faults use up a job's tries; a node that was full is no fault, but nothing goes on for ever.
FAULTS_MAX = 3
ATTEMPTS_MAX = 50
RECORD_SECONDS_MAX = 60.0
FAIL_SECONDS_MAX = 8.0
RETRY_SECONDS = 0.3
DRAINING = "dispatcher_stopped"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What an errand works with."""

    database: Database
    watch: Watch
    leases: Leases
    client: Client
    guard: Guard
    store: BlobStore
    ticket_secret: bytes = field(repr=False)


class Errand:
    """Runs one job as far as it goes."""

    def __init__(self, means: Means, job: Queued) -> None:
        self._means = means
        self._job = job
        self._refused: set[int] = set()
        self._number = job.attempts
        self._faults = job.faults

    async def run(self) -> bool:
        """
        Run it; False if it should be looked at again later.

        :raises Exception: one of AWAY, when nobody knows what became of a call; the lease decides
        """
        job, database = self._job, self._means.database
        if job.cancelled:
            await database.cancel(job)
            return True
        try:
            request = await self._read()
        except (BlobMissing, BlobUnreadable):
            await database.fail_queued(job.job_id, error_code="request_lost")
            return True
        except DomainError as refusal:
            await database.fail_queued(job.job_id, error_code=refusal.code)
            return True
        opened = await self._open(request)
        while isinstance(opened, Running):
            self._means.leases.add(opened)
            try:
                outcome = await self._try(opened, request)
            finally:
                self._means.leases.remove(opened)
            opened = outcome if isinstance(outcome, bool) else await self._move_on(opened, request, outcome)
        return opened

    async def _read(self) -> ModelRequest:
        if self._job.request_blob is None:
            raise BlobMissing(str(self._job.uid))
        now = datetime.now(UTC)
        body = await asyncio.to_thread(self._means.store.read, self._job.request_blob, now=now)
        return deferral.read_deferred(body)

    async def _open(
        self, request: ModelRequest, failed: Running | None = None, error_code: str | None = None
    ) -> Running | bool:
        """Open an attempt on the next candidate; True if the job is not ours now, False if none takes it."""
        match = deferral.find_candidates(
            self._means.watch.get_book(slack_hours=self._job.slack_hours),
            request,
            currencies=(self._job.currency,),
            now=datetime.now(UTC),
            tokens_in_min=bound_input(
                text_bytes=request.text_bytes, media=request.media, context_length=self._job.in_bound
            ).low,
            refused=frozenset(self._refused),
        )
        for candidate in match.candidates:
            listing = candidate.listing
            wanted = Next(
                listing=listing,
                uid=ids.make_uid(),
                receipt_uid=ids.make_uid(),
                failed_attempt_id=failed.attempt_id if failed else None,
                error_code=error_code,
            )
            verdict, attempt_id = await self._means.database.open_attempt(self._job.job_id, wanted)
            if verdict == "fenced":
                return True
            if verdict == "ok" and attempt_id is not None:
                self._number += 1
                self._means.watch.note_started(listing.node_uid)
                return Running(
                    attempt_id=attempt_id,
                    number=self._number,
                    uid=wanted.uid,
                    receipt_uid=wanted.receipt_uid,
                    listing=listing,
                    lease_seconds=LEASE_SECONDS,
                )
            self._refused.add(listing.offer_id)
        return False

    async def _try(self, running: Running, request: ModelRequest) -> bool | CallFailed:
        """Call the node: how it ended for the job, or the failure after which another node may be tried."""
        try:
            delivered = await self._call(running, request)
        except CallFailed as failure:
            return failure
        except Stopped as stopped:
            reason = str(stopped)
            if reason != LEASE_LOST:
                await self._end(running, reason, "CANCELLED" if reason == CANCELLED else "QUEUED")
            if reason == CANCELLED:
                await self._forget_request()
            return reason != DRAINING
        return await self._deliver(running, delivered)

    async def _call(self, running: Running, request: ModelRequest) -> Delivered:
        listing, job = running.listing, self._job
        node = self._means.watch.get_book().presence.get(listing.node_uid)
        if node is None:
            raise CallFailed("node_gone", Hope.LATER)
        prompt = bound_input(
            text_bytes=request.text_bytes,
            media=request.media,
            context_length=listing.context_length,
            beyond_bytes=request.beyond,
        )
        tokens_out = min(job.out_bound // request.choices, listing.max_output_cap)
        return await running.call(
            self._means.client,
            self._means.guard,
            self._means.watch.find_target(listing.node_uid)
            or targets.aim_at_relay(node.relay_url, listing.node_uid),
            secret=self._means.ticket_secret,
            body=request.write_body(model=listing.upstream_model, tokens_out=tokens_out),
            limits=Limits(prompt._replace(high=min(prompt.high, job.in_bound)), job.out_bound),
        )

    async def _move_on(self, running: Running, request: ModelRequest, failure: CallFailed) -> Running | bool:
        """After a failure: the next attempt, or how the job goes on without one."""
        logger.info("Attempt %s failed: %s", running.attempt_id, failure.code)
        if failure.code == targets.CREDENTIAL_REFUSED:
            await self._complain(running)
        self._refused.add(running.listing.offer_id)
        self._faults += failure.hope is not Hope.LATER
        may_go_on = (
            failure.hope is not Hope.NONE and self._faults < FAULTS_MAX and self._number < ATTEMPTS_MAX
        )
        opened = await self._open(request, running, failure.code) if may_go_on else False
        if isinstance(opened, Running):
            return opened
        if opened:
            # The job is not ours any more, or its buyer wants it no more: then this attempt is still open.
            await self._end(running, CANCELLED, "CANCELLED")
            return True
        await self._end(running, failure.code, "QUEUED" if may_go_on else "FAILED")
        if not may_go_on:
            await self._forget_request()
        return not may_go_on

    async def _complain(self, running: Running) -> None:
        node_id = running.listing.node_id
        try:
            await self._means.database.complain(node_id=node_id, attempt_uid=running.uid)
        except AWAY as error:
            # The next attempt there is refused as well, and told of.
            logger.warning("Unable to tell of a refused credential: %s", error)

    async def _deliver(self, running: Running, delivered: Delivered) -> bool:
        """Keep the answer, then record what it cost: a job that is done has its answer."""
        store = self._means.store
        name = await asyncio.to_thread(
            store.write,
            f"{self._job.uid}.{self._number}.answer",
            delivered.answer,
            expires_at=datetime.now(UTC) + ANSWER_KEPT,
        )
        verdict = await self._insist(
            lambda: self._means.database.record(
                running.attempt_id,
                job_uid=self._job.uid,
                count=delivered.counted,
                meter=delivered.meter,
                answer_blob=name,
            ),
            RECORD_SECONDS_MAX,
        )
        if verdict == "fenced":
            await asyncio.to_thread(store.delete, name)
        else:
            await self._forget_request()
        return True

    async def _end(self, running: Running, error_code: str, job_state: str) -> None:
        await self._insist(
            lambda: self._means.database.fail(running.attempt_id, error_code=error_code, job_state=job_state),
            FAIL_SECONDS_MAX,
        )

    async def _forget_request(self) -> None:
        if self._job.request_blob is not None:
            await asyncio.to_thread(self._means.store.delete, self._job.request_blob)

    async def _insist(self, call: Callable[[], Awaitable[str]], seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while True:
            try:
                return await call()
            except AWAY:
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
