"""Charges on their way into the ledger: in batches; one that cannot be posted never stops the others."""

import logging
import time
from dataclasses import dataclass

from django.db import DatabaseError, connection, transaction
from psycopg import errors

BATCH_MAX = 5000
QUARANTINED_MAX = 100
"""In one run. More than that is no bad charge but a fault of ours, and the run stops."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What a run of posting did."""

    charges: int = 0
    entries: int = 0
    quarantined: int = 0


class TooManyRefused(Exception):
    """So many charges were refused in one run that the cause lies elsewhere."""


def post_charges(*, seconds_max: float) -> Tally:
    """
    Post queued charges until none is left or the time is up; several posters at once share the work.

    A charge that the ledger refuses is quarantined alone. Passing troubles (a lock timeout, a lost
    connection) are raised: nothing is lost by asking again.

    :raises TooManyRefused: after QUARANTINED_MAX charges were quarantined in this run
    """
    tally = Tally()
    stop_at = time.monotonic() + seconds_max
    while time.monotonic() < stop_at:
        before = tally.charges + tally.quarantined
        try:
            _post(tally, None)
        except DatabaseError as error:
            _require_refusal(error)
            _post_halves(tally, _oldest_queued())
        if tally.charges + tally.quarantined == before:
            break
    if tally.quarantined:
        logger.error("Quarantined %d charges, posted %d", tally.quarantined, tally.charges)
    return tally


def requeue_charge(*, usage_id: int) -> None:
    """Take a charge out of quarantine, on an operator's word that the cause is gone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT requeue_charge_v1(%s)", [usage_id])


def _post_halves(tally: Tally, usages: list[int]) -> None:
    # Depth first, oldest first; a list that is refused is halved until the culprit stands alone.
    waiting = [usages] if usages else []
    while waiting:
        part = waiting.pop()
        try:
            _post(tally, part)
        except DatabaseError as error:
            _require_refusal(error)
            if len(part) == 1:
                _quarantine(tally, part[0], error)
            else:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]


def _post(tally: Tally, usages: list[int] | None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT charges, entries FROM post_charges_v1(%s, %s::bigint[])", [BATCH_MAX, usages])
        posted, entries = cursor.fetchone()
    # Counted only after the commit, which may still refuse.
    tally.charges += posted
    tally.entries += entries


def _oldest_queued() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT usage_id FROM charge_queue ORDER BY usage_id LIMIT %s", [BATCH_MAX])
        return [usage for (usage,) in cursor.fetchall()]


def _require_refusal(error: DatabaseError) -> None:
    # Integrity and data errors are about the charge; everything else is about the day.
    if not isinstance(error.__cause__, errors.IntegrityError | errors.DataError):
        raise error


def _quarantine(tally: Tally, usage_id: int, error: DatabaseError) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT quarantine_charge_v1(%s, %s)", [usage_id, str(error)])
    tally.quarantined += 1
    logger.error("Unable to post charge %d: %s", usage_id, error)
    if tally.quarantined >= QUARANTINED_MAX:
        raise TooManyRefused(f"{tally.quarantined} charges were refused in one run")
