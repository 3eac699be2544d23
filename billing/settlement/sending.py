"""Payouts that wait to be sent: by the method that was agreed to, or by the provider's next one."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Exists, OuterRef

from accounts.audit import Actor
from billing.models import Payout, RailFilePayout
from billing.rails import methods
from billing.settlement import gates, payouts

BATCH = 500
BARRED = "The provider may not be paid at the moment."


def list_waiting(*, rail: str | None = None, currency: str | None = None) -> list[Payout]:
    """Payouts that no rail has yet and no file names, the oldest first."""
    filed = RailFilePayout.objects.filter(payout_id=OuterRef("pk"), live=True)
    rows = Payout.objects.filter(~Exists(filed), state=Payout.State.PLANNED)
    rows = rows.select_related("organization", "item")
    if rail is not None:
        rows = rows.filter(rail=rail)
    if currency is not None:
        rows = rows.filter(currency=currency)
    return list(rows.order_by("id")[:BATCH])


def reroute_blocked(*, actor: Actor, now: datetime) -> int:
    """
    Let payouts whose method may not be paid any more go by the provider's next one; answers how many moved.

    Where there is no other, or the provider may not be paid at all, the payout has failed: the money is owed
    again, and counted next time.
    """
    waiting = list_waiting()
    barred = gates.list_barred(organization_ids=[one.organization_id for one in waiting], now=now)
    moved = 0
    for payout in waiting:
        try:
            moved += _look_after(payout, payout.organization_id in barred, actor=actor, now=now)
        except payouts.InFile:
            # Somebody made a file of it just now; it is looked at again when that is thrown away.
            continue
    return moved


def _look_after(payout: Payout, barred: bool, *, actor: Actor, now: datetime) -> bool:
    if barred:
        payouts.mark_failed(payout_uid=payout.uid, reason=BARRED, happened_at=now, actor=actor, now=now)
        return False
    try:
        methods.require_payable(
            method_id=payout.method_id,
            organization_id=payout.organization_id,
            currency=payout.currency,
            now=now,
        )
    except methods.MethodChanged as refusal:
        return try_next(payout=payout, reason=refusal.message, actor=actor, now=now)
    return False


def try_next(*, payout: Payout, reason: str, actor: Actor, now: datetime) -> bool:
    """
    Send a payout that its rail does not take by the provider's next method; answers whether there was one.

    Without another the payout has failed, and is owed again.
    """
    return _go_elsewhere(payouts.reroute, payout, reason, actor=actor, now=now)


def recall_refused(*, payout: Payout, reason: str, actor: Actor, now: datetime) -> bool:
    """
    The same for a payout that its rail was asked for and refused for good: nothing left, so it waits again.

    The caller has noted the refusal in this transaction.
    """
    return _go_elsewhere(payouts.recall, payout, reason, actor=actor, now=now)


def _go_elsewhere(
    change: Callable[..., bool], payout: Payout, reason: str, *, actor: Actor, now: datetime
) -> bool:
    other = gates.find_next_method(
        organization_id=payout.organization_id,
        currency=payout.currency,
        amount=payout.amount,
        without=payout.method_id,
        now=now,
    )
    if other is not None:
        return change(payout=payout, rail=other.rail, method_id=other.pk, reason=reason, actor=actor, now=now)
    payouts.mark_failed(payout_uid=payout.uid, reason=reason, happened_at=now, actor=actor, now=now)
    return False
