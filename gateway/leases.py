"""
Leases: once a second one call renews all attempts of this gateway and writes how much each has delivered.

An attempt whose lease is lost stops at once, and one that could not be renewed stops some seconds before its
lease runs out, so that what the sweeper settles from the last checkpoint is all that was delivered but those
seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from gateway import arrays
from gateway.database import DatabaseAway, DatabaseBusy, Link

QUERY = "SELECT attempt_id FROM renew_v1(%s::bigint[], %s::bigint[], %s::bigint[])"
BATCH_MAX = 1000

logger = logging.getLogger(__name__)


class Leased(Protocol):
    """A running attempt, as its lease needs to know it. `sending_since` is 0 while no send is waiting."""

    attempt_id: int
    delivered_in: int
    delivered_out: int
    lease_until: float
    sending_since: float

    def lose_lease(self) -> None:
        """Stop: the attempt is not ours any more."""

    def drop_buyer(self) -> None:
        """Stop: the buyer does not take what is sent."""


class Leases:
    """The attempts that run here. Times are monotonic seconds."""

    def __init__(
        self, link: Link, *, lease_seconds: float, margin_seconds: float, renew_seconds: float, stalled: float
    ) -> None:
        self._link = link
        self._lease_seconds = lease_seconds
        self._margin_seconds = margin_seconds
        self._renew_seconds = renew_seconds
        self._stalled = stalled
        self._running: dict[int, Leased] = {}
        self.last_renewal = time.monotonic()
        self.renewed = 0

    def __len__(self) -> int:
        return len(self._running)

    def add(self, leased: Leased) -> None:
        """Take an attempt that was opened just now."""
        leased.lease_until = time.monotonic() + self._lease_seconds
        self._running[leased.attempt_id] = leased

    def remove(self, leased: Leased) -> None:
        """Forget an attempt that has ended."""
        self._running.pop(leased.attempt_id, None)

    async def run(self) -> None:
        """Renew until cancelled."""
        renewal: asyncio.Task[None] | None = None
        while True:
            await asyncio.sleep(self._renew_seconds)
            # A renewal that hangs must not keep anybody from stopping in time.
            if renewal is None or renewal.done():
                renewal = asyncio.create_task(self._renew_safely())
            self._stop_late(time.monotonic())

    def _stop_late(self, now: float) -> None:
        for leased in list(self._running.values()):
            if leased.lease_until - self._margin_seconds < now:
                leased.lose_lease()
            if leased.sending_since and leased.sending_since + self._stalled < now:
                leased.drop_buyer()

    async def _renew_safely(self) -> None:
        try:
            await self.renew()
        except (DatabaseAway, DatabaseBusy) as error:
            logger.warning("Unable to renew %s leases: %s", len(self._running), error)

    async def renew(self) -> None:
        """
        Renew every lease and stop the attempts that are not ours any more.

        :raises DatabaseAway: PostgreSQL does not answer
        """
        running = list(self._running.values())
        for first in range(0, len(running), BATCH_MAX):
            await self._renew_batch(running[first : first + BATCH_MAX])
        self.last_renewal = time.monotonic()

    async def _renew_batch(self, batch: list[Leased]) -> None:
        # Counted from before the call: the database's own clock starts the lease later than this.
        began = time.monotonic()
        columns = [
            arrays.write_plain(leased.attempt_id for leased in batch),
            arrays.write_plain(leased.delivered_in for leased in batch),
            arrays.write_plain(leased.delivered_out for leased in batch),
        ]
        held = {row[0] for row in await self._link.fetch(QUERY, columns)}
        for leased in batch:
            if leased.attempt_id in held:
                leased.lease_until = began + self._lease_seconds
                self.renewed += 1
            elif leased.attempt_id in self._running:
                leased.lose_lease()
