"""What the dispatcher keeps current: the book, who is connected, and whether there is something to do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

import psycopg
import redis.asyncio as redis
from redis.exceptions import RedisError

from marketplace.book import Book
from marketplace.listings import NodePresence
from workers import deferral, presence
from workers.deferral import SlackBook
from workers.dispatcher.database import AWAY, Database
from workers.upstream import targets
from workers.upstream.targets import Directory, Target

JOBS_CHANNEL = "jouleport_jobs"
BOOK_CHANNEL = "jouleport_book"
BOOK_SECONDS = 2.0
PRESENCE_SECONDS = 1.0
RETRY_SECONDS = 0.5
# A connection that died without a word is noticed by asking.
PING_SECONDS = 10.0
# Without Redis nobody says which nodes are connected; what was known is believed this long.
BLIND_SECONDS_MAX = 30.0

logger = logging.getLogger(__name__)


class Watch:
    """Keeps a book with presence. `jobs_changed` is set when somebody says that jobs wait."""

    def __init__(self, database: Database, client: redis.Redis, directory: Directory) -> None:
        self.jobs_changed = asyncio.Event()
        self._database = database
        self._redis = client
        self._directory = directory
        self._targets: dict[str, Target] = {}
        self._relayed: dict[str, NodePresence] = {}
        self._book = SlackBook(Book(()), ())
        self._book_changed = asyncio.Event()
        self._started: Counter[str] = Counter()
        self._seen_at = 0.0

    def get_book(self, *, slack_hours: int = 0) -> Book:
        """
        The offers with their nodes, at the prices of work that may wait so long; attempts that relays have
        not reported yet are counted as running.
        """
        book = self._book.get_book(hours=slack_hours)
        if not self._started:
            return book
        return book.with_presence(deferral.add_started(book.presence, self._started))

    def find_target(self, node_uid: str) -> Target | None:
        """The node's own address, if it has one that may be called."""
        return self._targets.get(node_uid)

    def note_started(self, node_uid: str) -> None:
        """An attempt was sent to this node just now."""
        self._started[node_uid] += 1

    async def watch_book(self) -> None:
        """Reload the offers until cancelled: when told, and every BOOK_SECONDS."""
        while True:
            self._book_changed.clear()
            try:
                book = await self._database.load_book()
                self._targets = self._directory.read(await self._database.list_upstreams())
                self._use_nodes(book)
            except AWAY as error:
                logger.warning("Unable to load the book: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
            await _wait(self._book_changed, seconds=BOOK_SECONDS)

    async def watch_presence(self) -> None:
        """Reload what relays say until cancelled."""
        while True:
            try:
                words = await presence.read_relays(self._redis)
                self._relayed = presence.merge_presence(words)
                self._use_nodes(self._book)
                self._started.clear()
                self._seen_at = time.monotonic()
            except (RedisError, OSError) as error:
                logger.warning("Unable to read relays from Redis: %s", type(error).__name__)
                if time.monotonic() - self._seen_at > BLIND_SECONDS_MAX:
                    self._relayed = {}
                    self._use_nodes(self._book)
            await asyncio.sleep(PRESENCE_SECONDS)

    def _use_nodes(self, book: SlackBook) -> None:
        self._book = book.with_presence(targets.add_presence(self._relayed, self._targets, {}))

    async def listen(self) -> None:
        """Hear of jobs and of the book until cancelled, connecting again whenever the connection breaks."""
        while True:
            try:
                connection = await self._database.connect_listener(JOBS_CHANNEL, BOOK_CHANNEL)
                async with connection:
                    # What was said while nobody listened.
                    self.jobs_changed.set()
                    self._book_changed.set()
                    while True:
                        async for notice in connection.notifies(timeout=PING_SECONDS):
                            changed = (
                                self.jobs_changed if notice.channel == JOBS_CHANNEL else self._book_changed
                            )
                            changed.set()
                        await connection.execute("SELECT 1")
            except (psycopg.Error, OSError) as error:
                logger.warning("Unable to listen to PostgreSQL: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)


async def _wait(event: asyncio.Event, *, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
