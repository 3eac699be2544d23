"""
True prices: usage that was sold at a cap is measured against the final price, and the rest given back.

Everything that waits is a row; whoever stops here is gone on from by the next call, and nothing is given
twice.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from core.errors import DomainError
from marketplace.final_prices import Final, find_finals
from marketplace.models import PriceCard
from marketplace.quotes import KINDS

COLLECTED_MAX = 50_000
SETTLED_MAX = 2_000
CARDS_MAX = 500
SECOND = timedelta(seconds=1)

# In no order, so that those whose price is not final yet keep nobody from a turn.
WAITING = """
SELECT card_id, min(sold_at), max(sold_at) FROM capped_usage WHERE sold_at < %s
 GROUP BY card_id ORDER BY random() LIMIT %s
"""
SETTLE = """
SELECT settle_capped_v1(%s, %s::timestamptz[], %s::timestamptz[], %s::numeric[], %s::numeric[], %s::numeric[],
                        %s::numeric[], %s::numeric[], %s)
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """How many usage records were measured against their final price, of how many cards."""

    records: int
    cards: int


def settle_capped(*, now: datetime, seconds_max: float) -> Settled:
    """
    Settle what was sold at a cap and has a final price by now, until nothing is left or the time is up.

    A card that cannot be settled (its tariff's rate of exchange is gone) waits and is told of; it holds up
    nobody else.
    """
    stop_at = time.monotonic() + seconds_max
    while time.monotonic() < stop_at and _collect():
        pass
    with connection.cursor() as cursor:
        cursor.execute(WAITING, [now, CARDS_MAX])
        waiting = cursor.fetchall()
    cards = PriceCard.objects.select_related("basis").in_bulk([card for card, _, _ in waiting])
    records = settled = 0
    for card, first, last in waiting:
        if time.monotonic() > stop_at:
            break
        try:
            finals = find_finals(card=cards[card], start=first, end=last + SECOND)
        except DomainError as refused:
            logger.error("Unable to settle what was sold by card %d: %s", card, refused.message)
            continue
        found = _settle(card, finals, stop_at) if finals else 0
        records += found
        settled += bool(found)
    return Settled(records, settled)


def _collect() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT collect_capped_v1(%s)", [COLLECTED_MAX])
        return int(cursor.fetchone()[0]) == COLLECTED_MAX


def _settle(card: int, finals: Sequence[Final], stop_at: float) -> int:
    columns: list[list[Any]] = [
        [final.start for final in finals],
        [final.end for final in finals],
        [final.per_kwh for final in finals],
        *([final.prices[kind] for final in finals] for kind in KINDS),
    ]
    settled = 0
    while time.monotonic() < stop_at:
        with connection.cursor() as cursor:
            cursor.execute(SETTLE, [card, *columns, SETTLED_MAX])
            found = int(cursor.fetchone()[0])
        settled += found
        if found < SETTLED_MAX:
            break
    return settled
