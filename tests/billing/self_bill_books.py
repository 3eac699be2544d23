"""Self-billing for full books: an agreement that stands, one that ended, and a bill with a tax due."""

import json
from decimal import Decimal
from typing import Any

import psycopg

from tests.billing.exchange import fetch_value

Connection = psycopg.Connection[Any]
AGREE = """
INSERT INTO self_billing_agreement
       (uid, organization_id, version, sha256, agreed_by, agreed_at, ended_by, ended_at)
SELECT gen_random_uuid(), o.id, '1', repeat('0', 64), %(by)s, now() - interval '1 day',
       CASE WHEN o.id <> %(farm)s THEN %(by)s::uuid END, CASE WHEN o.id <> %(farm)s THEN now() END
  FROM accounts_organization o WHERE o.id = %(farm)s OR o.name = 'Yard'
"""
ISSUE = "SELECT issue_self_bill_v1(gen_random_uuid(), 'INVOICE', %s, NULL, '', now(), %s, %s, %s, %s)"


def agree(app: Connection, farm: int, person: Any) -> None:
    """The farm agrees, and another provider did and ended it."""
    app.execute(AGREE, {"farm": farm, "by": person})


def issue(app: Connection, farm: int) -> int:
    """Bill the farm's payout in dollars; gives the invoice's id."""
    payout = fetch_value(app, "SELECT id FROM payout WHERE organization_id = %s AND currency = 'USD'", farm)
    sold = fetch_value(app, "SELECT sum(amount) FROM list_unbilled_v1(%s) WHERE amount > 0", payout)
    shown, tax = sold.quantize(Decimal("0.01")), Decimal("0.3")
    content = {"lines": [{"exact": str(sold), "shown": str(shown)}], "taxes": [{"amount": str(tax)}]}
    return int(fetch_value(app, ISSUE, payout, sold, shown, tax, json.dumps(content)))
