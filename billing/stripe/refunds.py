"""
Unused money goes back the way it came. The wallet is debited first, then Stripe is asked; what Stripe
cannot send back the wallet gets again. What the payment cost stays the platform's.

What a person sent back at Stripe, without us, is taken from the wallet when it is told. What of it had been
spent is owed by the organization: a receivable that operators see.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import stripe
from django.db import transaction
from django.db.models import Q, Sum

from accounts import audit
from accounts.audit import SYSTEM, Actor
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


AT_STRIPE = "sent back at Stripe"
"""The reason of refunds that we did not ask for."""


class RefundDiffers(RuntimeError):
    """It is in another currency than was paid in: nothing is taken until a person has looked."""


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
    """
    Ask how a refund stands and act on it; nothing where it is about no payment of ours.

    :raises RefundDiffers: if it was made at Stripe in another currency than the payment
    """
    with client.asking():
        found = facts.read_refund(asked.v1.refunds.retrieve(refund_id).to_dict())
    row = StripeRefund.objects.filter(refund_id=refund_id).first()
    if row is None and found.refund_uid is not None:
        row = find_refund(uid=found.refund_uid)
    if row is None:
        paid = payments.find_paid(charge_id=found.charge_id, intent_id=found.intent_id, asked=asked, now=now)
        row = None if paid is None else adopt(top_up=paid, found=found, now=now)
    return None if row is None else note(refund=row, found=found, now=now)


def adopt(*, top_up: StripeTopUp, found: RefundFacts, now: datetime) -> StripeRefund:
    """
    Take what was sent back at Stripe from the wallet, as far as it has it; a repeat changes nothing.

    :raises RefundDiffers: if it is in another currency than the payment
    """
    if found.currency != top_up.currency:
        raise RefundDiffers(f"{found.id}: {found.currency}, not {top_up.currency}")
    with transaction.atomic():
        paid = StripeTopUp.objects.select_for_update(no_key=True).get(pk=top_up.pk)
        known = StripeRefund.objects.filter(refund_id=found.id).first()
        if known is not None:
            return known
        wallet, _, _ = _find_accounts(paid)
        free = payments.lock_free(top_up=paid, wallet_account=wallet, now=now)
        uncovered = found.amount - min(free, found.amount)
        refund = _take(paid, found.amount, AT_STRIPE, SYSTEM, now, uncovered=uncovered, refund_id=found.id)
        audit.record_event(
            actor=SYSTEM,
            action="top_up.refunded_at_stripe",
            subject_kind="top_up",
            subject_uid=paid.uid,
            organization=paid.organization,
            now=now,
            details={
                "refund": found.id,
                "amount": Money(found.amount, paid.currency).literal,
                "uncovered": Money(uncovered, paid.currency).literal,
            },
        )
    return refund


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


def _take(
    top_up: StripeTopUp,
    amount: Decimal,
    reason: str,
    actor: Actor,
    now: datetime,
    *,
    uncovered: Decimal = Decimal(0),
    refund_id: str | None = None,
) -> StripeRefund:
    uid = ids.make_uid()
    named = f"{actor.kind.lower()}:{actor.uid or 'billing'}"
    wallet, transit, receivable = _find_accounts(top_up)
    lines = {wallet: amount - uncovered, receivable: uncovered, transit: -amount}
    posted = ledger.post(
        key=f"stripe:refund:{uid}",
        kind="STRIPE_REFUND",
        actor=named,
        lines={account: moved for account, moved in lines.items() if moved},
        happened_at=now,
        reason=reason,
    )
    return StripeRefund.objects.create(
        uid=uid,
        top_up=top_up,
        amount=amount,
        uncovered=uncovered,
        reason=reason,
        actor=named,
        state=State.REQUESTED if refund_id is None else State.SENT,
        refund_id=refund_id,
        requested_at=now,
        follow_at=now + FOLLOW_AFTER,
        entry_id=posted.entry_id,
    )


def _give_back(row: StripeRefund, now: datetime) -> int:
    wallet, transit, receivable = _find_accounts(row.top_up)
    lines = {transit: row.amount, wallet: row.uncovered - row.amount, receivable: -row.uncovered}
    return ledger.post(
        key=f"stripe:refund_back:{row.uid}",
        kind="STRIPE_REFUND_BACK",
        actor="system:stripe",
        lines={account: moved for account, moved in lines.items() if moved},
        happened_at=now,
    ).entry_id


def _find_accounts(top_up: StripeTopUp) -> tuple[int, int, int]:
    """The organization's wallet, what is on its way back to it, and what it owes of that."""
    owner, currency = top_up.organization_id, top_up.currency
    wallet = wallets.open_wallet(organization_id=owner, currency=currency).account_id
    transit, receivable = (
        ledger.open_account(purpose=purpose, currency=currency, organization_id=owner)
        for purpose in ("REFUND_IN_TRANSIT", "REFUND_RECEIVABLE")
    )
    return wallet, transit, receivable
