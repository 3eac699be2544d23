"""
Payments that a payer's bank contests. What is contested is frozen while it is open: given back if it is won,
taken if it is lost, and what the wallet no longer has is the platform's loss. Where the wallet does not cover
it, the organization's other wallets are frozen until two people let them go: what was paid by card could have
been exchanged before.

Stripe takes the money and a fee from our account when a dispute opens, and gives the money back when it is
won; those movements are booked by `movements` against the same receivable, in whatever order they come.
"""

from datetime import datetime
from decimal import Decimal

import stripe
from django.db import transaction
from django.db.models import Sum

from billing import ledger, wallets
from billing.compliance import freezes
from billing.models import Posting, StripeDispute, StripeTopUp
from billing.stripe import client, facts, payments
from billing.stripe.facts import DisputeFacts

State = StripeDispute.State
STATES = {
    "warning_needs_response": State.INQUIRY,
    "warning_under_review": State.INQUIRY,
    "warning_closed": State.WON,
    "prevented": State.WON,
    "won": State.WON,
    "lost": State.LOST,
}
"""Any other status is of a dispute that is open."""
ENDED = (State.WON, State.LOST)


class DisputeDiffers(RuntimeError):
    """It is about another currency than was paid in: nothing is frozen until a person has looked."""


def decide(*, state: str | None, status: str) -> StripeDispute.State:
    """What a dispute is after Stripe told its status: what has ended stays so, what has opened stays open."""
    told = STATES.get(status, State.OPEN)
    if state in ENDED or (state == State.OPEN and told == State.INQUIRY):
        return State(state)
    return told


def follow(*, dispute_id: str, asked: stripe.StripeClient, now: datetime) -> StripeDispute | None:
    """Ask how a dispute stands and act on it; nothing where it is about no payment of ours."""
    with client.asking():
        found = facts.read_dispute(asked.v1.disputes.retrieve(dispute_id).to_dict())
    top_up = payments.find_paid(charge_id=found.charge_id, intent_id=found.intent_id, asked=asked, now=now)
    return None if top_up is None else apply(top_up=top_up, found=found, now=now)


def apply(*, top_up: StripeTopUp, found: DisputeFacts, now: datetime) -> StripeDispute:
    """
    Write down how a dispute stands, and freeze, give back or take; a repeat changes nothing.

    :raises DisputeDiffers: if it is in another currency than the payment
    """
    if found.currency != top_up.currency:
        raise DisputeDiffers(f"{found.id}: {found.currency}, not {top_up.currency}")
    with transaction.atomic():
        paid = StripeTopUp.objects.select_for_update(no_key=True).get(pk=top_up.pk)
        row = StripeDispute.objects.filter(pk=found.id).first()
        state = decide(state=row.state if row else None, status=found.status)
        row = row or StripeDispute(
            id=found.id,
            top_up=paid,
            amount=found.amount,
            reason=found.reason,
            opened_at=found.opened_at,
            state=State.INQUIRY,
        )
        row.status = found.status if row.state not in ENDED else row.status
        row.due_by = found.due_by or row.due_by
        row.submissions = max(row.submissions, found.submissions)
        if state != row.state:
            _move(row, paid, state, now)
            row.state = state
        if row._state.adding:
            row.save(force_insert=True)
        else:
            row.save(update_fields=CHANGED)
    if _find_uncovered(row):
        wallet, _ = _find_accounts(paid)
        reason = f"Dispute {row.pk}: the wallet that was paid into does not cover it"
        freezes.freeze_wallets(organization=paid.organization, but=wallet, reason=reason, now=now)
    return row


def _find_uncovered(row: StripeDispute) -> Decimal:
    """What of a dispute that is open or lost nobody has paid for."""
    if row.state == State.OPEN:
        return row.amount - row.frozen
    if row.end_entry_id is None:
        return Decimal(0)
    lost = Posting.objects.filter(entry_id=row.end_entry_id, account__purpose="DISPUTE_LOSS")
    return lost.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


CHANGED = (*("status", "state", "ended_at", "frozen", "freeze_entry", "end_entry", "due_by", "submissions"),)


def _move(row: StripeDispute, paid: StripeTopUp, state: StripeDispute.State, now: datetime) -> None:
    """Post what a dispute's next state means."""
    if state == State.OPEN:
        _freeze(row, paid, now)
    elif state == State.WON:
        row.ended_at = now
        if row.frozen:
            _give_back(row, paid, now)
    elif state == State.LOST:
        row.ended_at = now
        _take(row, paid, now)


def _freeze(row: StripeDispute, paid: StripeTopUp, now: datetime) -> None:
    wallet, frozen = _find_accounts(paid)
    row.frozen = min(payments.lock_free(top_up=paid, wallet_account=wallet, now=now), row.amount)
    if not row.frozen:
        return
    row.freeze_entry_id = ledger.post(
        key=f"stripe:dispute:{row.pk}:open",
        kind="DISPUTE_OPEN",
        actor="system:stripe",
        lines={wallet: row.frozen, frozen: -row.frozen},
        happened_at=now,
        reason=row.reason,
    ).entry_id


def _give_back(row: StripeDispute, paid: StripeTopUp, now: datetime) -> None:
    wallet, frozen = _find_accounts(paid)
    row.end_entry_id = ledger.post(
        key=f"stripe:dispute:{row.pk}:end",
        kind="DISPUTE_WON",
        actor="system:stripe",
        lines={frozen: row.frozen, wallet: -row.frozen},
        happened_at=now,
        reason=row.reason,
    ).entry_id


def _take(row: StripeDispute, paid: StripeTopUp, now: datetime) -> None:
    wallet, frozen = _find_accounts(paid)
    more = min(payments.lock_free(top_up=paid, wallet_account=wallet, now=now), row.amount - row.frozen)
    receivable = ledger.open_account(purpose="DISPUTE_RECEIVABLE", currency=paid.currency)
    loss = ledger.open_account(purpose="DISPUTE_LOSS", currency=paid.currency)
    lines = {
        frozen: row.frozen,
        wallet: more,
        loss: row.amount - row.frozen - more,
        receivable: -row.amount,
    }
    row.end_entry_id = ledger.post(
        key=f"stripe:dispute:{row.pk}:end",
        kind="DISPUTE_LOST",
        actor="system:stripe",
        lines={account: amount for account, amount in lines.items() if amount},
        happened_at=now,
        reason=row.reason,
    ).entry_id


def _find_accounts(paid: StripeTopUp) -> tuple[int, int]:
    owner = paid.organization_id
    wallet = wallets.open_wallet(organization_id=owner, currency=paid.currency)
    frozen = ledger.open_account(purpose="FROZEN", currency=paid.currency, organization_id=owner)
    return wallet.account_id, frozen
