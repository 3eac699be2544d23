"""
Streams: relayed as they come, counted as they pass, and recorded before their last chunk leaves.

Nothing is sent before the first content has come, so that until then another provider can take over. After
it, whatever goes wrong is said inside the stream, and what was delivered is charged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from msgspec import Raw

from gateway import answers
from gateway.attempts import BUYER_GONE, BUYER_STALLED, LEASE_LOST, Attempt, AttemptFailed, make_error
from gateway.database import DatabaseAway
from gateway.doors import Door
from gateway.errors import ApiError
from gateway.jobs import Job
from gateway.recording import Billed, Failed, Used
from gateway.runtime import Runtime
from workers import metering, shapes
from workers.upstream.connection import Response, UpstreamError
from workers.upstream.events import EventReader, EventTooLong, EventUnreadable
from workers.upstream.framing import HEADER, FrameReader, Meter, MeterRefused

DONE = b"[DONE]"
DONE_EVENT = b"data: [DONE]\n\n"
# What may come before the first content, which is kept until then: far more than any model server says.
HELD_BYTES_MAX = 1024 * 1024

type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_chunk_decoder = msgspec.json.Decoder(shapes.Chunk)
_fields_decoder = msgspec.json.Decoder(dict[str, Raw])


class StreamBroken(Exception):
    """The upstream's stream cannot be relayed any further. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Relay:
    """One stream on its way from a node to its buyer."""

    def __init__(
        self,
        runtime: Runtime,
        job: Job,
        attempt: Attempt,
        send: Send,
        *,
        door: Door,
        headers: list[tuple[bytes, bytes]],
        with_metadata: bool,
    ) -> None:
        self.runtime = runtime
        self.job = job
        self.attempt = attempt
        self.door = door
        self.tally = metering.Tally(echo=job.request.echo)
        self.begun = False
        self.billed = Billed("ok")
        self.ended_how = ""
        self._send_message = send
        self._headers = headers
        self._with_metadata = with_metadata
        self._limits = job.limits
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._first: dict[str, Raw] = {}
        self._done = False
        self._model = attempt.listing.model_slug
        self._rename = attempt.listing.upstream_model != self._model
        self._theirs = b'"model":%s' % msgspec.json.encode(attempt.listing.upstream_model)
        self._ours = b'"model":%s' % msgspec.json.encode(self._model)

    async def run(self, response: Response) -> None:
        """
        Relay a stream to its end and record it.

        :raises AttemptFailed: it failed before anything was sent; somebody else may try
        """
        meter: Meter | None = None
        error: ApiError | None = None
        try:
            meter, stopped = await self._pump(response)
            ended_how = "stopped_at_limit" if stopped else "complete"
        except (UpstreamError, EventTooLong, EventUnreadable, MeterRefused, StreamBroken) as broken:
            ended_how = self._explain(broken)
            if ended_how not in ("complete", BUYER_GONE, BUYER_STALLED):
                error = _explain_to_buyer(ended_how)
                if not self.begun:
                    raise AttemptFailed(ended_how, error, final=ended_how == LEASE_LOST) from broken
        except asyncio.CancelledError:
            # Either the buyer took nothing for too long, or this process is told to end.
            if self.attempt.stop_reason != BUYER_STALLED or self.attempt.task is None:
                raise
            self.attempt.task.uncancel()
            ended_how = BUYER_STALLED
        self.ended_how = ended_how
        await self._finish(meter, error)

    async def _pump(self, response: Response) -> tuple[Meter | None, bool]:
        """Relay until the upstream's end. Gives its meter and whether we stopped it at the hold's limit."""
        frames = FrameReader(framed=HEADER in response.headers)
        events = EventReader()
        while data := await response.read_chunk():
            if not self.begun:
                self.attempt.came_at = time.monotonic()
            payloads = events.feed(frames.feed(data))
            if payloads and await self._take(payloads):
                response.abort()
                return None, True
        payloads = events.finish()
        if payloads and await self._take(payloads):
            return None, True
        meter = frames.finish()
        if meter is not None and not meter.complete and not self._is_whole():
            raise StreamBroken("upstream_broken")
        if not self.tally.is_finished():
            raise StreamBroken("upstream_truncated")
        return meter, False

    def _is_whole(self) -> bool:
        """Whether the buyer has everything, whatever happens to the connection after it."""
        return self._done and self.tally.is_finished()

    async def _take(self, payloads: list[bytes]) -> bool:
        """Count and relay some events. Gives True when the hold's limit was reached."""
        tally, limit = self.tally, self._limits.tokens_out
        out: list[bytes] = []
        stopped = False
        for payload in payloads:
            if self._done:
                break
            if payload == DONE:
                self._done = True
                break
            try:
                if not payload.isascii():
                    payload.decode()
                chunk = _chunk_decoder.decode(payload)
            except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
                await self._send(out)
                raise StreamBroken("upstream_garbage") from None
            if metering.has_value(chunk.error):
                await self._send(out)
                raise StreamBroken("upstream_failed")
            if not self._first:
                self._first = _fields_decoder.decode(payload)
            if tally.would_exceed(chunk, size=len(payload), tokens_out=limit):
                stopped = True
                break
            tally.take(chunk)
            if chunk.choices or not metering.has_value(chunk.usage):
                out.append(self._write(payload, chunk))
        await self._send(out)
        return stopped

    def _write(self, payload: bytes, chunk: shapes.Chunk) -> bytes:
        if bytes(chunk.usage) or (self._rename and chunk.model):
            payload = self._rewrite(payload, chunk)
        return b"data: %s\n\n" % payload

    def _rewrite(self, payload: bytes, chunk: shapes.Chunk) -> bytes:
        """Put our name of the model in, and take the upstream's usage out."""
        keeps_usage = not metering.has_value(chunk.usage) and self.job.request.include_usage
        if not bytes(chunk.usage) or keeps_usage:
            renamed = payload.replace(self._theirs, self._ours, 1)
            if renamed is not payload or not self._rename:
                return renamed
        fields = _fields_decoder.decode(payload)
        if not keeps_usage:
            fields.pop("usage", None)
        if "model" in fields:
            fields["model"] = Raw(msgspec.json.encode(self._model))
        return msgspec.json.encode(fields)

    async def _send(self, events: list[bytes]) -> None:
        if not events:
            return
        if not self.begun:
            self._held += events
            self._held_bytes += sum(map(len, events))
            if not self.tally.spoken:
                if self._held_bytes > HELD_BYTES_MAX:
                    raise StreamBroken("upstream_garbage")
                return
            events, self._held = self._held, []
            self.attempt.sending_since = time.monotonic()
            await self._begin()
        attempt = self.attempt
        attempt.sending_since = time.monotonic()
        body = events[0] if len(events) == 1 else b"".join(events)
        await self._send_message({"type": "http.response.body", "body": body, "more_body": True})
        attempt.sending_since = 0.0
        if self.tally.spoken:
            attempt.delivered_in = self._limits.prompt.low
            attempt.delivered_out = min(self.tally.deltas, self._limits.tokens_out)

    async def _begin(self) -> None:
        await self._send_message(
            {"type": "http.response.start", "status": 200, "headers": [*answers.EVENTS, *self._headers]}
        )
        self.begun = True
        self.attempt.sent_at = time.monotonic()

    def _explain(self, broken: Exception) -> str:
        """How a stream that broke ended."""
        if self.attempt.stop_reason:
            return self.attempt.stop_reason
        if self._is_whole():
            # Only the meter is missing.
            return "complete"
        if isinstance(broken, StreamBroken):
            return broken.code
        if isinstance(broken, EventTooLong | EventUnreadable):
            return "upstream_garbage"
        explained = self.attempt.explain(broken)
        return explained.code if isinstance(explained, AttemptFailed) else "upstream_broken"

    async def _finish(self, meter: Meter | None, error: ApiError | None) -> None:
        """Record what was delivered, then send what remains to be sent."""
        runtime, attempt, tally = self.runtime, self.attempt, self.tally
        runtime.leases.remove(attempt)
        gone = self.ended_how in (BUYER_GONE, BUYER_STALLED)
        state = "CANCELLED" if gone else "SUCCEEDED" if error is None else "FAILED"
        usage = attempt.measure(meter)
        if tally.spoken and self.begun:
            counted = tally.count(limits=self._limits, ended=self.ended_how == "complete")
            used = Used(attempt.attempt_id, counted, *usage, self.ended_how, state)
            try:
                self.billed = await runtime.recorder.record(used)
            except DatabaseAway:
                message = "The usage of this request could not be recorded in time."
                error = error or ApiError(503, "not_recorded", message, retry=False)
                self.ended_how = "not_recorded"
        else:
            code = "empty" if state == "SUCCEEDED" else self.ended_how
            await runtime.recorder.fail(Failed(attempt.attempt_id, code, state))
        if gone:
            return
        tail = self._held
        if error is not None:
            tail.append(
                error.render_event(
                    answer_id=f"{self.door.id_prefix}-{self.job.uid}",
                    kind=self.door.chunk_object,
                    model=self._model,
                    ending=self.door.make_ending(0, "error"),
                )
            )
        else:
            tail += self._write_end(
                answers.write_usage(
                    self.billed,
                    receipt_uid=attempt.receipt,
                    job_uid=self.job.uid_text,
                    chip_seconds=usage.chip_seconds,
                    tier=usage.tier,
                    attribution=usage.attribution,
                    currency=attempt.listing.currency,
                )
            )
        try:
            # No lease watches over this one.
            async with asyncio.timeout(runtime.settings.stalled_buyer_seconds):
                if not self.begun:
                    await self._begin()
                await self._send_message(
                    {"type": "http.response.body", "body": b"".join(tail), "more_body": False}
                )
        except TimeoutError:
            self.ended_how = BUYER_STALLED

    def _write_end(self, usage: bytes) -> list[bytes]:
        tail = []
        if self.ended_how == "stopped_at_limit":
            unfinished = sorted(self.tally.seen - self.tally.finished.keys())
            endings = [self.door.make_ending(index, "length") for index in unfinished]
            tail.append(
                answers.write_limit_chunk(
                    self._first, kind=self.door.chunk_object, model=self._model, endings=endings
                )
            )
        asked = self.job.request.include_usage
        if asked or self._with_metadata:
            tail.append(
                answers.write_last_chunk(
                    self._first,
                    kind=self.door.chunk_object,
                    model=self._model,
                    usage=usage if asked else None,
                    metadata=self.job.write_metadata() if self._with_metadata else None,
                )
            )
        return [*tail, DONE_EVENT]


def _explain_to_buyer(code: str) -> ApiError:
    if code == LEASE_LOST:
        return ApiError(503, LEASE_LOST, "This request could not be kept running.", retry=True)
    return make_error(code)
