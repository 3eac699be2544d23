"""What a bank says as the application writes it, and one reconciliation with its explanation."""

import json
from decimal import Decimal
from typing import Any

import psycopg

from core import ids
from tests.billing import exchange
from tests.billing.exchange import Buyer, fetch, fetch_value

Connection = psycopg.Connection[Any]
AMOUNTS = {"new": 1, "paid": 5, "unknown": 2, "back": 3, "gone": -3}
TWIN = 1
"""An entry of the amount of the line that nobody acted on."""


def fill(app: Connection, buyer: Buyer, person: Any) -> None:
    """One statement: a line nobody acted on, a deposit, one in suspense, and money that was sent back."""
    account = fetch_value(
        app,
        "INSERT INTO bank_account (uid, currency, entity, number, bank, holder, opened_at)"
        " VALUES (gen_random_uuid(), 'USD', 'HK', 'DE89370400440532013000', 'B', 'J', now()) RETURNING id",
    )
    file = fetch_value(
        app,
        "INSERT INTO bank_file (uid, sha256, content, received_at, received_by, state)"
        " VALUES (gen_random_uuid(), encode(sha256('c'), 'hex'), 'c', now(), %s, 'READ') RETURNING id",
        person,
    )
    lines = [
        {"uid": str(ids.make_uid()), "reference": name, "amount": str(amount), "booked_on": "2026-06-01"}
        | dict.fromkeys(("code", "bank_code", "end_to_end_id", "counterparty", "remittance", "trouble"), "")
        | {"is_reversal": False}
        for name, amount in AMOUNTS.items()
    ]
    fetch(
        app,
        "SELECT import_bank_statement_v1(gen_random_uuid(), %s, %s, 'S1', 1, 'x', 0, 8, '2026-06-01',"
        " '2026-06-01', now(), %s::jsonb)",
        *(file, account, json.dumps(lines)),
    )
    _act(
        app,
        "paid",
        "WALLET",
        entry_id=_post(app, "paid", buyer.account_id),
        organization_id=buyer.organization_id,
    )
    clearing = exchange.account(app, "CLEARING_BANK")
    exchange.post(app, [clearing, buyer.account_id], [Decimal(TWIN), -Decimal(TWIN)], key="bank:twin")
    _act(app, "unknown", "SUSPENSE", suspense_entry_id=_suspend(app, "unknown"))
    approval = fetch_value(app, "SELECT min(id) FROM approval")
    _act(app, "back", "RETURNING", suspense_entry_id=_suspend(app, "back"), approval_id=approval)
    gone, back = (
        fetch_value(app, "SELECT id FROM bank_line WHERE reference = %s", name) for name in ("gone", "back")
    )
    _act(app, "gone", "SENT_BACK", suspense_entry_id=_suspend(app, "gone"), counterpart_id=back)
    _act(app, "back", "SENT_BACK", counterpart_id=gone)
    run = fetch_value(
        app,
        "INSERT INTO reconciliation_run (uid, made_at, made_by) VALUES (gen_random_uuid(), now(), 'x')"
        " RETURNING id",
    )
    fetch_value(
        app,
        "INSERT INTO reconciliation_line (run_id, currency, equation, ours, theirs, state, detail)"
        " VALUES (%s, 'USD', 'BANK', 1, 1, 'EQUAL', '{}') RETURNING id",
        run,
    )
    app.execute(
        "INSERT INTO reconciliation_note (uid, currency, equation, difference, reason, noted_by, noted_at)"
        " VALUES (gen_random_uuid(), 'USD', 'BANK', 1, 'x', %s, now())",
        [person],
    )


def _act(app: Connection, reference: str, state: str, **columns: Any) -> None:
    names = "".join(f", {name} = %s" for name in columns)
    change = f"UPDATE bank_line SET state = %s, reason = 'x', acted_at = now(){names} WHERE reference = %s"
    app.execute(change.encode(), [state, *columns.values(), reference])


def _suspend(app: Connection, reference: str) -> int:
    return _post(app, reference, exchange.account(app, "SUSPENSE"))


def _post(app: Connection, reference: str, other: int) -> int:
    amount = Decimal(AMOUNTS[reference])
    return exchange.post(
        app, [exchange.account(app, "CLEARING_BANK"), other], [amount, -amount], key=f"bank:{reference}"
    )
