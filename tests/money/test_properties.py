"""Each property of a ledger holds, and is lost with the one line of our code that it hangs on."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from config.embedded.postgres import Cluster
from core.sql import REPOSITORY
from tests import databases
from tests.money import properties as p
from tests.money.properties import Stage
from tests.races.interleaving import read_function

pytestmark = pytest.mark.sql


@dataclass(frozen=True, slots=True)
class Mutant:
    """A function with other words, or a rule that is taken away; `mend` brings it back."""

    function: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    harm: tuple[str, ...] = ()
    mend: tuple[str, ...] = ()


MOVE = "posted = posted + sums[1]"
DELETE = """
SET session_replication_role = replica;
DELETE FROM posting WHERE entry_id IN (SELECT id FROM entry WHERE key LIKE '{0}:%');
DELETE FROM entry WHERE key LIKE '{0}:%';
SET session_replication_role = origin
"""
FLOOR = "ADD CONSTRAINT scope_never_overspent CHECK (posted - held >= floor) NOT VALID"
SWALLOW = "RETURN NEXT;\nEXCEPTION WHEN check_violation THEN is_new := false; RETURN NEXT;\nEND"
PROPERTIES = {
    p.balanced_in_each_currency: Mutant("write_postings", {"plain AND off = 0 THEN": "plain THEN"}),
    p.nothing_is_changed: Mutant(
        harm=("ALTER TABLE posting DISABLE TRIGGER posting_append_only",),
        mend=("ALTER TABLE posting ENABLE TRIGGER posting_append_only",),
    ),
    p.the_chain_holds: Mutant("sequence_entries_v1", {"sha256(link || ": "sha256("}),
    p.a_duplicate_does_nothing: Mutant("post_v1", {"VALUES (p_key,": "VALUES (p_key || clock_timestamp(),"}),
    p.duplicates_at_once_are_one: Mutant(
        "post_v1",
        {"ON CONFLICT (key) DO NOTHING RETURNING": "RETURNING"},
        harm=("ALTER TABLE entry DROP CONSTRAINT entry_key_key",),
        mend=(DELETE.format("twice"), "ALTER TABLE entry ADD CONSTRAINT entry_key_key UNIQUE (key)"),
    ),
    p.no_update_is_lost: Mutant(
        "write_postings",
        {MOVE: "posted = (SELECT x.posted FROM scope x WHERE x.account_id = wallets[1]) + sums[1]"},
    ),
    p.transfers_at_once_conserve: Mutant(
        "write_postings",
        {
            "ORDER BY s.kind, s.id FOR NO KEY UPDATE": "",
            "posted = s.posted +": "posted = (SELECT x.posted FROM scope x WHERE x.id = s.id) +",
        },
    ),
    p.a_balance_is_what_its_postings_come_to: Mutant(
        "sequence_entries_v1", {"f.amount + EXCLUDED.amount": "EXCLUDED.amount"}
    ),
    p.nobody_overdraws_at_once: Mutant(
        harm=("ALTER TABLE scope DROP CONSTRAINT scope_never_overspent",),
        mend=(f"ALTER TABLE scope {FLOOR}",),
    ),
    p.a_thousand_small_movements_do_not_drift: Mutant(
        "write_postings", {MOVE: "posted = (posted::float8 + sums[1]::float8)::numeric"}
    ),
    p.currencies_are_not_mixed: Mutant(
        "write_postings",
        {
            "SELECT e.id, a.currency, sum": "SELECT e.id, min(a.currency) AS currency, sum",
            "GROUP BY e.id, a.currency": "GROUP BY e.id",
        },
    ),
    p.an_entry_is_reversed_once: Mutant(
        harm=("DROP INDEX entry_reverses_key",),
        mend=(
            DELETE.format("again"),
            "CREATE UNIQUE INDEX entry_reverses_key ON entry (reverses) WHERE reverses IS NOT NULL",
        ),
    ),
    p.balances_can_be_rebuilt: Mutant(
        "write_postings", {"AS l(account, amount, seq);": "AS l(account, amount, seq) WHERE seq < 3;"}
    ),
    p.entries_of_an_account_keep_their_order: Mutant(
        "sequence_entries_v1", {"pg_snapshot_xmin(": "pg_snapshot_xmax("}
    ),
    p.what_was_refused_is_never_told_as_done: Mutant("post_v1", {"RETURN NEXT;\nEND": SWALLOW}),
}
NAMES = [ask.__name__ for ask in PROPERTIES]


@pytest.fixture(scope="module")
def books(cluster: Cluster, template_database: str) -> Iterator[databases.Database]:
    """One database for all questions: each mutant is healed before the next."""
    with databases.Desk(cluster).lend() as lent:
        yield lent


@pytest.fixture
def stage(books: databases.Database) -> Iterator[Stage]:
    """Connections that end with the test."""
    with books.connect() as app, psycopg.connect(books.owner_dsn, autocommit=True) as owner:
        yield Stage(books, app, owner)


@pytest.fixture
def superuser(books: databases.Database) -> Iterator[psycopg.Connection[Any]]:
    """Who may change our code."""
    with psycopg.connect(books.superuser_dsn, autocommit=True) as connection:
        yield connection


def test_the_page_about_proof_names_each_of_the_fifteen() -> None:
    page = (REPOSITORY / "docs/explanation/proof.md").read_text(encoding="utf-8")

    told = re.findall(r"^\| .* \| `(\w+)` \| ", page, re.MULTILINE)

    assert len(told) == 15
    assert sorted(told) == sorted(NAMES)


@pytest.mark.parametrize("ask", PROPERTIES, ids=NAMES)
def test_the_property_holds(stage: Stage, ask: Any) -> None:
    assert ask(stage)


@pytest.mark.parametrize("ask", PROPERTIES, ids=NAMES)
def test_its_mutant_is_caught(stage: Stage, superuser: psycopg.Connection[Any], ask: Any) -> None:
    mutant = PROPERTIES[ask]
    text = read_function(superuser, mutant.function) if mutant.function else ""
    changed = text
    for old, new in mutant.words.items():
        assert old in changed, old
        changed = changed.replace(old, new)
    try:
        for statement in (*mutant.harm, changed):
            superuser.execute(statement.encode())

        assert not ask(stage)
    finally:
        for statement in (*mutant.mend, text):
            superuser.execute(statement.encode())
