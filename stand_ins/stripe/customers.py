"""Customers and the ways they pay."""

from typing import Any

from stand_ins.stripe.call import Call, change_metadata, refuse_unknown
from stand_ins.stripe.cards import CARDS, TOKENS, Card
from stand_ins.stripe.errors import Refusal, missing, unfit
from stand_ins.stripe.events import emit
from stand_ins.stripe.store import Body, Store

REDIRECTED = ("alipay", "wechat_pay", "crypto")
TYPES = ("card", *REDIRECTED)
# Where a way to pay takes some currencies only, as https://docs.stripe.com/payments/ says of each.
CURRENCIES = {
    "alipay": frozenset(["aud", "cad", "cny", "eur", "gbp", "hkd", "jpy", "myr", "nzd", "sgd", "usd"]),
    "wechat_pay": frozenset(
        [
            *("aud", "cad", "chf", "cny", "dkk", "eur", "gbp", "hkd", "jpy"),
            *("nok", "sek", "sgd", "usd"),
        ]
    ),
    "crypto": frozenset(["usd"]),
}
NOBODY = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
CUSTOMER = ("email", "name", "description", "phone", "metadata")
UNKNOWN_CARD = Card("visa", "", code="incorrect_number")


def create_customer(call: Call) -> Body:
    """Somebody who pays."""
    call.allow(*CUSTOMER, "address", "preferred_locales", "payment_method", "invoice_settings")
    body: Body = {
        "id": call.store.make_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.store.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": call.text("description"),
        "email": call.text("email"),
        "invoice_prefix": "STANDIN",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": call.metadata(),
        "name": call.text("name"),
        "phone": call.text("phone"),
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    call.store.add("customer", body, account=call.account)
    emit(call.store, "customer.created", body, account=call.account)
    return body


def update_customer(call: Call, identity: str) -> Body:
    """Change a customer."""
    call.allow(*CUSTOMER, "address", "invoice_settings", "preferred_locales")
    body = call.find("customer", identity)
    changed = {name: call.text(name) for name in CUSTOMER[:-1] if name in call.params}
    body |= changed
    body["metadata"] = change_metadata(body["metadata"], call.params.get("metadata"))
    settings = call.params.get("invoice_settings") or {}
    refuse_unknown(settings, ("default_payment_method",), inside="invoice_settings")
    if settings.get("default_payment_method"):
        wanted = call.find("payment_method", settings["default_payment_method"])
        body["invoice_settings"]["default_payment_method"] = wanted["id"]
    emit(call.store, "customer.updated", body, account=call.account)
    return call.store.save(body)


def delete_customer(call: Call, identity: str) -> Body:
    """Forget a customer; its payment methods cannot be used any more."""
    call.allow()
    body = call.find("customer", identity)
    for method in call.store.all("payment_method", account=call.account):
        if method["customer"] == identity:
            call.store.save({**method, "customer": None, "_detached": True})
    call.store.remove(identity)
    emit(call.store, "customer.deleted", body, account=call.account)
    return {"id": identity, "object": "customer", "deleted": True}


def make_method(store: Store, kind: str, *, number: str = "", token: str = "", account: str = "") -> Body:
    """A way to pay, used once unless it is attached to a customer."""
    body: Body = {
        "id": store.make_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": NOBODY,
        "created": store.now(),
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
        kind: {},
        "_number": number,
        "_token": token,
    }
    if kind == "card":
        card = CARDS.get(number, UNKNOWN_CARD)
        body["card"] = {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": "US",
            "display_brand": card.brand,
            "exp_month": 12,
            "exp_year": 2040,
            "fingerprint": f"fingerprint{card.last4}",
            "funding": "credit",
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }
    return store.add("payment_method", body, account=account)


def create_method(call: Call) -> Body:
    """A way to pay, from a number of the test set."""
    call.allow("type", "card", "billing_details", "metadata", "alipay", "wechat_pay", "crypto")
    kind = str(call.need("type"))
    if kind not in TYPES:
        raise unfit("type", f"Invalid type: {kind}")
    card: Any = call.params.get("card") or {}
    number = str(card.get("number") or "") if isinstance(card, dict) else ""
    if isinstance(card, dict) and str(card.get("token", "")).startswith("tok_"):
        number = TOKENS.get("pm_card_" + card["token"].removeprefix("tok_"), "")
    if kind == "card" and number not in CARDS:
        raise Refusal(
            "Your card number is incorrect.",
            status=402,
            kind="card_error",
            code="incorrect_number",
            param="number",
        )
    body = make_method(call.store, kind, number=number, account=call.account)
    body["metadata"] = call.metadata()
    return call.store.save(body)


def find_method(call: Call, identity: str) -> Body:
    """
    A way to pay; one of Stripe's test tokens makes a new one.

    :raises Refusal: if there is none
    """
    if identity in TOKENS:
        return make_method(call.store, "card", number=TOKENS[identity], token=identity, account=call.account)
    found = call.store.get("payment_method", identity, account=call.account)
    if found is None:
        raise missing("PaymentMethod", identity, "payment_method")
    return found


def attach_method(call: Call, identity: str) -> Body:
    """Keep a way to pay with a customer."""
    call.allow("customer")
    customer = call.find("customer", str(call.need("customer")), "customer")
    body = find_method(call, identity)
    if body.get("_detached"):
        raise Refusal("This PaymentMethod was previously used without being attached or was detached.")
    card = CARDS.get(body["_number"], UNKNOWN_CARD) if body["type"] == "card" else None
    body["customer"] = customer["id"]
    if card is not None and card.asks != "always":
        body["_saved"] = True
    emit(call.store, "payment_method.attached", body, account=call.account)
    return call.store.save(body)


def detach_method(call: Call, identity: str) -> Body:
    """Forget a way to pay."""
    call.allow()
    body = call.find("payment_method", identity)
    if body["customer"] is None:
        raise Refusal("The payment method you provided is not attached to a customer.")
    body |= {"customer": None, "_detached": True}
    emit(call.store, "payment_method.detached", body, account=call.account)
    return call.store.save(body)
