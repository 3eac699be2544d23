"""Payouts to banks: of the platform's balance, and of connected accounts'."""

from stand_ins.stripe import rates
from stand_ins.stripe.call import Call
from stand_ins.stripe.connect import PAYOUT_DAYS, find_account
from stand_ins.stripe.errors import Refusal, invalid
from stand_ins.stripe.events import emit
from stand_ins.stripe.movements import DAY, add_movement, find_available
from stand_ins.stripe.store import Body, Store


def create_payout(call: Call) -> Body:
    """Pay a balance out to its owner's bank: the platform's, or a connected account's."""
    call.allow("amount", "currency", "metadata", "description", "method", "statement_descriptor")
    store, amount, currency = call.store, call.amount(), str(call.need("currency")).lower()
    if call.account and not find_account(store, call.account)["payouts_enabled"]:
        raise Refusal("Payouts are not enabled for this account.", code="payouts_not_allowed")
    step = 100 if currency in rates.WHOLE_PAYOUTS else rates.find_step(currency)
    if amount % step:
        text = f"Payouts in {currency} are multiples of {step}."
        raise invalid("amount", text, code="parameter_invalid_integer")
    if not rates.is_known(currency):
        raise invalid("currency", f"Invalid currency: {currency}.", code="invalid_currency")
    if find_available(store, currency, account=call.account) < amount:
        raise Refusal("You have insufficient funds in your Stripe account.", code="balance_insufficient")
    identity, now = store.make_id("po"), store.now()
    moved = _move_payout(store, identity, "payout", -amount, currency, call.account)
    body: Body = {
        "id": identity,
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": now + PAYOUT_DAYS * DAY,
        "automatic": False,
        "balance_transaction": moved["id"],
        "created": now,
        "currency": currency,
        "description": call.text("description"),
        "destination": None,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": call.metadata(),
        "method": "standard",
        "original_payout": None,
        "reconciliation_status": "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": call.text("statement_descriptor"),
        "status": "pending",
        "trace_id": None,
        "type": "bank_account",
    }
    store.add("payout", body, account=call.account)
    store.alarm(body["arrival_date"], "payout_arrives", identity)
    emit(store, "payout.created", body, account=call.account)
    return body


def _move_payout(
    store: Store, identity: str, category: str, amount: int, currency: str, account: str
) -> Body:
    kind = {"payout": "payout", "payout_reversal": "payout_failure"}[category]
    return add_movement(
        store,
        kind=kind,
        category=category,
        source=identity,
        amount=amount,
        currency=currency,
        account=account,
    )


def end_payout(store: Store, identity: str, *, paid: bool) -> Body | None:
    """A payout arrived, or the bank sent it back, which may be after it had arrived."""
    body, account = store.find(identity), store.account_of(identity)
    if body is None or body["status"] in (("paid", "failed", "canceled") if paid else ("failed", "canceled")):
        return body
    if paid:
        body["status"] = "paid"
        store.save(body)
        emit(store, "payout.paid", body, account=account)
        return body
    moved = _move_payout(store, identity, "payout_reversal", body["amount"], body["currency"], account)
    body |= {
        "status": "failed",
        "failure_code": "account_closed",
        "failure_message": "The bank account has been closed.",
        "failure_balance_transaction": moved["id"],
    }
    store.save(body)
    emit(store, "payout.failed", body, account=account)
    return body


def cancel_payout(call: Call, identity: str) -> Body:
    """Stop a payout that has not left."""
    call.allow()
    body = call.find("payout", identity)
    if body["status"] != "pending":
        raise Refusal("Payouts can only be canceled while they are pending.", code="payout_not_cancelable")
    _move_payout(call.store, identity, "payout_reversal", body["amount"], body["currency"], call.account)
    body["status"] = "canceled"
    emit(call.store, "payout.canceled", body, account=call.account)
    return call.store.save(body)
