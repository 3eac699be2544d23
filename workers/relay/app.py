"""The relay as one ASGI application: agents at /agent, gateways at /nodes/, and its health."""

from __future__ import annotations

import asyncio
import logging
import time

import psycopg
from psycopg_pool import PoolTimeout

from workers import protocol
from workers.relay.agents import AgentDoor
from workers.relay.asgi import Receive, Scope, Send, answer, refuse
from workers.relay.forwarding import Forwarder
from workers.relay.frames import Frames
from workers.relay.metrics import RelaySource
from workers.relay.nodes import Registry
from workers.relay.presence import Presence
from workers.relay.receipts import Desk
from workers.relay.settings import Settings
from workers.relay.store import Store
from workers.relay.watch import Watch

AGENT_PATH = "/agent"
DRAIN_LOOK_SECONDS = 0.05

log = logging.getLogger("jouleport.relay")


class Relay:
    """Holds the parts together; `start` and `stop` around the server's life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._presence = Presence(redis_url=settings.redis_url, relay_url=settings.url)
        self.registry = Registry(on_change=self._presence.change)
        self._store = Store(url=settings.database_url, relay=settings.url)
        self._desk = Desk(write=self._store.add_receipts)
        self._watch = Watch(registry=self.registry, store=self._store, settings=settings)
        self._frames = Frames(
            desk=self._desk,
            ticket_secret=settings.ticket_secret,
            on_change=self._presence.change,
        )
        self._door = AgentDoor(
            store=self._store,
            registry=self.registry,
            frames=self._frames,
            heartbeat_seconds=settings.heartbeat_seconds,
        )
        self._forward = Forwarder(
            registry=self.registry,
            ticket_secret=settings.ticket_secret,
            body_seconds=settings.body_seconds,
        )
        self.source = RelaySource(
            registry=self.registry,
            forwarder=self._forward,
            frames=self._frames,
            desk=self._desk,
            door=self._door,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin the background work."""
        await self._store.open()
        self._tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("presence", self._presence.run(self.registry)),
                ("receipts", self._desk.run()),
                ("sweep", self._watch.sweep()),
                ("refresh", self._watch.refresh()),
                ("listen", self._watch.listen()),
            )
        ]
        for task in self._tasks:
            task.add_done_callback(_report_death)

    async def drain(self) -> None:
        """Take no new attempts, wait for those that run, then send the agents away."""
        self._forward.draining = True
        deadline = time.monotonic() + self._settings.drain_seconds
        log.info("draining", extra={"running": self.registry.running})
        # Polled: it happens once in a process's life, and an event would be set all day for nobody.
        while self.registry.running and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(DRAIN_LOOK_SECONDS)
        for session in self.registry:
            await session.close(protocol.CLOSE_GOING_AWAY, "relay_leaving", "this relay is leaving")

    async def stop(self) -> None:
        """End the background work and leave Redis."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._presence.leave()
        try:
            await self._store.leave_machines()
        except (psycopg.Error, PoolTimeout) as error:
            log.info("left without giving machines back", extra={"reason": str(error)[:200]})
        await self._store.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        if scope["type"] == "websocket":
            if scope["path"] == AGENT_PATH:
                await self._door(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close"})
        elif scope["path"] == "/healthz":
            await answer(send, 200, {"status": "ok"})
        elif scope["path"] == "/readyz":
            await self._answer_ready(send)
        else:
            await self._forward(scope, receive, send)

    async def _answer_ready(self, send: Send) -> None:
        if self._forward.draining:
            await refuse(send, 503, "relay_draining", "this relay is leaving")
            return
        try:
            await self._store.ping()
        except (psycopg.Error, PoolTimeout):
            await refuse(send, 503, "database_away", "PostgreSQL does not answer")
            return
        nodes = sum(1 for _ in self.registry)
        await answer(send, 200, {"status": "ok", "nodes": nodes, "running": self.registry.running})


def _report_death(task: asyncio.Task[None]) -> None:
    """A background task that died is a fault to be seen at once."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("background work died", extra={"work": task.get_name()}, exc_info=task.exception())
