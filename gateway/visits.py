"""One request to a model at any of the `doors`, from the body to the last byte."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import UUID

from core import tracing
from gateway import answers, completions, streaming
from gateway.attempts import BUYER_STALLED, Attempt, AttemptFailed, BuyerGone, make_error
from gateway.doors import Door
from gateway.errors import ApiError
from gateway.jobs import Job
from gateway.keys import Key
from gateway.notes import Note, clean_reason
from gateway.passages import Passage, estimate_tokens
from gateway.recording import Billed, Failed
from gateway.runtime import Runtime
from workers.bodies import ModelRequest
from workers.upstream import targets

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Headers = dict[bytes, bytes]

# A task costs more than all of a short request's bookkeeping; who leaves sooner is noticed this much later.
UNWATCHED_SECONDS = 0.05
# Reading a longer body would hold up every other request of this process.
BODY_BYTES_INLINE = 256 * 1024


class Visit:
    """One request of a buyer and its answer."""

    def __init__(
        self,
        runtime: Runtime,
        door: Door,
        headers: Headers,
        receive: Receive,
        send: Send,
        *,
        request_id: str,
        passage: Passage,
    ) -> None:
        self.runtime = runtime
        self.door = door
        self.request_id = request_id
        self.headers = headers
        self._receive = receive
        self._send = send
        self._passage = passage
        self._began = time.monotonic()
        self._job: Job | None = None
        self._attempt: Attempt | None = None
        self._gone = False
        self._body_bytes = 0
        self._watch: asyncio.Task[None] | None = None
        self._status = 200
        self._ended_how = "complete"
        self._billed = Billed("none")
        self._streamed = False
        self._finish_reason: str | None = None

    async def run(self) -> None:
        """
        Answer the request.

        :raises ApiError: it was refused or failed before anything was sent
        """
        with tracing.serve(self.door.path, self.headers.items(), request_id=self.request_id) as trace:
            try:
                await self._answer()
            finally:
                self._tell(trace)

    async def _answer(self) -> None:
        """
        Answer the request, unwatched.

        :raises ApiError: it was refused or failed before anything was sent
        """
        watch: asyncio.TimerHandle | None = None
        try:
            key = await self.runtime.keys.find(self.headers.get(b"authorization", b""))
            self._passage.know(self.runtime.limiter, key)
            body = await self._read_body()
            request = await self._enter(key, body)
            self._streamed = request.stream
            idempotency_key = self.headers.get(b"idempotency-key")
            job, attempt = await self.runtime.jobs.place(
                key=key,
                request=request,
                body=body,
                idempotency_key=None if idempotency_key is None else idempotency_key.decode("latin-1"),
                uid=UUID(self.request_id) if self._chooses_id() else None,
            )
            self._job, self._attempt = job, attempt
            watch = asyncio.get_running_loop().call_later(UNWATCHED_SECONDS, self._begin_watch)
            await self._try_candidates(job, attempt)
        except ApiError as error:
            self._status, self._ended_how = error.status, error.code
            if self._job is not None and b"idempotency-key" in self.headers:
                # The key belongs to this job: a repeat under it would only be told so.
                error.retry, error.retry_after = False, None
            raise
        except BuyerGone:
            self._status, self._ended_how = 499, "buyer_gone"
        finally:
            if watch is not None:
                watch.cancel()
            if self._watch is not None:
                self._watch.cancel()
            self.runtime.bodies_bytes -= self._body_bytes
            self._leave()
            self._note()
            self._log()

    async def _enter(self, key: Key, body: bytes) -> ModelRequest:
        """Read the body and pass the limits of the key. What cannot be read counts as a request, too."""
        limiter = self.runtime.limiter
        try:
            if len(body) > BODY_BYTES_INLINE:
                request = await asyncio.to_thread(self.door.read, body)
            else:
                request = self.door.read(body)
        except ApiError:
            await self._passage.read(limiter, key)
            raise
        await self._passage.enter(limiter, key, tokens=estimate_tokens(request))
        return request

    def _leave(self) -> None:
        billed, delivered = self._billed, 0 if self._attempt is None else self._attempt.delivered_out
        self._passage.leave(
            ended_how=self._ended_how,
            tokens_in=billed.tokens_in or 0,
            tokens_out=max(billed.tokens_out or 0, delivered),
        )

    async def _read_body(self) -> bytes:
        """
        Read the whole body. What has come counts against all bodies of this process until the visit ends.

        :raises ApiError: too long, too slow, or more than there is room for
        """
        runtime = self.runtime
        limit = runtime.settings.body_bytes_max
        declared = self.headers.get(b"content-length", b"0")
        if len(declared) > 18 or (declared.isdigit() and int(declared) > limit):
            raise self._refuse_body(limit)
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self.runtime.settings.body_seconds_max):
                while True:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise BuyerGone
                    parts.append(message.get("body", b""))
                    size = len(parts[-1])
                    self._body_bytes += size
                    runtime.bodies_bytes += size
                    if self._body_bytes > limit:
                        raise self._refuse_body(limit)
                    if runtime.bodies_bytes > runtime.settings.bodies_bytes_max:
                        raise ApiError(
                            503, "overloaded", "Too many long requests at once.", retry=True, retry_after=1
                        )
                    if not message.get("more_body", False):
                        return parts[0] if len(parts) == 1 else b"".join(parts)
        except TimeoutError:
            raise ApiError(408, "body_timeout", "The body did not arrive in time.", retry=False) from None

    @staticmethod
    def _refuse_body(limit: int) -> ApiError:
        return ApiError(413, "body_too_large", f"The body is longer than {limit} bytes.", retry=False)

    def _begin_watch(self) -> None:
        self._watch = asyncio.get_running_loop().create_task(self._watch_buyer())

    async def _watch_buyer(self) -> None:
        """Stop whatever runs for a buyer who hangs up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._attempt is not None:
            self._attempt.leave()

    async def _try_candidates(self, job: Job, attempt: Attempt) -> None:
        while True:
            try:
                with tracing.span("attempt", number=attempt.number, offer=attempt.listing.offer_uid):
                    return await self._try_one(job, attempt)
            except AttemptFailed as failed:
                self.runtime.meters.attempt_failures.add(failed.code)
                if failed.code == targets.CREDENTIAL_REFUSED:
                    node_id = attempt.listing.node_id
                    self.runtime.complaints.add(node_id=node_id, attempt_uid=attempt.uid)
                following = await self._follow(job, attempt, failed)
            except BuyerGone:
                await self._give_up(attempt, "buyer_gone", "CANCELLED")
                raise
            finally:
                # What failed without being settled is not renewed, and so is settled by the sweeper.
                self.runtime.leases.remove(attempt)
                attempt.end()
            attempt = self._attempt = following
            if self._gone:
                attempt.leave()

    async def _follow(self, job: Job, attempt: Attempt, failed: AttemptFailed) -> Attempt:
        """
        Open the attempt that follows one that failed.

        :raises ApiError: there is none; what was held is given back
        """
        following = None
        if not failed.final and not self._gone:
            try:
                following = await self.runtime.jobs.place_again(job, attempt, code=failed.code)
            except ApiError:
                await self._give_up(attempt, failed.code, "FAILED")
                raise
        if following is None:
            await self._give_up(attempt, failed.code, "CANCELLED" if self._gone else "FAILED")
            raise failed.error from failed
        return following

    async def _give_up(self, attempt: Attempt, code: str, state: str) -> None:
        self.runtime.leases.remove(attempt)
        await self.runtime.recorder.fail(Failed(attempt.attempt_id, code, state))

    async def _try_one(self, job: Job, attempt: Attempt) -> None:
        """One attempt: call the node, and pass on what it answers."""
        runtime, listing = self.runtime, attempt.listing
        node = runtime.keeper.book.presence.get(listing.node_uid)
        if node is None:
            raise AttemptFailed("node_gone", make_error("node_gone"))
        # An admitted address of the provider's own is called before any agent of the node.
        target = runtime.keeper.targets.get(listing.node_uid)
        response = await attempt.call(
            runtime.client,
            runtime.guard,
            target or targets.aim_at_relay(node.relay_url, listing.node_uid),
            path=self.door.path,
            secret=runtime.settings.ticket_secret,
            body=job.write_body(listing),
            request_id=self.request_id,
            timeouts=None if job.request.stream else runtime.settings.plain_timeouts,
        )
        with_metadata = self.headers.get(answers.METADATA_HEADER) == b"enabled"
        headers = [
            (b"x-request-id", self.request_id.encode()),
            *answers.make_headers(job_uid=job.uid_text, listing=listing),
        ]
        if job.request.stream:
            relay = streaming.Relay(
                runtime,
                job,
                attempt,
                self._send,
                door=self.door,
                headers=headers,
                with_metadata=with_metadata,
            )
            try:
                await relay.run(response)
            finally:
                self._billed, self._ended_how = relay.billed, relay.ended_how
                self._finish_reason = next(iter(relay.tally.finished.values()), None)
            return
        completion = await completions.complete(
            runtime, job, attempt, response, door=self.door, with_metadata=with_metadata
        )
        self._billed, self._finish_reason = completion.billed, completion.finish_reason
        headers += [answers.JSON, (b"content-length", b"%d" % len(completion.body))]
        try:
            async with asyncio.timeout(runtime.settings.stalled_buyer_seconds):
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
                attempt.sent_at = time.monotonic()
                await self._send({"type": "http.response.body", "body": completion.body})
        except TimeoutError:
            # The server closes what is not complete.
            self._ended_how = BUYER_STALLED

    def _tell(self, trace: tracing.Span) -> None:
        """Count the request, and say in its trace what became of it."""
        self.runtime.meters.note_answer(
            began=self._began,
            route=self.door.path,
            streamed=self._streamed,
            ended_how=self._ended_how,
            attempt=self._attempt,
            billed=self._billed,
        )
        if not tracing.is_on():
            return
        trace.note("http.response.status_code", self._status)
        trace.note("ended", self._ended_how)
        if self._job is not None:
            trace.note("job", self._job.uid_text)
            trace.note("attempts", self._job.attempts)
        if self._ended_how not in ("complete", "stopped_at_limit"):
            trace.fail(self._ended_how)

    def _note(self) -> None:
        """Leave beside the attempt what its buyer may ask for later, and what no record of money holds."""
        attempt = self._attempt
        if attempt is None:
            return
        now, came = time.monotonic(), attempt.sent_at
        self.runtime.notes.add(
            Note(
                attempt.attempt_id,
                self.door.endpoint,
                self._streamed,
                clean_reason(self._finish_reason),
                round((came - self._began) * 1000) if came else None,
                round((now - self._began) * 1000),
                None if self._chooses_id() else self.request_id,
            )
        )

    def _chooses_id(self) -> bool:
        """Whether the request's id is ours; then it is the job's as well."""
        return self.headers.get(b"x-request-id") != self.request_id.encode()

    def _log(self) -> None:
        job, attempt, billed = self._job, self._attempt, self._billed
        facts: dict[str, Any] = {
            "request_id": self.request_id,
            "status": self._status,
            "endpoint": self.door.endpoint,
            "stream": self._streamed,
            "ended": self._ended_how,
            "milliseconds": round((time.monotonic() - self._began) * 1000, 1),
        }
        if job is not None and attempt is not None:
            facts |= {
                "job": job.uid_text,
                "organization": job.key.organization_id,
                "key": job.key.key_id,
                "model": attempt.listing.model_slug,
                "offer": answers.text_of(attempt.listing.offer_uid),
                "attempts": job.attempts,
                "tokens_in": billed.tokens_in,
                "tokens_out": billed.tokens_out,
                "amount": None if billed.amount is None else str(billed.amount),
                "currency": billed.currency,
            }
        self.runtime.log.write(**facts)
