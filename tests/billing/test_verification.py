"""Each check names what is wrong: rows are corrupted as only a superuser can, and its check must see it."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from django.core.management import call_command

from billing import verification
from config.embedded.postgres import Cluster
from tests import databases
from tests.billing import books, exchange
from tests.billing.books import Books

pytestmark = pytest.mark.sql

WALLET = "(SELECT id FROM ledger_account WHERE code = 'liability:wallet:1:USD')"
FIRST_POSTED = "(SELECT min(usage_id) FROM charge_entry)"
GIVEN = f"INSERT INTO give_back VALUES ({FIRST_POSTED}, 1, 0, 0, 0, 0)"

CORRUPTIONS = {
    "deposits_equal_entries": "UPDATE chain_deposit SET amount = amount + 1 WHERE state = 'CREDITED'",
    "entries_balance": f"UPDATE posting SET amount = amount + 1 WHERE entry_id = 1 AND account_id = {WALLET}",
    "entries_have_postings": "DELETE FROM posting WHERE entry_id = 1 AND seq = 1",
    "postings_have_accounts": "UPDATE posting SET currency = 'EUR' WHERE entry_id = 1",
    "wallets_equal_postings": "UPDATE scope SET posted = posted + 1 WHERE kind = 1 AND currency = 'CNY'",
    "held_equals_holds": "UPDATE scope SET held = held + 0.5 WHERE kind = 1 AND currency = 'CNY'",
    "floors_kept": "UPDATE scope SET held = posted + 1 WHERE currency = 'CNY'",
    "limits_equal_charges": "UPDATE scope SET posted = posted - 0.000000001 WHERE kind = 4",
    "limits_as_set": "UPDATE spending_limit SET ceiling = ceiling + 1 WHERE period = 'MONTHLY'",
    "holds_name_their_scopes": "UPDATE hold SET scopes = scopes || scopes[1] WHERE state = 'CLOSED'",
    "test_mode_stays_apart": "UPDATE node SET simulated = true",
    "charges_placed": f"INSERT INTO charge_queue (usage_id, wallet_id) VALUES ({FIRST_POSTED}, 1)",
    "entries_equal_charges": f"UPDATE charge SET fee = fee + 0.000000001 WHERE usage_id = {FIRST_POSTED}",
    "entries_equal_heat": "UPDATE heat_charge SET fee = fee + 0.000000001",
    "conversions_equal_quotes": "UPDATE charge_conversion SET mid_amount = mid_amount - 0.000000001",
    "conversions_equal_entries": "UPDATE fx_conversion SET bought = bought - 0.000000001",
    "positions_equal_postings": "UPDATE fx_position SET book_value = book_value + 0.000000001",
    "swap_lines_equal_accounts": "UPDATE swap_line SET drawn = drawn - 1",
    "charges_within_holds": "UPDATE hold SET amount = 0.1, released = 0.1 WHERE state = 'CLOSED'",
    "holds_closed": "DELETE FROM charge_queue",
    "numbers_without_gaps": "UPDATE ledger_seq SET seq = 1000 WHERE seq = (SELECT max(seq) FROM ledger_seq)",
    "entries_numbered": "DELETE FROM ledger_seq WHERE seq = 1",
    "chain_holds": "UPDATE entry SET reason = 'another story' WHERE id = 1",
    "folds_equal_postings": "UPDATE account_fold SET amount = amount - 1 WHERE account_id = 1",
    "reversals_mirror": "UPDATE posting SET amount = 2 * amount"
    " WHERE entry_id = (SELECT id FROM entry WHERE reverses IS NOT NULL)",
    "charges_equal_rating": "UPDATE usage_record SET billed_out = billed_out - 1 WHERE seq = 1",
    "usage_is_charged": "DELETE FROM usage_record WHERE id = 1",
    "one_attempt_is_billed": "UPDATE job SET billable_attempt_id = billable_attempt_id + 1"
    " WHERE billable_attempt_id = (SELECT min(billable_attempt_id) FROM job)",
    "billed_within_counts": "UPDATE usage_record SET claim_out = claim_out - 1 WHERE claim_out > 0",
    "holds_have_jobs": "UPDATE job SET state = 'CANCELLED', finished_at = now() WHERE state = 'QUEUED'",
    "jobs_have_holds": "UPDATE hold SET state = 'CLOSED', released = amount, closed_at = now()"
    " WHERE id = (SELECT hold_id FROM job WHERE state = 'QUEUED')",
    "incomes_equal_postings": "UPDATE income_day SET earned = earned + 1",
    "spending_equals_charges": "INSERT INTO spend_day VALUES (1, 1, 'USD', '2026-01-01', 1)",
    "energy_equals_records": (
        "INSERT INTO energy_day VALUES (1, 'USD', '2026-01-01', 1, 1, 0, 0, 1, 0, 0, 1, 1, 0)"
    ),
    "give_backs_equal_entries": GIVEN,
    "settled_at_final_prices": GIVEN,
    "claims_within_charges": "UPDATE entry SET kind = 'CLAIM' WHERE kind = 'REVERSAL'",
    "invoices_equal_entries": "UPDATE invoice SET net = net + 1 WHERE tax = 0",
    "invoices_numbered": "UPDATE invoice_counter SET last = last + 1",
    "taxes_equal_entries": "UPDATE invoice_tax SET amount = 2 * amount",
    "payouts_equal_postings": "UPDATE payout SET amount = amount + 1 WHERE state = 'PLANNED'",
    "payouts_paid_once": "DELETE FROM payout_step WHERE state = 'PLANNED'",
    "settlements_equal_postings": "UPDATE settlement_line SET amount = amount + 1",
    "top_ups_equal_entries": "UPDATE stripe_top_up SET amount = amount + 1 WHERE state = 'PAID'",
    "stripe_equals_mirror": "UPDATE stripe_balance_transaction SET amount = amount + 1, net = net + 1",
    "bank_lines_booked_as_stated": "UPDATE bank_line SET amount = amount + 1 WHERE state = 'WALLET'",
    "bank_statements_add_up": "UPDATE bank_statement SET closing = closing + 1",
    "jobs_match_attempts": "UPDATE attempt SET state = 'FENCED', ended_at = now() WHERE state = 'RUNNING'",
}

# What a check compares is missing on the other side, too.
FROM_THE_OTHER_SIDE = {
    "usage_is_charged": f"DELETE FROM charge WHERE usage_id = {FIRST_POSTED}",
    "entries_equal_charges": f"DELETE FROM charge_entry WHERE usage_id = {FIRST_POSTED}",
    "holds_closed": "UPDATE hold SET released = amount / 2 WHERE state = 'CLOSED'",
    "held_equals_holds": "DELETE FROM hold WHERE state = 'OPEN'",
    "wallets_equal_postings": "DELETE FROM scope WHERE kind = 1 AND currency = 'CNY'",
    "top_ups_equal_entries": "DELETE FROM stripe_top_up WHERE state = 'PAID'",
    "stripe_equals_mirror": "DELETE FROM stripe_balance_transaction WHERE entry_id IS NOT NULL",
    "payouts_paid_once": "DELETE FROM payout",
    "payouts_equal_postings": "DELETE FROM payout WHERE state = 'PLANNED'",
    "settlements_equal_postings": "UPDATE settlement_item SET entries = '{}' WHERE outcome = 'PAID_OUT'",
    "deposits_equal_entries": "DELETE FROM chain_deposit WHERE state = 'CREDITED'",
}


@pytest.fixture(scope="module")
def full(cluster: Cluster, template_database: str) -> Iterator[Books]:
    """Books for all tests of this file; each undoes what it does."""
    with books.keep(cluster) as kept:
        yield kept


def test_finds_nothing_wrong_with_books_kept_by_the_rules(full: Books) -> None:
    with full.trial() as connection:
        assert books.find_wrong(connection) == {}


def test_knows_how_to_break_every_promise() -> None:
    assert {check.name for check in verification.list_checks()} == set(CORRUPTIONS)


def test_says_what_each_check_promises() -> None:
    assert [check.name for check in verification.list_checks() if not check.promise.endswith(".")] == []


@pytest.mark.parametrize(
    ("name", "corruption"), [*CORRUPTIONS.items(), *FROM_THE_OTHER_SIDE.items()], ids=lambda text: text[:60]
)
def test_names_what_is_wrong(full: Books, name: str, corruption: str) -> None:
    with full.trial() as connection:
        # Neither triggers nor foreign keys stand in the way of a superuser who says this.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("ALTER TABLE scope DROP CONSTRAINT scope_never_overspent")
        connection.execute("ALTER TABLE usage_record DROP CONSTRAINT usage_is_counted")
        connection.execute("ALTER TABLE hold DROP CONSTRAINT hold_is_sound")

        connection.execute(corruption.encode())

        assert name in books.find_wrong(connection)


def test_holds_no_job_to_a_rule_that_came_after_it(full: Books) -> None:
    with full.trial() as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(CORRUPTIONS["test_mode_stays_apart"].encode())

        connection.execute(
            "UPDATE django_migrations SET applied = now() WHERE app = 'workers' AND name = '0005_test_mode'"
        )

        assert "test_mode_stays_apart" not in books.find_wrong(connection)


def test_command_exits_with_one_and_names_the_row(
    db: databases.Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(db.dsn, autocommit=True) as app:
        exchange.make_buyer(app, "Lab")
    call_command("ledger", "verify")
    assert capsys.readouterr().out == f"Clean: {len(CORRUPTIONS)} checks hold.\n"
    with psycopg.connect(db.superuser_dsn, autocommit=True) as superuser:
        superuser.execute("UPDATE scope SET posted = 11")

    with pytest.raises(SystemExit) as exit_info:
        call_command("ledger", "verify")
    text = capsys.readouterr().out
    with pytest.raises(SystemExit):
        call_command("ledger", "verify", "--json")

    assert exit_info.value.code == 1
    assert text.startswith("wallets_equal_postings: account=liability:wallet:1:USD ")
    [finding] = json.loads(capsys.readouterr().out)["findings"]
    assert finding["check"] == "wallets_equal_postings"
    assert finding["row"]["posted"] == "11.000000000"
