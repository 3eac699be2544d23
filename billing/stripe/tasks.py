"""Wake-ups of what comes in through Stripe; without Stripe they do nothing."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import stripe
from celery import shared_task
from django.utils import timezone

from billing.stripe import handlers, inbox, movements, payments, recharge, sweeper
from billing.stripe.client import StripeUnavailable, make_client

logger = logging.getLogger(__name__)
handlers.register()


@shared_task(name="billing.tasks.handle_stripe_events")
def handle_stripe_events(**_: Any) -> None:
    """Act on the events that came."""
    _ask(lambda asked, now: inbox.handle_due(asked=asked, now=now))


@shared_task(name="billing.tasks.sweep_stripe")
def sweep_stripe(**_: Any) -> None:
    """Find what was never told."""
    _ask(lambda asked, now: sweeper.sweep(asked=asked, now=now))


@shared_task(name="billing.tasks.recharge_wallets")
def recharge_wallets(**_: Any) -> None:
    """Fill the wallets that ran low."""
    _ask(lambda asked, now: recharge.recharge_wallets(asked=asked, now=now))


@shared_task(name="billing.tasks.release_stripe")
def release_stripe(**_: Any) -> None:
    """Book what Stripe lets us have by now, and release what was kept back long enough."""
    now = timezone.now()
    movements.release_available(now=now)
    payments.release_reserves(now=now)


def _ask(act: Callable[[stripe.StripeClient, datetime], object]) -> None:
    try:
        act(make_client(), timezone.now())
    except StripeUnavailable as problem:
        logger.debug("Stripe was not asked: %s", problem)
