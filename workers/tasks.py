"""Wake-ups of the working side: each finds its own work in PostgreSQL and may run twice or not at all."""

import logging
import time
from typing import Any

from celery import shared_task
from django.db import connection
from django.utils import timezone

from accounts import replays
from workers import blobs, comparison, jobs, low_wallets, measuring, settling, site_days
from workers.income import movements

SECONDS_MAX = 20
SWEEP_BATCH_MAX = 64
FOLD_BATCH_MAX = 50_000
INCOME_BATCH_MAX = 500
"""Entries, each of which may stand for a thousand charges."""

logger = logging.getLogger(__name__)


@shared_task(name="workers.tasks.sweep_attempts")
def sweep_attempts(**_: Any) -> int:
    """Settle the attempts that dead processes left behind; gives how many."""
    settled = 0
    stop_at = time.monotonic() + SECONDS_MAX
    while time.monotonic() < stop_at:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sweep_v1(%s)", [SWEEP_BATCH_MAX])
            found = int(cursor.fetchone()[0])
        settled += found
        if found == 0:
            break
    if settled:
        logger.warning("Settled %d attempts whose leases had run out", settled)
    return settled


@shared_task(name="workers.tasks.compare_receipts")
def compare_receipts(**_: Any) -> int:
    """Compare receipts with our records; gives how many."""
    compared = 0
    stop_at = time.monotonic() + SECONDS_MAX
    while time.monotonic() < stop_at:
        found = comparison.compare_receipts(now=timezone.now())
        compared += found
        if found == 0:
            break
    return compared


@shared_task(name="workers.tasks.measure_joules")
def measure_joules(**_: Any) -> int:
    """Find from receipts what offers' prices are built from; gives how many findings are new."""
    return measuring.measure_offers(now=timezone.now())


@shared_task(name="workers.tasks.count_site_days")
def count_site_days(**_: Any) -> int:
    """Count what the work of sites used yesterday and today; gives how many days were written."""
    return site_days.count_days(now=timezone.now())


@shared_task(name="workers.tasks.wake_dispatcher")
def wake_dispatcher(**_: Any) -> int:
    """End the jobs that can never run, and tell dispatchers to look; gives how many were ended."""
    ended = jobs.end_overdue(now=timezone.now(), store=blobs.open_store())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [jobs.CHANNEL])
    return ended


@shared_task(name="workers.tasks.warn_of_low_wallets")
def warn_of_low_wallets(**_: Any) -> int:
    """Mail whose wallets run low; gives how many wallets."""
    return low_wallets.warn(now=timezone.now())


@shared_task(name="workers.tasks.fold_spending")
def fold_spending(**_: Any) -> int:
    """Add what was charged to what each key has spent by day; gives how many charges' numbers were folded."""
    folded = 0
    stop_at = time.monotonic() + SECONDS_MAX
    while time.monotonic() < stop_at:
        with connection.cursor() as cursor:
            cursor.execute("SELECT fold_spend_v1(%s)", [FOLD_BATCH_MAX])
            found = int(cursor.fetchone()[0])
        folded += found
        if found < FOLD_BATCH_MAX:
            break
    return folded


@shared_task(name="workers.tasks.fold_income")
def fold_income(**_: Any) -> int:
    """Add what was booked to what each site earned by day; gives how many entries were folded."""
    folded, stop_at = 0, time.monotonic() + SECONDS_MAX
    while time.monotonic() < stop_at:
        found = movements.fold(limit=INCOME_BATCH_MAX)
        folded += found
        if found < INCOME_BATCH_MAX:
            break
    return folded


@shared_task(name="workers.tasks.settle_prices")
def settle_prices(**_: Any) -> int:
    """Give back what final prices leave of what was charged at a cap; gives how many records were settled."""
    settled = settling.settle_capped(now=timezone.now(), seconds_max=SECONDS_MAX)
    if settled.records:
        logger.info("Settled %d records of %d cards at their final prices", settled.records, settled.cards)
    return settled.records


@shared_task(name="workers.tasks.sweep_blobs")
def sweep_blobs(**_: Any) -> int:
    """Remove the texts that have expired; gives how many."""
    return blobs.open_store().sweep(now=timezone.now())


@shared_task(name="workers.tasks.forget_replays")
def forget_replays(**_: Any) -> int:
    """Remove old answers to requests with an Idempotency-Key, and old claims of such keys; gives how many."""
    return replays.forget_replays(now=timezone.now()) + jobs.forget_claims(now=timezone.now())
