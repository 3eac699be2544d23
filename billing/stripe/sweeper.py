"""
What was never told, or lost between a call and its commit, is found by asking.

Stripe's lists of events and of movements are read with an overlap, and whatever of ours waits for an answer
is asked about until it has one. All that follows may run twice.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import stripe
from django.db import transaction
from django.db.models import Model, QuerySet

from billing.models import StripeBalanceTransaction, StripeCursor, StripeRefund, StripeTopUp
from billing.stripe import client, facts, inbox, movements, payments, recharge, refunds, top_ups

OVERLAP = timedelta(hours=1)
LOOK_BACK = timedelta(days=3)
LOOK_BACK_MOST = timedelta(days=29)
"""Stripe lists events of thirty days."""
ROWS_MAX = 2000
BATCH = 50
WAIT_LEAST = timedelta(minutes=1)
WAIT_MOST = timedelta(hours=6)
TopUpState, RefundState = StripeTopUp.State, StripeRefund.State

logger = logging.getLogger(__name__)


def sweep(*, asked: stripe.StripeClient, now: datetime) -> None:
    """Find whatever is missing."""
    sweep_top_ups(asked=asked, now=now)
    sweep_refunds(asked=asked, now=now)
    sweep_events(asked=asked, now=now)
    sweep_movements(asked=asked, now=now)


def sweep_events(*, asked: stripe.StripeClient, now: datetime) -> int:
    """Store the events that never came; gives how many were listed."""

    def take(event: stripe.StripeObject) -> None:
        inbox.store(payload=event.to_dict(for_json=True), now=now)

    since = _find_start("events", now)
    with client.asking():
        rows = asked.v1.events.list({"created": {"gte": client.write_time(since)}, "limit": 100})
    return _take_all("events", rows, take, now)


def sweep_movements(*, asked: stripe.StripeClient, now: datetime) -> int:
    """Mirror the movements that no event told of; gives how many were listed."""

    def take(row: stripe.StripeObject) -> None:
        movements.mirror(movement=facts.read_movement(row.to_dict(for_json=True)), asked=asked, now=now)

    since = _find_start("movements", now)
    with client.asking():
        rows = asked.v1.balance_transactions.list(
            {"created": {"gte": client.write_time(since)}, "limit": 100}
        )
    return _take_all("movements", rows, take, now)


def sweep_top_ups(*, asked: stripe.StripeClient, now: datetime) -> int:
    """Ask about payments that wait for an answer; gives how many."""
    rows = _claim(StripeTopUp.objects.all(), "created_at", now)
    for row in rows:
        _try(lambda row=row: _follow_top_up(row, asked, now), row)  # type: ignore[misc]
    return len(rows)


def sweep_refunds(*, asked: stripe.StripeClient, now: datetime) -> int:
    """Ask about refunds that wait for an answer; gives how many."""
    rows = _claim(StripeRefund.objects.all(), "requested_at", now)
    for row in rows:
        _try(lambda row=row: _follow_refund(row, asked, now), row)  # type: ignore[misc]
    return len(rows)


def _follow_top_up(row: StripeTopUp, asked: stripe.StripeClient, now: datetime) -> None:
    if row.state == TopUpState.CREATED:
        is_alone = row.origin == StripeTopUp.Origin.RECHARGE
        row = (recharge.charge if is_alone else top_ups.open_page)(top_up=row, asked=asked, now=now)
    if row.state == TopUpState.OPEN:
        if row.session_id is not None:
            row = payments.follow_session(session_id=row.session_id, asked=asked, now=now) or row
        elif row.payment_intent_id is not None:
            row = payments.follow(intent_id=row.payment_intent_id, asked=asked, now=now) or row
    if row.state == TopUpState.PAID:
        _follow_paid(row, asked, now)


def _follow_paid(row: StripeTopUp, asked: stripe.StripeClient, now: datetime) -> None:
    """What is paid waits for what it cost."""
    if row.charge_id is None:
        payment = payments.fetch(intent_id=str(row.payment_intent_id), asked=asked)
        if payment.charge_id is None:
            return
        StripeTopUp.objects.filter(pk=row.pk).update(charge_id=payment.charge_id)
        row.charge_id = payment.charge_id
    is_told = StripeBalanceTransaction.objects.filter(source=row.charge_id).exists()
    if is_told or movements.follow_charge(charge_id=row.charge_id, asked=asked, now=now):
        StripeTopUp.objects.filter(pk=row.pk).update(follow_at=None)


def _follow_refund(row: StripeRefund, asked: stripe.StripeClient, now: datetime) -> None:
    if row.refund_id is None:
        refunds.send(refund=row, asked=asked, now=now)
    else:
        refunds.follow(refund_id=row.refund_id, asked=asked, now=now)


def _claim[M: Model](rows: QuerySet[M], since: str, now: datetime) -> list[M]:
    """Take what is due, and have it due again after a while that grows with its age."""
    with transaction.atomic():
        due = rows.filter(follow_at__lte=now).select_for_update(skip_locked=True, no_key=True)
        taken = list(due.order_by("follow_at", "id")[:BATCH])
        for row in taken:
            age: timedelta = now - getattr(row, since)
            wait = min(max(age / 4, WAIT_LEAST), WAIT_MOST)
            rows.filter(pk=row.pk).update(follow_at=now + wait)
    return taken


def _try(act: Callable[[], object], row: Model) -> None:
    """One that fails does not keep the others waiting; it is due again later."""
    try:
        act()
    except Exception as problem:
        logger.warning("%s %s could not be followed", type(row).__name__, row.pk, exc_info=problem)


def _find_start(name: str, now: datetime) -> datetime:
    row = StripeCursor.objects.filter(name=name).first()
    # A clock that was set back must not leave a gap.
    start = min(row.swept_to, now) - OVERLAP if row else now - LOOK_BACK
    return max(start, now - LOOK_BACK_MOST)


def _take_all(
    name: str,
    rows: "stripe.ListObject[Any]",
    take: Callable[[stripe.StripeObject], object],
    now: datetime,
) -> int:
    """Take every row of a list; only then is the list read up to now."""
    count, failed = 0, 0
    for row in rows.auto_paging_iter():
        count += 1
        try:
            take(row)
        except Exception as problem:
            failed += 1
            logger.warning("%s in Stripe's list of %s was not taken", row["id"], name, exc_info=problem)
        if count >= ROWS_MAX:
            logger.error("Stripe's list of %s is longer than %d rows", name, ROWS_MAX)
            return count
    if not failed:
        StripeCursor.objects.update_or_create(name=name, defaults={"swept_to": now})
    return count
