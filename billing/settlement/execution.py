"""
Carrying out what two people agreed to. Each item is a transaction of its own with its entries and its payout;
whoever dies in between is followed by somebody who finds what is left, and nothing is done twice.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from accounts import audit
from accounts.audit import Actor
from billing import approvals
from billing.models import SettlementBatch
from billing.settlement import batches
from billing.settlement.gates import Ask
from core import ids

CHUNK = 200
"""Providers that are asked about at once."""


def execute(*, batch: SettlementBatch, ask: Ask, actor: Actor, now: datetime) -> SettlementBatch:
    """
    Carry a batch out, or go on with it, to its end.

    Providers that may not be paid any more are left out, and counted again next time.

    :raises billing.approvals.ApprovalMissing: if nobody approved it
    :raises billing.approvals.ContentChanged: if it is not what was approved
    """
    start(batch=batch, actor=actor, now=now)
    while pay_some(batch=batch, ask=ask, now=now):
        pass
    batch.refresh_from_db()
    return batch


def start(*, batch: SettlementBatch, actor: Actor, now: datetime) -> None:
    """
    Begin, once; a batch that is being carried out already is left as it is.

    :raises billing.approvals.ApprovalMissing: if nobody approved it
    :raises billing.approvals.ContentChanged: if it is not what was approved
    """
    batch.refresh_from_db()
    if batch.state in (batches.State.EXECUTING, batches.State.DONE):
        return
    approvals.require_approved(kind=batches.KIND, subject=str(batch.uid), content=batches.describe(batch))
    with transaction.atomic():
        if not _call("SELECT start_settlement_v1(%s, %s)", batch.pk, now):
            raise approvals.ContentChanged
        audit.record_event(
            actor=actor,
            action="settlement.execute",
            subject_kind="settlement",
            subject_uid=batch.uid,
            organization=None,
            now=now,
            details={"sha256": batch.content_sha256},
        )


def pay_some(*, batch: SettlementBatch, ask: Ask, now: datetime) -> bool:
    """Carry out the next items; answers whether there may be more. The last one ends the batch."""
    rows = batch.items.filter(outcome=None).order_by("id")[:CHUNK]
    items = list(rows.values_list("pk", "organization_id", "amount"))
    owed = {organization: amount for _, organization, amount in items if amount > 0}
    stopped = {
        gate.organization_id for gate in ask(owed, batch.currency, now) if gate.refusal == "NOT_ALLOWED"
    }
    for item, organization, _ in items:
        _call("SELECT pay_item_v1(%s, %s, %s, %s)", item, ids.make_uid(), organization in stopped, now)
    if items:
        return True
    _call("SELECT finish_settlement_v1(%s, %s)", batch.pk, now)
    return False


def _call(query: str, *values: Any) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query, list(values))
        return bool(cursor.fetchone()[0])
