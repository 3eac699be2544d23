"""Wake-ups of compliance: each finds its own work and may run twice or not at all."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from billing.compliance import freezes, screening


@shared_task(name="billing.tasks.screen_names")
def screen_names(**_: Any) -> int:
    """Compare names that were not compared with the newest lists yet."""
    return screening.screen_due(now=timezone.now())


@shared_task(name="billing.tasks.freeze_more")
def freeze_more(**_: Any) -> int:
    """Freeze what came since, or was let go by jobs."""
    return freezes.freeze_more(now=timezone.now())
