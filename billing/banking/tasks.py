"""Wake-ups of what banks say."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from billing.banking import booking


@shared_task(name="billing.tasks.book_bank_lines")
def book_bank_lines(**_: Any) -> int:
    """Act on lines of statements that nobody has acted on; gives how many."""
    return booking.book_new_lines(now=timezone.now())
