"""Wake-ups of rails: read the chain, and go on with files whose handing over was interrupted."""

import logging
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from billing.rails import files
from billing.rails.chain import deposits, reader

logger = logging.getLogger(__name__)


@shared_task(name="billing.tasks.follow_chain")
def follow_chain(**_: Any) -> None:
    """Credit deposits that are deep enough; nothing where no chain is configured."""
    if not settings.CHAIN_URL:
        return
    try:
        deposits.follow_chain(
            reader=reader.make_reader(), confirmations=settings.CHAIN_CONFIRMATIONS, now=timezone.now()
        )
    except (reader.ChainUnreadable, reader.ChainUnset) as problem:
        logger.warning("The chain was not read: %s", problem)


@shared_task(name="billing.tasks.follow_payout_files")
def follow_payout_files(**_: Any) -> int:
    """Note payouts as sent whose file was handed over; gives how many."""
    return files.follow_files(now=timezone.now())
