"""What is done about free starts by itself."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from billing.free_starts import starts


@shared_task(name="billing.tasks.forget_networks")
def forget_networks(**_: Any) -> int:
    """Forget from which networks test money was asked for, once it counts no more; gives how many."""
    return starts.forget_networks(now=timezone.now())
