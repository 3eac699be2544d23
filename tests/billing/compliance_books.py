"""What compliance keeps, in books that have a row of everything."""

from typing import Any
from uuid import UUID

import psycopg

from tests.billing import exchange


def fill(app: psycopg.Connection[Any], buyer: exchange.Buyer, eve: UUID, dan: UUID) -> None:
    """A step, a screening and a list; a wallet frozen and let go, another one frozen."""
    organization = buyer.organization_id
    app.execute(
        "INSERT INTO compliance_step (uid, organization_id, kind, state, reason, made_by, made_at)"
        " VALUES (gen_random_uuid(), %s, 'IDENTITY', 'SUBMITTED', 'new', gen_random_uuid(), now())",
        [organization],
    )
    app.execute(
        "INSERT INTO compliance_document (uid, organization_id, number, name, kind, size, sha256, content,"
        " key_id, added_at) VALUES (gen_random_uuid(), %s, 1, 'a.pdf', 'application/pdf', 1,"
        " encode(sha256('x'), 'hex'), 'gAAAAx', 'k', now())",
        [organization],
    )
    app.execute(
        "INSERT INTO tax_number (uid, organization_id, hint, content, key_id, added_at)"
        " VALUES (gen_random_uuid(), %s, '…0001', 'gAAAAx', 'k', now())",
        [organization],
    )
    app.execute(
        "INSERT INTO screening (uid, organization_id, name, state, score, made_at)"
        " VALUES (gen_random_uuid(), %s, 'Lab', 'CLEAR', 0, now())",
        [organization],
    )
    app.execute(
        "INSERT INTO sanctions_list (source, dated, sha256, names, loaded_at)"
        " VALUES ('sample', '2026-01-01', encode(sha256('x'), 'hex'), 1, now())"
    )
    app.execute("INSERT INTO sanctions_name (list_id, line, name, words) VALUES (1, 2, 'Zorvax', '{zorvax}')")
    freeze = "SELECT freeze_id FROM freeze_v1(gen_random_uuid(), %s, 'a court', %s, now())"
    for currency in ("HKD", "JPY"):
        wallet = exchange.open_wallet(app, organization, currency)
        frozen = exchange.fetch_value(app, freeze, wallet.account_id, eve)
        if currency == "HKD":
            asked = exchange.fetch_value(
                app,
                "SELECT approval_id FROM request_approval_v1(gen_random_uuid(), 'release_freeze', 'wallet',"
                " (SELECT jsonb_build_object('freeze', uid, 'amount', frozen::text, 'to', 'OWNER')::text"
                " FROM money_freeze WHERE id = %s), %s, now())",
                *(frozen, eve),
            )
            exchange.fetch(
                app,
                "SELECT decide_approval_v1(id, 'APPROVED', sha256, %s, '', now())"
                " FROM approval WHERE id = %s",
                *(dan, asked),
            )
            exchange.fetch(app, "SELECT release_freeze_v1(%s, %s, now())", frozen, asked)
