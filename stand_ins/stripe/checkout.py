"""Checkout Sessions: pages that Stripe hosts, where a buyer pays."""

from typing import Any

from stand_ins.stripe.call import Call, change_metadata, read_integer, refuse_unknown
from stand_ins.stripe.cards import CARDS
from stand_ins.stripe.customers import REDIRECTED, TYPES, make_method
from stand_ins.stripe.errors import Refusal, lacking, unfit
from stand_ins.stripe.events import emit
from stand_ins.stripe.payments import attempt, check_amount, check_types, decline, make_intent, succeed
from stand_ins.stripe.store import Body, Store

DAY = 86_400
OPEN_LEAST = 1800
CREATE = (
    *("mode", "line_items", "success_url", "cancel_url", "payment_method_types", "payment_intent_data"),
    *("client_reference_id", "customer", "customer_email", "customer_creation", "metadata", "expires_at"),
    *(
        "payment_method_options",
        "submit_type",
        "locale",
        "allow_promotion_codes",
        "billing_address_collection",
    ),
    *("saved_payment_method_options", "adaptive_pricing", "automatic_tax", "ui_mode", "custom_text"),
)

INTENT = (
    *("metadata", "setup_future_usage", "transfer_group", "description", "capture_method", "receipt_email"),
    *("statement_descriptor", "statement_descriptor_suffix", "on_behalf_of", "shipping", "transfer_data"),
    "application_fee_amount",
)


def create_session(call: Call) -> Body:
    """A page to pay at."""
    call.allow(*CREATE)
    if call.need("mode") != "payment":
        raise unfit("mode", "The stand-in knows Checkout in mode `payment` only.")
    amount, currency = _add_up(call.need("line_items"))
    types = call.params.get("payment_method_types") or ["card"]
    check_types(types, currency, "payment_method_types")
    check_amount(call.store, amount, currency, types)
    _check_inside(call, types)
    customer = call.text("customer")
    if customer:
        call.find("customer", customer, "customer")
    now = call.store.now()
    expires = read_integer(call.params.get("expires_at") or now + DAY, "expires_at")
    if not now + OPEN_LEAST - 60 <= expires <= now + DAY + 60:
        raise unfit("expires_at", "The `expires_at` timestamp must be 30 minutes to 24 hours from now.")
    call.need("success_url")
    body = _describe(call, amount=amount, currency=currency, types=types, expires=expires)
    call.store.add("checkout.session", body, account=call.account)
    call.store.alarm(expires, "session_expires", body["id"])
    return body


def _check_inside(call: Call, types: list[str]) -> None:
    """Parameters that lie in others."""
    data = call.params.get("payment_intent_data") or {}
    refuse_unknown(data, INTENT, inside="payment_intent_data")
    options = call.params.get("payment_method_options") or {}
    refuse_unknown(options, TYPES, inside="payment_method_options")
    client = (options.get("wechat_pay") or {}).get("client")
    if "wechat_pay" in types and client != "web":
        # Checkout shows a code to scan, and nothing else.
        raise lacking("payment_method_options[wechat_pay][client]")


def _add_up(items: Any) -> tuple[int, str]:
    total, currencies = 0, set()
    if not isinstance(items, list):
        raise unfit("line_items", "Invalid array")
    for number, item in enumerate(items):
        where = f"line_items[{number}]"
        refuse_unknown(item, ("price_data", "quantity"), inside=where)
        inside = f"{where}[price_data]"
        price = item.get("price_data")
        if price is None:
            raise lacking(inside)
        refuse_unknown(price, ("currency", "unit_amount", "product_data"), inside=inside)
        for name in ("currency", "product_data", "unit_amount"):
            if not price.get(name):
                raise lacking(f"{inside}[{name}]")
        if not (isinstance(price["product_data"], dict) and price["product_data"].get("name")):
            raise lacking(f"{inside}[product_data][name]")
        total += read_integer(price["unit_amount"], f"{inside}[unit_amount]") * read_integer(
            item.get("quantity", 1), f"{where}[quantity]"
        )
        currencies.add(str(price["currency"]).lower())
    if len(currencies) != 1:
        raise unfit("line_items", "Line items must be in one currency.")
    return total, currencies.pop()


def _describe(call: Call, *, amount: int, currency: str, types: list[str], expires: int) -> Body:
    identity = call.store.make_id("cs_test")
    data: Any = call.params.get("payment_intent_data") or {}
    return {
        "id": identity,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": amount,
        "amount_total": amount,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": call.text("cancel_url"),
        "client_reference_id": call.text("client_reference_id"),
        "client_secret": None,
        "created": call.store.now(),
        "currency": currency,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": call.text("customer"),
        "customer_creation": None,
        "customer_details": None,
        "customer_email": call.text("customer_email"),
        "expires_at": expires,
        "livemode": False,
        "locale": None,
        "metadata": call.metadata(),
        "mode": "payment",
        "payment_intent": None,
        "payment_link": None,
        "payment_method_options": {},
        "payment_method_types": types,
        "payment_status": "unpaid",
        "recovered_from": None,
        "setup_intent": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": str(call.need("success_url")),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{call.base}/c/pay/{identity}",
        "_intent": {
            "metadata": change_metadata({}, data.get("metadata")),
            "future": data.get("setup_future_usage") or None,
            "group": data.get("transfer_group") or None,
            "description": data.get("description") or None,
        },
    }


def update_session(call: Call, identity: str) -> Body:
    """Change a page's metadata."""
    call.allow("metadata")
    body = call.find("checkout.session", identity)
    body["metadata"] = change_metadata(body["metadata"], call.params.get("metadata"))
    return call.store.save(body)


def expire_session(call: Call, identity: str) -> Body:
    """Close a page that nobody paid at."""
    call.allow()
    if call.find("checkout.session", identity)["status"] != "open":
        raise Refusal('Only Checkout Sessions with a status in ["open"] can be expired.')
    expire(call.store, identity)
    return call.find("checkout.session", identity)


def expire(store: Store, identity: str) -> None:
    """A page's time is over."""
    body = store.find(identity)
    if body is not None and body["status"] == "open":
        body |= {"status": "expired", "url": None}
        store.save(body)
        emit(store, "checkout.session.expired", body, account=store.account_of(identity))


# --- what people do at the page ---------------------------------------------------------------------------


def pay(store: Store, session: Body, *, kind: str, number: str, base: str) -> Body:
    """
    Press the page's button; gives the payment intent.

    :raises Refusal: if the page is closed, the number unknown, or the payment declined
    """
    if session["status"] != "open":
        raise Refusal("This page is closed.")
    if kind not in session["payment_method_types"]:
        raise Refusal("This way to pay is not offered here.")
    number = "".join(number.split())
    if kind == "card" and number not in CARDS:
        raise Refusal("Your card number is incorrect.", status=402, kind="card_error")
    account = store.account_of(session["id"])
    intent = _find_or_make_intent(store, session, account)
    method = make_method(store, kind, number=number, account=account)
    intent = attempt(store, intent, method, base=base, account=account)
    if intent["status"] == "succeeded":
        complete(store, session, intent)
    return intent


def _find_or_make_intent(store: Store, session: Body, account: str) -> Body:
    found = store.find(session["payment_intent"] or "")
    if found is not None:
        return found
    wish = session["_intent"]
    intent = make_intent(
        store,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        metadata=wish["metadata"],
        types=session["payment_method_types"],
        future=wish["future"],
        group=wish["group"],
        account=account,
    )
    intent |= {"description": wish["description"], "_session": session["id"]}
    store.save(intent)
    session["payment_intent"] = intent["id"]
    store.save(session)
    return intent


def answer(store: Store, intent: Body, decision: str) -> Body:
    """
    Decide at the bank, or in the other app: `agree`, `refuse`, or `later` for money that arrives later.

    :raises Refusal: if nothing is asked here, or it was refused
    """
    account = store.account_of(intent["id"])
    method = store.find(intent["payment_method"] or "")
    if intent["status"] != "requires_action" or method is None:
        raise Refusal("Nothing is asked here any more.")
    session = store.find(intent.get("_session") or "")
    if decision == "refuse":
        intent["next_action"] = None
        return decline(store, intent, method, code="payment_intent_authentication_failure", account=account)
    if decision == "later" and method["type"] in REDIRECTED:
        intent |= {"status": "processing", "next_action": None}
        store.save(intent)
        emit(store, "payment_intent.processing", intent, account=account)
    else:
        intent = attempt(store, intent, method, base="", shown=True, account=account)
    if session is not None:
        complete(store, session, intent)
    return intent


def complete(store: Store, session: Body, intent: Body) -> None:
    """Close a page that was paid, or whose money is on its way."""
    session |= {
        "status": "complete",
        "payment_status": "paid" if intent["status"] == "succeeded" else "unpaid",
        "payment_intent": intent["id"],
        "url": None,
    }
    store.save(session)
    emit(store, "checkout.session.completed", session, account=store.account_of(session["id"]))


def arrive(store: Store, identity: str, *, paid: bool) -> Body:
    """
    End a payment that was to arrive later.

    :raises Refusal: if nothing is on its way there
    """
    session = store.find(identity) or {}
    intent = store.find(session.get("payment_intent") or "") or {}
    method = store.find(intent.get("payment_method") or "")
    if intent.get("status") != "processing" or method is None:
        raise Refusal("Nothing is on its way.", status=404)
    account = store.account_of(identity)
    if paid:
        succeed(store, intent, method, account=account)
        session["payment_status"] = "paid"
    else:
        try:
            decline(
                store, intent, method, code="card_declined", decline_code="generic_decline", account=account
            )
        except Refusal:
            store.save(intent)
    store.save(session)
    end = "succeeded" if paid else "failed"
    emit(store, f"checkout.session.async_payment_{end}", session, account=account)
    return session
