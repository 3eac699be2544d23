"""What one gateway process keeps while it runs: connections, book, caches, leases. It may die any time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError

from core.metrics import REGISTRY
from gateway.admission import Admissions, Asked, Verdict
from gateway.book import BookKeeper
from gateway.complaints import Complaints
from gateway.database import Database
from gateway.jobs import Jobs
from gateway.keys import Keys
from gateway.leases import Leases
from gateway.limits import Limiter
from gateway.listening import Listener
from gateway.logs import RequestLog
from gateway.metrics import Meters, RuntimeSource
from gateway.notes import Notes
from gateway.recording import Failed, Recorder
from gateway.settings import Settings
from workers.upstream import client as upstream
from workers.upstream.guard import Guard
from workers.upstream.targets import Directory

REDIS_SECONDS_MAX = 2.0
STALE_BOOK_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Runtime:
    """Everything a request needs. Made and opened inside the running loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = database = Database(settings.database_url)
        self.redis = redis.Redis.from_url(
            settings.redis_url,
            decode_responses=True,
            socket_connect_timeout=REDIS_SECONDS_MAX,
            socket_timeout=REDIS_SECONDS_MAX + settings.presence_seconds,
        )
        self.guard = Guard(settings.upstreams)
        self.client = upstream.Client(
            timeouts=settings.timeouts, certificates=settings.upstreams.certificates
        )
        self.log = RequestLog(style=settings.log_format, enabled=settings.log_requests)
        self.keeper = BookKeeper(
            database.lookups,
            self.redis,
            directory=Directory(settings.credential_keys, policy=settings.upstreams),
            book_seconds=settings.book_seconds,
            presence_seconds=settings.presence_seconds,
        )
        self.keys = Keys(
            database.lookups, seconds=settings.key_seconds, is_listening=lambda: self.listener.connected
        )
        self.listener = Listener(
            settings.database_url,
            on_revoked=self.keys.forget,
            on_book=self.keeper.mark_changed,
            on_lost=self.keys.forget_all,
        )
        self.notes = Notes(database.changes)
        self.complaints = Complaints(database.changes)
        self.recorder = Recorder(
            database, seconds=settings.database_wait, decide_seconds=settings.decision_wait
        )
        self.admissions = Admissions(database, seconds=settings.database_wait, orphan=self._release)
        self.leases = Leases(
            database.leases,
            lease_seconds=settings.lease_seconds,
            margin_seconds=settings.lease_margin_seconds,
            renew_seconds=settings.renew_seconds,
            stalled=settings.stalled_buyer_seconds,
        )
        self.jobs = Jobs(
            keeper=self.keeper,
            admissions=self.admissions,
            keys=self.keys,
            leases=self.leases,
            attempts_max=settings.attempts_max,
        )
        self.limiter = Limiter(settings.redis_url, rates=settings.rates)
        self.requests = 0
        self.bodies_bytes = 0
        self.meters = Meters()
        self._source = RuntimeSource(self)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """
        Load the book once and start what runs beside requests.

        :raises DatabaseAway: PostgreSQL cannot be reached; a gateway that cannot admit anybody does not start
        :raises RedisError: Redis cannot be reached
        """
        await self.keeper.load()
        await self.keeper.load_presence()
        await self.limiter.pipe.open()
        for task in (
            self.keeper.run(),
            self.keeper.run_presence(),
            self.listener.run(),
            self.leases.run(),
            self.limiter.pipe.run(),
            self.limiter.run(),
            self.notes.run(),
            self.complaints.run(),
        ):
            self._tasks.append(asyncio.create_task(_keep_running(task)))
        with contextlib.suppress(TimeoutError):
            # Until revocations are heard no key is kept, which is right but slow.
            await asyncio.wait_for(self.listener.heard.wait(), timeout=self.settings.database_wait)
        REGISTRY.register(self._source)

    async def close(self) -> None:
        """Stop, after requests have ended: what they left to do is done first."""
        with contextlib.suppress(KeyError):
            # It is not there if `open` failed.
            REGISTRY.unregister(self._source)
        await self.recorder.finish()
        await self.notes.flush()
        await self.complaints.flush()
        await self.limiter.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.log.flush()
        await self.client.close()
        await self.database.close()
        await self.redis.aclose()

    def _release(self, asked: Asked, verdict: Verdict) -> None:
        """Give back what was admitted for a buyer who is not there any more."""
        if verdict.verdict == "ok" and verdict.attempt_id is not None:
            self.recorder.fail_later(Failed(verdict.attempt_id, "buyer_gone", "CANCELLED"))

    async def check_ready(self) -> dict[str, str]:
        """Say of everything a request needs whether it is there: `ok`, or what is wrong."""
        now = time.monotonic()
        stale = now - self.keeper.loaded_at > STALE_BOOK_SECONDS
        late = now - self.leases.last_renewal > self.settings.lease_seconds
        state = {
            "database": "stale" if stale else "ok",
            "leases": "late" if late else "ok",
            "revocations": "ok" if self.listener.connected else "not heard",
        }
        try:
            await self.redis.ping()
            state["redis"] = "ok"
        except (RedisError, OSError, TimeoutError):
            # Without Redis no new relay is seen, but those that are known still serve.
            state["redis"] = "away"
        return state


async def _keep_running(task: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await task
        except Exception:
            logger.exception("A task beside requests ended")
            raise
