"""The wake-up of reconciliation; the first one of a day of UTC does it."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from accounts import audit
from billing.reconciliation import runs


@shared_task(name="billing.tasks.reconcile")
def reconcile(**_: Any) -> None:
    """Write down every equation, once a day."""
    runs.reconcile_daily(actor=audit.SYSTEM, now=timezone.now())
