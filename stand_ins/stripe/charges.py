"""Charges: what was tried, what it cost, and where it was settled."""

from typing import Any

from stand_ins.stripe import rates
from stand_ins.stripe.cards import CARDS, Card
from stand_ins.stripe.customers import NOBODY, UNKNOWN_CARD
from stand_ins.stripe.events import emit
from stand_ins.stripe.movements import add_movement
from stand_ins.stripe.store import Body, Store

SETTLES = ["usd", "eur", "gbp", "hkd"]
"""Currencies that the platform holds a balance in, unless it was started with others."""


def settle_charge(store: Store, identity: str) -> None:
    """Move the balance by a charge, and say so."""
    charge, account = store.find(identity), store.account_of(identity)
    if charge is None or charge["balance_transaction"] is not None or charge["status"] != "succeeded":
        return
    method = charge["payment_method_details"]["type"]
    settled = rates.settle(
        charge["amount"], charge["currency"], method, settles=store.read("settles", SETTLES)
    )
    moved = add_movement(
        store,
        kind="charge",
        category="charge",
        source=charge["id"],
        amount=settled.amount,
        currency=settled.currency,
        fee=settled.fee,
        rate=settled.rate,
        days=rates.DAYS_PENDING[method],
        account=account,
        description=charge["description"],
    )
    charge["balance_transaction"] = moved["id"]
    store.save(charge)
    emit(store, "charge.updated", charge, account=account, previous={"balance_transaction": None})


def make_charge(store: Store, intent: Body, method: Body, *, account: str = "") -> Body:
    """A charge that succeeded; whoever has it otherwise changes it."""
    card = CARDS.get(method["_number"], UNKNOWN_CARD)
    risk = card.risk if method["type"] == "card" else 10
    level = "highest" if risk >= 75 else "elevated" if risk >= 65 else "normal"
    body: Body = {
        "id": store.make_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": NOBODY,
        "calculated_statement_descriptor": "STAND-IN",
        "captured": True,
        "created": store.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": level,
            "risk_score": risk,
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _describe_method(method, card),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }
    return store.add("charge", body, account=account)


def _describe_method(method: Body, card: Card) -> Body:
    details: dict[str, Any] = {"type": method["type"], method["type"]: {}}
    if method["type"] == "card":
        kept = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
        details["card"] = {name: method["card"][name] for name in kept}
        details["card"] |= {"network": card.brand, "three_d_secure": None, "wallet": None}
    return details
