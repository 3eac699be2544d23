"""Wake-ups of invoices: months that are over are invoiced, and taxes taken once there is enough."""

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from accounts import audit
from billing.statements import invoices, months

logger = logging.getLogger(__name__)


@shared_task(name="billing.tasks.issue_invoices")
def issue_invoices(**_: Any) -> int:
    """Invoice what wallets were charged in months that are over; gives how many documents were issued."""
    return months.issue_due(actor=audit.SYSTEM, now=timezone.now())


@shared_task(name="billing.tasks.post_invoice_taxes")
def post_invoice_taxes(**_: Any) -> int:
    """Take taxes that were due from wallets that have enough by now; gives how many."""
    return invoices.post_due_taxes()
