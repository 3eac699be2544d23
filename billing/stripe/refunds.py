"""
Unused money goes back the way it came. The wallet is debited first, then Stripe is asked; what Stripe
cannot send back the wallet gets again. What the payment cost stays the platform's.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import stripe
from django.db import transaction
from django.db.models import Q, Sum

from accounts import audit
from accounts.audit import Actor
from billing import currencies, ledger, wallets
from billing.models import StripeRefund, StripeTopUp
from billing.stripe import client, facts, payments
from billing.stripe.facts import RefundFacts
from core import ids
from core.errors import DomainError, Invalid
from core.money import Money
from core.quantities import EXACT

FOLLOW_AFTER = timedelta(minutes=1)
State = StripeRefund.State
RANKS = {State.REQUESTED: 0, State.SENT: 1, State.SUCCEEDED: 2, State.FAILED: 3}
STATES = {
    "pending": State.SENT,
    "requires_action": State.SENT,
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
}


class NotPaid(DomainError):
    """What was not paid cannot go back."""

    code = "top_up_not_paid"
    message = "This payment has not arrived, so there is nothing to send back."


class RefundTooMuch(Invalid):
    """More than is left of the payment."""

    code = "refund_too_much"


def find_refundable(*, top_up: StripeTopUp) -> Money:
    """What of a payment has neither gone back nor is contested; the wallet need not have it any more."""
    nothing = Decimal(0)
    if top_up.entry_id is None:
        return Money.zero(top_up.currency)
    gone = top_up.refunds.filter(~Q(state=State.FAILED)).aggregate(sum=Sum("amount"))["sum"] or nothing
    contested = top_up.disputes.filter(state__in=("OPEN", "LOST")).aggregate(sum=Sum("amount"))["sum"]
    left = EXACT.subtract(EXACT.subtract(top_up.amount, gone), contested or nothing)
    return Money(max(left, nothing), top_up.currency)


def request(
    *, top_up: StripeTopUp, amount: Decimal, reason: str, actor: Actor, now: datetime
) -> StripeRefund:
    """
    Take unused money out of the wallet, to be sent back by `send`.

    All that is left of a payment takes with it what of it is still kept back.

    :raises NotPaid: if the payment has not arrived
    :raises RefundTooMuch: if it is more than is left of the payment, or nothing
    :raises billing.currencies.DoesNotFit: if nobody can be paid such an amount
    :raises billing.ledger.InsufficientFunds: if the wallet has less that is free
    """
    with transaction.atomic():
        row = StripeTopUp.objects.select_for_update(no_key=True).get(pk=top_up.pk)
        if row.state != StripeTopUp.State.PAID:
            raise NotPaid
        left = find_refundable(top_up=row)
        if not 0 < amount <= left.amount:
            raise RefundTooMuch(
                f"Of this payment {left} can go back.",
                field="amount",
                left=left.literal,
                currency=left.currency,
            )
        count_units(amount=amount, currency=row.currency)
        if amount == left.amount:
            payments.release_reserve(top_up=row, now=now)
        refund = _take(row, amount, reason, actor, now)
        audit.record_event(
            actor=actor,
            action="top_up.refund",
            subject_kind="top_up",
            subject_uid=row.uid,
            organization=row.organization,
            now=now,
            details={
                "refund": str(refund.uid),
                "amount": Money(amount, row.currency).literal,
                "reason": reason,
            },
        )
    return refund


def send(*, refund: StripeRefund, asked: stripe.StripeClient, now: datetime) -> StripeRefund:
    """
    Have Stripe send it back; what it refuses is given back to the wallet.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer; the sweeper asks again
    """
    if refund.refund_id is not None or refund.state != State.REQUESTED:
        return refund
    uid, intent = str(refund.uid), str(refund.top_up.payment_intent_id)
    if now - refund.requested_at > client.REPEAT_FOR:
        made = client.find_made(
            lambda: asked.v1.refunds.list({"payment_intent": intent, "limit": 100}).auto_paging_iter(),
            uid=uid,
        )
        if made is not None:
            return note(refund=refund, found=facts.read_refund(made), now=now)
    units = count_units(amount=refund.amount, currency=refund.top_up.currency)
    try:
        with client.asking():
            body = asked.v1.refunds.create(
                {"payment_intent": intent, "amount": units, "metadata": {"jouleport": uid}},
                {"idempotency_key": f"refund-{uid}"},
            ).to_dict()
    except (stripe.InvalidRequestError, stripe.CardError) as refusal:
        found = RefundFacts("", "failed", uid, refusal.code or "refused")
        return note(refund=refund, found=found, now=now)
    return note(refund=refund, found=facts.read_refund(body), now=now)


def follow(*, refund_id: str, asked: stripe.StripeClient, now: datetime) -> StripeRefund | None:
    """Ask how a refund stands and act on it; nothing where it is not one of ours."""
    with client.asking():
        found = facts.read_refund(asked.v1.refunds.retrieve(refund_id).to_dict())
    row = StripeRefund.objects.filter(refund_id=refund_id).first()
    if row is None and found.refund_uid is not None:
        row = find_refund(uid=found.refund_uid)
    return None if row is None else note(refund=row, found=found, now=now)


def find_refund(*, uid: str) -> StripeRefund | None:
    """A refund by our own name for it."""
    try:
        return StripeRefund.objects.filter(uid=UUID(uid)).first()
    except ValueError:
        return None


def decide(*, state: str, status: str) -> StripeRefund.State:
    """What a refund is after Stripe told its status: never less far than it was."""
    told = STATES.get(status, State.SENT)
    return max(State(state), told, key=lambda one: RANKS[one])


def count_units(*, amount: Decimal, currency: str) -> int:
    """
    What Stripe's interface calls the amount of a refund, which has no least.

    :raises billing.currencies.DoesNotFit: if nobody can be paid such an amount
    """
    found = currencies.find(currency=currency)
    minor = currencies.to_minor(amount=amount, currency=currency)
    # Stripe writes some currencies with more places than they have, never with fewer.
    return int(minor * 10 ** ((found.stripe_exponent or 0) - found.exponent))


def note(*, refund: StripeRefund, found: RefundFacts, now: datetime) -> StripeRefund:
    """Write down how a refund stands; one that failed is given back to the wallet, once."""
    with transaction.atomic():
        row = StripeRefund.objects.select_for_update(no_key=True, of=("self",)).get(pk=refund.pk)
        state = decide(state=row.state, status=found.status)
        row.refund_id = found.id or row.refund_id
        if state == State.FAILED and row.back_entry_id is None:
            row.back_entry_id = _give_back(row, now)
            row.failure = found.failure
        ended = state in (State.SUCCEEDED, State.FAILED)
        row.state, row.follow_at = state, None if ended else now + FOLLOW_AFTER
        row.save(update_fields=["state", "refund_id", "back_entry", "failure", "follow_at"])
    return row


def _take(top_up: StripeTopUp, amount: Decimal, reason: str, actor: Actor, now: datetime) -> StripeRefund:
    uid = ids.make_uid()
    named = f"{actor.kind.lower()}:{actor.uid or 'billing'}"
    wallet, transit = _find_accounts(top_up)
    posted = ledger.post(
        key=f"stripe:refund:{uid}",
        kind="STRIPE_REFUND",
        actor=named,
        lines={wallet: amount, transit: -amount},
        happened_at=now,
        reason=reason,
    )
    return StripeRefund.objects.create(
        uid=uid,
        top_up=top_up,
        amount=amount,
        reason=reason,
        actor=named,
        requested_at=now,
        follow_at=now + FOLLOW_AFTER,
        entry_id=posted.entry_id,
    )


def _give_back(row: StripeRefund, now: datetime) -> int:
    wallet, transit = _find_accounts(row.top_up)
    return ledger.post(
        key=f"stripe:refund_back:{row.uid}",
        kind="STRIPE_REFUND_BACK",
        actor="system:stripe",
        lines={transit: row.amount, wallet: -row.amount},
        happened_at=now,
    ).entry_id


def _find_accounts(top_up: StripeTopUp) -> tuple[int, int]:
    wallet = wallets.open_wallet(organization_id=top_up.organization_id, currency=top_up.currency)
    transit = ledger.open_account(
        purpose="REFUND_IN_TRANSIT", currency=top_up.currency, organization_id=top_up.organization_id
    )
    return wallet.account_id, transit
