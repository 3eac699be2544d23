"""
Running attempts: the request in, the model server's bytes out, a receipt at the end.

Each attempt has credit of its own: it sends no more bytes than the relay has room for, stops reading
from the model server until it may, and so holds back nobody but itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent import energy, protocol, receipts, upstream
from agent.protocol import Kind
from agent.usage import Usage, UsageReader

if TYPE_CHECKING:
    from hashlib import _Hash

BODY_SECONDS_MAX = 60.0
# Of all requests that run at once; one has at most 16 MiB.
BODIES_BYTES_MAX = 256 * 1024 * 1024
# A relay that asks again and again without reading what it is told is let go.
REFUSALS_UNSENT_MAX = 1000
JOURNAL_RETRY_SECONDS = 5.0
# Outcomes after which the model server cannot have worked: there is nothing to state.
UNSTATED = frozenset({"refused", "upstream_unreachable"})

log = logging.getLogger("jouleport.agent.jobs")

Send = Callable[[bytes], Awaitable[None]]


class ConnectionGone(Exception):
    """The connection to the relay ended while an attempt was sending."""


@dataclass(slots=True, eq=False)
class Job:
    """One attempt while it runs."""

    attempt_id: int
    number: int
    request: protocol.Request
    send: Send
    credit: int
    started_ns: int
    started_at: datetime
    microjoules_at_start: int
    body: bytearray = field(default_factory=bytearray)
    body_there: asyncio.Event = field(default_factory=asyncio.Event)
    may_send: asyncio.Event = field(default_factory=asyncio.Event)
    work: asyncio.Task[None] | None = None
    status: int | None = None
    response_bytes: int = 0
    response_hash: _Hash = field(default_factory=hashlib.sha256)
    usage: UsageReader | None = None


class Jobs:
    """
    All attempts that run on this agent, at most `slots` at once.

    `forward` of one never waits for another. The journal is used from one thread of its own, which
    also does the signing.
    """

    def __init__(
        self,
        *,
        slots: int,
        upstream: upstream.Upstream,
        meter: energy.Meter,
        journal: receipts.Journal,
    ) -> None:
        self.slots = slots
        self.draining = False
        self.idle = asyncio.Event()
        self.idle.set()
        self._upstream = upstream
        self._meter = meter
        self._journal = journal
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._running: dict[int, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.journal_failure: str | None = None
        self.done = 0

    @property
    def journal(self) -> receipts.Journal:
        """Where the receipts are; read its figures only."""
        return self._journal

    @property
    def running(self) -> int:
        """How many attempts run."""
        return len(self._running)

    def begin(self, frame: protocol.Frame, *, send: Send) -> None:
        """
        Take a REQUEST. What cannot be run is answered with END at once.

        :raises FrameRefused: the request is malformed
        """
        request = protocol.read_request(frame.payload)
        now_ns = time.monotonic_ns()
        job = Job(
            attempt_id=frame.attempt_id,
            number=frame.number,
            request=request,
            send=send,
            credit=request.credit_bytes,
            started_ns=now_ns,
            started_at=datetime.now(UTC),
            microjoules_at_start=0,
        )
        if len(self._tasks) > self.slots + REFUSALS_UNSENT_MAX:
            raise protocol.FrameRefused("the relay asks without reading the answers")
        if refusal := self._refuse(frame, request):
            self._keep(self._confirm(job, "refused", refusal, receipt=None))
            return
        self._running[job.attempt_id] = job
        self.idle.clear()
        self._meter.set_running(len(self._running), now_ns=now_ns)
        job.microjoules_at_start = self._meter.job_microjoules(now_ns=now_ns)
        if not request.body_bytes:
            job.body_there.set()
        job.work = asyncio.create_task(self._forward(job))
        self._keep(self._run(job, job.work))

    def _refuse(self, frame: protocol.Frame, request: protocol.Request) -> str | None:
        if self.draining:
            return "the agent is draining"
        if frame.attempt_id in self._running:
            return "the attempt runs already"
        if len(self._running) >= self.slots:
            return "all slots are taken"
        if self.journal_failure or self._journal.full:
            return f"receipts cannot be kept: {self.journal_failure or 'the journal is full'}"
        bodies = sum(job.request.body_bytes for job in self._running.values())
        if bodies + request.body_bytes > BODIES_BYTES_MAX:
            return "too many large requests at once"
        if request.method != "POST" or request.path not in upstream.PATHS:
            return "the agent does not offer this path"
        return None

    def _keep(self, coroutine: Awaitable[None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def add_body(self, frame: protocol.Frame) -> None:
        """Take a BODY frame. :raises FrameRefused: more bytes than were announced"""
        job = self._running.get(frame.attempt_id)
        if job is None:
            return
        job.body += frame.payload
        if len(job.body) > job.request.body_bytes:
            raise protocol.FrameRefused("a request has more bytes than it announced")
        if len(job.body) == job.request.body_bytes:
            job.body_there.set()

    def add_credit(self, frame: protocol.Frame) -> None:
        """Take a CREDIT frame. :raises FrameRefused: malformed"""
        job = self._running.get(frame.attempt_id)
        if job is not None:
            job.credit = min(job.credit + protocol.read_credit(frame.payload), protocol.CREDIT_BYTES_MAX)
            job.may_send.set()

    def cancel(self, attempt_id: int) -> None:
        """Stop an attempt; END confirms it once the model server's connection is closed."""
        job = self._running.get(attempt_id)
        if job is not None and job.work is not None:
            job.work.cancel()

    async def abandon_all(self) -> None:
        """Stop every attempt and wait until each has its receipt: the connection is gone."""
        for attempt_id in list(self._running):
            self.cancel(attempt_id)
        await self.settle()

    async def settle(self) -> None:
        """Wait until no attempt runs and each has been confirmed."""
        await self.idle.wait()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _run(self, job: Job, work: asyncio.Task[None]) -> None:
        await asyncio.wait({work})
        outcome, message = _judge(work)
        now_ns = time.monotonic_ns()
        receipt = None
        if outcome not in UNSTATED:
            receipt = await self._write_receipt(job, outcome, now_ns=now_ns)
        # The slot is given back before END says so: the next request may follow at once.
        del self._running[job.attempt_id]
        self.done += 1
        self._meter.set_running(len(self._running), now_ns=time.monotonic_ns())
        if not self._running:
            self.idle.set()
        await self._confirm(job, outcome, message, receipt=receipt)
        log.info(
            "attempt ended",
            extra={
                "attempt_id": job.attempt_id,
                "attempt_uid": job.request.attempt_uid,
                "outcome": outcome,
                "status": job.status,
                "bytes": job.response_bytes,
                "seconds": round((now_ns - job.started_ns) / 1e9, 3),
            },
        )

    async def _forward(self, job: Job) -> None:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            await job.body_there.wait()
        sending = self._upstream.send(
            path=job.request.path, headers=job.request.headers, body=bytes(job.body)
        )
        async with sending as (response, chunks):
            headers = upstream.choose_headers(response.headers)
            job.usage = UsageReader(streamed=headers.get("content-type", "").startswith("text/event-stream"))
            job.status = response.status_code
            control = {"status": response.status_code, "headers": headers}
            await job.send(protocol.encode_control(Kind.HEAD, control, **_whose(job)))
            async for chunk in chunks:
                await self._send_chunk(job, chunk)

    async def _send_chunk(self, job: Job, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            while job.credit <= 0:
                job.may_send.clear()
                await job.may_send.wait()
            piece = bytes(view[: min(job.credit, protocol.PAYLOAD_BYTES_MAX)])
            view = view[len(piece) :]
            job.credit -= len(piece)
            await job.send(protocol.encode(Kind.CHUNK, piece, **_whose(job)))
            job.response_bytes += len(piece)
            job.response_hash.update(piece)
            if job.usage is not None:
                job.usage.feed(piece)

    async def _confirm(
        self, job: Job, outcome: str, message: str, *, receipt: receipts.Receipt | None
    ) -> None:
        control = {
            "outcome": outcome,
            "message": message,
            "energy": self._meter.reading(now_ns=time.monotonic_ns()).as_control(),
            "receipt": receipt.as_control() if receipt else None,
        }
        try:
            await job.send(protocol.encode_control(Kind.END, control, **_whose(job)))
        except ConnectionGone:
            log.info("attempt ended without its relay", extra={"attempt_id": job.attempt_id})

    async def _write_receipt(self, job: Job, outcome: str, *, now_ns: int) -> receipts.Receipt | None:
        spent = self._meter.job_microjoules(now_ns=now_ns) - job.microjoules_at_start
        statement = receipts.Statement(
            attempt_uid=job.request.attempt_uid,
            receipt_uid=job.request.receipt_uid,
            card_uid=job.request.card_uid,
            nonce=job.request.nonce,
            request_sha256=hashlib.sha256(job.body).hexdigest(),
            response_sha256=job.response_hash.hexdigest(),
            response_bytes=job.response_bytes,
            status=job.status,
            outcome=outcome,
            usage=job.usage.finish() if job.usage else Usage(),
            microjoules=spent,
            tier=self._meter.tier,
            started_at=job.started_at,
            ended_at=datetime.now(UTC),
            span_ms=(now_ns - job.started_ns) // 1_000_000,
        )
        try:
            return await self._in_journal(self._journal.append, statement)
        except Exception as error:
            # The answer was delivered; a full disk must not turn it into a failure. No new job is taken
            # until the journal can be written again.
            log.exception("receipt not written", extra={"attempt_id": job.attempt_id})
            if isinstance(error, sqlite3.OperationalError):
                self.journal_failure = str(error)
            return None

    async def watch_journal(self) -> None:
        """Take jobs again once the journal can be written again, until cancelled."""
        while True:
            await asyncio.sleep(JOURNAL_RETRY_SECONDS)
            if self.journal_failure is None:
                continue
            try:
                await self._in_journal(lambda _: self._journal.prove(), None)
            except sqlite3.Error as error:
                self.journal_failure = str(error)
            else:
                log.info("the journal can be written again")
                self.journal_failure = None

    async def forget_receipts(self, attempt_uids: Iterable[str]) -> None:
        """Drop receipts from the journal."""
        await self._in_journal(self._journal.forget, list(attempt_uids))

    async def pending_receipts(self, *, limit: int) -> Sequence[tuple[int, receipts.Receipt]]:
        """Give the oldest receipts not yet acknowledged."""
        return await self._in_journal(lambda _: self._journal.pending(limit=limit), None)

    async def _in_journal[A, R](self, action: Callable[[A], R], argument: A) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._writer, action, argument)

    async def close(self) -> None:
        """Stop everything and close the journal."""
        await self.abandon_all()
        self._writer.shutdown()
        self._journal.close()


def _whose(job: Job) -> dict[str, int]:
    return {"attempt_id": job.attempt_id, "number": job.number}


def _judge(work: asyncio.Task[None]) -> tuple[str, str]:
    """Say how an attempt ended, for END and the receipt."""
    if work.cancelled():
        return "cancelled", ""
    error = work.exception()
    if error is None:
        return "complete", ""
    if isinstance(error, upstream.UpstreamLost):
        return error.outcome, str(error)
    if isinstance(error, ConnectionGone):
        return "cancelled", "the relay went away"
    if isinstance(error, TimeoutError):
        return "refused", "the request's body did not arrive in time"
    log.error("attempt failed", exc_info=error)
    return "upstream_broken", "the agent failed"
