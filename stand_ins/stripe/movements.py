"""The balance: every movement of it with its fee, pending until its day, in the currencies that are held."""

from typing import Any

from stand_ins.stripe.call import Call
from stand_ins.stripe.store import Body, Store

DAY = 86_400


def add_movement(
    store: Store,
    *,
    kind: str,
    category: str,
    source: str,
    amount: int,
    currency: str,
    fee: int = 0,
    rate: float | None = None,
    days: int = 0,
    account: str = "",
    description: str | None = None,
) -> Body:
    """Move the balance by `amount` less `fee`, in the smallest unit; available after some days."""
    now = store.now()
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    body: Body = {
        "id": store.make_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now + days * DAY,
        "balance_type": "payments",
        "created": now,
        "currency": currency,
        "description": description,
        "exchange_rate": rate,
        "fee": fee,
        "fee_details": details if fee else [],
        "net": amount - fee,
        "reporting_category": category,
        "source": source,
        "status": "pending" if days else "available",
        "type": kind,
    }
    store.add("balance_transaction", body, account=account)
    if days:
        store.alarm(body["available_on"], "available", body["id"])
    return body


def make_available(store: Store, identity: str) -> None:
    """A movement's day has come."""
    body = store.find(identity)
    if body is not None:
        store.save({**body, "status": "available"})


def find_available(store: Store, currency: str, *, account: str = "") -> int:
    """What may be spent of a currency."""
    return _sum(store, account, available=True).get(currency, 0)


def _sum(store: Store, account: str, *, available: bool) -> dict[str, int]:
    sums: dict[str, int] = {}
    for body in store.all("balance_transaction", account=account):
        # A debit counts at once; a credit when its day has come.
        if (body["status"] == "available") == available:
            sums[body["currency"]] = sums.get(body["currency"], 0) + int(body["net"])
    return sums


def retrieve_balance(call: Call) -> Body:
    """What there is, by currency."""

    def write(sums: dict[str, int]) -> list[Any]:
        rows = sorted(sums.items()) or [("usd", 0)]
        return [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in rows
        ]

    return {
        "object": "balance",
        "available": write(_sum(call.store, call.account, available=True)),
        "livemode": False,
        "pending": write(_sum(call.store, call.account, available=False)),
    }
