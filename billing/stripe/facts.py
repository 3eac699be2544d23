"""What Stripe's objects say, in our words: decimal amounts, moments, and no more than is needed. No I/O."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import currencies
from billing.stripe.client import read_time

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Payment:
    """
    A payment as it stands: `status` is the payment intent's, `top_up_uid` our own name for it.

    `amount` is what was received, in `currency`; it is nothing until the payment succeeded.
    """

    intent_id: str
    status: str
    amount: Decimal
    currency: str
    top_up_uid: str | None = None
    charge_id: str | None = None
    risk_level: str = ""
    risk_score: int | None = None
    failure: str = ""
    customer_id: str | None = None
    payment_method_id: str | None = None
    method_name: str = ""
    card_fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """A movement of our account at Stripe; `net` is `amount` less `fee`. `source` names what it is about."""

    id: str
    type: str
    category: str
    source: str
    currency: str
    amount: Decimal
    fee: Decimal
    net: Decimal
    exchange_rate: str
    happened_at: datetime
    available_at: datetime
    raw: Body


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """
    A refund as it stands; `refund_uid` is our own name for it, if we made it.

    `amount` is in the currency that the buyer paid in.
    """

    id: str
    status: str
    refund_uid: str | None
    failure: str
    amount: Decimal = Decimal(0)
    currency: str = ""
    charge_id: str | None = None
    intent_id: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """A dispute as it stands; `amount` is in the currency that the buyer paid in."""

    id: str
    status: str
    charge_id: str
    intent_id: str | None
    amount: Decimal
    currency: str
    reason: str
    opened_at: datetime
    due_by: datetime | None = None
    submissions: int = 0


def read_payment(intent: Body) -> Payment:
    """Read a payment intent whose `latest_charge` is expanded, or is none."""
    charge = intent.get("latest_charge")
    charge = charge if isinstance(charge, dict) else {}
    outcome = charge.get("outcome") or {}
    error = intent.get("last_payment_error") or {}
    details = charge.get("payment_method_details") or {}
    currency = str(intent["currency"]).upper()
    return Payment(
        intent_id=intent["id"],
        status=intent["status"],
        amount=currencies.from_stripe(units=intent.get("amount_received") or 0, currency=currency),
        currency=currency,
        top_up_uid=read_uid(intent),
        charge_id=charge.get("id"),
        risk_level=outcome.get("risk_level") or "",
        risk_score=outcome.get("risk_score"),
        failure=error.get("decline_code") or error.get("code") or "",
        customer_id=read_id(intent.get("customer")),
        payment_method_id=read_id(intent.get("payment_method")),
        method_name=name_method(details),
        card_fingerprint=(details.get("card") or {}).get("fingerprint") or "",
    )


def read_movement(row: Body) -> Movement:
    """Read a balance transaction."""
    currency = str(row["currency"]).upper()
    amount, fee, net = (
        currencies.from_stripe(units=row[name], currency=currency) for name in ("amount", "fee", "net")
    )
    rate = row.get("exchange_rate")
    return Movement(
        id=row["id"],
        type=row["type"],
        category=row["reporting_category"],
        source=read_id(row.get("source")) or "",
        currency=currency,
        amount=amount,
        fee=fee,
        net=net,
        # As it was written: what Stripe settled is in the amounts, and is never computed again.
        exchange_rate="" if rate is None else str(rate),
        happened_at=read_time(row["created"]),
        available_at=read_time(row["available_on"]),
        raw=row | {"source": read_id(row.get("source"))},
    )


def read_refund(refund: Body) -> RefundFacts:
    """Read a refund."""
    currency = str(refund["currency"]).upper()
    return RefundFacts(
        id=refund["id"],
        status=refund["status"] or "pending",
        refund_uid=read_uid(refund),
        failure=refund.get("failure_reason") or "",
        amount=currencies.from_stripe(units=refund["amount"], currency=currency),
        currency=currency,
        charge_id=read_id(refund.get("charge")),
        intent_id=read_id(refund.get("payment_intent")),
    )


def read_dispute(dispute: Body) -> DisputeFacts:
    """Read a dispute."""
    currency = str(dispute["currency"]).upper()
    details = dispute.get("evidence_details") or {}
    return DisputeFacts(
        id=dispute["id"],
        status=dispute["status"],
        charge_id=read_id(dispute["charge"]) or "",
        intent_id=read_id(dispute.get("payment_intent")),
        amount=currencies.from_stripe(units=dispute["amount"], currency=currency),
        currency=currency,
        reason=dispute["reason"],
        opened_at=read_time(dispute["created"]),
        due_by=read_time(details["due_by"]) if details.get("due_by") else None,
        submissions=int(details.get("submission_count") or 0),
    )


def read_uid(body: Body) -> str | None:
    """Our own uid in an object's metadata."""
    found = (body.get("metadata") or {}).get("jouleport")
    return None if found is None else str(found)


def read_id(field: Any) -> str | None:
    """The id of what may be expanded."""
    return field.get("id") if isinstance(field, dict) else field


def name_method(details: Body) -> str:
    """What a person calls the way of a payment: `visa 4242`."""
    card = details.get("card") or {}
    if card.get("last4"):
        return f"{card.get('brand') or 'card'} {card['last4']}"
    return str(details.get("type") or "")
