"""Payment intents and their charges: tried, challenged, declined, paid."""

from typing import Any

from stand_ins.stripe import rates
from stand_ins.stripe.call import Call, change_metadata
from stand_ins.stripe.cards import CARDS, Card
from stand_ins.stripe.charges import SETTLES, make_charge, settle_charge
from stand_ins.stripe.customers import CURRENCIES, REDIRECTED, TYPES, UNKNOWN_CARD, find_method
from stand_ins.stripe.errors import Refusal, declined, invalid, unfit
from stand_ins.stripe.events import emit
from stand_ins.stripe.store import Body, Store

CREATE = (
    *("amount", "currency", "customer", "payment_method", "payment_method_types", "off_session", "confirm"),
    *("metadata", "description", "transfer_group", "setup_future_usage", "automatic_payment_methods"),
    *("receipt_email", "statement_descriptor_suffix", "return_url", "capture_method", "use_stripe_sdk"),
    *("payment_method_options", "error_on_requires_action", "payment_method_data", "shipping"),
)
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


def create_intent(call: Call) -> Body:
    """A payment that is wanted; tried at once with `confirm`."""
    call.allow(*CREATE)
    amount, currency = call.amount(), str(call.need("currency")).lower()
    types = call.params.get("payment_method_types") or ["card"]
    check_types(types, currency, "payment_method_types")
    check_amount(call.store, amount, currency, types)
    if call.params.get("customer"):
        call.find("customer", str(call.params["customer"]), "customer")
    intent = make_intent(
        call.store,
        amount=amount,
        currency=currency,
        customer=call.text("customer"),
        metadata=call.metadata(),
        types=types,
        future=call.text("setup_future_usage"),
        group=call.text("transfer_group"),
        account=call.account,
    )
    intent |= {"description": call.text("description"), "_return_url": call.text("return_url")}
    if call.params.get("payment_method"):
        return _confirm_with(call, intent) if call.flag("confirm") else _choose(call, intent)
    if call.flag("confirm"):
        raise Refusal(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    return call.store.save(intent)


def check_types(types: Any, currency: str, param: str) -> None:
    """
    Refuse ways to pay that are none, or not in this currency.

    :raises Refusal: naming them
    """
    if not isinstance(types, list) or not set(types) <= set(TYPES):
        raise unfit(param, f"Invalid {param}: {types}")
    for kind in types:
        if currency not in CURRENCIES.get(kind, (currency,)):
            takes = ", ".join(sorted(CURRENCIES[kind]))
            raise Refusal(
                f"The payment method {kind} takes no {currency}. It takes: {takes}.",
                code="invalid_currency",
                param=param,
            )


def check_amount(store: Store, amount: int, currency: str, types: list[str]) -> None:
    """
    Refuse a currency or an amount that cannot be charged.

    :raises Refusal: naming the parameter
    """
    if not rates.is_known(currency):
        raise invalid("currency", f"Invalid currency: {currency}.", code="invalid_currency")
    if amount % rates.find_step(currency):
        text = f"Amounts in {currency} are multiples of {rates.find_step(currency)}."
        raise invalid("amount", text, code="parameter_invalid_integer")
    least, target = rates.find_minimum(currency, settles=store.read("settles", SETTLES))
    if rates.convert(amount, currency, target) < least:
        verb = "be" if currency == target else "convert to"
        text = f"Amount must {verb} at least {rates.to_units(least, target)} {target}"
        raise Refusal(text, code="amount_too_small", param="amount")
    most = rates.find_maximum(currency, is_card=types == ["card"])
    if amount > most:
        text = f"Amount must be no more than {rates.to_units(most, currency)} {currency}"
        raise Refusal(text, code="amount_too_large", param="amount")


def make_intent(
    store: Store,
    *,
    amount: int,
    currency: str,
    customer: str | None = None,
    metadata: Body | None = None,
    types: list[str] | None = None,
    future: str | None = None,
    group: str | None = None,
    account: str = "",
) -> Body:
    """A payment intent that nobody has tried to pay."""
    identity = store.make_id("pi")
    body: Body = {
        "id": identity,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{identity}_secret_{store.make_id('x')[2:]}",
        "confirmation_method": "automatic",
        "created": store.now(),
        "currency": currency,
        "customer": customer,
        "description": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": metadata or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": types or ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": future,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": group,
    }
    store.add("payment_intent", body, account=account)
    emit(store, "payment_intent.created", body, account=account)
    return body


def update_intent(call: Call, identity: str) -> Body:
    """Change what may be changed of a payment."""
    call.allow("metadata", "description", "transfer_group", "payment_method", "setup_future_usage")
    intent = call.find("payment_intent", identity)
    intent["metadata"] = change_metadata(intent["metadata"], call.params.get("metadata"))
    for name in ("description", "transfer_group", "setup_future_usage"):
        if name in call.params:
            intent[name] = call.text(name)
    return _choose(call, intent) if call.params.get("payment_method") else call.store.save(intent)


def confirm_intent(call: Call, identity: str) -> Body:
    """Try to pay."""
    call.allow("payment_method", "off_session", "return_url", "setup_future_usage", "use_stripe_sdk")
    intent = call.find("payment_intent", identity)
    if intent["status"] not in OPEN:
        raise Refusal(
            f"This PaymentIntent's status is {intent['status']}; it cannot be confirmed.",
            code="payment_intent_unexpected_state",
        )
    return _confirm_with(call, intent)


def cancel_intent(call: Call, identity: str) -> Body:
    """Give a payment up."""
    call.allow("cancellation_reason")
    intent = call.find("payment_intent", identity)
    if intent["status"] not in OPEN:
        raise Refusal(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
        )
    intent |= {
        "status": "canceled",
        "canceled_at": call.store.now(),
        "cancellation_reason": call.text("cancellation_reason"),
        "next_action": None,
    }
    emit(call.store, "payment_intent.canceled", intent, account=call.account)
    return call.store.save(intent)


def _choose(call: Call, intent: Body) -> Body:
    method = find_method(call, str(call.params["payment_method"]))
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    return call.store.save(intent)


def _confirm_with(call: Call, intent: Body) -> Body:
    identity = call.text("payment_method") or intent["payment_method"]
    if not identity:
        raise Refusal("Missing a payment method.", code="payment_intent_unexpected_state")
    method = find_method(call, identity)
    if method.get("_detached"):
        raise Refusal(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment,"
            " or was detached from a Customer. It may not be used again.",
            code="payment_method_unactivated",
        )
    if method["customer"] != intent["customer"] and method["customer"] is not None:
        raise Refusal("The payment method belongs to another customer.", param="payment_method")
    if method["type"] not in intent["payment_method_types"]:
        raise Refusal(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent.",
            code="payment_intent_incompatible_payment_method",
        )
    return attempt(
        call.store, intent, method, base=call.base, away=call.flag("off_session"), account=call.account
    )


def attempt(
    store: Store,
    intent: Body,
    method: Body,
    *,
    base: str,
    away: bool = False,
    shown: bool = False,
    account: str = "",
) -> Body:
    """
    Try to pay; what became of it is kept also when it is refused.

    :param away: the holder is not there
    :param shown: the holder has agreed at the bank, or in the other app
    :raises Refusal: if it is declined
    """
    card = CARDS.get(method["_number"], UNKNOWN_CARD) if method["type"] == "card" else None
    intent |= {"payment_method": method["id"], "next_action": None, "last_payment_error": None}
    asks = method["type"] in REDIRECTED
    if card is not None:
        asks = card.asks == "always" or (card.asks == "unless_saved" and not method.get("_saved"))
    if asks and not shown:
        if away:
            return decline(store, intent, method, code="authentication_required", account=account)
        intent["status"] = "requires_action"
        intent["next_action"] = {
            "type": "redirect_to_url",
            "redirect_to_url": {
                "url": f"{base}/c/auth/{intent['id']}",
                "return_url": intent.get("_return_url"),
            },
        }
        emit(store, "payment_intent.requires_action", intent, account=account)
        return store.save(intent)
    if card is not None and card.code:
        return decline(
            store, intent, method, code=card.code, decline_code=card.decline_code or None, account=account
        )
    return succeed(store, intent, method, account=account)


def decline(
    store: Store,
    intent: Body,
    method: Body,
    *,
    code: str,
    decline_code: str | None = None,
    account: str = "",
) -> Body:
    """
    Keep a failed charge.

    :raises Refusal: always, with the reason
    """
    messages = {
        "authentication_required": "This payment requires authentication to proceed.",
        "expired_card": "Your card has expired.",
        "payment_intent_authentication_failure": "The provided payment method has failed authentication.",
    }
    if code == "authentication_required":
        decline_code = "authentication_required"
    message = messages.get(code, "Your card was declined.")
    charge = make_charge(store, intent, method, account=account)
    charge |= {
        "status": "failed",
        "paid": False,
        "captured": False,
        "amount_captured": 0,
        "failure_code": code,
        "failure_message": message,
    }
    charge["outcome"] |= {
        "network_status": "declined_by_network",
        "reason": decline_code or code,
        "seller_message": "The bank declined the payment.",
        "type": "issuer_declined",
    }
    store.save(charge)
    refusal = declined(message, code=code, decline_code=decline_code, charge=charge["id"])
    intent |= {
        "status": "requires_payment_method",
        "latest_charge": charge["id"],
        "payment_method": None,
        "last_payment_error": {**refusal.error, "payment_method": method},
    }
    store.save(intent)
    emit(store, "charge.failed", charge, account=account)
    emit(store, "payment_intent.payment_failed", intent, account=account)
    refusal.error |= {"payment_intent": intent, "payment_method": method}
    raise refusal


def succeed(store: Store, intent: Body, method: Body, *, account: str = "") -> Body:
    """Take the money; what it cost is told a moment later, as Stripe does."""
    card: Card | None = CARDS.get(method["_number"])
    charge = make_charge(store, intent, method, account=account)
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
        "next_action": None,
        "processing": None,
    }
    store.save(intent)
    if intent["setup_future_usage"] and intent["customer"]:
        method |= {"customer": intent["customer"], "_saved": True}
    elif method["customer"] is None:
        method["_detached"] = True
    store.save(method)
    emit(store, "charge.succeeded", charge, account=account)
    emit(store, "payment_intent.succeeded", intent, account=account)
    if not store.read("hold_fees", False):
        settle_charge(store, charge["id"])
    if card is not None and card.disputed:
        store.alarm(store.now(), "dispute", charge["id"])
    return intent
