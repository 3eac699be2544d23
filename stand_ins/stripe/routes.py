"""Which path means what."""

import re
from collections.abc import Callable
from functools import partial

from stand_ins.stripe import checkout, connect, customers, movements, payments, payouts, refunds, webhooks
from stand_ins.stripe.call import Call
from stand_ins.stripe.lists import list_objects
from stand_ins.stripe.store import Body

Handler = Callable[..., Body]


def _retrieve(call: Call, identity: str, *, kind: str) -> Body:
    call.allow()
    return call.find(kind, identity)


def _list(call: Call, *, kind: str, path: str, by: tuple[str, ...]) -> Body:
    return list_objects(call, kind, path, by=by)


def _list_methods(call: Call, identity: str) -> Body:
    call.find("customer", identity)
    call.params["customer"] = identity
    path = f"/v1/customers/{identity}/payment_methods"
    return list_objects(call, "payment_method", path, by=("customer", "type", "allow_redisplay"))


def _list_reversals(call: Call, identity: str) -> Body:
    call.find("transfer", identity)
    call.params["transfer"] = identity
    return list_objects(call, "transfer_reversal", f"/v1/transfers/{identity}/reversals", by=("transfer",))


def _retrieve_account(call: Call, identity: str = "") -> Body:
    call.allow()
    named = identity or call.account
    return connect.find_account(call.store, named) if named else connect.find_home()


def _list_accounts(call: Call) -> Body:
    return list_objects(Call(call.store, call.params), "account", "/v1/accounts")


# Kind, path, fields that lists may be asked by.
RESOURCES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("customer", "customers", ("email",)),
    ("payment_method", "payment_methods", ("customer", "type")),
    ("payment_intent", "payment_intents", ("customer",)),
    ("charge", "charges", ("customer", "payment_intent", "transfer_group")),
    ("refund", "refunds", ("charge", "payment_intent")),
    ("dispute", "disputes", ("charge", "payment_intent")),
    ("balance_transaction", "balance_transactions", ("currency", "payout", "source", "type")),
    ("event", "events", ("type", "types")),
    ("checkout.session", "checkout/sessions", ("customer", "payment_intent", "status")),
    ("webhook_endpoint", "webhook_endpoints", ()),
    ("transfer", "transfers", ("destination", "transfer_group")),
    ("payout", "payouts", ("destination", "status")),
)
ACTIONS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "customers", customers.create_customer),
    ("POST", "customers/{id}", customers.update_customer),
    ("DELETE", "customers/{id}", customers.delete_customer),
    ("GET", "customers/{id}/payment_methods", _list_methods),
    ("POST", "payment_methods", customers.create_method),
    ("POST", "payment_methods/{id}/attach", customers.attach_method),
    ("POST", "payment_methods/{id}/detach", customers.detach_method),
    ("POST", "payment_intents", payments.create_intent),
    ("POST", "payment_intents/{id}", payments.update_intent),
    ("POST", "payment_intents/{id}/confirm", payments.confirm_intent),
    ("POST", "payment_intents/{id}/cancel", payments.cancel_intent),
    ("POST", "refunds", refunds.create_refund),
    ("POST", "refunds/{id}", refunds.update_refund),
    ("POST", "disputes/{id}", refunds.update_dispute),
    ("POST", "disputes/{id}/close", refunds.close_dispute),
    ("GET", "balance", movements.retrieve_balance),
    ("POST", "checkout/sessions", checkout.create_session),
    ("POST", "checkout/sessions/{id}", checkout.update_session),
    ("POST", "checkout/sessions/{id}/expire", checkout.expire_session),
    ("POST", "webhook_endpoints", webhooks.create_endpoint),
    ("POST", "webhook_endpoints/{id}", webhooks.update_endpoint),
    ("DELETE", "webhook_endpoints/{id}", webhooks.delete_endpoint),
    ("GET", "account", _retrieve_account),
    ("GET", "accounts", _list_accounts),
    ("POST", "accounts", connect.create_account),
    ("GET", "accounts/{id}", _retrieve_account),
    ("POST", "accounts/{id}", connect.update_account),
    ("DELETE", "accounts/{id}", connect.delete_account),
    ("POST", "account_links", connect.create_link),
    ("POST", "transfers", connect.create_transfer),
    ("POST", "transfers/{id}", connect.update_transfer),
    ("GET", "transfers/{id}/reversals", _list_reversals),
    ("POST", "transfers/{id}/reversals", connect.reverse_transfer),
    ("POST", "payouts", payouts.create_payout),
    ("POST", "payouts/{id}/cancel", payouts.cancel_payout),
)


def _compile() -> list[tuple[str, re.Pattern[str], Handler]]:
    rows = list(ACTIONS)
    for kind, path, by in RESOURCES:
        rows.append(("GET", path, partial(_list, kind=kind, path=f"/v1/{path}", by=by)))
        rows.append(("GET", f"{path}/{{id}}", partial(_retrieve, kind=kind)))
    return [
        (method, re.compile("/v1/" + path.replace("{id}", "([A-Za-z0-9_]+)")), handler)
        for method, path, handler in rows
    ]


TABLE = _compile()


def find_route(method: str, path: str) -> tuple[Handler, tuple[str, ...]] | None:
    """The handler of a call, and the ids in its path."""
    for wanted, pattern, handler in TABLE:
        found = pattern.fullmatch(path) if wanted == method else None
        if found is not None:
            return handler, found.groups()
    return None
