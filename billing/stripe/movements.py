"""
Stripe's account with us, movement by movement: mirrored as told, and booked in the same transaction.

What Stripe converted is booked in both currencies through the position accounts, with the amounts that
Stripe settled; the rate it tells is kept and never computed with.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import stripe
from django.db import transaction

from billing import ledger
from billing.models import StripeBalanceTransaction, StripeDispute, StripeRefund, StripeTopUp
from billing.stripe import client, disputes, facts, payments, refunds
from billing.stripe.facts import Movement
from core.quantities import EXACT

CHARGED = frozenset({"charge"})
REFUNDED = frozenset({"refund", "refund_failure", "partial_capture_reversal"})
DISPUTED = frozenset({"dispute", "dispute_reversal"})
FEES = frozenset({"fee", "network_cost", "stripe_fx_fee", "tax"})
ELSEWHERE = frozenset(
    {"transfer", "transfer_reversal", "payout", "payout_reversal", "connect_reserved_funds", "topup"}
)
"""Booked where it is decided: payouts to providers by their settlement, our own by the bank's statement."""
BATCH = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """What a movement is about: its account, whose, and what it was in the currency of the payer."""

    purpose: str
    organization_id: int | None
    currency: str
    amount: Decimal


Line = tuple[str, int | None, str, Decimal]


def reckon_lines(*, movement: Movement, subject: Subject) -> list[Line]:
    """
    The postings of a movement: purpose, organization, currency, debit (+) or credit (-).

    Stripe has `net` more of its currency, we have paid `fee`, and the subject's account has the rest, through
    the position accounts if it is in another currency.
    """
    sums: dict[tuple[str, int | None, str], Decimal] = {}

    def add(purpose: str, owner: int | None, currency: str, amount: Decimal) -> None:
        key = (purpose, owner, currency)
        sums[key] = EXACT.add(sums.get(key, Decimal(0)), amount)

    add("STRIPE_PENDING", None, movement.currency, movement.net)
    add("STRIPE_FEE", None, movement.currency, movement.fee)
    if subject.currency == movement.currency:
        add(subject.purpose, subject.organization_id, subject.currency, -movement.amount)
    else:
        paid = subject.amount.copy_abs().copy_sign(movement.amount)
        add("FX_POSITION", None, movement.currency, -movement.amount)
        add("FX_POSITION", None, subject.currency, paid)
        add(subject.purpose, subject.organization_id, subject.currency, -paid)
    return [(*key, amount) for key, amount in sums.items() if amount]


def follow_charge(*, charge_id: str, asked: stripe.StripeClient, now: datetime) -> bool:
    """Mirror what a charge moved; answers whether Stripe knows that yet."""
    with client.asking():
        charge = asked.v1.charges.retrieve(charge_id, {"expand": ["balance_transaction"]}).to_dict()
    row = charge.get("balance_transaction")
    if not isinstance(row, dict):
        return False
    mirror(movement=facts.read_movement(row), asked=asked, now=now)
    return True


def mirror(*, movement: Movement, asked: stripe.StripeClient, now: datetime) -> bool:
    """
    Mirror a movement and book it, once; answers whether it is new.

    :raises billing.stripe.client.StripeUnavailable: if Stripe has to be asked what it is about, in vain
    """
    if StripeBalanceTransaction.objects.filter(pk=movement.id).exists():
        return False
    write(movement=movement, subject=_find_subject(movement, asked, now), now=now)
    return True


def write(*, movement: Movement, subject: Subject | None, now: datetime) -> None:
    """Write a movement and its entry; without a subject it is booked elsewhere."""
    with transaction.atomic():
        entry_id = None
        if subject is not None:
            entry_id = _post(movement, reckon_lines(movement=movement, subject=subject))
        row = StripeBalanceTransaction(
            id=movement.id,
            type=movement.type,
            reporting_category=movement.category,
            source=movement.source,
            currency=movement.currency,
            amount=movement.amount,
            fee=movement.fee,
            net=movement.net,
            exchange_rate=movement.exchange_rate,
            happened_at=movement.happened_at,
            available_at=movement.available_at,
            mirrored_at=now,
            raw=movement.raw,
            entry_id=entry_id,
        )
        StripeBalanceTransaction.objects.bulk_create([row], ignore_conflicts=True)


def release_available(*, now: datetime) -> int:
    """Book what Stripe lets us have by now from pending to available; gives how many movements."""
    due = StripeBalanceTransaction.objects.filter(
        entry__isnull=False, available_entry=None, available_at__lte=now
    ).exclude(net=Decimal(0))
    numbers = list(due.order_by("available_at", "id").values_list("id", flat=True)[:BATCH])
    for number in numbers:
        with transaction.atomic():
            row = StripeBalanceTransaction.objects.select_for_update(no_key=True).get(pk=number)
            if row.available_entry_id is not None:
                # Somebody else was at it meanwhile.
                continue
            pending = ledger.open_account(purpose="STRIPE_PENDING", currency=row.currency)
            free = ledger.open_account(purpose="CLEARING_STRIPE", currency=row.currency)
            posted = ledger.post(
                key=f"stripe:available:{row.pk}",
                kind="STRIPE_AVAILABLE",
                actor="system:stripe",
                lines={pending: -row.net, free: row.net},
                happened_at=row.available_at,
            )
            row.available_entry_id = posted.entry_id
            row.save(update_fields=["available_entry"])
    return len(numbers)


def _post(movement: Movement, lines: list[Line]) -> int | None:
    if not lines:
        return None
    opened = {
        ledger.open_account(purpose=purpose, currency=currency, organization_id=owner): amount
        for purpose, owner, currency, amount in lines
    }
    return ledger.post(
        key=f"stripe:balance:{movement.id}",
        kind="STRIPE_BALANCE",
        actor="system:stripe",
        lines=opened,
        happened_at=movement.happened_at,
        reason=f"{movement.category} {movement.source}"[:200],
    ).entry_id


def _find_subject(movement: Movement, asked: stripe.StripeClient, now: datetime) -> Subject | None:
    """What it is about; what is not known is held in suspense, with its age."""
    if movement.category in ELSEWHERE:
        return None
    found: Subject | None = None
    if movement.category in FEES:
        found = Subject("STRIPE_FEE", None, movement.currency, movement.amount)
    elif movement.category in CHARGED:
        found = _find_payment(movement, asked, now)
    elif movement.category in REFUNDED:
        found = _find_refund(movement, asked, now)
    elif movement.category in DISPUTED:
        found = _find_dispute(movement, asked, now)
    return found or Subject("SUSPENSE", None, movement.currency, movement.amount)


def _find_payment(movement: Movement, asked: stripe.StripeClient, now: datetime) -> Subject | None:
    top_up = StripeTopUp.objects.filter(charge_id=movement.source, state="PAID").first()
    if top_up is None:
        with client.asking():
            charge = asked.v1.charges.retrieve(movement.source).to_dict()
        intent_id = facts.read_id(charge.get("payment_intent"))
        top_up = payments.follow(intent_id=intent_id, asked=asked, now=now) if intent_id else None
    if top_up is None or top_up.entry_id is None:
        return None
    return Subject("STRIPE_PENDING", None, top_up.currency, top_up.amount)


def _find_refund(movement: Movement, asked: stripe.StripeClient, now: datetime) -> Subject | None:
    refund = StripeRefund.objects.select_related("top_up").filter(refund_id=movement.source).first()
    if refund is None:
        refund = refunds.follow(refund_id=movement.source, asked=asked, now=now)
    if refund is None:
        return None
    paid = refund.top_up
    return Subject("REFUND_IN_TRANSIT", paid.organization_id, paid.currency, refund.amount)


def _find_dispute(movement: Movement, asked: stripe.StripeClient, now: datetime) -> Subject | None:
    dispute = StripeDispute.objects.select_related("top_up").filter(pk=movement.source).first()
    if dispute is None:
        dispute = disputes.follow(dispute_id=movement.source, asked=asked, now=now)
    if dispute is None:
        return None
    return Subject("DISPUTE_RECEIVABLE", None, dispute.top_up.currency, dispute.amount)
