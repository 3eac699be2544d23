"""The gateways' side of a relay: one HTTP request becomes one attempt on a connected node."""

from __future__ import annotations

import asyncio
import logging
import time
from uuid import UUID

import msgspec

from core import tracing
from core.metrics import Counts
from workers import apportioning, protocol, tickets
from workers.protocol import Kind
from workers.relay.asgi import Message, Receive, Scope, Send, find_header, refuse
from workers.relay.nodes import CREDIT_BYTES, Attempt, NodeRefused, Registry, Session
from workers.upstream.framing import SEPARATOR

TICKET_HEADER = b"x-jouleport-ticket"
PASSED_REQUEST_HEADERS = (b"content-type", b"accept")
PASSED_RESPONSE_HEADERS = ("content-type", "retry-after", "retry-after-ms")
# Credit goes back in pieces of at least this, so that a fast stream is not answered chunk by chunk.
CREDIT_STEP = CREDIT_BYTES // 4
BODIES_BYTES_MAX = 256 * 1024 * 1024

REFUSALS_BEFORE_HEAD = {
    "upstream_unreachable": (502, "upstream_unreachable", "the node's model server cannot be reached"),
    "upstream_broken": (502, "upstream_broken", "the node's model server broke off"),
    "upstream_timeout": (504, "upstream_timeout", "the node's model server did not answer in time"),
    "node_lost": (502, "node_lost", "the node's connection ended"),
    "refused": (429, "node_full", "the node did not take the attempt"),
    "cancelled": (502, "cancelled", "the node stopped the attempt"),
    "complete": (502, "upstream_broken", "the node's model server sent no answer"),
}

log = logging.getLogger("jouleport.relay.forwarding")


class RequestRefused(Exception):
    """The request is not forwarded. `status` is HTTP's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class BuyerGone(Exception):
    """The gateway closed the request."""


class Forwarder:
    """Forwards gateways' requests to the nodes of a registry."""

    def __init__(self, *, registry: Registry, ticket_secret: bytes, body_seconds: float) -> None:
        self._registry = registry
        self._ticket_secret = ticket_secret
        self._body_seconds = body_seconds
        self._bodies_bytes = 0
        # How requests ended, by outcome or by the code of a refusal.
        self.outcomes = Counts()
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            ticket, session, path, size = self._admit(scope)
            attempt = session.take_slot(
                ticket,
                request_bytes=size,
                streamed=False,
                now=time.monotonic(),
                now_ns=time.monotonic_ns(),
            )
        except (RequestRefused, NodeRefused) as error:
            self.outcomes.add(error.code)
            await refuse(send, error.status, error.code, str(error))
            return
        with tracing.serve(
            "relay", scope["headers"], attempt=ticket.attempt_uid, node=ticket.node_uid
        ) as step:
            try:
                await self._carry(session, attempt, scope, receive, send, path=path, size=size)
            finally:
                outcome = name_outcome(attempt)
                self.outcomes.add(outcome)
                if outcome != "complete":
                    step.fail(outcome)

    async def _carry(
        self,
        session: Session,
        attempt: Attempt,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        path: str,
        size: int,
    ) -> None:
        attempt.forwarder = asyncio.current_task()
        self._registry.changed()
        handed_over = False
        try:
            body = await self._read_body(receive, size)
            handed_over = True
            await self._hand_over(session, attempt, scope, path=path, body=body)
            del body
            await self._relay(session, attempt, receive, send)
        except RequestRefused as error:
            attempt.fail(error.code)
            await refuse(send, error.status, error.code, str(error))
        except BuyerGone:
            attempt.buyer_gone = True
        finally:
            attempt.forwarder = None
            if not handed_over:
                session.free_slot(attempt, now_ns=time.monotonic_ns())
            elif attempt.end is None:
                attempt.buyer_gone = True
                attempt.chunks.clear()
                self._later_cancel(session, attempt)

    def _admit(self, scope: Scope) -> tuple[tickets.Ticket, Session, str, int]:
        """:raises RequestRefused: wrong path or method, bad ticket, node not here, or too large"""
        node_uid, path = _split_path(scope["path"])
        if scope["method"] != "POST":
            raise RequestRefused(405, "method_not_allowed", "only POST is forwarded")
        now = time.time()
        try:
            ticket = tickets.verify(self._ticket_secret, find_header(scope, TICKET_HEADER) or "", now=now)
        except tickets.TicketRefused as error:
            raise RequestRefused(401, "ticket_refused", str(error)) from error
        if ticket.node_uid != node_uid:
            raise RequestRefused(401, "ticket_refused", "the ticket is for another node")
        if self.draining:
            raise RequestRefused(503, "relay_draining", "this relay is leaving")
        session = self._registry.find(node_uid)
        if session is None:
            raise RequestRefused(404, "node_not_here", "the node is not connected to this relay")
        length = find_header(scope, b"content-length") or ""
        if not length.isdecimal():
            raise RequestRefused(411, "length_required", "a request must say how long it is")
        size = int(length)
        if size > protocol.REQUEST_BYTES_MAX:
            raise RequestRefused(413, "request_too_large", "the request is too large")
        if self._bodies_bytes + size > BODIES_BYTES_MAX:
            raise RequestRefused(503, "relay_busy", "too many large requests at once")
        if session.busy < session.slots and not self._registry.use_ticket(ticket, now=now):
            raise RequestRefused(401, "ticket_used", "the ticket was used before")
        return ticket, session, path, size

    async def _read_body(self, receive: Receive, size: int) -> bytes:
        """:raises RequestRefused: too slow, or of another length :raises BuyerGone:"""
        self._bodies_bytes += size
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise BuyerGone
                    parts.append(message.get("body", b""))
                    more = message.get("more_body", False)
        except TimeoutError as error:
            raise RequestRefused(408, "request_too_slow", "the request did not arrive in time") from error
        finally:
            self._bodies_bytes -= size
        body = b"".join(parts)
        if len(body) != size:
            raise RequestRefused(400, "length_mismatch", "the request is not as long as it says")
        return body

    async def _hand_over(
        self, session: Session, attempt: Attempt, scope: Scope, *, path: str, body: bytes
    ) -> None:
        ticket = attempt.ticket
        headers = {
            key.decode("latin-1"): value.decode("latin-1")
            for key, value in scope["headers"]
            if key in PASSED_REQUEST_HEADERS
        }
        nonce = tickets.derive_nonce(
            self._ticket_secret, attempt_uid=ticket.attempt_uid, receipt_uid=ticket.receipt_uid
        )
        await session.tell(
            Kind.REQUEST,
            protocol.Request(
                method="POST",
                path=path,
                headers=headers,
                body_bytes=len(body),
                attempt_uid=ticket.attempt_uid,
                receipt_uid=ticket.receipt_uid,
                card_uid=ticket.card_uid,
                nonce=nonce.hex(),
                credit_bytes=CREDIT_BYTES,
            ),
            attempt=attempt,
        )
        for start in range(0, len(body), protocol.PAYLOAD_BYTES_MAX):
            piece = body[start : start + protocol.PAYLOAD_BYTES_MAX]
            await session.send(
                protocol.encode(Kind.BODY, piece, attempt_id=ticket.attempt_id, number=ticket.number)
            )

    async def _relay(self, session: Session, attempt: Attempt, receive: Receive, send: Send) -> None:
        watch = asyncio.create_task(_watch(attempt, receive))
        try:
            await _wait_for_head(attempt)
            if attempt.buyer_gone:
                return
            if attempt.head is None:
                reason = attempt.failure or (attempt.end.outcome if attempt.end else "node_lost")
                status, code, message = REFUSALS_BEFORE_HEAD[reason]
                await refuse(send, status, code, message)
                return
            await send(_start_of(attempt.head))
            await _relay_chunks(session, attempt, send)
            if not attempt.buyer_gone:
                used = session.finish(attempt, now_ns=time.monotonic_ns())
                meter = SEPARATOR + write_meter(used, complete=is_complete(attempt))
                await send({"type": "http.response.body", "body": meter, "more_body": False})
        finally:
            watch.cancel()

    def _later_cancel(self, session: Session, attempt: Attempt) -> None:
        """Tell the agent to stop; its slot is free when it says so."""
        reason = attempt.failure or "the buyer left"
        task = asyncio.create_task(session.tell(Kind.CANCEL, protocol.Cancel(reason=reason), attempt=attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _split_path(path: str) -> tuple[UUID, str]:
    """:raises RequestRefused: not /nodes/{uid}/v1/{path}"""
    parts = path.split("/", 4)
    if len(parts) == 5 and parts[1] == "nodes" and parts[3] == "v1" and parts[4]:
        try:
            return UUID(parts[2]), "/" + parts[4]
        except ValueError:
            pass
    raise RequestRefused(404, "not_found", "there is nothing at this address")


async def _watch(attempt: Attempt, receive: Receive) -> None:
    """Notice that the gateway closed the request."""
    while (await receive())["type"] != "http.disconnect":
        pass
    attempt.buyer_gone = True
    attempt.wake.set()


async def _wait_for_head(attempt: Attempt) -> None:
    while attempt.head is None and not attempt.over:
        attempt.wake.clear()
        await attempt.wake.wait()


async def _relay_chunks(session: Session, attempt: Attempt, send: Send) -> None:
    owed = 0
    while not attempt.buyer_gone:
        if attempt.chunks:
            data = attempt.chunks.popleft() if len(attempt.chunks) == 1 else b"".join(attempt.chunks)
            attempt.chunks.clear()
            attempt.buffered = 0
            if SEPARATOR in data:
                data = data.replace(SEPARATOR, b" ")
            attempt.sending_since = time.monotonic()
            await send({"type": "http.response.body", "body": data, "more_body": True})
            attempt.sending_since = None
            # A slow buyer's time is not the model server's.
            attempt.last_activity = time.monotonic()
            owed += len(data)
            if owed >= CREDIT_STEP and attempt.end is None:
                attempt.credit += owed
                await session.tell(Kind.CREDIT, protocol.Credit(bytes=owed), attempt=attempt)
                owed = 0
        elif attempt.over:
            return
        else:
            attempt.wake.clear()
            await attempt.wake.wait()


def _start_of(head: protocol.Head) -> Message:
    headers = [
        (name.encode(), head.headers[name].encode("latin-1", "replace"))
        for name in PASSED_RESPONSE_HEADERS
        if name in head.headers
    ]
    headers.append((b"jouleport-framing", b"1"))
    return {"type": "http.response.start", "status": head.status, "headers": headers}


def name_outcome(attempt: Attempt) -> str:
    """How an attempt ended, in one of few words: what stopped it here, or what its agent said."""
    if attempt.failure is not None:
        return attempt.failure
    if attempt.end is not None:
        return attempt.end.outcome
    return "buyer_gone"


def is_complete(attempt: Attempt) -> bool:
    """Whether the model server's answer came to its own end."""
    return attempt.end is not None and attempt.end.outcome == "complete"


def write_meter(used: apportioning.Used, *, complete: bool) -> bytes:
    """Give the meter that follows an answer: chip-seconds and joules with six places."""
    return msgspec.json.encode(
        {
            "chip_seconds": f"{used.chip_nanoseconds // 10**9}.{used.chip_nanoseconds % 10**9 // 1000:06d}",
            "joules": f"{used.microjoules // 10**6}.{used.microjoules % 10**6:06d}",
            "tier": used.tier,
            "attribution": "apportioned",
            "complete": complete,
        }
    )
