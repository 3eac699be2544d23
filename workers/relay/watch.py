"""What a relay looks after by itself: time limits, silent agents, revocations, newer connections."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from workers import protocol
from workers.relay.nodes import LEAVE_IDLE_SECONDS, LEAVE_SECONDS_MAX, Registry, Session
from workers.relay.settings import Settings
from workers.relay.store import NODE_CHANNEL, REVOKED_CHANNEL, TAKEOVER_CHANNEL, Store

SWEEP_SECONDS = 0.5
REFRESH_SECONDS = 15.0
LISTEN_AGAIN_SECONDS = 1.0

log = logging.getLogger("jouleport.relay.watch")


class Watch:
    """Ends what has gone on too long or is no longer allowed."""

    def __init__(self, *, registry: Registry, store: Store, settings: Settings) -> None:
        self._registry = registry
        self._store = store
        self._settings = settings
        self._refresh_now = asyncio.Event()
        self._closing: set[asyncio.Future[None]] = set()

    async def sweep(self) -> None:
        """Look at every attempt's time limits, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            for session in self._registry:
                if session.is_silent(now=now, heartbeat_seconds=self._settings.heartbeat_seconds):
                    log.warning("agent is silent", extra={"node": str(session.known.node_uid)})
                    await self._end(session, protocol.CLOSE_SILENT, "silent", "no heartbeat came")
                elif session.leaving_since is not None and self._has_left(session, now=now):
                    await self._end(
                        session, protocol.CLOSE_REPLACED, "replaced", "another agent took this node over"
                    )
                else:
                    self._check_times(session, now=now)

    def _has_left(self, session: Session, *, now: float) -> bool:
        """Whether one that was asked to leave has nothing to do here any more, or had time enough."""
        if session.attempts:
            session.idle_since = None
        elif session.idle_since is None:
            session.idle_since = now
        idle = session.idle_since is not None and now - session.idle_since > LEAVE_IDLE_SECONDS
        return idle or now - (session.leaving_since or now) > LEAVE_SECONDS_MAX

    def _check_times(self, session: Session, *, now: float) -> None:
        for attempt in list(session.attempts.values()):
            sending = attempt.sending_since
            if sending is not None and now - sending > self._settings.stall_seconds:
                attempt.fail("buyer_stalled")
                if attempt.forwarder is not None:
                    attempt.forwarder.cancel()
            elif attempt.over or sending is not None:
                continue
            elif attempt.head is None:
                if now - attempt.started > self._settings.head_seconds:
                    attempt.fail("upstream_timeout")
            elif not attempt.chunks and now - attempt.last_activity > self._settings.idle_seconds:
                attempt.fail("upstream_timeout")

    async def refresh(self) -> None:
        """Compare the connections with the database now and then, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(REFRESH_SECONDS):
                    await self._refresh_now.wait()
            except TimeoutError:
                pass
            self._refresh_now.clear()
            try:
                await self._compare()
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("connections not compared", extra={"reason": str(error)[:200]})

    async def _compare(self) -> None:
        sessions = list(self._registry)
        standings, machines = await self._store.refresh(sessions=sessions)
        for session in sessions:
            standing = standings.get(session.known.token_id)
            if standing is None or standing.revoked:
                await self._revoke(session)
            elif standing.state == "RETIRED":
                await self._end(session, protocol.CLOSE_REFUSED, "node_retired", "this node is retired")
            elif session.machine is not None and session.machine not in machines:
                await self._end(
                    session,
                    protocol.CLOSE_GOING_AWAY,
                    "machine_elsewhere",
                    "another relay has this machine: come back there",
                )
            elif standing.ended and session.leaving_since is None:
                self._later(
                    session.ask_to_leave("token_ended", seconds=LEAVE_SECONDS_MAX, now=time.monotonic())
                )
                self._registry.changed()
            elif standing.offer_slots != session.offer_slots:
                session.offer_slots = standing.offer_slots
                self._registry.changed()

    async def listen(self) -> None:
        """Hear revocations and connections elsewhere, until cancelled; what was missed is looked up."""
        while True:
            try:
                connection = await self._store.connect_listener()
                async with connection:
                    self._refresh_now.set()
                    async for notice in connection.notifies():
                        await self._heed(notice.channel, notice.payload)
            except psycopg.Error as error:
                log.warning("not listening", extra={"reason": str(error)[:200]})
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)

    async def _heed(self, channel: str, payload: str) -> None:
        if channel == REVOKED_CHANNEL:
            for session in self._registry:
                if session.known.digest.hex() == payload:
                    await self._revoke(session)
        elif channel == NODE_CHANNEL:
            uid, _, epoch = payload.partition(":")
            here = self._registry.find(UUID(uid))
            if here is not None and here.epoch < int(epoch):
                await self._supersede(here, int(epoch))
        elif channel == TAKEOVER_CHANNEL:
            uid, _, epoch = payload.partition(":")
            here = self._registry.find(UUID(uid))
            if here is not None and here.epoch < int(epoch) and here.leaving_since is None:
                self._later(self._release(here))

    async def _release(self, session: Session) -> None:
        """An agent at another relay takes the node over; one here that does so is in the registry by then."""
        await asyncio.sleep(SWEEP_SECONDS)
        if self._registry.find(session.known.node_uid) is session and not session.closed:
            await session.ask_to_leave("takeover", seconds=LEAVE_SECONDS_MAX, now=time.monotonic())
            self._registry.changed()

    async def _supersede(self, session: Session, epoch: int) -> None:
        # Our own newer connection may be between its epoch and its place in the registry.
        await asyncio.sleep(SWEEP_SECONDS)
        if session.closed or self._registry.find(session.known.node_uid) is not session:
            return
        try:
            await self._store.add_event(
                node_id=session.known.node_id,
                kind="SECOND_CONNECTION",
                details={"epoch": epoch, "before": session.epoch, "running": len(session.attempts)},
            )
        except (psycopg.Error, PoolTimeout):
            log.exception("event not written")
        await self._end(
            session, protocol.CLOSE_REPLACED, "replaced", "another connection came with this token"
        )

    async def _revoke(self, session: Session) -> None:
        log.warning("token revoked", extra={"node": str(session.known.node_uid)})
        await self._end(session, protocol.CLOSE_REVOKED, "token_revoked", "this token was revoked")

    async def _end(self, session: Session, close_code: int, code: str, message: str) -> None:
        self._registry.remove(session, now_ns=time.monotonic_ns())
        # An agent that takes nothing must not keep us from the others.
        self._later(session.close(close_code, code, message))

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
