"""
Carrying out what two people agreed to. Each item is a transaction of its own with its entries and its payout;
whoever dies in between is followed by somebody who finds what is left, and nothing is done twice.
"""

import logging
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from accounts import audit
from accounts.audit import Actor
from billing import approvals
from billing.models import SettlementBatch
from billing.settlement import batches
from billing.settlement.gates import NOT_ALLOWED, Ask
from core import ids

CHUNK = 200
"""Providers that are asked about at once."""

logger = logging.getLogger(__name__)


def execute(*, batch: SettlementBatch, ask: Ask, actor: Actor, now: datetime) -> SettlementBatch:
    """
    Carry a batch out, or go on with it, to its end.

    Providers that may not be paid any more are left out, and counted again next time.

    :raises billing.approvals.ApprovalMissing: if nobody approved it
    :raises billing.approvals.ContentChanged: if it is not what was approved
    """
    start(batch=batch, actor=actor, now=now)
    after: int | None = 0
    while after is not None:
        after = pay_some(batch=batch, ask=ask, now=now, after=after)
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


def pay_some(*, batch: SettlementBatch, ask: Ask, now: datetime, after: int = 0) -> int | None:
    """
    Carry out the next items after one (its id); answers the last of them, or None when there are no more.

    An item that the ledger refuses is left for the next time, alone, and the batch is not over before it is
    done.
    """
    rows = batch.items.filter(outcome=None, pk__gt=after).order_by("id")[:CHUNK]
    items = list(rows.values_list("pk", "organization_id", "amount"))
    if not items:
        _call("SELECT finish_settlement_v1(%s, %s)", batch.pk, now)
        return None
    owed = {organization: amount for _, organization, amount in items if amount > 0}
    stopped = {gate.organization_id for gate in ask(owed, batch.currency, now) if gate.refusal == NOT_ALLOWED}
    for item, organization, _ in items:
        try:
            _call("SELECT pay_item_v1(%s, %s, %s, %s)", item, ids.make_uid(), organization in stopped, now)
        except IntegrityError:
            logger.exception("Item %d of settlement %s was refused", item, batch.uid)
    return items[-1][0]


def _call(query: str, *values: Any) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query, list(values))
        return bool(cursor.fetchone()[0])
