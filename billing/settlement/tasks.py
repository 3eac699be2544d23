"""Wake-ups of settlement: draft what is due, carry out what two agreed to, let payouts find another way."""

import time
from typing import Any

from celery import shared_task
from django.utils import timezone

from accounts.audit import SYSTEM
from billing.models import SettlementBatch
from billing.settlement import drafting, execution, gates, sending

SECONDS_MAX = 20


@shared_task(name="billing.tasks.draft_settlements")
def draft_settlements(**_: Any) -> int:
    """Draft what is due by providers' schedules, for people to look at; gives how many drafts were made."""
    return len(drafting.draft_due(ask=gates.ask, actor=SYSTEM, now=timezone.now()))


@shared_task(name="billing.tasks.carry_out_settlements")
def carry_out_settlements(**_: Any) -> None:
    """Go on with every batch that somebody began to carry out; what is left is taken up next time."""
    stop_at = time.monotonic() + SECONDS_MAX
    for batch in SettlementBatch.objects.filter(state=SettlementBatch.State.EXECUTING).order_by("id"):
        after: int | None = 0
        while after is not None and time.monotonic() < stop_at:
            after = execution.pay_some(batch=batch, ask=gates.ask, now=timezone.now(), after=after)
    sending.reroute_blocked(actor=SYSTEM, now=timezone.now())
