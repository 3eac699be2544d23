"""Settlements as the application writes them: one done, one being carried out, one a draft."""

from decimal import Decimal
from typing import Any

import psycopg

from tests.billing import exchange
from tests.billing.exchange import fetch, fetch_value

Connection = psycopg.Connection[Any]


def settle(app: Connection, farm: int, ann: Any, bob: Any) -> None:
    """
    Dollars: the farm's payout is paid. Hong Kong dollars: of two providers one is paid out. Yuan: a draft.

    The draft's provider is the first of those two.
    """
    north, south = (exchange.make_organization(app, name) for name in ("North", "South"))
    for provider, currency in ((north, "HKD"), (south, "HKD"), (north, "CNY")):
        _earn(app, provider, currency)
    fetch(app, "SELECT sequence_entries_v1()")
    dollars, others = (agree(app, currency, ann, bob) for currency in ("USD", "HKD"))
    pay(app, dollars)
    fetch(app, "SELECT finish_settlement_v1(%s, now())", dollars)
    fetch(
        app,
        "SELECT move_payout_v1(uid, 'PAID', 'E1', '', 'CLEARING_BANK', 'test', now(), now())"
        " FROM payout WHERE organization_id = %s",
        farm,
    )
    pay(app, others, limit=1)
    draft(app, "CNY")
    app.execute("INSERT INTO payout_schedule VALUES (%s, 'DAILY', now())", [north])
    app.execute("INSERT INTO payout_term (currency, changed_at) VALUES ('HKD', now())")


def _earn(app: Connection, provider: int, currency: str) -> None:
    bank = fetch_value(app, "SELECT account_v1('CLEARING_BANK', NULL, %s)", currency)
    owed = fetch_value(app, "SELECT account_v1('PAYABLE', %s, %s)", provider, currency)
    exchange.post(app, [bank, owed], [Decimal("7.5"), Decimal("-7.5")], kind="CORRECTION")


def draft(app: Connection, currency: str, *, clock: str = "now()") -> int:
    """
    Count what is owed in a currency; `clock` is what SQL asks for the time.

    Hong Kong dollars are paid by hand, all others by the bank.
    """
    made = fetch_value(
        app,
        f"SELECT draft_settlement_v1(gen_random_uuid(), '2026-06', %s, 'HK', 0, 0, 0, NULL, NULL, {clock})",
        currency,
    )
    fetch(
        app,
        "SELECT reckon_settlement_v1(%s, array_agg(i.organization_id), array_agg(0), array_agg(%s::text),"
        " array_agg(NULL::bigint), array_agg(0.0), array_agg(''::text)) FROM settlement_item i"
        " WHERE batch_id = %s",
        *(made, "manual" if currency == "HKD" else "bank", made),
    )
    return int(made)


def agree(app: Connection, currency: str, ann: Any, bob: Any, *, clock: str = "now()") -> int:
    """Have a batch drafted by one, approved by the other, and started."""
    batch = draft(app, currency, clock=clock)
    sha = fetch_value(app, f"SELECT submit_settlement_v1(%s, %s, {clock})", batch, ann)
    asked = fetch_value(
        app,
        "SELECT approval_id FROM settlement_batch b, request_approval_v1(gen_random_uuid(), 'settlement',"
        f" b.uid::text, jsonb_build_object('content_sha256', %s::text)::text, %s, {clock}) WHERE b.id = %s",
        *(sha, ann, batch),
    )
    fetch(
        app,
        f"SELECT decide_approval_v1(id, 'APPROVED', sha256, %s, '', {clock}) FROM approval WHERE id = %s",
        *(bob, asked),
    )
    fetch(app, f"SELECT approve_settlement_v1(%s, %s, {clock})", batch, bob)
    assert fetch_value(app, f"SELECT start_settlement_v1(%s, {clock})", batch)
    return batch


def pay(app: Connection, batch: int, limit: int | None = None, *, clock: str = "now()") -> None:
    """Make the payouts of a batch, or some of them."""
    fetch(
        app,
        f"SELECT pay_item_v1(id, gen_random_uuid(), false, {clock}) FROM"
        " (SELECT id FROM settlement_item WHERE batch_id = %s ORDER BY id LIMIT %s) i",
        *(batch, limit),
    )
