"""Wake-up of self-billing: payouts that were paid are invoiced, those that came back undone."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from accounts import audit
from billing.self_billing import bills


@shared_task(name="billing.tasks.issue_self_bills")
def issue_self_bills(**_: Any) -> int:
    """Issue what is due in the name of providers; gives how many documents were issued."""
    return bills.issue_due(actor=audit.SYSTEM, now=timezone.now())
