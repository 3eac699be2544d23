"""Charges that could not be posted: found with what they are about, and queued again by an operator."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from billing import charges
from billing.models import Charge, ChargeQuarantine


def find_charges(*, usages: Sequence[int]) -> dict[int, Charge]:
    """The charges of these usage records, by them."""
    return Charge.objects.in_bulk(list(usages))


def requeue(*, row: ChargeQuarantine, actor: Actor, now: datetime) -> None:
    """Queue a charge again, on an operator's word that the cause is gone; recorded under their name."""
    with transaction.atomic():
        charges.requeue_charge(usage_id=row.usage_id)
        audit.record_event(
            actor=actor,
            action="charge.requeue",
            subject_kind="charge",
            subject_uid=None,
            organization=None,
            now=now,
            details={"usage_id": row.usage_id, "error": row.error},
        )
