"""The application reads the ledger and writes it only through functions; each right it lacks is tried."""

from collections.abc import Iterator

import psycopg
import pytest

from config.embedded.postgres import Cluster
from tests.billing import books
from tests.billing.books import APP, Books
from tests.billing.exchange import fetch
from tests.billing.no_money import NO_MONEY

pytestmark = pytest.mark.sql

READ = frozenset({"SELECT"})
APPEND = frozenset({"SELECT", "INSERT"})
KEEP = APPEND | {"UPDATE"}
STRIPE = ("balance_transaction", "cursor", "customer", "dispute", "event", "recharge", "refund", "top_up")
RIGHTS = {
    **dict.fromkeys(
        [
            *(
                "currency",
                "account_purpose",
                "ledger_account",
                "entry",
                "posting",
                "ledger_seq",
                "ledger_cursor",
            ),
            *(
                "account_fold",
                "scope",
                "spending_limit",
                "hold",
                "charge",
                "charge_queue",
                "charge_entry",
                "charge_quarantine",
                "heat_charge",
            ),
            *("partitioned_table", "job", "idempotency_claim", "attempt", "usage_record"),
            *("spend_day", "energy_day", "spend_cursor", "income_day", "income_cursor"),
            *("charge_conversion", "give_back_conversion", "fx_quote", "fx_standing_quote"),
            *("accounting_period", "period_balance", "balance_checkpoint", "checkpoint_balance"),
            *("invoice", "invoice_counter", "invoice_entry", "invoice_tax", "self_billing_counter"),
            *("give_back", "final_price", "capped_usage", "capped_cursor"),
            *("series_point", "series_correction", "site_factors"),
            *("payout_method", "rail_file", "rail_file_payout"),
            *("chain_address", "chain_deposit", "chain_cursor"),
            "bank_statement",
            *("approval", "settlement_batch", "settlement_item", "settlement_line", "payout", "payout_step"),
        ],
        READ,
    ),
    **dict.fromkeys(["receipt", "receipt_comparison", "meter_flag", "node_event", "answer_note"], APPEND),
    **dict.fromkeys(["compliance_step", "screening", "sanctions_list", "sanctions_name"], APPEND),
    "money_freeze": READ,
    "rail_answer": APPEND,
    "claim_evidence": APPEND,
    "answer_claim": KEEP,
    **dict.fromkeys(["reference_version", "reference_figure", "site_figure"], APPEND),
    **dict.fromkeys(["fx_rate", "booking_entity"], APPEND),
    **dict.fromkeys(["fx_spread", "fx_limit"], KEEP | {"DELETE"}),
    **dict.fromkeys(["reconciliation_run", "reconciliation_line", "reconciliation_note"], APPEND),
    "organization_entity": KEEP,
    **dict.fromkeys(["free_start", "free_start_mark", "test_money_given", "stripe_card"], READ),
    **dict.fromkeys(["fx_conversion", "fx_cursor", "fx_leg", "fx_position", "fx_revaluation"], READ),
    **dict.fromkeys(["swap_line", "swap_movement", "bank_line", "stripe_terms"], READ),
    **dict.fromkeys(["bank_account", "bank_file", "compliance_document", "tax_number", "tax_rule"], APPEND),
    **dict.fromkeys(["self_billing_agreement", *(f"stripe_{name}" for name in STRIPE)], APPEND),
    **dict.fromkeys(["billing_profile", "connect_account", "payout_schedule", "payout_term"], KEEP),
    "seller_profile": KEEP,
    "connect_transfer": frozenset({"SELECT", "UPDATE"}),
    "payer_account": KEEP | {"DELETE"},
    **dict.fromkeys(["price_card", "price_basis", "power_award", "site_tariff"], APPEND),
    **dict.fromkeys(["accounts_auditevent", "flag_resolution", "joules_finding"], APPEND),
}
# Columns that may be changed although the rest of their row may not.
CHANGED = {
    "bank_account": "bic bank holder fee_codes closed_at",
    "bank_file": "state refusal",
    "bank_line": "state reason suspense_entry_id entry_id organization_id payout_id counterpart_id"
    " approval_id acted_at",
    "compliance_document": "content key_id",
    "enrolment": "expires_at used_at agent_token_id",
    "node_token": "ends_at",
    "self_billing_agreement": "ended_by ended_at",
    "stripe_balance_transaction": "available_entry_id",
    "stripe_cursor": "swept_to",
    "stripe_customer": "customer_id",
    "stripe_dispute": "status state ended_at frozen freeze_entry_id end_entry_id due_by submissions evidence"
    " evidence_at evidence_by",
    "stripe_event": "state attempts next_at handled_at error",
    "stripe_recharge": "threshold amount day_most month_most payment_method_id method_name state reason"
    " failures changed_at",
    "stripe_refund": "state follow_at refund_id failure back_entry_id",
    "stripe_terms": "methods least most day_most new_day_most reserve_bps elevated_reserve_bps reserve_days",
    "stripe_top_up": "state follow_at session_id page_url payment_intent_id charge_id risk_level risk_score"
    " failure paid_at entry_id reserved reserve_ends_at release_entry_id",
    "tax_number": "content key_id",
    "tax_rule": "valid_until",
}
WRITES = {
    "INSERT": "INSERT INTO {table} ({column}) OVERRIDING SYSTEM VALUE"
    " SELECT {column} FROM {table} WHERE false",
    "UPDATE": "UPDATE {table} SET {column} = {column} WHERE false",
    "DELETE": "DELETE FROM {table} WHERE false",
    "TRUNCATE": "TRUNCATE {table} CASCADE",
}
LACKING = [(table, right) for table, rights in RIGHTS.items() for right in WRITES if right not in rights]
COLUMNS = {
    "ledger_seq": "seq",
    "ledger_cursor": "xid",
    "account_fold": "seq",
    "scope": "posted",
    "hold": "amount",
    "spend_day": "amount",
    "energy_day": "amount",
    "income_day": "earned",
    "income_cursor": "folded_to",
    "spend_cursor": "folded_to",
    "capped_cursor": "collected_to",
    "give_back": "usage_id",
    "money_freeze": "reason",
    "accounting_period": "ends_on",
    "period_balance": "amount",
    "balance_checkpoint": "seq",
    "checkpoint_balance": "seq",
    "charge_conversion": "usage_id",
    "give_back_conversion": "usage_id",
    "fx_standing_quote": "base",
    "capped_usage": "usage_id",
    "answer_note": "attempt_id",
    "answer_claim": "credit",
    "claim_evidence": "name",
    "self_billing_counter": "last",
}

# Functions that move money or holds without asking who owns them: only other functions may call them.
INNER = {
    "post_settled_v1": "post_settled_v1(NULL, '', '', 1, 1, now())",
    "hold_v2": "hold_v2(ARRAY[1], ARRAY[1], ARRAY[1.0], ARRAY[1], ARRAY[1], ARRAY[1], true)",
    "turn_limits_v1": "turn_limits_v1(ARRAY[1::bigint], true)",
    "shift_held_v1": "shift_held_v1(ARRAY[1::bigint], ARRAY[1.0])",
    "move_held_v1": "move_held_v1(ARRAY[1::bigint], ARRAY[1.0])",
    "release_v1": "release_v1(ARRAY[1::bigint])",
    "change_hold_v1": "change_hold_v1(1, 1)",
    "unposted_v1": "unposted_v1(ARRAY[1::bigint])",
    "entry_text": "entry_text(1)",
    "check_fx_limit_v1": "check_fx_limit_v1('CNH', 1.0)",
    "move_position_v1": "move_position_v1(1, 1, '2026-01-01', 1.0, 1.0)",
    "post_gain_v1": "post_gain_v1('FX_GAIN', 'HK', 1.0, 'x', now())",
    "add_balances_v1": "add_balances_v1(0, 0, 0, '2026-01-01', now())",
    "is_end_agreed_v1": "is_end_agreed_v1(NULL, 'PAID')",
    "is_file_answered_v1": "is_file_answered_v1(1)",
    "is_refusal_agreed_v1": "is_refusal_agreed_v1(1)",
    "give_back_v1": "give_back_v1(ARRAY[1::bigint], ARRAY[1.0], ARRAY[500], ARRAY[1::bigint])",
}
GRANTED = {
    *(
        "account_v1",
        "account_v2",
        "set_limit_v1",
        "end_limit_v1",
        "post_v1",
        "balance_v1",
        "sequence_entries_v1",
        "post_charges_v1",
        "charge_heat_v1",
        "post_heat_v1",
    ),
    *("quarantine_charge_v1", "requeue_charge_v1", "ensure_partitions_v1", "admit_v1", "outcome_v1"),
    *("reattempt_v1", "renew_v1", "record_usage_v3", "fail_v1", "cancel_job_v1", "fail_queued_v1"),
    *("balances_of_day_v1", "balances_at_v1", "keep_checkpoints_v1", "balances_digest_v1", "close_period_v1"),
    *("issue_invoice_v1", "issue_self_bill_v1", "post_invoice_tax_v1"),
    *("lock_refunds_v1", "collect_capped_v1", "settle_capped_v1"),
    *("attach_blobs_v1", "sweep_v1", "forget_claims_v1", "fold_spend_v1", "fold_income_v1"),
    *("count_test_money_v1", "free_start_v1", "free_start_by_hand_v1", "note_card_v1", "forget_networks_v1"),
    "lock_wallet_v1",
    *("add_payout_method_v1", "move_payout_method_v1", "order_payout_methods_v1", "reseal_payout_method_v1"),
    *("make_rail_file_v1", "send_rail_file_v1", "void_rail_file_v1", "confirm_rail_file_v1"),
    *("add_chain_addresses_v1", "assign_chain_address_v1", "note_deposit_v1", "credit_deposit_v1"),
    *("orphan_deposit_v1", "assign_deposit_v1", "move_chain_cursor_v1"),
    "import_bank_statement_v1",
    *("request_approval_v1", "decide_approval_v1", "freeze_v1", "release_freeze_v1"),
    *("find_rate_v1", "make_quote_v1", "withdraw_quote_v1", "fx_position_v1", "convert_v1"),
    *("follow_positions_v1", "revalue_positions_v1"),
    *("open_swap_line_v1", "change_swap_line_v1", "move_swap_v1"),
    *("draft_settlement_v1", "reckon_settlement_v1", "settlement_sha256_v1", "submit_settlement_v1"),
    *("void_settlement_v1", "approve_settlement_v1", "start_settlement_v1", "pay_item_v1"),
    *("finish_settlement_v1", "move_payout_v1", "reroute_payout_v1", "claim_connect_transfer_v1"),
    "recall_payout_v1",
    *("ensure_series_partitions_v1", "write_series_v1", "note_site_factors_v1"),
}
# Trigger functions cannot be called.
OPEN = {
    "write_postings",
    "check_standing_quote",
    "check_period_follows",
    "book_entry",
    "check_organization_entity",
    "check_manual_payout",
}


@pytest.fixture(scope="module")
def full(cluster: Cluster, template_database: str) -> Iterator[Books]:
    """Books for all tests of this file; each undoes what it does."""
    with books.keep(cluster) as kept:
        yield kept


def test_the_application_has_these_rights_and_no_others(full: Books) -> None:
    rows = fetch(
        full.superuser,
        "SELECT table_name AS name, privilege_type AS privilege FROM information_schema.role_table_grants"
        " WHERE grantee = %s AND table_schema = 'public'",
        APP,
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["name"], set()).add(row["privilege"])
    partitions = fetch(full.superuser, "SELECT relname AS name FROM pg_class WHERE relispartition")

    assert {table: frozenset(found.get(table, set())) for table in RIGHTS} == RIGHTS
    assert [row["name"] for row in partitions if row["name"] in found] == []


def test_no_table_is_left_out(full: Books) -> None:
    """The application may write to a new table unless it is refused: so each is listed, or holds no money."""
    rows = fetch(
        full.superuser,
        "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p') AND NOT relispartition",
    )

    assert {row["name"] for row in rows} == set(RIGHTS) | NO_MONEY
    assert set(RIGHTS) & NO_MONEY == set()


def test_no_other_column_is_granted_alone(full: Books) -> None:
    rows = fetch(
        full.superuser,
        "SELECT attrelid::regclass::text AS name, privilege_type AS privilege,"
        " array_agg(attname::text) AS columns FROM pg_attribute"
        " CROSS JOIN LATERAL aclexplode(attacl) WHERE grantee = %s::regrole GROUP BY 1, 2",
        APP,
    )

    found = {(row["name"], row["privilege"]): set(row["columns"]) for row in rows}
    assert found == {(table, "UPDATE"): set(columns.split()) for table, columns in CHANGED.items()}


@pytest.mark.parametrize(("table", "right"), LACKING)
def test_a_granted_right_would_let_the_application_write(full: Books, table: str, right: str) -> None:
    column = (
        COLUMNS.get(table)
        or fetch(
            full.superuser,
            "SELECT column_name AS name FROM information_schema.columns"
            " WHERE table_name = %s AND is_generated = 'NEVER' AND column_name <> ALL (%s)"
            " ORDER BY ordinal_position DESC LIMIT 1",
            *(table, CHANGED.get(table, "").split()),
        )[0]["name"]
    )
    write = WRITES[right].format(table=table, column=column)

    with full.trial() as connection:
        refused = full.attempt(APP, write)
        # A truncation that cascades needs the right on what points here too.
        connection.execute(f"GRANT {right} ON ALL TABLES IN SCHEMA public TO {APP}".encode())
        refused_with = full.attempt(APP, write)

    assert isinstance(refused, psycopg.errors.InsufficientPrivilege)
    assert f"table {table}" in str(refused)
    assert not isinstance(refused_with, psycopg.errors.InsufficientPrivilege)


def test_rows_do_not_go_into_partitions_past_the_parents_rules(full: Books) -> None:
    unbalanced = "INSERT INTO posting_000000 VALUES (1, 9, 1, 'USD', 1000)"

    with full.trial() as connection:
        refused = full.attempt(APP, unbalanced)
        connection.execute(f"GRANT INSERT ON posting_000000 TO {APP}".encode())
        refused_with = full.attempt(APP, unbalanced)
        connection.execute("DROP TRIGGER posting_sealed ON posting")
        refused_at_last = full.attempt(APP, unbalanced)
        wrong = books.find_wrong(connection)

    assert isinstance(refused, psycopg.errors.InsufficientPrivilege)
    assert isinstance(refused_with, psycopg.errors.IntegrityConstraintViolation)
    assert refused_at_last is None
    assert "entries_balance" in wrong


def test_functions_with_the_owners_rights_are_known_and_pinned(full: Books) -> None:
    rows = fetch(
        full.superuser,
        "SELECT proname AS name, coalesce(proconfig::text, '') AS settings,"
        " has_function_privilege(%s, oid, 'EXECUTE') AS granted,"
        " proacl IS NULL OR proacl::text ~ '[{,]=X' AS public FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace",
        APP,
    )

    assert [row["name"] for row in rows if "pg_temp" not in row["settings"]] == []
    assert {row["name"] for row in rows if row["public"]} == OPEN
    assert {row["name"] for row in rows if row["granted"]} == GRANTED | OPEN
    assert {row["name"] for row in rows if not row["granted"]} == set(INNER)


def test_usage_numbers_cannot_be_burnt(full: Books) -> None:
    with full.trial() as connection:
        refused = full.attempt(APP, "SELECT nextval('usage_id_seq')")
        connection.execute(f"GRANT USAGE ON SEQUENCE usage_id_seq TO {APP}".encode())
        refused_with = full.attempt(APP, "SELECT nextval('usage_id_seq')")

    assert isinstance(refused, psycopg.errors.InsufficientPrivilege)
    assert refused_with is None
