"""
The control door, that Stripe does not have: move the clock, misbehave, and play banks and buyers.

`POST /_control/{name}` with JSON. Whoever holds the key may; nothing here is for more than tests and desks.
"""

import json
from collections.abc import Callable
from typing import Any

from stand_ins.stripe import charges, checkout, connect, events, payouts, refunds
from stand_ins.stripe.due import run_due
from stand_ins.stripe.errors import Refusal, missing
from stand_ins.stripe.store import Body, Store

DELIVERIES = frozenset({"hold", "lose", "duplicates", "reverse", "delay", "spread", "future"})
FAULTS = frozenset({"path", "method", "status", "times", "acted", "seconds"})


def advance(store: Store, wish: Body) -> Body:
    """Move the clock by `seconds`."""
    seconds = int(wish["seconds"])
    if seconds < 0:
        raise Refusal("Time does not go back.")
    store.write("advanced", int(store.read("advanced", 0)) + seconds)
    run_due(store)
    return {"now": store.now()}


def set_deliveries(store: Store, wish: Body) -> Body:
    """
    How webhooks misbehave from now on; an empty wish makes them behave.

    `hold`: deliver nothing, keep it. `lose`: never deliver what happens from now on.
    `duplicates`: so many more of each. `reverse`: newest first. `delay`, `spread`: seconds before the first,
    and between duplicates. `future`: seconds that the signature's timestamp is ahead.
    """
    _refuse_unknown(wish, DELIVERIES)
    store.write("deliveries", wish)
    return wish


def set_webhooks(store: Store, wish: Body) -> Body:
    """Where events go besides the endpoints that were made: a list of `url`, `secret`, `connect`."""
    store.write("webhooks", wish["webhooks"])
    return {"webhooks": len(wish["webhooks"])}


def deliver(store: Store, wish: Body) -> Body:
    """Deliver an event again, whatever became of it before."""
    if store.get("event", str(wish["event"])) is None:
        raise missing("event", str(wish["event"]))
    rows = store.execute("SELECT DISTINCT url, secret FROM delivery WHERE event = ?", wish["event"])
    for url, secret in rows:
        events.queue(store, str(wish["event"]), str(url), str(secret))
    return {"deliveries": len(rows)}


def list_deliveries(store: Store, _wish: Body) -> Body:
    """Every delivery: its event, how often it was tried, what was answered, and whether it is over."""
    rows = store.execute("SELECT event, tries, status, done FROM delivery ORDER BY id")
    names = ("event", "tries", "status", "done")
    return {"data": [dict(zip(names, row, strict=True)) for row in rows]}


def set_faults(store: Store, wish: Body) -> Body:
    """
    Fail the next `times` calls whose path begins with `path`: with a `status`, or 0 to hang up.

    With `acted` the call has its effect first: the answer alone is lost. With `seconds` instead of a status
    the call is held up for so long, and has its effect then.
    """
    for fault in wish["faults"]:
        _refuse_unknown(fault, FAULTS)
    store.write("faults", wish["faults"])
    return {"faults": len(wish["faults"])}


def take_fault(store: Store, method: str, path: str) -> Body | None:
    """The fault that is meant for this call, counted down."""
    return _take(store, method, path, "status")


def take_pause(store: Store, method: str, path: str) -> float:
    """For how many seconds this call is held up, counted down."""
    if not store.read("faults", []):
        return 0
    with store.transaction():
        return float((_take(store, method, path, "seconds") or {}).get("seconds", 0))


def _take(store: Store, method: str, path: str, wanted: str) -> Body | None:
    faults = store.read("faults", [])
    for fault in faults:
        fits = path.startswith(fault.get("path", "/")) and fault.get("method", method) == method
        if wanted in fault and fits and fault.get("times", 1) > 0:
            fault["times"] = fault.get("times", 1) - 1
            store.write("faults", faults)
            return dict(fault)
    return None


def open_dispute(store: Store, wish: Body) -> Body:
    """Contest a `charge`, for a `reason`, in whole or for an `amount`."""
    return refunds.open_dispute(
        store,
        str(wish["charge"]),
        reason=str(wish.get("reason", "fraudulent")),
        amount=int(wish.get("amount", 0)),
    )


def settle_dispute(store: Store, wish: Body) -> Body:
    """End a `dispute` with a `status`, `won` or `lost`."""
    return refunds.settle_dispute(store, str(wish["dispute"]), str(wish["status"]))


def pay_session(store: Store, wish: Body) -> Body:
    """
    Do at the page of a `session` what a buyer does: pay with a `kind` and a card's `number`, and `answer`
    what the bank or the app asks (`agree`, `refuse`, `later`).
    """
    session = store.get("checkout.session", str(wish["session"]))
    if session is None:
        raise missing("checkout session", str(wish["session"]))
    kind, number = str(wish.get("kind", "card")), str(wish.get("number", "4242424242424242"))
    intent = checkout.pay(store, session, kind=kind, number=number, base="")
    if intent["status"] == "requires_action" and "answer" in wish:
        intent = checkout.answer(store, intent, str(wish["answer"]))
    return intent


def arrive(store: Store, wish: Body) -> Body:
    """End a payment at a `session` that was to arrive later: `paid` or not."""
    return checkout.arrive(store, str(wish["session"]), paid=bool(wish["paid"]))


def fail_refund(store: Store, wish: Body) -> Body:
    """Let the bank send a `refund` back."""
    return _require(refunds.fail_refund(store, str(wish["refund"])), wish["refund"])


def end_payout(store: Store, wish: Body) -> Body:
    """Let a `payout` arrive, or fail: `paid` or not."""
    return _require(payouts.end_payout(store, str(wish["payout"]), paid=bool(wish["paid"])), wish["payout"])


def move_account(store: Store, wish: Body) -> Body:
    """Move an `account` to a `state` (see `connect.move_account`)."""
    return connect.move_account(store, str(wish["account"]), str(wish["state"]))


def hold_fees(store: Store, wish: Body) -> Body:
    """Tell what charges cost only when asked to (`hold` false), or a `charge`'s now."""
    if "charge" in wish:
        charges.settle_charge(store, str(wish["charge"]))
    else:
        store.write("hold_fees", bool(wish["hold"]))
        for charge in [] if wish["hold"] else store.all("charge"):
            charges.settle_charge(store, charge["id"])
    return {"held": store.read("hold_fees", False)}


def set_settles(store: Store, wish: Body) -> Body:
    """In which `currencies` the platform holds balances; others are converted into the first."""
    store.write("settles", [str(currency).lower() for currency in wish["currencies"]])
    return {"currencies": store.read("settles")}


def forget(store: Store, _wish: Body) -> Body:
    """Begin anew: no objects, no wishes, the clock as it is outside."""
    store.clear()
    return {"now": store.now()}


def list_answers(store: Store, _wish: Body) -> Body:
    """Every answer since they were asked for last, if they are kept: method, path, status, body."""
    names = ("method", "path", "status", "body")
    rows = store.execute("DELETE FROM answer RETURNING method, path, status, body")
    return {"data": [dict(zip(names, row, strict=True)) for row in rows]}


COMMANDS: dict[str, Callable[[Store, Body], Body]] = {
    "advance": advance,
    "deliveries": set_deliveries,
    "delivered": list_deliveries,
    "deliver": deliver,
    "webhooks": set_webhooks,
    "faults": set_faults,
    "disputes/open": open_dispute,
    "disputes/settle": settle_dispute,
    "pay": pay_session,
    "arrive": arrive,
    "refunds/fail": fail_refund,
    "payouts/end": end_payout,
    "accounts/move": move_account,
    "fees": hold_fees,
    "settles": set_settles,
    "forget": forget,
    "answers": list_answers,
}


def run_command(store: Store, name: str, body: bytes) -> Body:
    """
    Do what was asked at the control door.

    :raises Refusal: if there is no such command, or something is missing
    """
    command = COMMANDS.get(name)
    if command is None:
        raise Refusal(f"No such command: {name}", status=404)
    try:
        wish: Any = json.loads(body or b"{}")
        return command(store, wish)
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(f"Not understood: {error!r}") from error


def _refuse_unknown(wish: Body, known: frozenset[str]) -> None:
    unknown = sorted(set(wish) - known)
    if unknown:
        raise Refusal(f"Unknown: {', '.join(unknown)}")


def _require(found: Body | None, identity: Any) -> Body:
    if found is None:
        raise missing("object", str(identity))
    return found
