"""What providers are told of their own addresses: written behind requests, once in a while for each node."""

from __future__ import annotations

import asyncio
import logging
import time
from uuid import UUID

from gateway.database import DatabaseAway, DatabaseBusy, Links
from workers.upstream import targets

FLUSH_SECONDS = 1.0
# PostgreSQL keeps the longer pause between two events; this spares it the question.
PAUSE_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Complaints:
    """Gathers refused credentials and writes an event of them soon."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._waiting: dict[int, UUID] = {}
        self._told: dict[int, float] = {}

    def add(self, *, node_id: int, attempt_uid: UUID) -> None:
        """Have the node's provider told that its address refused our credential."""
        now = time.monotonic()
        if now - self._told.get(node_id, -PAUSE_SECONDS) >= PAUSE_SECONDS:
            self._told[node_id] = now
            self._waiting[node_id] = attempt_uid

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits; what cannot be written now stays for the next time."""
        while self._waiting:
            node_id, attempt_uid = next(iter(self._waiting.items()))
            try:
                await self._links.fetch(targets.COMPLAINT, targets.list_complaint(node_id, attempt_uid))
            except (DatabaseAway, DatabaseBusy) as error:
                logger.warning("Unable to tell of a refused credential: %s", error)
                return
            del self._waiting[node_id]
