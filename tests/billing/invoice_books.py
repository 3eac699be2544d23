"""Invoices for full books: one that a credit note undid, with both taxes taken, and two that stand."""

import json
from decimal import Decimal
from typing import Any

import psycopg

from tests.billing.exchange import Buyer, fetch, fetch_value

Connection = psycopg.Connection[Any]
ISSUE = (
    "SELECT issue_invoice_v1(gen_random_uuid(), %s, %s, %s, %s, '2026-01-01', '2030-01-01', now(),"
    " %s::bigint[], %s, %s, %s, %s)"
)


def fill(app: Connection, buyer: Buyer) -> None:
    """Invoice everything that the buyer was charged."""
    app.execute("INSERT INTO seller_profile VALUES ('HK', 'Seller', 'Road 1', '', now())")
    app.execute(
        "INSERT INTO billing_profile VALUES (%s, 'Lab', 'Road 2', 'SE', '', '', 'en', now())",
        [buyer.organization_id],
    )
    rows = fetch(
        app,
        "SELECT entry_id, amount FROM list_uninvoiced_v1(%s, '2030-01-01') WHERE amount > 0",
        buyer.account_id,
    )
    entries = {row["entry_id"]: row["amount"] for row in rows}
    wrong = issue(app, buyer, entries, tax="0.1")
    fetch(app, "SELECT post_invoice_tax_v1(%s)", wrong)
    note = issue(app, buyer, entries, tax="0.1", corrects=wrong)
    fetch(app, "SELECT post_invoice_tax_v1(%s)", note)
    first, *others = entries.items()
    issue(app, buyer, dict([first]), tax="0.2")
    issue(app, buyer, dict(others), tax="0")


def issue(
    app: Connection, buyer: Buyer, entries: dict[int, Decimal], *, tax: str, corrects: int | None = None
) -> int:
    """Issue an invoice over entries, or a credit note over one; gives its id."""
    sign = -1 if corrects else 1
    net, amount = sign * sum(entries.values(), Decimal(0)), sign * Decimal(tax)
    shown = net.quantize(Decimal("0.01"))
    content = {
        "lines": [{"exact": str(net), "shown": str(shown)}],
        "taxes": [{"amount": str(amount)}],
    }
    kind, reason = ("CREDIT_NOTE", "wrong") if corrects else ("INVOICE", "")
    return int(
        fetch_value(
            app,
            ISSUE,
            *(kind, buyer.account_id, corrects, reason, [] if corrects else list(entries)),
            *(net, shown, amount, json.dumps(content)),
        )
    )
