"""Which events are acted on, and how: each asks Stripe how the thing stands now."""

from datetime import datetime

import stripe

from billing.models import StripeEvent
from billing.stripe import client, disputes, facts, inbox, movements, payments, refunds

SESSIONS = ("completed", "async_payment_succeeded", "async_payment_failed", "expired")
INTENTS = ("succeeded", "payment_failed", "canceled", "processing", "requires_action")
CHARGES = ("succeeded", "updated")
REFUNDS = ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated")
DISPUTES = ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")


def follow_session(event: StripeEvent, asked: stripe.StripeClient, now: datetime) -> None:
    """A page was paid, or given up."""
    payments.follow_session(session_id=event.object_id, asked=asked, now=now)


def follow_intent(event: StripeEvent, asked: stripe.StripeClient, now: datetime) -> None:
    """A payment went on."""
    payments.follow(intent_id=event.object_id, asked=asked, now=now)


def follow_charge(event: StripeEvent, asked: stripe.StripeClient, now: datetime) -> None:
    """What a charge cost is known, perhaps."""
    movements.follow_charge(charge_id=event.object_id, asked=asked, now=now)


def follow_refund(event: StripeEvent, asked: stripe.StripeClient, now: datetime) -> None:
    """Money went back, or could not."""
    refunds.follow(refund_id=event.object_id, asked=asked, now=now)


def follow_dispute(event: StripeEvent, asked: stripe.StripeClient, now: datetime) -> None:
    """A payment is contested, or is no more; what that moved at Stripe is told with it."""
    found = disputes.follow(dispute_id=event.object_id, asked=asked, now=now)
    if found is None:
        return
    if event.api_version != client.API_VERSION:
        # Written in words that may mean something else; the sweeper reads the movements in ours.
        return
    told = event.payload["data"]["object"].get("balance_transactions") or []
    for row in told:
        movements.mirror(movement=facts.read_movement(row), asked=asked, now=now)


def register() -> None:
    """Have all of these act."""
    for name in SESSIONS:
        inbox.register_handler(f"checkout.session.{name}", follow_session)
    for name in INTENTS:
        inbox.register_handler(f"payment_intent.{name}", follow_intent)
    for name in CHARGES:
        inbox.register_handler(f"charge.{name}", follow_charge)
    for name in REFUNDS:
        inbox.register_handler(name, follow_refund)
    for name in DISPUTES:
        inbox.register_handler(f"charge.dispute.{name}", follow_dispute)


register()
