"""One attempt of a deferred job: the call to its node, what stops it, and what its failures mean."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from core import tracing
from marketplace.listings import Listing
from workers import metering, shapes, tickets
from workers.metering import Count, Limits
from workers.upstream import framing, targets
from workers.upstream.client import Client, Timeouts
from workers.upstream.connection import Response, TimedOut, UpstreamError
from workers.upstream.framing import FrameReader, Meter, MeterRefused
from workers.upstream.guard import Guard
from workers.upstream.targets import RELAY_HEADER, Target

PATH = "/v1/chat/completions"
TICKET_SECONDS = 60.0
ANSWER_BYTES_MAX = 32 * 1024 * 1024
ERROR_BYTES_MAX = 64 * 1024
# A plain answer comes whole, so its head may take as long as the relay lets a model server take.
TIMEOUTS = Timeouts(connect=3.0, head=310.0, idle=60.0, total=900.0)


class Hope(StrEnum):
    """What may still become of a job whose attempt failed."""

    ELSEWHERE = "elsewhere"
    """Another node may do it."""
    LATER = "later"
    """This was no fault: the node had no room, or had gone."""
    NONE = "none"
    """Every other node would say the same."""


class CallFailed(Exception):
    """An attempt delivered nothing. `code` is kept with it."""

    def __init__(self, code: str, hope: Hope) -> None:
        super().__init__(code)
        self.code = code
        self.hope = hope


class Stopped(Exception):
    """An attempt was stopped from this side; the argument says why."""


class Delivered(NamedTuple):
    """A whole answer, what it counts, and what it used."""

    answer: bytes
    counted: Count
    meter: Meter


class Running:
    """An attempt that runs here. Times are monotonic seconds."""

    def __init__(
        self,
        *,
        attempt_id: int,
        number: int,
        uid: UUID,
        receipt_uid: UUID,
        listing: Listing,
        lease_seconds: float,
    ) -> None:
        self.attempt_id = attempt_id
        self.number = number
        self.uid = uid
        self.receipt_uid = receipt_uid
        self.listing = listing
        self.began = time.monotonic()
        self.lease_until = self.began + lease_seconds
        self.stop_reason = ""
        self._call: asyncio.Task[Delivered] | None = None
        self._step = tracing.NOTHING

    def stop(self, reason: str) -> None:
        """End the call from this side; the node's slot is free when its agent has confirmed."""
        if not self.stop_reason:
            self.stop_reason = reason
            if self._call is not None:
                self._call.cancel()

    async def call(
        self, client: Client, guard: Guard, target: Target, *, secret: bytes, body: bytes, limits: Limits
    ) -> Delivered:
        """
        Have the node answer.

        :raises CallFailed: it did not, or not properly
        :raises Stopped: `stop` was called meanwhile
        """
        if self.stop_reason:
            raise Stopped(self.stop_reason)
        self._step = tracing.begin("upstream", node=self.listing.node_uid, attempt=self.uid)
        self._call = asyncio.create_task(
            self._ask(client, guard, target, secret=secret, body=body, limits=limits)
        )
        try:
            return await asyncio.shield(self._call)
        except asyncio.CancelledError:
            if self.stop_reason:
                raise Stopped(self.stop_reason) from None
            self._call.cancel()
            raise
        except TimedOut as error:
            raise CallFailed("upstream_timeout", Hope.ELSEWHERE) from error
        except (UpstreamError, MeterRefused) as error:
            raise CallFailed("upstream_broken", Hope.ELSEWHERE) from error
        finally:
            self._call = None
            self._step.end()

    async def _ask(
        self, client: Client, guard: Guard, target: Target, *, secret: bytes, body: bytes, limits: Limits
    ) -> Delivered:
        response = await targets.call(
            client,
            guard,
            target,
            path=PATH,
            body=body,
            issue_ticket=lambda: self._issue_ticket(secret),
            request_id=self.uid.hex,
            attempt_uid=self.uid,
            trace=self._step.header,
            timeouts=TIMEOUTS,
        )
        try:
            if response.status != 200:
                raise explain_status(response, direct=target.direct)
            frames = FrameReader(framed=response.headers.get(framing.HEADER) == b"1")
            answer = bytearray()
            while data := await response.read_chunk():
                answer += frames.feed(data)
                if len(answer) > ANSWER_BYTES_MAX:
                    raise CallFailed("answer_too_large", Hope.NONE)
            meter = frames.finish() or self.estimate()
        finally:
            response.abort()
        if not meter.complete:
            raise CallFailed("upstream_broken", Hope.ELSEWHERE)
        return Delivered(bytes(answer), count_answer(bytes(answer), limits=limits), meter)

    def _issue_ticket(self, secret: bytes) -> str:
        if self.listing.card_uid is None:
            raise ValueError("an offer without a price card is never matched")
        return tickets.issue(
            secret,
            attempt_id=self.attempt_id,
            attempt_uid=self.uid,
            receipt_uid=self.receipt_uid,
            card_uid=self.listing.card_uid,
            node_uid=UUID(self.listing.node_uid),
            expires_at=time.time() + TICKET_SECONDS,
            number=self.number,
        )

    def estimate(self) -> Meter:
        """What was used, where no relay has metered it: the node's declared power over our time."""
        seconds = Decimal(int((time.monotonic() - self.began) * 1_000_000)).scaleb(-6)
        joules = seconds * (self.listing.watts_busy or Decimal(0))
        return Meter(seconds * self.listing.chips, joules, "declared", "estimated", complete=True)


def count_answer(answer: bytes, *, limits: Limits) -> Count:
    """
    Count a whole answer.

    :raises CallFailed: it is no answer, or has nothing in it
    """
    try:
        read = msgspec.json.decode(answer, type=shapes.Answer)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise CallFailed("upstream_garbage", Hope.ELSEWHERE) from error
    count, text_bytes = metering.count_answer(read, limits=limits)
    if not text_bytes or not count.ours_out:
        raise CallFailed("upstream_empty", Hope.ELSEWHERE)
    return count


def explain_status(response: Response, *, direct: bool = False) -> CallFailed:
    """What an answer other than 200 means."""
    status = response.status
    if response.headers.get(RELAY_HEADER):
        codes = {
            404: "node_gone",
            429: "node_full",
            502: "upstream_broken",
            503: "relay_busy",
            504: "upstream_timeout",
        }
        code = codes.get(status, "upstream_failed")
        return CallFailed(code, Hope.LATER if status in (404, 429, 503) else Hope.ELSEWHERE)
    if direct and targets.refuses_credential(response):
        return CallFailed(targets.CREDENTIAL_REFUSED, Hope.ELSEWHERE)
    if status == 429:
        return CallFailed("node_full", Hope.LATER)
    if status in (400, 413, 422):
        return CallFailed("upstream_refused", Hope.NONE)
    return CallFailed("upstream_failed", Hope.ELSEWHERE)
