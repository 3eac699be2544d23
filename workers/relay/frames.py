"""What an agent's frames do to its attempts, meters and receipts. Nothing here waits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from core.metrics import Counts
from workers import protocol
from workers.protocol import Kind
from workers.relay import receipts
from workers.relay.nodes import PROMPT_BYTES_PER_TOKEN, Attempt, Session

EVENT_STREAM = "text/event-stream"

log = logging.getLogger("jouleport.relay.frames")


class Frames:
    """Acts on frames; `on_change` is called when what gateways may know of a node has changed."""

    def __init__(self, *, desk: receipts.Desk, ticket_secret: bytes, on_change: Callable[[], None]) -> None:
        self._desk = desk
        self._ticket_secret = ticket_secret
        self._on_change = on_change
        self._tasks: set[asyncio.Task[None]] = set()
        self.kinds = Counts()
        # How often an agent had to stop because its buyer had not read what came before.
        self.credit_stalls = 0

    def heed(
        self, session: Session, message: bytes, acknowledge: receipts.Acknowledge
    ) -> protocol.Heartbeat | None:
        """
        Act on one frame. Gives it if it was a heartbeat.

        :raises FrameRefused: no frame, one that only relays send, or more than there was credit for
        :raises ReceiptRefused: a receipt that will never be stored
        """
        frame = protocol.decode(message)
        self.kinds.add(frame.kind.name)
        if frame.kind is Kind.CHUNK:
            self._take_chunk(session, frame)
        elif frame.kind is Kind.HEAD:
            attempt = session.attempts.get(frame.attempt_id)
            if attempt is not None and attempt.head is None:
                attempt.head = protocol.decode_control(frame.payload, protocol.Head)
                attempt.share.streamed = is_stream(attempt.head)
                attempt.last_activity = session.last_heard
                attempt.wake.set()
        elif frame.kind is Kind.END:
            self._take_end(session, frame, acknowledge)
        elif frame.kind is Kind.HEARTBEAT:
            beat = protocol.decode_control(frame.payload, protocol.Heartbeat)
            self._take_heartbeat(session, beat)
            return beat
        elif frame.kind is Kind.RECEIPT:
            self._take_receipt(session, protocol.decode_control(frame.payload, protocol.Receipt), acknowledge)
        elif frame.kind is Kind.DRAIN:
            session.draining = True
            self._on_change()
        elif frame.kind is Kind.ERROR:
            told = protocol.decode_control(frame.payload, protocol.Error)
            log.warning("agent reports", extra={"node": str(session.known.node_uid), "code": told.code})
        else:
            raise protocol.FrameRefused(f"an agent does not send {frame.kind.name}")
        return None

    def _take_chunk(self, session: Session, frame: protocol.Frame) -> None:
        attempt = session.attempts.get(frame.attempt_id)
        if attempt is None:
            return
        if attempt.head is None:
            raise protocol.FrameRefused("a chunk came before the head")
        size = len(frame.payload)
        attempt.credit -= size
        if attempt.credit < 0:
            raise protocol.FrameRefused("more was sent than there was credit for")
        if attempt.credit == 0:
            self.credit_stalls += 1
        attempt.last_activity = session.last_heard
        if attempt.share.streamed:
            count_deltas(attempt, frame.payload)
        attempt.relayed += size
        if attempt.over:
            # The agent is stopping already; what still comes is nobody's.
            attempt.credit += size
            return
        attempt.chunks.append(frame.payload)
        attempt.buffered += size
        attempt.wake.set()

    def _take_end(self, session: Session, frame: protocol.Frame, acknowledge: receipts.Acknowledge) -> None:
        end = protocol.decode_control(frame.payload, protocol.End)
        now_ns = time.monotonic_ns()
        attempt = session.attempts.get(frame.attempt_id)
        if attempt is not None and end.receipt is not None:
            settle_tokens(attempt, end.receipt)
        session.take_reading(end.energy, now_ns=now_ns)
        if attempt is not None:
            attempt.end = end
            session.free_slot(attempt, now_ns=now_ns)
            self._on_change()
        if end.receipt is not None:
            self._take_receipt(session, end.receipt, acknowledge)

    def _take_heartbeat(self, session: Session, beat: protocol.Heartbeat) -> None:
        session.take_reading(beat.energy, now_ns=time.monotonic_ns())
        if beat.models != session.models:
            session.models = beat.models
            self._on_change()

    def _take_receipt(
        self, session: Session, receipt: protocol.Receipt, acknowledge: receipts.Acknowledge
    ) -> None:
        """:raises ReceiptRefused: it will never be stored; the agent is told so"""
        try:
            checked = receipts.check_receipt(
                receipt,
                node_id=session.known.node_id,
                public_keys=session.public_keys,
                ticket_secret=self._ticket_secret,
                now=datetime.now(UTC),
            )
        except receipts.ReceiptRefused:
            self._reject(session, receipt)
            raise
        self._desk.add(checked, acknowledge)

    def _reject(self, session: Session, receipt: protocol.Receipt) -> None:
        try:
            uid = receipts.read_statement(receipt.body).attempt_uid
        except receipts.ReceiptRefused:
            return
        rejected = protocol.ReceiptAck(stored=[], rejected=[uid])
        task = asyncio.create_task(session.tell(Kind.RECEIPT_ACK, rejected))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def is_stream(head: protocol.Head) -> bool:
    """Whether the answer is a stream of events."""
    return head.headers.get("content-type", "").startswith(EVENT_STREAM)


def count_deltas(attempt: Attempt, chunk: bytes) -> None:
    """
    Count events of a stream as output tokens: nearly every event carries one.

    Only the sharing of joules rests on it, so a `data:` cut in two by a chunk's edge does not matter.
    """
    if not attempt.relayed:
        attempt.share.tokens_in = attempt.request_bytes // PROMPT_BYTES_PER_TOKEN
    attempt.share.tokens_out += chunk.count(b"\ndata:") + chunk.startswith(b"data:")


def settle_tokens(attempt: Attempt, receipt: protocol.Receipt) -> None:
    """Take the model server's own counts for the sharing of joules, as far as the bytes allow them."""
    try:
        tokens_seen = receipts.read_statement(receipt.body).tokens
    except receipts.ReceiptRefused:
        return
    share = attempt.share
    if tokens_seen.tokens_in is not None:
        share.tokens_in = min(tokens_seen.tokens_in, max(attempt.request_bytes, 1))
        share.tokens_cached = tokens_seen.tokens_cached or 0
    if tokens_seen.tokens_out is not None:
        share.tokens_out = min(tokens_seen.tokens_out, attempt.relayed)
