"""Money in through Stripe as the application writes it: paid, partly kept back, sent back, contested."""

from decimal import Decimal
from typing import Any

import psycopg

from tests.billing.exchange import NOW, Buyer, fetch_value

Connection = psycopg.Connection[Any]


def fill(app: Connection, buyer: Buyer) -> None:
    """One payment with its cost, a refund of it that failed, a dispute that was lost, and what is open."""
    paid = _pay(app, buyer)
    _mirror(app)
    _send_back(app, buyer, paid)
    _contest(app, buyer, paid)
    app.execute(
        "INSERT INTO stripe_top_up (uid, organization_id, request_key, origin, method, currency, amount,"
        " actor, state, created_at, follow_at, session_id) VALUES (gen_random_uuid(), %s, 'k', 'RECHARGE',"
        " 'CARD', 'USD', 50, 'test', 'OPEN', now(), now(), 'cs_2')",
        [buyer.organization_id],
    )
    app.execute(
        "INSERT INTO stripe_event (event_id, type, api_version, account, object_id, happened_at, received_at,"
        " payload, state, next_at, handled_at) VALUES ('evt_1', 'charge.updated', '', '', 'ch_1', now(),"
        " now(), '{}', 'HANDLED', now(), now())"
    )
    app.execute("INSERT INTO stripe_customer VALUES (%s, 'cus_1', now())", [buyer.organization_id])
    app.execute(
        "INSERT INTO stripe_recharge (uid, organization_id, currency, threshold, amount, day_most,"
        " month_most, payment_method_id, state, changed_at)"
        " VALUES (gen_random_uuid(), %s, 'USD', 20, 50, 100, 300, 'pm_1', 'ACTIVE', now())",
        [buyer.organization_id],
    )
    app.execute("INSERT INTO stripe_cursor VALUES ('events', now())")
    app.execute("SELECT count_test_money_v1('{organization:1}', '2026-01-01', 1000)")
    app.execute("SELECT note_card_v1(%s, 'card', now())", [buyer.organization_id])
    app.execute(
        "SELECT free_start_v1(gen_random_uuid(), %s, 'test', 'somebody', 'a network', 3, 3, 30, now())",
        [buyer.organization_id],
    )
    app.execute(
        "SELECT free_start_by_hand_v1(gen_random_uuid(), (SELECT min(id) FROM accounts_organization"
        " WHERE id <> %s), 'test', 'because', now())",
        [buyer.organization_id],
    )


def post(app: Connection, buyer: Buyer, key: str, kind: str, **lines: str) -> int:
    """An entry: purposes with amounts; organizations' own accounts are the buyer's."""
    legs = {
        fetch_value(
            app,
            "SELECT account_v1(%s, CASE WHEN owned THEN %s::bigint END, 'USD') FROM account_purpose"
            " WHERE purpose = %s",
            *(purpose, buyer.organization_id, purpose),
        ): Decimal(amount)
        for purpose, amount in lines.items()
    }
    return int(
        fetch_value(
            app,
            "SELECT entry_id FROM post_v1(%s, %s, 'test', '', %s, %s::bigint[], %s::numeric[])",
            *(key, kind, NOW, sorted(legs), [legs[account] for account in sorted(legs)]),
        )
    )


def _pay(app: Connection, buyer: Buyer) -> int:
    entry = post(
        app, buyer, "stripe:topup:pi_1", "STRIPE_TOPUP", STRIPE_PENDING="40", WALLET="-30", RESERVE="-10"
    )
    release = post(app, buyer, "stripe:release:pi_1", "STRIPE_RELEASE", RESERVE="10", WALLET="-10")
    made = fetch_value(
        app,
        "INSERT INTO stripe_top_up (uid, organization_id, origin, method, currency, amount, actor, state,"
        " created_at, session_id, payment_intent_id, charge_id, paid_at, entry_id, reserved, reserve_ends_at,"
        " release_entry_id) VALUES (gen_random_uuid(), %s, 'CHECKOUT', 'CARD', 'USD', 40, 'test', 'PAID',"
        " now(), 'cs_1', 'pi_1', 'ch_1', now(), %s, 10, now(), %s) RETURNING id",
        *(buyer.organization_id, entry, release),
    )
    return int(made)


def _mirror(app: Connection) -> None:
    pending, fee, free = (
        fetch_value(app, "SELECT account_v1(%s, NULL, 'USD')", purpose)
        for purpose in ("STRIPE_PENDING", "STRIPE_FEE", "CLEARING_STRIPE")
    )
    query = "SELECT entry_id FROM post_v1(%s, %s, 'test', '', now(), %s::bigint[], %s::numeric[])"
    legs = sorted([(pending, Decimal(-1)), (fee, Decimal(1))])
    told = fetch_value(
        app, query, "stripe:balance:txn_1", "STRIPE_BALANCE", *map(list, zip(*legs, strict=True))
    )
    legs = sorted([(pending, Decimal(-39)), (free, Decimal(39))])
    there = fetch_value(
        app, query, "stripe:available:txn_1", "STRIPE_AVAILABLE", *map(list, zip(*legs, strict=True))
    )
    app.execute(
        "INSERT INTO stripe_balance_transaction VALUES ('txn_1', 'charge', 'charge', 'ch_1', 'USD', 40, 1,"
        " 39, '', now(), now(), now(), '{}', %s, %s)",
        [told, there],
    )


def _send_back(app: Connection, buyer: Buyer, paid: int) -> None:
    taken = post(app, buyer, "stripe:refund:1", "STRIPE_REFUND", WALLET="4", REFUND_IN_TRANSIT="-4")
    back = post(app, buyer, "stripe:refund_back:1", "STRIPE_REFUND_BACK", WALLET="-4", REFUND_IN_TRANSIT="4")
    app.execute(
        "INSERT INTO stripe_refund (uid, top_up_id, amount, reason, actor, state, requested_at, refund_id,"
        " entry_id, back_entry_id) VALUES (gen_random_uuid(), %s, 4, '', 'test', 'FAILED', now(), 're_1',"
        " %s, %s)",
        [paid, taken, back],
    )


def _contest(app: Connection, buyer: Buyer, paid: int) -> None:
    frozen = post(app, buyer, "stripe:dispute:dp_1:open", "DISPUTE_OPEN", WALLET="2", FROZEN="-2")
    lost = post(
        app,
        buyer,
        "stripe:dispute:dp_1:end",
        "DISPUTE_LOST",
        FROZEN="2",
        DISPUTE_LOSS="1",
        DISPUTE_RECEIVABLE="-3",
    )
    app.execute(
        "INSERT INTO stripe_dispute VALUES"
        " ('dp_1', %s, 3, 'fraudulent', 'lost', 'LOST', now(), now(), 2, %s, %s)",
        [paid, frozen, lost],
    )
