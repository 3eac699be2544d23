"""Money that goes back: refunds, also those that a bank cannot carry out, and disputes."""

from decimal import Decimal
from typing import Any

from stand_ins.stripe import rates
from stand_ins.stripe.call import Call, change_metadata
from stand_ins.stripe.cards import CARDS
from stand_ins.stripe.errors import Refusal, lacking
from stand_ins.stripe.events import emit
from stand_ins.stripe.movements import DAY, add_movement
from stand_ins.stripe.store import Body, Store

CREATE = ("payment_intent", "charge", "amount", "reason", "metadata", "instructions_email", "currency")
REFUND_FAILS_AFTER = 60
DISPUTE_DAYS = 7
EVIDENCE = (
    *("access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure"),
    *("cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name"),
    *("customer_purchase_ip", "customer_signature", "duplicate_charge_documentation"),
    *("duplicate_charge_explanation", "duplicate_charge_id", "product_description", "receipt"),
    *("refund_policy", "refund_policy_disclosure", "refund_refusal_explanation", "service_date"),
    *("service_documentation", "shipping_address", "shipping_carrier", "shipping_date"),
    *("shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text"),
)


def create_refund(call: Call) -> Body:
    """Give money back."""
    call.allow(*CREATE)
    charge = _find_charge(call)
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise Refusal("This charge did not succeed and cannot be refunded.", code="charge_not_refundable")
    if left <= 0:
        raise Refusal(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if charge["disputed"]:
        raise Refusal(f"Charge {charge['id']} has been charged back.", code="charge_disputed")
    amount = call.amount() if "amount" in call.params else left
    if amount > left:
        raise Refusal(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    refund = _make_refund(call, charge, amount)
    refunded = charge["amount_refunded"] + amount
    charge |= {"amount_refunded": refunded, "refunded": refunded == charge["amount"]}
    call.store.save(charge)
    for kind, subject in (
        ("refund.created", refund),
        ("charge.refunded", charge),
        ("charge.refund.updated", refund),
    ):
        emit(call.store, kind, subject, account=call.account)
    method = call.store.find(charge["payment_method"] or "") or {}
    card = CARDS.get(method.get("_number", ""))
    if card is not None and card.refund_fails:
        call.store.alarm(call.store.now() + REFUND_FAILS_AFTER, "refund_fails", refund["id"])
    return refund


def _find_charge(call: Call) -> Body:
    if call.params.get("charge"):
        return call.find("charge", str(call.params["charge"]), "charge")
    if not call.params.get("payment_intent"):
        raise lacking("charge")
    intent = call.find("payment_intent", str(call.params["payment_intent"]), "payment_intent")
    if intent["status"] != "succeeded":
        raise Refusal(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            code="payment_intent_unexpected_state",
        )
    return call.find("charge", intent["latest_charge"], "payment_intent")


def _make_refund(call: Call, charge: Body, amount: int) -> Body:
    store, identity = call.store, call.store.make_id("re")
    moved = _move_back(store, charge, -amount, kind="refund", category="refund", source=identity)
    body: Body = {
        "id": identity,
        "object": "refund",
        "amount": amount,
        "balance_transaction": moved["id"],
        "charge": charge["id"],
        "created": store.now(),
        "currency": charge["currency"],
        "destination_details": {"type": charge["payment_method_details"]["type"]},
        "metadata": call.metadata(),
        "payment_intent": charge["payment_intent"],
        "reason": call.text("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    return store.add("refund", body, account=call.account)


def _move_back(
    store: Store, charge: Body, amount: int, *, kind: str, category: str, source: str, fee: int = 0
) -> Body:
    """Move an amount of a charge's own currency in the currency that it was settled in, at today's rate."""
    settled = store.find(charge["balance_transaction"] or "")
    currency = settled["currency"] if settled else charge["currency"]
    moved = rates.convert(abs(amount), charge["currency"], currency)
    rate = None
    if currency != charge["currency"]:
        rate = float(rates.WORTH[charge["currency"]] / rates.WORTH[currency])
    return add_movement(
        store,
        kind=kind,
        category=category,
        source=source,
        amount=moved if amount > 0 else -moved,
        currency=currency,
        fee=rates.fee_in(Decimal(fee), currency) if fee else 0,
        rate=rate,
        account=store.account_of(charge["id"]),
    )


def update_refund(call: Call, identity: str) -> Body:
    """Change a refund's metadata."""
    call.allow("metadata")
    body = call.find("refund", identity)
    body["metadata"] = change_metadata(body["metadata"], call.params.get("metadata"))
    return call.store.save(body)


def fail_refund(store: Store, identity: str) -> Body | None:
    """The bank could not give the money back: it returns to the balance."""
    refund = store.find(identity)
    charge = store.find(refund["charge"]) if refund else None
    if refund is None or charge is None or refund["status"] != "succeeded":
        return refund
    moved = _move_back(
        store,
        charge,
        refund["amount"],
        kind="refund_failure",
        category="refund_failure",
        source=identity,
    )
    refund |= {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": moved["id"],
    }
    charge |= {"amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False}
    store.save(refund)
    store.save(charge)
    for kind in ("refund.failed", "refund.updated", "charge.refund.updated"):
        emit(store, kind, refund)
    return refund


# --- disputes ---------------------------------------------------------------------------------------------


def open_dispute(store: Store, charge_id: str, *, reason: str = "fraudulent", amount: int = 0) -> Body:
    """
    Somebody contests a charge: the money is taken back until it is settled.

    :raises Refusal: if there is no such charge, or it is contested already
    """
    charge = store.find(charge_id)
    if charge is None or charge["object"] != "charge" or charge["disputed"]:
        raise Refusal(f"No charge that can be disputed: {charge_id}", status=404, code="resource_missing")
    identity, now = store.make_id("du"), store.now()
    amount = amount or charge["amount"]
    moved = _move_back(
        store,
        charge,
        -amount,
        kind="adjustment",
        category="dispute",
        source=identity,
        fee=int(rates.DISPUTE_FEE_USD),
    )
    body: Body = {
        "id": identity,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [moved],
        "charge": charge_id,
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + DISPUTE_DAYS * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
        },
        "reason": reason,
        "status": "needs_response",
    }
    store.add("dispute", body, account=store.account_of(charge_id))
    store.save({**charge, "disputed": True})
    emit(store, "charge.dispute.created", body)
    emit(store, "charge.dispute.funds_withdrawn", body)
    return body


def update_dispute(call: Call, identity: str) -> Body:
    """Hand evidence in; two texts of the test mode settle the dispute at once."""
    call.allow("evidence", "metadata", "submit")
    body = call.find("dispute", identity)
    evidence: Any = call.params.get("evidence") or {}
    unknown = sorted(set(evidence) - set(EVIDENCE))
    if unknown:
        raise Refusal(f"Received unknown parameter: evidence[{unknown[0]}]", code="parameter_unknown")
    if body["status"] not in ("needs_response", "under_review"):
        raise Refusal("This dispute is already closed.")
    body["metadata"] = change_metadata(body["metadata"], call.params.get("metadata"))
    body["evidence"] |= evidence
    body["evidence_details"]["has_evidence"] = any(body["evidence"][name] for name in EVIDENCE)
    if evidence and call.params.get("submit") != "false":
        body["status"] = "under_review"
        body["evidence_details"]["submission_count"] += 1
    call.store.save(body)
    emit(call.store, "charge.dispute.updated", body)
    ends = {"winning_evidence": "won", "losing_evidence": "lost"}
    end = ends.get(str(evidence.get("uncategorized_text", "")))
    return settle_dispute(call.store, identity, end) if end else body


def close_dispute(call: Call, identity: str) -> Body:
    """Accept that the money is lost."""
    call.allow()
    call.find("dispute", identity)
    return settle_dispute(call.store, identity, "lost")


def settle_dispute(store: Store, identity: str, status: str) -> Body:
    """
    End a dispute, `won` or `lost`; what is won comes back, the fee does not.

    :raises Refusal: if there is no such dispute, or it has ended
    """
    body = store.find(identity)
    if body is None or body["status"] in ("won", "lost"):
        raise Refusal("This dispute is already closed.")
    charge = store.find(body["charge"])
    body["status"] = status
    if status == "won" and charge is not None:
        moved = _move_back(
            store,
            charge,
            body["amount"],
            kind="adjustment",
            category="dispute_reversal",
            source=identity,
        )
        body["balance_transactions"].append(moved)
    store.save(body)
    if status == "won":
        emit(store, "charge.dispute.funds_reinstated", body)
    emit(store, "charge.dispute.closed", body)
    return body
