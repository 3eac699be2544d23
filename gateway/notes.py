"""What is noted beside answers for their buyers: written behind them, many in one call, and no money."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from gateway import arrays
from gateway.database import DatabaseAway, DatabaseBusy, Links

QUERY = """
    INSERT INTO answer_note (attempt_id, endpoint, streamed, finish_reason, first_ms, total_ms, request_id)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::boolean[], %s::text[], %s::int[], %s::int[],
                         %s::text[])
        ON CONFLICT DO NOTHING RETURNING attempt_id
"""
FLUSH_SECONDS = 1.0
BATCH_MAX = 2000
# While PostgreSQL is away; past it the oldest are forgotten.
KEPT_MAX = 20_000
REASON_LENGTH_MAX = 40

logger = logging.getLogger(__name__)


class Note(NamedTuple):
    """Of one attempt; times are milliseconds since its request came, `request_id` is one the buyer chose."""

    attempt_id: int
    endpoint: str
    streamed: bool
    finish_reason: str | None
    first_ms: int | None
    total_ms: int
    request_id: str | None


def clean_reason(reason: str | None) -> str | None:
    """A model server's finish reason, if it is a word that can be kept."""
    return reason if reason and len(reason) <= REASON_LENGTH_MAX and reason.isprintable() else None


class Notes:
    """Gathers notes and writes them once a second."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._waiting: list[Note] = []

    def add(self, note: Note) -> None:
        """Have a note written soon."""
        self._waiting.append(note)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits; what cannot be written now stays for the next time."""
        while self._waiting:
            batch = self._waiting[:BATCH_MAX]
            try:
                await self._links.fetch(QUERY, _write_columns(batch))
            except (DatabaseAway, DatabaseBusy) as error:
                logger.warning("Unable to write notes of answers: %s", error)
                del self._waiting[: max(len(self._waiting) - KEPT_MAX, 0)]
                return
            del self._waiting[: len(batch)]


def _write_columns(batch: list[Note]) -> list[str]:
    ids, endpoints, streamed, reasons, firsts, totals, requests = zip(*batch, strict=True)
    return [
        arrays.write_plain(ids),
        arrays.write_texts(endpoints),
        arrays.write_flags(streamed),
        arrays.write_texts(reasons),
        arrays.write_plain(firsts),
        arrays.write_plain(totals),
        arrays.write_texts(requests),
    ]
