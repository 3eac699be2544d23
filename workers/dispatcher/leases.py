"""Leases of the attempts that run here: renewed once a second, and the attempts stopped that are not ours."""

from __future__ import annotations

import asyncio
import logging
import time

from workers.dispatcher.calls import Running
from workers.dispatcher.database import AWAY, Database

LEASE_SECONDS = 10.0
MARGIN_SECONDS = 3.0
RENEW_SECONDS = 1.0

LEASE_LOST = "lease_lost"
CANCELLED = "cancelled"

logger = logging.getLogger(__name__)


class Leases:
    """The attempts that run here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: dict[int, Running] = {}

    def __len__(self) -> int:
        return len(self._running)

    def add(self, running: Running) -> None:
        """Take an attempt that was opened just now."""
        self._running[running.attempt_id] = running

    def remove(self, running: Running) -> None:
        """Forget an attempt that has ended."""
        self._running.pop(running.attempt_id, None)

    def stop_all(self, reason: str) -> None:
        """Stop every attempt."""
        for running in list(self._running.values()):
            running.stop(reason)

    async def run(self) -> None:
        """Renew until cancelled. A renewal that hangs keeps nobody from stopping in time."""
        renewal: asyncio.Task[None] | None = None
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if renewal is None or renewal.done():
                renewal = asyncio.create_task(self._renew())
            now = time.monotonic()
            for running in list(self._running.values()):
                if running.lease_until - MARGIN_SECONDS < now:
                    running.stop(LEASE_LOST)

    async def _renew(self) -> None:
        running = dict(self._running)
        if not running:
            return
        began = time.monotonic()
        try:
            held, cancelled = await self._database.renew(list(running))
        except AWAY as error:
            logger.warning("Unable to renew %d leases: %s", len(running), type(error).__name__)
            return
        for attempt_id, attempt in running.items():
            if attempt_id in held:
                attempt.lease_until = began + LEASE_SECONDS
                if attempt_id in cancelled:
                    attempt.stop(CANCELLED)
            elif attempt_id in self._running:
                attempt.stop(LEASE_LOST)
