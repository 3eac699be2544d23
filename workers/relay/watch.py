"""What a relay looks after by itself: time limits, silent agents, revocations, newer connections."""

from __future__ import annotations

import asyncio
import logging
import time
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from workers import protocol
from workers.relay.nodes import Registry, Session
from workers.relay.settings import Settings
from workers.relay.store import NODE_CHANNEL, REVOKED_CHANNEL, Store

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
                else:
                    self._check_times(session, now=now)

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
        sessions = {session.known.node_id: session for session in self._registry}
        if not sessions:
            return
        standings = await self._store.refresh(node_ids=list(sessions))
        for node_id, session in sessions.items():
            standing = standings.get(node_id)
            if standing is None or standing.revoked:
                await self._revoke(session)
            elif standing.state == "RETIRED":
                await self._end(session, protocol.CLOSE_REFUSED, "node_retired", "this node is retired")
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
        task = asyncio.ensure_future(session.close(close_code, code, message))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
