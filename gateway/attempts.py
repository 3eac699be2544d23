"""One attempt while it runs here: the call to its node, what stops it, and what it used."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import msgspec

from core import tracing
from gateway.errors import ApiError
from marketplace.listings import Listing
from workers import tickets
from workers.upstream import client as upstream
from workers.upstream import targets
from workers.upstream.connection import Aborted, Response, TimedOut, UpstreamError
from workers.upstream.framing import HEADER, FrameReader, Meter, MeterRefused
from workers.upstream.guard import Guard
from workers.upstream.targets import RELAY_HEADER, Target

TICKET_SECONDS = 60.0
ERROR_BYTES_MAX = 64 * 1024
MESSAGE_LENGTH_MAX = 500
RETRY_AFTER_MAX = 60

# Why an attempt was stopped from this side.
BUYER_GONE = "buyer_gone"
BUYER_STALLED = "buyer_stalled"
LEASE_LOST = "lease_lost"

read_uid: Callable[[str], UUID] = lru_cache(maxsize=4096)(UUID)


class AttemptFailed(Exception):
    """
    An attempt failed before the buyer saw anything of it.

    `code` is kept with the attempt, `error` is what the buyer gets when nobody else can do it; `final` means
    that nobody else would do it either.
    """

    def __init__(self, code: str, error: ApiError, *, final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.error = error
        self.final = final


class BuyerGone(Exception):
    """The buyer left, or does not take what is sent."""


class Usage(NamedTuple):
    """Chip-seconds and energy of an attempt."""

    chip_seconds: Decimal
    joules: Decimal
    tier: str
    attribution: str


class Attempt:
    """A running attempt. Fulfils `leases.Leased`; times are monotonic seconds."""

    def __init__(
        self,
        *,
        attempt_id: int,
        uid: UUID,
        receipt_uid: UUID,
        listing: Listing,
        number: int,
        running: Counter[int],
    ) -> None:
        self.attempt_id = attempt_id
        self.uid = uid
        self.receipt_uid = receipt_uid
        self.listing = listing
        self.number = number
        self.delivered_in = 0
        self.delivered_out = 0
        self.lease_until = 0.0
        self.sending_since = 0.0
        self.stop_reason = ""
        self.direct = False
        self.task = asyncio.current_task()
        self.began = time.monotonic()
        # When the node was called, when the first content of its answer came, and when that was sent on.
        self.called_at = self.came_at = self.sent_at = 0.0
        self._response: Response | None = None
        self._step = tracing.NOTHING
        self._running = running
        running[listing.node_id] += 1
        self._neighbours = running[listing.node_id]

    def lose_lease(self) -> None:
        """Stop: the attempt is not ours any more."""
        self.stop(LEASE_LOST)

    def leave(self) -> None:
        """Stop: the buyer has gone."""
        self.stop(BUYER_GONE)

    def drop_buyer(self) -> None:
        """Stop: the buyer does not take what is sent. The send itself has to be given up."""
        self.stop(BUYER_STALLED)
        if self.task is not None and self.sending_since:
            self.sending_since = 0.0
            self.task.cancel()

    def stop(self, reason: str) -> None:
        """End the call from this side, once."""
        if not self.stop_reason:
            self.stop_reason = reason
            if self._response is not None:
                self._response.abort(Aborted(reason))

    def end(self) -> None:
        """Close the call; the upstream stops if it has not finished."""
        self._step.end()
        if self._response is not None:
            self._response.abort()
        self._running[self.listing.node_id] -= 1
        if not self._running[self.listing.node_id]:
            del self._running[self.listing.node_id]

    def _take_response(self, response: Response) -> None:
        self._response = response
        if self.stop_reason:
            response.abort(Aborted(self.stop_reason))

    async def call(
        self,
        client: upstream.Client,
        guard: Guard,
        target: Target,
        *,
        path: str,
        secret: bytes,
        body: bytes,
        request_id: str,
        timeouts: upstream.Timeouts | None = None,
    ) -> Response:
        """
        Send the request to `path` behind the node and give its answer once its head is in.

        :raises AttemptFailed: no answer, or one that is not 200
        :raises BuyerGone: the buyer left meanwhile
        """
        self.called_at = time.monotonic()
        self._step = tracing.begin("upstream", node=self.listing.node_uid, attempt=self.uid)
        self.direct = target.direct
        if target.direct and self._running[self.listing.node_id] > target.slots:
            # Relays count for themselves; of these each gateway keeps its own count.
            raise AttemptFailed("node_full", make_error("node_full", retry_after=1))
        try:
            response = await targets.call(
                client,
                guard,
                target,
                path=path,
                body=body,
                issue_ticket=lambda: self._issue_ticket(secret),
                request_id=request_id,
                attempt_uid=self.uid,
                trace=self._step.header,
                timeouts=timeouts,
                started=self._take_response,
            )
            if response.status == 200:
                return response
            # Behind a relay a refusal is followed by a meter as well.
            frames = FrameReader(framed=HEADER in response.headers)
            content = frames.feed(await response.read(limit=ERROR_BYTES_MAX))
        except (UpstreamError, MeterRefused) as error:
            raise self.explain(error) from error
        raise explain_status(response, content, target)

    def _issue_ticket(self, secret: bytes) -> str:
        card_uid = self.listing.card_uid
        if card_uid is None:
            raise ValueError("an offer without a price card is never matched")
        return tickets.issue(
            secret,
            attempt_id=self.attempt_id,
            attempt_uid=self.uid,
            receipt_uid=self.receipt_uid,
            card_uid=card_uid,
            node_uid=read_uid(self.listing.node_uid),
            expires_at=time.time() + TICKET_SECONDS,
            number=self.number,
        )

    @property
    def receipt(self) -> UUID | None:
        """Under which id the agent's signed statement will be found; nobody signs for a direct upstream."""
        return None if self.direct else self.receipt_uid

    def explain(self, error: Exception) -> Exception:
        """What an upstream's failure means for the buyer, if nothing was sent yet."""
        if self.stop_reason in (BUYER_GONE, BUYER_STALLED):
            return BuyerGone()
        if self.stop_reason == LEASE_LOST:
            message = "This request could not be kept running; nothing was charged."
            return AttemptFailed(LEASE_LOST, ApiError(503, LEASE_LOST, message, retry=True), final=True)
        if isinstance(error, TimedOut):
            return AttemptFailed("upstream_timeout", make_error("upstream_timeout"))
        return AttemptFailed("upstream_broken", make_error("upstream_broken"))

    def measure(self, meter: Meter | None) -> Usage:
        """
        What was used: by the relay's meter, else by our clock and the node's declared power.

        Without a meter the node's chips and watts are shared by as many attempts as ran on it, on average of
        the beginning and the end, as far as this gateway knows.
        """
        self._step.end()
        if meter is not None:
            return Usage(meter.chip_seconds, meter.joules, meter.tier, meter.attribution)
        listing = self.listing
        neighbours = max(1, self._neighbours + self._running[listing.node_id])
        seconds = Decimal(int((time.monotonic() - self.began) * 1_000_000)).scaleb(-6) * 2 / neighbours
        chips = (seconds * listing.chips).quantize(Decimal("0.000001"))
        joules = (seconds * (listing.watts_busy or Decimal(0))).quantize(Decimal("0.001"))
        return Usage(chips, joules, "declared", "estimated")


MESSAGES = {
    "upstream_timeout": (504, "The provider did not answer in time."),
    "upstream_broken": (502, "The provider's answer broke off."),
    "upstream_garbage": (502, "The provider's answer cannot be read."),
    "upstream_failed": (502, "The provider could not serve this request."),
    "upstream_truncated": (502, "The provider's answer ended before it was finished."),
    "node_gone": (503, "The provider is not connected any more."),
    "node_full": (429, "All providers of this model are busy."),
}


def make_error(code: str, *, retry_after: int | None = None) -> ApiError:
    """The error for a failure on the provider's side; nothing was charged, so asking again is right."""
    status, message = MESSAGES[code]
    return ApiError(status, code, message, retry=True, retry_after=retry_after)


def explain_status(response: Response, content: bytes, target: Target) -> AttemptFailed:
    """What an answer other than 200 means."""
    status = response.status
    if response.headers.get(RELAY_HEADER):
        codes = {404: "node_gone", 429: "node_full", 504: "upstream_timeout", 502: "upstream_broken"}
        code = codes.get(status, "upstream_failed")
        return AttemptFailed(code, make_error(code, retry_after=1 if status == 429 else None))
    if target.direct and targets.refuses_credential(response):
        # The buyer's own key is fine: to them the provider failed.
        return AttemptFailed(targets.CREDENTIAL_REFUSED, make_error("upstream_failed"))
    if status == 429:
        return AttemptFailed("node_full", make_error("node_full", retry_after=_read_retry_after(response)))
    if status in (400, 413, 422):
        # The request itself is at fault; another provider would say the same.
        message = _read_message(content, target) or "The model server refused this request."
        error = ApiError(400, "upstream_refused", message, retry=False)
        return AttemptFailed("upstream_refused", error, final=True)
    return AttemptFailed("upstream_failed", make_error("upstream_failed"))


def _read_retry_after(response: Response) -> int:
    given = response.headers.get(b"retry-after", b"")
    return min(int(given), RETRY_AFTER_MAX) if given.isdigit() and len(given) < 9 else 1


def _read_message(content: bytes, target: Target) -> str:
    try:
        message = msgspec.json.decode(content)["error"]["message"]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError):
        return ""
    # Hidden before it is cut, so that no part of a credential is left.
    return target.hide(str(message))[:MESSAGE_LENGTH_MAX]
