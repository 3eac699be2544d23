"""What a relay tells Prometheus, read from its parts when somebody asks."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client.core import Metric

from core.metrics import write_count, write_counter, write_gauge
from workers.relay.agents import AgentDoor
from workers.relay.forwarding import Forwarder
from workers.relay.frames import Frames
from workers.relay.nodes import Registry
from workers.relay.receipts import Desk


class RelaySource:
    """Tells everything about a relay."""

    def __init__(
        self, *, registry: Registry, forwarder: Forwarder, frames: Frames, desk: Desk, door: AgentDoor
    ) -> None:
        self._registry = registry
        self._forwarder = forwarder
        self._frames = frames
        self._desk = desk
        self._door = door

    def collect(self) -> Iterator[Metric]:
        """Read the figures as they are now."""
        yield from self._tell_nodes()
        yield from self._tell_work()
        yield from self._tell_receipts()

    def _tell_nodes(self) -> Iterator[Metric]:
        sessions = list(self._registry)
        yield write_gauge(
            "jouleport_relay_nodes_connected",
            "Connections of agents, also of those that leave.",
            len(sessions),
        )
        yield write_gauge(
            "jouleport_relay_nodes_draining",
            "Connections that take nothing new.",
            sum(session.draining for session in sessions),
        )
        yield write_gauge(
            "jouleport_relay_slots",
            "Attempts that all connected nodes may run at once.",
            sum(session.slots for session in sessions if not session.draining),
        )
        yield write_counter(
            "jouleport_relay_agents",
            "Agents that came, by what became of it: connected, or why not.",
            ["outcome"],
            self._door.arrivals,
        )

    def _tell_work(self) -> Iterator[Metric]:
        yield write_gauge(
            "jouleport_relay_attempts_running", "Attempts that hold a slot.", self._registry.running
        )
        yield write_counter(
            "jouleport_relay_attempts",
            "Calls of gateways and dispatchers by how they ended, or why they were refused.",
            ["outcome"],
            self._forwarder.outcomes,
        )
        yield write_counter(
            "jouleport_relay_frames", "Frames that agents sent.", ["kind"], self._frames.kinds
        )
        yield write_count(
            "jouleport_relay_credit_stalls",
            "How often an agent had to stop until its buyer had read what came before.",
            self._frames.credit_stalls,
        )
        yield write_gauge(
            "jouleport_relay_draining", "1 while this relay takes nothing new.", self._forwarder.draining
        )

    def _tell_receipts(self) -> Iterator[Metric]:
        desk = self._desk
        yield write_gauge("jouleport_relay_receipts_pending", "Receipts not stored yet.", desk.waiting)
        yield write_gauge(
            "jouleport_relay_receipts_pending_age_seconds",
            "How long the oldest of them has waited to be acknowledged, or 0.",
            desk.oldest_seconds(now=time.monotonic()),
        )
        yield write_counter(
            "jouleport_relay_receipts",
            "Receipts stored and acknowledged, dropped while too many waited, or refused by PostgreSQL.",
            ["outcome"],
            desk.outcomes,
        )
