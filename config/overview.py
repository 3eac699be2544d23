"""The operators' overview: whether the exchange is well, in one page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import redis
from django.db import Error, connection
from django.db.models import Count, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.operators import operators_only
from billing import trial_balance
from billing.models import ChargeQuarantine, QueuedCharge, Scope
from billing.stripe import activity
from config import health
from core.money import Money
from marketplace.models import Job
from workers.models import MeterFlag

# A charge is posted within seconds; one that waits for longer means that something is stuck.
UNPOSTED_AGE_MAX = timedelta(seconds=60)
FLAGS_SHOWN_MAX = 10
MONTHS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether something answers."""

    name: str
    works: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """Charges on their way into the ledger."""

    waiting: int
    oldest_age: timedelta | None
    quarantined: int

    @property
    def is_late(self) -> bool:
        """Whether the oldest has waited for longer than it should."""
        return self.oldest_age is not None and self.oldest_age > UNPOSTED_AGE_MAX


@require_safe
@never_cache
@operators_only
def show_overview(request: HttpRequest) -> HttpResponse:
    """The page."""
    now = timezone.now()
    context: dict[str, Any] = {
        "now": now,
        "probes": [
            _probe("PostgreSQL", health.check_postgresql),
            _probe("Redis", health.check_redis),
            _probe("migrations", health.check_migrations),
        ],
        "balances": trial_balance.read_trial_balances(),
        "held": _read_held(),
        "queue": _read_queue(now),
        "running": Job.objects.filter(state=Job.State.RUNNING).count(),
        "flags": MeterFlag.objects.select_related("attempt").order_by("-pk")[:FLAGS_SHOWN_MAX],
        "activity": _read_activity(now),
        "flag_counts": MeterFlag.objects.values("kind")
        .annotate(times=Count("pk"))
        .order_by("-times", "kind"),
    }
    return render(request, "config/overview.html", context)


def _probe(name: str, check: Callable[[], None]) -> Probe:
    try:
        check()
    except (Error, redis.RedisError, health.Unready):
        return Probe(name, works=False)
    return Probe(name, works=True)


def _read_held() -> list[tuple[Money, Money]]:
    rows = Scope.objects.filter(kind=Scope.Kind.WALLET).values("currency")
    sums = rows.annotate(posted=Sum("posted"), held=Sum("held")).order_by("currency")
    return [
        (
            Money(row["posted"] or Decimal(0), row["currency"]),
            Money(row["held"] or Decimal(0), row["currency"]),
        )
        for row in sums
    ]


def _read_activity(now: datetime) -> list[activity.Activity]:
    with connection.cursor() as cursor:

        def ask(query: str) -> list[tuple[Any, ...]]:
            cursor.execute(query)
            return list(cursor.fetchall())

        months = activity.list_months(now=now, count=MONTHS_SHOWN)
        return [activity.read_activity(ask=ask, month=month) for month in months]


def _read_queue(now: datetime) -> Queue:
    waiting = QueuedCharge.objects.aggregate(times=Count("pk"), oldest=Min("queued_at"))
    oldest = waiting["oldest"]
    return Queue(
        waiting=waiting["times"],
        oldest_age=max(now - oldest, timedelta()) if oldest else None,
        quarantined=ChargeQuarantine.objects.count(),
    )
