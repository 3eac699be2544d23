"""
Each trigger and constraint of the ledger's tables is removed in turn, and what it refused then happens.

So every rule has a harm that it refuses (a test that would turn red without it), no harm is refused by luck,
and a rule without a harm fails the first test.
"""

from collections.abc import Iterator

import psycopg
import pytest

from config.embedded.postgres import Cluster
from tests.billing import books, harms
from tests.billing.books import OWNER, Books
from tests.billing.exchange import fetch
from tests.billing.harm import Copy
from tests.billing.no_money import NO_MONEY

pytestmark = pytest.mark.sql

TABLES = sorted(
    {name.split(".")[0] for name in harms.HARMS} | {"charge_queue", "account_fold", "ledger_cursor"}
)

ALL_TABLES = """
SELECT relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""

# NOT NULL is left out: before PostgreSQL 18 it is no constraint that has a name. So is what refuses nothing.
RULES = """
SELECT t.tgrelid::regclass::text || '.' || t.tgname AS rule FROM pg_trigger t
 WHERE NOT t.tgisinternal AND t.tgfoid <> 'notify_book'::regproc
   AND t.tgrelid::regclass::text = ANY (%(tables)s)
UNION
SELECT c.conrelid::regclass::text || '.' || c.conname FROM pg_constraint c
 WHERE c.contype IN ('c', 'u', 'p', 'f', 't', 'x') AND c.conrelid::regclass::text = ANY (%(tables)s)
UNION
SELECT i.indrelid::regclass::text || '.' || i.indexrelid::regclass::text FROM pg_index i
 WHERE i.indisunique AND i.indrelid::regclass::text = ANY (%(tables)s)
   AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""

# Removed alone, a second rule still stands in the way; the refusal is then another one.
SECOND_GUARD = {
    "entry.entry_pkey": "posting_000000_pkey",
    "entry.entry_no_truncate": "ledger_seq is append-only",
    "approval.approval_no_truncate": "is append-only",
    "answer_claim.answer_claim_no_truncate": "claim_evidence is append-only",
    "payout.payout_kept": "connect_transfer_payout_id_fkey",
    "payout.payout_no_truncate": "is append-only",
    "accounting_period.accounting_period_no_truncate": "period_balance is append-only",
    "bank_statement.bank_statement_no_truncate": "bank_line is append-only",
    "reconciliation_run.reconciliation_run_no_truncate": "reconciliation_line is append-only",
    "invoice.invoice_no_truncate": "invoice_entry is append-only",
    "self_billing_agreement.self_billing_agreement_no_truncate": "is append-only",
    "spending_limit.spending_limit_identity": "spending_limit_pkey",
    "fx_quote.fx_quote_no_truncate": "fx_conversion is append-only",
    "price_card.price_card_never_emptied": "final_price is append-only",
    "price_basis.price_basis_never_emptied": "price_card is append-only",
    "reference_version.reference_version_never_emptied": "reference_figure is append-only",
}
# Another rule, which is tried, refuses all that these would.
BEHIND_ANOTHER = {
    "price_card.price_card_offer_id_5b20c9a4_fk_offer_id",
    "power_award.power_award_lot_id_5598aa18_fk_power_lot_id",
}
# A trigger that names another rule as broken.
TOLD_AS = {"price_card_fits_in": "price_card_", "power_award_counted": "power_lot_"}


@pytest.fixture(scope="module")
def full(cluster: Cluster, template_database: str) -> Iterator[Books]:
    """Books for all tests of this file; each undoes what it does."""
    with books.keep(cluster) as kept:
        yield kept


def test_no_table_of_money_is_left_out(full: Books) -> None:
    with full.superuser.cursor() as cursor:
        cursor.execute(ALL_TABLES)
        tables = {name for (name,) in cursor.fetchall()}

    assert tables == set(TABLES) | NO_MONEY


def test_every_rule_has_a_harm_that_it_refuses(full: Books) -> None:
    with full.superuser.cursor() as cursor:
        cursor.execute(RULES, {"tables": TABLES})
        rules = {rule for (rule,) in cursor.fetchall()}

    assert rules == set(harms.HARMS) | BEHIND_ANOTHER


@pytest.mark.parametrize("rule", harms.HARMS)
def test_a_removed_rule_lets_its_harm_happen(full: Books, rule: str) -> None:
    table, name = rule.split(".")
    harms_of_rule = harms.HARMS[rule]
    for harm in harms_of_rule if isinstance(harms_of_rule, tuple) else (harms_of_rule,):
        statement = write_out(full, harm)
        with full.trial() as connection:
            refused = full.attempt(OWNER, statement)
            connection.execute(make_removal(full, table, name).encode())
            refused_without = full.attempt(OWNER, statement)

        assert refused is not None, "the harm was done although the rule stands"
        assert is_refusal_of(refused, table, name), refused
        if rule in SECOND_GUARD:
            assert SECOND_GUARD[rule] in str(refused_without)
        else:
            assert refused_without is None, harm


def write_out(full: Books, harm: str | Copy) -> str:
    """The statement of a harm; a copy names every column that may be written."""
    if isinstance(harm, str):
        return harm
    rows = fetch(
        full.superuser,
        "SELECT column_name AS name FROM information_schema.columns"
        " WHERE table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
        harm.table,
    )
    names = [row["name"] for row in rows]
    assert set(harm.changes) <= set(names), harm
    values = ", ".join(harm.changes.get(name, name) for name in names)
    return (
        f"INSERT INTO {harm.table} ({', '.join(names)}) OVERRIDING SYSTEM VALUE"
        f" SELECT {values} FROM {harm.table} WHERE {harm.of} LIMIT 1"
    )


def make_removal(full: Books, table: str, name: str) -> str:
    """How a person would remove the rule."""
    exists = "SELECT 1 FROM pg_trigger WHERE tgname = %s AND NOT tgisinternal"
    if fetch(full.superuser, exists, name):
        return f"DROP TRIGGER {name} ON {table}"
    if fetch(full.superuser, "SELECT 1 FROM pg_constraint WHERE conname = %s", name):
        return f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE"
    return f"DROP INDEX {name}"


def is_refusal_of(error: psycopg.Error, table: str, name: str) -> bool:
    """Whether it was this rule that refused."""
    if error.diag.constraint_name is not None:
        # A row of a partitioned table is refused by the copy of the rule that its partition has.
        told = error.diag.constraint_name
        return (
            told in (name, "posting_balances")
            or name.endswith("_pkey")
            or told.startswith(TOLD_AS.get(name, " "))
        )
    return error.sqlstate == "23001"  # restrict_violation: append-only and history
