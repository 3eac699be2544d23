"""Connected accounts: made, onboarded, and paid by transfer."""

from typing import Any

from stand_ins.stripe.call import Call, change_metadata
from stand_ins.stripe.errors import Refusal, invalid, missing, unfit
from stand_ins.stripe.events import emit
from stand_ins.stripe.movements import add_movement, find_available
from stand_ins.stripe.store import Body, Store

NEEDED = ["business_type", "external_account", "tos_acceptance.date", "tos_acceptance.ip"]
LINK_SECONDS = 300
CREATE = (
    *("type", "country", "email", "capabilities", "business_type", "business_profile", "metadata"),
    *("settings", "controller", "default_currency", "tos_acceptance", "company", "individual"),
)
HOME = {"US": "usd", "GB": "gbp", "HK": "hkd", "JP": "jpy", "SG": "sgd", "AU": "aud", "CH": "chf"}
PAYOUT_DAYS = 2
HOME_ID = "acct_home"


def create_account(call: Call) -> Body:
    """An account of somebody who is to be paid."""
    call.allow(*CREATE)
    country = str(call.params.get("country") or "US").upper()
    if country == "CN":
        raise invalid("country", "CN is not currently supported by Stripe.", code="country_unsupported")
    wanted: Any = call.params.get("capabilities") or {"transfers": {"requested": "true"}}
    settings: Any = call.params.get("settings") or {}
    schedule = (settings.get("payouts") or {}).get("schedule") or {}
    body = _write_account(
        identity=call.store.make_id("acct"),
        created=call.store.now(),
        country=country,
        capabilities=dict.fromkeys(wanted, "inactive"),
        interval=schedule.get("interval") or "daily",
    )
    body |= {
        "business_type": call.text("business_type"),
        "email": call.text("email"),
        "metadata": call.metadata(),
        "type": call.text("type") or "express",
    }
    call.store.add("account", body)
    emit(call.store, "account.updated", body, account=body["id"])
    return body


def find_home() -> Body:
    """The platform's own account: everything is allowed to it from the beginning."""
    allowed = dict.fromkeys(("card_payments", "transfers", "crypto_payments"), "active")
    body = _write_account(identity=HOME_ID, created=0, country="HK", capabilities=allowed, interval="manual")
    return body | {
        "charges_enabled": True,
        "payouts_enabled": True,
        "details_submitted": True,
        "requirements": _describe_requirements([], None),
        "type": "standard",
    }


def _write_account(*, identity: str, created: int, country: str, capabilities: Body, interval: str) -> Body:
    return {
        "id": identity,
        "object": "account",
        "business_profile": None,
        "business_type": None,
        "capabilities": capabilities,
        "charges_enabled": False,
        "controller": {"type": "application", "is_controller": True},
        "country": country,
        "created": created,
        "default_currency": HOME.get(country, "eur"),
        "details_submitted": False,
        "email": None,
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": "/v1/accounts/external_accounts",
        },
        "metadata": {},
        "payouts_enabled": False,
        "requirements": _describe_requirements(NEEDED, "requirements.past_due"),
        "future_requirements": _describe_requirements([], None),
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": None,
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
            "payouts": {
                "debit_negative_balances": True,
                "schedule": {"delay_days": PAYOUT_DAYS, "interval": interval},
                "statement_descriptor": None,
            },
        },
        "tos_acceptance": {"date": None},
        "type": "express",
    }


def _describe_requirements(due: list[str], disabled: str | None) -> Body:
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due,
        "disabled_reason": disabled,
        "errors": [],
        "eventually_due": due,
        "past_due": due if disabled == "requirements.past_due" else [],
        "pending_verification": [],
    }


def find_account(store: Store, identity: str) -> Body:
    """
    A connected account.

    :raises Refusal: if there is none
    """
    found = store.get("account", identity)
    if found is None:
        raise missing("account", identity, "account")
    return found


def update_account(call: Call, identity: str) -> Body:
    """Change what the platform may change."""
    call.allow("email", "metadata", "settings", "business_profile", "capabilities")
    body = find_account(call.store, identity)
    if "email" in call.params:
        body["email"] = call.text("email")
    body["metadata"] = change_metadata(body["metadata"], call.params.get("metadata"))
    settings: Any = call.params.get("settings") or {}
    interval = ((settings.get("payouts") or {}).get("schedule") or {}).get("interval")
    if interval:
        body["settings"]["payouts"]["schedule"]["interval"] = interval
    call.store.save(body)
    emit(call.store, "account.updated", body, account=identity)
    return body


def delete_account(call: Call, identity: str) -> Body:
    """Close an account that holds nothing."""
    call.allow()
    body = find_account(call.store, identity)
    if any(row["amount"] for row in _hold(call.store, identity)):
        raise Refusal("This account has a balance and cannot be deleted.", code="account_invalid")
    call.store.remove(body["id"])
    return {"id": identity, "object": "account", "deleted": True}


def _hold(store: Store, identity: str) -> list[Body]:
    found = {row["currency"] for row in store.all("balance_transaction", account=identity)}
    return [
        {"currency": currency, "amount": find_available(store, currency, account=identity)}
        for currency in sorted(found)
    ]


def create_link(call: Call) -> Body:
    """A link to a page where somebody tells who they are; it serves once, and not for long."""
    call.allow("account", "refresh_url", "return_url", "type", "collection_options", "collect")
    account = find_account(call.store, str(call.need("account")))
    call.need("type")
    identity, now = call.store.make_id("link"), call.store.now()
    link: Body = {
        "id": identity,
        "object": "account_link",
        "created": now,
        "expires_at": now + LINK_SECONDS,
        "url": f"{call.base}/c/onboard/{identity}",
        "_account": account["id"],
        "_return_url": str(call.need("return_url")),
        "_refresh_url": str(call.need("refresh_url")),
    }
    call.store.add("account_link", link)
    return {name: value for name, value in link.items() if name != "id"}


def use_link(store: Store, link: Body, *, answers: bool) -> bool:
    """Whether a link still leads to its page, or, if it `answers`, takes what was told there."""
    done = "_answered" if answers else "_visited"
    rejected = str(find_account(store, link["_account"])["requirements"]["disabled_reason"])
    # Who has opened the page in time may take longer over it.
    late = not answers and store.now() >= link["expires_at"]
    if link.get(done) or late or rejected.startswith("rejected"):
        return False
    link[done] = True
    store.save(link)
    return True


def move_account(store: Store, identity: str, state: str) -> Body:
    """
    What became of an account: `submitted`, `verifying`, `enabled`, `no_bank`, `restricted` or `rejected`.

    :raises Refusal: for another word, or no such account
    """
    body = find_account(store, identity)
    states: dict[str, tuple[list[str], str | None]] = {
        "enabled": ([], None),
        "verifying": ([], "requirements.pending_verification"),
        "no_bank": (["external_account"], "requirements.past_due"),
        "restricted": (["individual.verification.document"], "requirements.past_due"),
        "rejected": ([], "rejected.fraud"),
    }
    if state not in states:
        raise unfit("state", f"No such state: {state}")
    due, disabled = states[state]
    body["details_submitted"] = True
    body["requirements"] = _describe_requirements(due, disabled)
    if state == "verifying":
        body["requirements"]["pending_verification"] = ["individual.verification.document"]
    usable = state in ("enabled", "no_bank")
    body["capabilities"] = dict.fromkeys(body["capabilities"], "active" if usable else "inactive")
    body["charges_enabled"], body["payouts_enabled"] = usable, state == "enabled"
    body["external_accounts"]["data"] = [] if state == "no_bank" else [_make_bank(body)]
    body["tos_acceptance"] = {"date": store.now()}
    store.save(body)
    emit(store, "account.updated", body, account=identity)
    return body


def _make_bank(account: Body) -> Body:
    return {
        "id": f"ba_{account['id'][5:]}",
        "object": "bank_account",
        "account": account["id"],
        "account_holder_name": None,
        "account_holder_type": None,
        "bank_name": "STAND-IN BANK",
        "country": account["country"],
        "currency": account["default_currency"],
        "fingerprint": "standin",
        "last4": "6789",
        "metadata": {},
        "routing_number": "110000000",
        "status": "new",
    }


# --- transfers --------------------------------------------------------------------------------------------


def create_transfer(call: Call) -> Body:
    """Move money from the platform's balance to a connected account's."""
    call.allow(
        *("amount", "currency", "destination", "transfer_group", "metadata", "description"),
        "source_transaction",
    )
    store, amount, currency = call.store, call.amount(), str(call.need("currency")).lower()
    account = find_account(store, str(call.need("destination")))
    _check_transfer(store, account, amount, currency)
    identity, payment = store.make_id("tr"), store.make_id("py")
    moved = add_movement(
        store,
        kind="transfer",
        category="transfer",
        source=identity,
        amount=-amount,
        currency=currency,
    )
    add_movement(
        store,
        kind="payment",
        category="charge",
        source=payment,
        amount=amount,
        currency=currency,
        account=account["id"],
    )
    body: Body = {
        "id": identity,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": moved["id"],
        "created": store.now(),
        "currency": currency,
        "description": call.text("description"),
        "destination": account["id"],
        "destination_payment": payment,
        "livemode": False,
        "metadata": call.metadata(),
        "reversals": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/transfers/{identity}/reversals",
        },
        "reversed": False,
        "source_transaction": call.text("source_transaction"),
        "source_type": "card",
        "transfer_group": call.text("transfer_group"),
    }
    store.add("transfer", body)
    emit(store, "transfer.created", body)
    return body


def _check_transfer(store: Store, account: Body, amount: int, currency: str) -> None:
    if account["capabilities"].get("transfers") != "active":
        raise Refusal(
            "Your destination account needs to have at least one of the following capabilities enabled:"
            " transfers, crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
        )
    if find_available(store, currency) < amount:
        raise Refusal(
            "You have insufficient available funds in your Stripe account.", code="balance_insufficient"
        )


def update_transfer(call: Call, identity: str) -> Body:
    """Change a transfer's metadata."""
    call.allow("metadata", "description")
    body = call.find("transfer", identity)
    body["metadata"] = change_metadata(body["metadata"], call.params.get("metadata"))
    return call.store.save(body)


def reverse_transfer(call: Call, identity: str) -> Body:
    """Take money back from a connected account, if it is still there."""
    call.allow("amount", "description", "metadata", "refund_application_fee")
    store, transfer = call.store, call.find("transfer", identity)
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = call.amount() if "amount" in call.params else left
    if not 0 < amount <= left:
        raise Refusal(f"Transfer {identity} has {left} left to reverse.", code="transfer_reversed")
    currency, account = transfer["currency"], transfer["destination"]
    if find_available(store, currency, account=account) < amount:
        raise Refusal(
            "The destination account has insufficient available funds.", code="balance_insufficient"
        )
    reversal = store.make_id("trr")
    moved = add_movement(
        store,
        kind="transfer_refund",
        category="transfer_reversal",
        source=reversal,
        amount=amount,
        currency=currency,
    )
    add_movement(
        store,
        kind="payment_refund",
        category="refund",
        source=transfer["destination_payment"],
        amount=-amount,
        currency=currency,
        account=account,
    )
    body: Body = {
        "id": reversal,
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": moved["id"],
        "created": store.now(),
        "currency": currency,
        "destination_payment_refund": None,
        "metadata": call.metadata(),
        "source_refund": None,
        "transfer": identity,
    }
    store.add("transfer_reversal", body)
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    transfer["reversals"]["data"].insert(0, body)
    store.save(transfer)
    emit(store, "transfer.reversed", transfer)
    return body
