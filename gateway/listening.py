"""What PostgreSQL announces: revoked keys and a changed book."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import psycopg

from gateway.database import add_limits

REVOKED = "jouleport_revoked"
BOOK = "jouleport_book"
RETRY_SECONDS = 0.5
# A connection that died without a word is noticed by asking.
PING_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Listener:
    """
    Keeps one connection that listens. `connected` is False while announcements may be missed.

    `heard` is set once it listens for the first time. `on_revoked` gets the digest of a key, `on_book`
    nothing; `on_lost` is called when the connection breaks.
    """

    def __init__(
        self,
        url: str,
        *,
        on_revoked: Callable[[bytes], None],
        on_book: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._url = add_limits(url)
        self._on_revoked = on_revoked
        self._on_book = on_book
        self._on_lost = on_lost
        self.connected = False
        self.heard = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled, connecting again whenever the connection breaks."""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                logger.warning("Unable to listen to PostgreSQL: %s", type(error).__name__)
            finally:
                self.connected = False
                self._on_lost()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, prepare_threshold=None)
        async with connection:
            await connection.execute(f"LISTEN {REVOKED}")
            await connection.execute(f"LISTEN {BOOK}")
            self.connected = True
            self.heard.set()
            # What changed while nobody listened is in the book of now.
            self._on_book()
            while True:
                async for notice in connection.notifies(timeout=PING_SECONDS):
                    if notice.channel == BOOK:
                        self._on_book()
                    elif notice.channel == REVOKED:
                        self._take_revocation(notice.payload)
                await connection.execute("SELECT 1")

    def _take_revocation(self, payload: str) -> None:
        try:
            self._on_revoked(bytes.fromhex(payload))
        except ValueError:
            logger.warning("A revocation came without a digest")
