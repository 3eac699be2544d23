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
    dollars, others = (_agree(app, currency, ann, bob) for currency in ("USD", "HKD"))
    _pay(app, dollars)
    fetch(app, "SELECT finish_settlement_v1(%s, now())", dollars)
    fetch(
        app,
        "SELECT move_payout_v1(uid, 'PAID', 'E1', '', 'CLEARING_BANK', 'test', now(), now())"
        " FROM payout WHERE organization_id = %s",
        farm,
    )
    _pay(app, others, limit=1)
    _draft(app, "CNY")
    app.execute("INSERT INTO payout_schedule VALUES (%s, 'DAILY', now())", [north])
    app.execute("INSERT INTO payout_term (currency, changed_at) VALUES ('HKD', now())")


def _earn(app: Connection, provider: int, currency: str) -> None:
    bank = fetch_value(app, "SELECT account_v1('CLEARING_BANK', NULL, %s)", currency)
    owed = fetch_value(app, "SELECT account_v1('PAYABLE', %s, %s)", provider, currency)
    exchange.post(app, [bank, owed], [Decimal("7.5"), Decimal("-7.5")], kind="CORRECTION")


def _draft(app: Connection, currency: str) -> int:
    made = fetch_value(
        app,
        "SELECT draft_settlement_v1(gen_random_uuid(), '2026-06', %s, 'HK', 0, 0, 0, NULL, NULL, now())",
        currency,
    )
    fetch(
        app,
        "SELECT reckon_settlement_v1(%s, array_agg(i.organization_id), array_agg(0), array_agg('bank'::text),"
        " array_agg(NULL::bigint), array_agg(0.0), array_agg(''::text)) FROM settlement_item i"
        " WHERE batch_id = %s",
        *(made, made),
    )
    return int(made)


def _agree(app: Connection, currency: str, ann: Any, bob: Any) -> int:
    batch = _draft(app, currency)
    sha = fetch_value(app, "SELECT submit_settlement_v1(%s, %s, now())", batch, ann)
    asked = fetch_value(
        app,
        "SELECT approval_id FROM settlement_batch b, request_approval_v1(gen_random_uuid(), 'settlement',"
        " b.uid::text, jsonb_build_object('content_sha256', %s::text)::text, %s, now()) WHERE b.id = %s",
        *(sha, ann, batch),
    )
    fetch(
        app,
        "SELECT decide_approval_v1(id, 'APPROVED', sha256, %s, '', now()) FROM approval WHERE id = %s",
        *(bob, asked),
    )
    fetch(app, "SELECT approve_settlement_v1(%s, %s, now())", batch, bob)
    assert fetch_value(app, "SELECT start_settlement_v1(%s, now())", batch)
    return batch


def _pay(app: Connection, batch: int, limit: int | None = None) -> None:
    fetch(
        app,
        "SELECT pay_item_v1(id, gen_random_uuid(), false, now()) FROM"
        " (SELECT id FROM settlement_item WHERE batch_id = %s ORDER BY id LIMIT %s) i",
        *(batch, limit),
    )
