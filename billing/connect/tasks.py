"""Wake-ups of transfers to providers' accounts; without Stripe they do nothing."""

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from billing.connect import handlers, transfers
from billing.stripe.client import StripeUnavailable, make_client

logger = logging.getLogger(__name__)
handlers.register()


@shared_task(name="billing.tasks.send_connect_payouts")
def send_connect_payouts(**_: Any) -> None:
    """Send what waits, and finish what was begun."""
    try:
        transfers.send_waiting(asked=make_client(), now=timezone.now())
    except StripeUnavailable as problem:
        logger.debug("Stripe was not asked: %s", problem)
