"""Wake-ups of the treasury: rates are heard, positions told from the ledger, months revalued."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from billing.fx import positions, sources
from billing.models import AccountingPeriod, FxRate

SECONDS_MAX = 20
FEED_PAUSE = timedelta(hours=20)


@shared_task(name="billing.tasks.note_rates")
def note_rates(**_: Any) -> int:
    """Note what sources say of currencies; gives how many rates were new."""
    now = timezone.now()
    heard: list[sources.RateSource] = [sources.BankFile()]
    newest = FxRate.objects.filter(source=sources.BankFeed.name).aggregate(at=Max("as_of"))["at"]
    # The bank speaks once on a working day; there is nothing to ask for hours after.
    if settings.FX_ECB and (newest is None or now - newest > FEED_PAUSE):
        heard.append(sources.BankFeed())
    return sources.note_rates(sources=heard, now=now)


@shared_task(name="billing.tasks.follow_positions")
def follow_positions(**_: Any) -> int:
    """Tell positions from the ledger, and post what was gained; gives how many entries moved one."""
    return positions.follow_ledger(seconds_max=SECONDS_MAX)


@shared_task(name="billing.tasks.revalue_positions")
def revalue_positions(**_: Any) -> int:
    """Revalue what was held when the last month ended, once; gives how many positions there were."""
    now = timezone.now()
    last_day = now.date().replace(day=1) - timedelta(days=1)
    if AccountingPeriod.objects.filter(ends_on__gte=last_day).exists():
        return 0
    positions.follow_ledger(seconds_max=SECONDS_MAX)
    return positions.revalue(day=last_day, now=now)
