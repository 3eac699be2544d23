"""The agents' side of a relay: sign in, hello, and every frame after it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from accounts import tokens
from core.errors import Unauthenticated
from core.metrics import Counts
from workers import apportioning, protocol
from workers.protocol import Kind
from workers.relay import receipts
from workers.relay.asgi import Message, Receive, Scope, Send, find_header
from workers.relay.frames import Frames
from workers.relay.nodes import (
    CREDIT_BYTES,
    LEAVE_SECONDS_MAX,
    Known,
    NodeRefused,
    Registry,
    Session,
)
from workers.relay.store import MachineElsewhere, Store

HELLO_SECONDS_MAX = 10.0
# An agent that takes nothing for so long is let go, whatever it still says.
SEND_SECONDS_MAX = 10.0
# Of each connection; any more are refused without a word in the database.
REFUSALS_NOTED_MAX = 20
MACHINE_ID_LENGTH_MAX = 128
STORE_AWAY = (psycopg.Error, PoolTimeout)

log = logging.getLogger("jouleport.relay.agents")


class Welcomed(NamedTuple):
    """What a hello said and what the database made of it."""

    hello: protocol.Hello
    epoch: int
    protocol: int = protocol.VERSION


class Refusal(Exception):
    """The connection ends with REFUSED and this WebSocket close code."""

    def __init__(self, close_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.code = code


class AgentDoor:
    """Takes agents' WebSocket connections in and reads their frames."""

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        frames: Frames,
        heartbeat_seconds: float,
    ) -> None:
        self._store = store
        self._registry = registry
        self._frames = frames
        self._heartbeat_seconds = heartbeat_seconds
        self._events: set[asyncio.Future[None]] = set()
        # Agents that came, by what became of it.
        self.arrivals = Counts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        await receive()
        try:
            known = await self._sign_in(scope)
        except STORE_AWAY:
            self.arrivals.add("database_away")
            log.warning("agent turned away: PostgreSQL is away")
            await _deny(send, 503)
            return
        if known is None:
            self.arrivals.add("token_refused")
            await _deny(send, 401)
            return
        await send({"type": "websocket.accept"})
        wire = Wire(send, reader=asyncio.current_task())
        try:
            session = await self._greet(known, receive, wire)
        except Refusal as refusal:
            self.arrivals.add(refusal.code)
            log.info("agent refused", extra={"node": str(known.node_uid), "code": refusal.code})
            await wire.refuse(refusal.close_code, refusal.code, str(refusal))
            return
        except STORE_AWAY:
            self.arrivals.add("database_away")
            await wire.refuse(protocol.CLOSE_GOING_AWAY, "try_again", "the exchange's database is away")
            return
        if session is None:
            return
        self.arrivals.add("connected")
        log.info("agent connected", extra={"node": str(known.node_uid), "epoch": session.epoch})
        try:
            await self._serve(session, receive)
        except asyncio.CancelledError:
            if not wire.stalled:
                raise
            log.warning("agent takes nothing", extra={"node": str(known.node_uid)})
        finally:
            self._registry.remove(session, now_ns=time.monotonic_ns())
            log.info("agent gone", extra={"node": str(known.node_uid), "epoch": session.epoch})

    async def _sign_in(self, scope: Scope) -> Known | None:
        scheme, _, text = (find_header(scope, b"authorization") or "").partition(" ")
        try:
            token = tokens.parse_token(text)
        except Unauthenticated:
            return None
        if scheme.lower() != "bearer" or token.kind is not tokens.TokenKind.NODE:
            return None
        return await self._store.find_node(digest=token.digest)

    async def _greet(self, known: Known, receive: Receive, wire: Wire) -> Session | None:
        """
        Read the hello and welcome the agent. None if it left meanwhile.

        :raises Refusal: wrong protocol, another key than the pinned one, or a retired node
        """
        try:
            async with asyncio.timeout(HELLO_SECONDS_MAX):
                message = await receive()
        except TimeoutError as error:
            raise Refusal(protocol.CLOSE_SILENT, "hello_refused", "no hello came") from error
        if message["type"] != "websocket.receive":
            return None
        agreed, hello = read_hello(message)
        if known.state == "RETIRED":
            raise Refusal(protocol.CLOSE_REFUSED, "node_retired", "this node is retired")
        if not await self._pin_key(known, hello.public_key):
            self._note(known, "KEY_MISMATCH", {"key_id": receipts.identify_key(hello.public_key)})
            raise Refusal(
                protocol.CLOSE_REFUSED, "key_mismatch", "this token belongs to an agent with another key"
            )
        try:
            epoch = await self._store.begin_connection(
                node_id=known.node_id,
                version=hello.agent_version,
                protocol=agreed,
                machine_id=hello.machine_id,
                takeover=hello.takeover is True,
            )
        except MachineElsewhere as error:
            # Both relays would share out all of the machine's joules.
            reason = "another agent of this machine is at another relay: come back there"
            raise Refusal(protocol.CLOSE_GOING_AWAY, "machine_elsewhere", reason) from error
        session = self._open(known, Welcomed(hello, epoch, agreed), wire)
        try:
            before = self._registry.add(session)
        except NodeRefused as error:
            apportioning.leave_machine(session.meter)
            raise Refusal(protocol.CLOSE_REPLACED, error.code, str(error)) from error
        if before is not None and hello.takeover is True:
            self._hand_over(before, session)
        elif before is not None:
            await self._replace(before, session)
        self._note_lost(session, hello.lost)
        await session.tell(
            Kind.WELCOME,
            protocol.Welcome(
                protocol=agreed,
                node=str(known.node_uid),
                epoch=epoch,
                slots=session.slots,
                credit_bytes=CREDIT_BYTES,
                heartbeat_seconds=self._heartbeat_seconds,
            ),
        )
        return session

    async def _pin_key(self, known: Known, public_key: bytes) -> bool:
        return await self._store.pin_key(
            node_id=known.node_id, token_id=known.token_id, public_key=public_key
        )

    def _open(self, known: Known, welcomed: Welcomed, wire: Wire) -> Session:
        hello, epoch, agreed = welcomed
        machine = (known.organization_id, hello.machine_id) if hello.machine_id else None
        earlier = self._registry.find(known.node_uid)
        meter = apportioning.join_machine(
            self._registry.find_machine(machine),
            chips=known.chips,
            slots=hello.slots,
            idle_watts=known.watts_idle,
            tier=hello.energy.tier,
            microjoules=hello.energy.microjoules,
            now_ns=time.monotonic_ns(),
            takes_over=earlier.meter if earlier and hello.takeover is True else None,
        )
        return Session(
            known=known,
            epoch=epoch,
            instance=hello.instance,
            public_key=hello.public_key,
            agent_slots=hello.slots,
            models=hello.models,
            meter=meter,
            machine=machine,
            send=wire.send_frame,
            close=wire.refuse,
            last_heard=time.monotonic(),
            offer_slots=known.offer_slots,
            draining=known.state == "DRAINING",
            speaks=agreed,
        )

    def _hand_over(self, before: Session, after: Session) -> None:
        """Let the earlier connection finish what it runs while the later one takes what is new."""
        details = {"epoch": after.epoch, "before": before.epoch, "running": len(before.attempts)}
        self._note(after.known, "TAKEOVER", details)
        log.info("takeover", extra={"node": str(after.known.node_uid), **details})
        self._registry.keep_leaving(before, after=after)
        now = time.monotonic()
        self._later(before.ask_to_leave("takeover", seconds=LEAVE_SECONDS_MAX, now=now))

    def _note_lost(self, session: Session, lost: list[protocol.Lost] | msgspec.UnsetType) -> None:
        """Write down which sensors an agent gave up, once for each."""
        if isinstance(lost, msgspec.UnsetType) or len(lost) <= session.lost:
            return
        for loss in lost[session.lost :]:
            facts = {"source": loss.source, "part": loss.part, "reason": loss.reason[:300]}
            self._note(session.known, "METER_LOST", facts)
        session.lost = len(lost)

    async def _replace(self, before: Session, after: Session) -> None:
        """End a connection whose token came a second time; the same process coming back is no event."""
        if before.instance != after.instance:
            details = {"epoch": after.epoch, "before": before.epoch, "running": len(before.attempts)}
            self._note(after.known, "SECOND_CONNECTION", details)
            log.warning("second connection", extra={"node": str(after.known.node_uid), **details})
        self._registry.remove(before, now_ns=time.monotonic_ns())
        # Whoever waits for the new connection does not wait for the old one.
        self._later(
            before.close(protocol.CLOSE_REPLACED, "replaced", "another connection came with this token")
        )

    def _note(self, known: Known, kind: str, details: Mapping[str, Any]) -> None:
        async def write() -> None:
            try:
                await self._store.add_event(node_id=known.node_id, kind=kind, details=details)
            except STORE_AWAY:
                log.exception("event not written", extra={"kind": kind})

        self._later(write())

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    async def _serve(self, session: Session, receive: Receive) -> None:
        async def acknowledge(uids: list[UUID]) -> None:
            # Other agents' receipts do not wait until this one takes its answer.
            self._later(session.tell(Kind.RECEIPT_ACK, protocol.ReceiptAck(stored=uids, rejected=[])))

        refusals = 0
        while not session.closed:
            message = await receive()
            if message["type"] != "websocket.receive":
                return
            session.last_heard = time.monotonic()
            try:
                beat = self._frames.heed(session, message.get("bytes") or b"", acknowledge)
                if beat is not None:
                    self._note_lost(session, beat.lost)
            except protocol.FrameRefused as error:
                log.warning(
                    "garbage", extra={"node": str(session.known.node_uid), "reason": str(error)[:200]}
                )
                await session.close(protocol.CLOSE_GARBAGE, "garbage", str(error)[:300])
                return
            except receipts.ReceiptRefused as error:
                refusals += 1
                if refusals > REFUSALS_NOTED_MAX:
                    continue
                self._note(session.known, "RECEIPT_REFUSED", {"reason": str(error)[:300]})


class Wire:
    """
    Sends frames; a connection that is gone swallows them, and its reader notices.

    One that takes nothing any more is `stalled`, and its reader is cancelled, so that nobody waits for ever.
    """

    def __init__(self, send: Send, *, reader: asyncio.Task[Any] | None = None) -> None:
        self._send: Callable[[Message], Awaitable[None]] = send
        self._reader = reader
        self._closed = False
        self.stalled = False

    async def send_frame(self, message: bytes) -> None:
        """Send one frame."""
        if self._closed:
            return
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await self._send({"type": "websocket.send", "bytes": message})
        except TimeoutError:
            self._stall()
        except (OSError, RuntimeError):
            self._closed = True

    def _stall(self) -> None:
        if not self._closed:
            self._closed = self.stalled = True
            if self._reader is not None:
                self._reader.cancel()

    async def refuse(self, close_code: int, code: str, message: str) -> None:
        """Say why, then close."""
        await self.send_frame(
            protocol.encode_control(Kind.REFUSED, protocol.Refused(code=code, message=message))
        )
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await self._send({"type": "websocket.close", "code": close_code, "reason": code})
        except (OSError, RuntimeError):
            return


async def _deny(send: Send, status: int) -> None:
    """Answer the handshake with an HTTP status instead of a connection."""
    headers = [(b"content-length", b"0"), (b"x-jouleport-relay", b"1")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})


def read_hello(message: Message) -> tuple[int, protocol.Hello]:
    """Give the agreed version and the hello. :raises Refusal: no common version, or no hello"""
    try:
        frame = protocol.decode(message.get("bytes") or b"")
        if frame.kind is not Kind.HELLO:
            raise protocol.FrameRefused("the first frame is not a hello")
        agreed = protocol.agree_version(protocol.decode_control(frame.payload, protocol.Version))
        hello = protocol.decode_control(frame.payload, protocol.Hello)
        if hello.machine_id:
            # Cut before anybody uses it: leases are compared by the name that the database keeps.
            hello = msgspec.structs.replace(hello, machine_id=hello.machine_id[:MACHINE_ID_LENGTH_MAX])
        return agreed, hello
    except protocol.VersionUnsupported as error:
        raise Refusal(protocol.CLOSE_REFUSED, "protocol_unsupported", str(error)) from error
    except protocol.FrameRefused as error:
        raise Refusal(protocol.CLOSE_GARBAGE, "hello_refused", str(error)[:300]) from error
