"""Wake-ups of the market: each finds its own work in PostgreSQL and may run twice or not at all."""

import logging
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from billing.fx import quotes
from marketplace import publishing, series_feeds, site_factors
from marketplace.lots import awards, heat, power, readings
from marketplace.models import Offer

SECONDS_MAX = 20

logger = logging.getLogger(__name__)


@shared_task(name="marketplace.tasks.fetch_feeds")
def fetch_feeds(**_: Any) -> int:
    """Fetch the series whose time has come; gives how many were asked for."""
    outcomes = series_feeds.fetch_due(clock=timezone.now, keys=settings.FEED_KEYS, seconds_max=SECONDS_MAX)
    return len(outcomes)


@shared_task(name="marketplace.tasks.publish_cards")
def publish_cards(**_: Any) -> int:
    """Publish the price cards that are missing ahead; gives how many."""
    done = publishing.publish_ahead(now=timezone.now(), seconds_max=SECONDS_MAX)
    if done.cards:
        logger.info("Published %d price cards of %d offers", done.cards, done.offers)
    return done.cards


@shared_task(name="marketplace.tasks.ensure_series_partitions")
def ensure_series_partitions(**_: Any) -> None:
    """Keep two years of partitions ready ahead; complain of points that found none."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT parent, made, strays FROM ensure_series_partitions_v1()")
        for parent, made, strays in cursor.fetchall():
            if made:
                logger.info("Made %d partitions of %s", made, parent)
            if strays:
                logger.error("%d rows of %s are in its default partition", strays, parent)


@shared_task(name="marketplace.tasks.follow_carbon")
def follow_carbon(**_: Any) -> int:
    """Reckon with the step of their carbon series that now runs; gives how many sites changed."""
    return site_factors.follow_carbon(now=timezone.now())


@shared_task(name="marketplace.tasks.refresh_quotes")
def refresh_quotes(**_: Any) -> int:
    """Have quotes stand from every wallet's currency to those of live offers; gives how many were made."""
    prices = Offer.objects.filter(state=Offer.State.LIVE).values_list("currency", flat=True).distinct()
    return quotes.refresh_standing(prices=prices, now=timezone.now())


@shared_task(name="marketplace.tasks.award_lots")
def award_lots(**_: Any) -> int:
    """Award power lots whose deadline is over and bring them into tariffs; gives how many were awarded."""
    now = timezone.now()
    done = power.award_due(now=now)
    awards.follow_awards(now=now)
    return done


@shared_task(name="marketplace.tasks.follow_heat")
def follow_heat(**_: Any) -> int:
    """Charge readings nobody objects to, and follow heat's seasons; gives how many readings were charged."""
    now = timezone.now()
    heat.follow_seasons(now=now)
    return readings.charge_silent(now=now)
