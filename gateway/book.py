"""
The gateway's copy of the book: offers and providers' own addresses from PostgreSQL, and what relays say of
their nodes from Redis.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError

from gateway.database import DatabaseAway, DatabaseBusy, Links
from marketplace.book import Book
from marketplace.listings import NodePresence
from workers import presence
from workers.presence import RelayWord
from workers.upstream import targets
from workers.upstream.targets import Directory, Target

COLUMN_NAMES = (
    "offer_id offer_uid model_id model_slug context_length tokenizer provider_org_id provider_name site_uid "
    "site_name country region grid_zone pue gco2_per_kwh currency slots max_output_default max_output_cap "
    "card_id card_uid card_starts_at next_starts_at input_price cached_input_price output_price "
    "chip_second_price node_id node_uid chips watts_idle watts_busy upstream_model unit endpoints"
)
COLUMNS = COLUMN_NAMES.split()
QUERY = f"SELECT {', '.join(COLUMNS)} FROM book_v2()"  # noqa: S608 - the names are constants
CHANNEL = "relays"
# A relay that is missing from an emptied Redis writes itself again within two seconds.
GRACE_SECONDS = 4.0
# Without Redis nobody says which nodes are connected; what was known is believed this long.
BLIND_SECONDS_MAX = 30.0

logger = logging.getLogger(__name__)


class BookKeeper:
    """
    Keeps `book` current. Loads offers every `book_seconds` and when told, presence likewise.

    `targets` are the nodes with an address of their own, by uid; `running` counts this gateway's attempts by
    node id.
    """

    def __init__(
        self,
        links: Links,
        client: redis.Redis,
        *,
        directory: Directory,
        book_seconds: float,
        presence_seconds: float,
    ) -> None:
        self.book = Book(())
        self.targets: Mapping[str, Target] = {}
        self.running: Counter[int] = Counter()
        self._directory = directory
        self._relayed: Mapping[str, NodePresence] = {}
        self.version = 0
        self.loaded_at = 0.0
        self._links = links
        self._redis = client
        self._book_seconds = book_seconds
        self._presence_seconds = presence_seconds
        self._changed = asyncio.Event()
        self._relays: dict[str, tuple[float, RelayWord]] = {}
        self.presence_at = 0.0
        self._loading: asyncio.Task[None] | None = None
        # One load at a time: of two that overlap, the one that read first could be the one that writes last.
        self._loads = asyncio.Lock()
        self._rows: list[tuple[Any, ...]] | None = None

    def mark_changed(self) -> None:
        """Have the offers loaded now."""
        self._changed.set()

    async def load(self) -> None:
        """
        Load the offers.

        :raises DatabaseAway: PostgreSQL does not answer; the old book stays
        """
        async with self._loads:
            self._changed.clear()
            rows = await self._links.fetch(QUERY)
            upstreams = await self._links.fetch(targets.QUERY)
            self.loaded_at = time.monotonic()
            self.targets = self._directory.read(upstreams)
            # If nothing changed, the shelves that were built for matching stay.
            if rows != self._rows:
                self._rows = rows
                self.book = Book.from_rows([dict(zip(COLUMNS, row, strict=True)) for row in rows])
                self.version += 1
            self._use_nodes()

    async def refresh(self) -> None:
        """
        Load the offers now; callers at the same time share one load.

        :raises DatabaseAway: PostgreSQL does not answer
        """
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self.load())
        await asyncio.shield(self._loading)

    async def load_presence(self) -> None:
        """
        Read what relays say.

        :raises RedisError: Redis does not answer
        """
        now = time.monotonic()
        for name, word in (await presence.read_relays(self._redis)).items():
            self._relays[name] = (now, word)
        self.presence_at = now
        self._use_presence(now)

    def _use_presence(self, now: float) -> None:
        self._relays = {
            name: (at, word) for name, (at, word) in self._relays.items() if at > now - GRACE_SECONDS
        }
        self._relayed = presence.merge_presence({name: word for name, (_, word) in self._relays.items()})
        self._use_nodes()

    def _use_nodes(self) -> None:
        nodes = targets.add_presence(self._relayed, self.targets, self.running)
        if nodes != self.book.presence:
            self.book = self.book.with_presence(nodes)

    async def run(self) -> None:
        """Reload the offers until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._book_seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass
            try:
                await self.load()
            except (DatabaseAway, DatabaseBusy) as error:
                logger.warning("Unable to load the book: %s", error)
                await asyncio.sleep(0.2)

    async def run_presence(self) -> None:
        """Reload presence until cancelled: on a relay's call, and every `presence_seconds`."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as calls:
                    await calls.subscribe(CHANNEL)
                    while True:
                        await self.load_presence()
                        await calls.get_message(timeout=self._presence_seconds)
            except (RedisError, OSError) as error:
                logger.warning("Unable to read relays from Redis: %s", type(error).__name__)
                if time.monotonic() - self.presence_at > BLIND_SECONDS_MAX:
                    self._relayed = {}
                    self._use_nodes()
                await asyncio.sleep(0.5)
