"""What a relay knows of the agents it holds: connections, the attempts that run, and their meters."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from workers import apportioning, protocol
from workers.protocol import Kind
from workers.tickets import Ticket

# What a relay keeps of one attempt that its buyer has not read yet; the agent stops there.
CREDIT_BYTES = 256 * 1024
HEARTBEAT_SECONDS = 5.0
SILENCE_HEARTBEATS_MAX = 3
# How long an agent that was asked to leave may finish what it runs, and how long it stays without work:
# its last receipts want to be acknowledged.
LEAVE_SECONDS_MAX = 3600.0
LEAVE_IDLE_SECONDS = 15.0
TICKETS_REMEMBERED_MAX = 200_000
# One token of text is at least about this many bytes of a prompt, until the model server says more.
PROMPT_BYTES_PER_TOKEN = 4

log = logging.getLogger("jouleport.relay.nodes")

Send = Callable[[bytes], Awaitable[None]]
# Names are the provider's own: nobody else's node of the same name is on the same machine.
Machine = tuple[int, str]


class NodeRefused(Exception):
    """The node cannot take an attempt now. `status` is HTTP's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says of a node at the moment its agent connects."""

    node_id: int
    node_uid: UUID
    token_id: int
    digest: bytes
    state: str
    chips: int
    watts_idle: float
    offer_slots: int | None
    public_key: bytes | None
    organization_id: int
    public_keys: tuple[bytes, ...] = ()
    """Every key that was ever pinned to a token of the node."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt while it holds a slot. `wake` is set whenever its forwarder has something to look at."""

    ticket: Ticket
    share: apportioning.Share
    request_bytes: int
    started: float
    last_activity: float
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    head: protocol.Head | None = None
    chunks: deque[bytes] = field(default_factory=deque)
    buffered: int = 0
    credit: int = CREDIT_BYTES
    relayed: int = 0
    end: protocol.End | None = None
    failure: str | None = None
    used: apportioning.Used | None = None
    buyer_gone: bool = False
    sending_since: float | None = None
    forwarder: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Nothing more will come of it."""
        return self.end is not None or self.failure is not None or self.buyer_gone

    def fail(self, reason: str) -> None:
        """End it from this side; its slot stays taken until the agent confirms."""
        if not self.over:
            self.failure = reason
        self.wake.set()


@dataclass(slots=True, eq=False)
class Session:
    """One agent's connection."""

    known: Known
    epoch: int
    instance: str
    public_key: bytes
    agent_slots: int
    models: list[str]
    meter: apportioning.Node
    machine: Machine | None
    send: Send
    close: Callable[[int, str, str], Awaitable[None]]
    last_heard: float
    offer_slots: int | None = None
    draining: bool = False
    closed: bool = False
    attempts: dict[int, Attempt] = field(default_factory=dict)
    speaks: int = protocol.VERSION
    """The version of the protocol that was agreed."""
    forerunner: Session | None = None
    """The connection this one took over from, while it finishes what it runs."""
    leaving_since: float | None = None
    idle_since: float | None = None
    lost: int = 0
    """How many sensors the agent has said it gave up."""

    @property
    def slots(self) -> int:
        """How many attempts may run: what the agent offers, and no more than its offers sell."""
        if self.offer_slots is None:
            return self.agent_slots
        return min(self.agent_slots, self.offer_slots)

    @property
    def busy(self) -> int:
        """How many attempts the node runs; what a leaving agent of it still runs is among them."""
        return len(self.attempts) + (len(self.forerunner.attempts) if self.forerunner else 0)

    @property
    def public_keys(self) -> set[bytes]:
        """The keys its receipts may be signed with: those signed before a key was replaced still come."""
        return {self.public_key, *self.known.public_keys}

    async def ask_to_leave(self, reason: str, *, seconds: float, now: float) -> None:
        """Send nothing new there; what runs may finish."""
        self.draining, self.leaving_since = True, now
        await self.tell(Kind.DRAIN, protocol.Drain(seconds=seconds, reason=reason))

    def take_slot(
        self, ticket: Ticket, *, request_bytes: int, streamed: bool, now: float, now_ns: int
    ) -> Attempt:
        """
        Begin an attempt.

        :raises NodeRefused: draining, or all slots are taken
        """
        if self.draining or self.closed:
            raise NodeRefused(429, "node_draining", "the node takes no new attempts")
        if self.busy >= self.slots:
            raise NodeRefused(429, "node_full", "all slots of the node are taken")
        attempt = Attempt(
            ticket=ticket,
            share=apportioning.start_attempt(self.meter, streamed=streamed, now_ns=now_ns),
            request_bytes=request_bytes,
            started=now,
            last_activity=now,
        )
        self.attempts[ticket.attempt_id] = attempt
        return attempt

    def free_slot(self, attempt: Attempt, *, now_ns: int) -> None:
        """The agent confirmed that the attempt has stopped, or was never given it."""
        self.finish(attempt, now_ns=now_ns)
        self.attempts.pop(attempt.ticket.attempt_id, None)
        attempt.wake.set()

    def finish(self, attempt: Attempt, *, now_ns: int) -> apportioning.Used:
        """Stop the attempt's meter; the same figure is given ever after."""
        if attempt.used is None:
            attempt.used = apportioning.finish_attempt(attempt.share, now_ns=now_ns)
        return attempt.used

    def take_reading(self, energy: protocol.Energy, *, now_ns: int) -> None:
        """Share out what the agent's meter has counted since its last reading."""
        apportioning.take_reading(self.meter, microjoules=energy.microjoules, tier=energy.tier, now_ns=now_ns)

    async def tell(self, kind: Kind, control: protocol.Control, *, attempt: Attempt | None = None) -> None:
        """Send a control frame; a connection that is gone is noticed elsewhere."""
        ticket = attempt.ticket if attempt else None
        await self.send(
            protocol.encode_control(
                kind,
                control,
                attempt_id=ticket.attempt_id if ticket else 0,
                number=ticket.number if ticket else 0,
            )
        )

    def is_silent(self, *, now: float, heartbeat_seconds: float) -> bool:
        """Whether the agent has said nothing for too long."""
        return now - self.last_heard > heartbeat_seconds * SILENCE_HEARTBEATS_MAX


class Registry:
    """All connections of this relay, by node; and which tickets were used."""

    def __init__(self, *, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._sessions: dict[UUID, Session] = {}
        self._leaving: list[Session] = []
        self._machines: dict[Machine, apportioning.Machine] = {}
        self._used: dict[int, float] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter([*self._sessions.values(), *self._leaving])

    def find(self, node_uid: UUID) -> Session | None:
        """Give the connection of a node, if it is here."""
        return self._sessions.get(node_uid)

    def find_machine(self, machine: Machine | None) -> apportioning.Machine:
        """Give the shared meter of a machine; a node that names none has one of its own."""
        if machine is None:
            return apportioning.Machine()
        return self._machines.setdefault(machine, apportioning.Machine())

    def add(self, session: Session) -> Session | None:
        """
        Hold a connection. Gives the one it takes the place of, to be closed.

        :raises NodeRefused: a later connection of the same node is here already
        """
        before = self._sessions.get(session.known.node_uid)
        if before is not None and before.epoch > session.epoch:
            raise NodeRefused(409, "replaced", "a later connection of this node is here")
        self._sessions[session.known.node_uid] = session
        self._on_change()
        return before

    def keep_leaving(self, before: Session, *, after: Session) -> None:
        """Let a connection that another one takes over from finish what it runs."""
        after.forerunner = before
        self._leaving.append(before)
        self._on_change()

    def remove(self, session: Session, *, now_ns: int) -> None:
        """Let go of a connection that ended: its attempts fail, its slots are free."""
        if session.closed:
            return
        session.closed = True
        if self._sessions.get(session.known.node_uid) is session:
            del self._sessions[session.known.node_uid]
        if session in self._leaving:
            self._leaving.remove(session)
            current = self._sessions.get(session.known.node_uid)
            if current is not None and current.forerunner is session:
                current.forerunner = None
        for attempt in list(session.attempts.values()):
            attempt.fail("node_lost")
            session.free_slot(attempt, now_ns=now_ns)
        apportioning.leave_machine(session.meter)
        if session.machine is not None and not session.meter.machine.nodes:
            self._machines.pop(session.machine, None)
        self._on_change()

    def use_ticket(self, ticket: Ticket, *, now: float) -> bool:
        """Say whether this ticket is used for the first time."""
        if ticket.attempt_id in self._used:
            return False
        if len(self._used) >= TICKETS_REMEMBERED_MAX:
            self._used = {key: until for key, until in self._used.items() if until > now}
        self._used[ticket.attempt_id] = ticket.expires_at
        return True

    @property
    def running(self) -> int:
        """How many attempts hold a slot on this relay."""
        return sum(len(session.attempts) for session in self)

    def changed(self) -> None:
        """Say that what gateways may know of a node has changed."""
        self._on_change()
