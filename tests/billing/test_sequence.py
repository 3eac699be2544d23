"""The sequencer: gap-free numbers in an order that no later commit can disturb."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from billing import ledger, verification
from tests.billing import exchange
from tests.billing.exchange import Buyer, fetch, fetch_value
from tests.databases import Database

pytestmark = pytest.mark.sql


def read_numbers(app: psycopg.Connection[Any]) -> list[str]:
    rows = fetch(app, "SELECT key FROM ledger_seq JOIN entry ON entry.id = entry_id ORDER BY seq")
    return [row["key"] for row in rows]


@contextmanager
def open_entry(db: Database, lab: Buyer, key: str) -> Iterator[None]:
    """An entry that is posted and commits at the end."""
    with psycopg.connect(db.dsn) as slow:
        exchange.top_up(slow, lab, "1", key=key)
        yield
        slow.commit()


def test_an_entry_that_commits_late_gets_a_later_number(
    db: Database, app: psycopg.Connection[Any], lab: Buyer
) -> None:
    """Its id and its transaction are older than those of entries that committed before it."""
    fund = exchange.make_buyer(app, "Fund", funds="0")
    ledger.sequence_entries()

    with open_entry(db, lab, "topup:slow"):
        exchange.top_up(app, fund, "1", key="topup:fast")
        assert ledger.sequence_entries() == 0, "the slow one may still commit before it"
    assert ledger.sequence_entries() == 2

    assert read_numbers(app)[1:] == ["topup:slow", "topup:fast"]
    assert verification.verify() == []


def test_a_transaction_that_rolls_back_leaves_no_gap(
    db: Database, app: psycopg.Connection[Any], lab: Buyer
) -> None:
    with psycopg.connect(db.dsn) as lost:
        exchange.top_up(lost, lab, "1", key="topup:lost")
        lost.rollback()
    exchange.top_up(app, lab, "1", key="topup:kept")

    assert ledger.sequence_entries() == 2

    assert [row["seq"] for row in fetch(app, "SELECT seq FROM ledger_seq ORDER BY seq")] == [1, 2]


@pytest.mark.race
def test_numbers_stay_gap_free_and_ordered_under_concurrent_posting(
    db: Database, app: psycopg.Connection[Any], lab: Buyer
) -> None:
    """A reader that follows the numbers never finds a new one below those it has seen."""
    buyers = [exchange.make_buyer(app, f"Buyer {number}", funds="0") for number in range(4)]
    stop = threading.Event()

    def keep_posting(buyer: Buyer) -> None:
        with psycopg.connect(db.dsn) as connection:
            for number in range(30):
                exchange.top_up(connection, buyer, "0.5")
                if number % 7 == 0:
                    connection.rollback()
                connection.commit()

    def keep_sequencing() -> None:
        with psycopg.connect(db.dsn, autocommit=True) as connection:
            while not stop.is_set():
                fetch_value(connection, "SELECT sequence_entries_v1()")

    posters = [threading.Thread(target=keep_posting, args=[buyer]) for buyer in buyers]
    sequencers = [threading.Thread(target=keep_sequencing) for _ in range(2)]
    seen: list[tuple[int, int]] = []
    for thread in [*posters, *sequencers]:
        thread.start()
    while any(thread.is_alive() for thread in posters):
        rows = [(row["seq"], row["entry_id"]) for row in fetch(app, "SELECT * FROM ledger_seq ORDER BY seq")]
        assert rows[: len(seen)] == seen
        assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
        seen = rows
    stop.set()
    for thread in [*posters, *sequencers]:
        thread.join()
    while ledger.sequence_entries():
        pass

    assert fetch_value(app, "SELECT count(*) FROM ledger_seq") == fetch_value(
        app, "SELECT count(*) FROM entry"
    )
    assert verification.verify() == []


def test_a_backlog_is_worked_off_in_steps(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], lab: Buyer
) -> None:
    shorten_batch(owner, 3)
    bank = exchange.account(app, "CLEARING_BANK")
    with app.transaction():
        for _ in range(4):  # of one transaction: a step may end between two of them
            exchange.post(app, [bank, lab.account_id], [Decimal(1), Decimal(-1)])
    for _ in range(3):
        exchange.top_up(app, lab, "1")

    steps = [ledger.sequence_entries() for _ in range(4)]

    assert steps == [3, 3, 2, 0]
    assert verification.verify() == []


def test_a_restore_into_another_cluster_numbers_everything_once(
    db: Database, app: psycopg.Connection[Any], owner: psycopg.Connection[Any], lab: Buyer
) -> None:
    ledger.sequence_entries()
    exchange.top_up(app, lab, "1", key="topup:before")
    # What a dump looks like in its new home: entries and cursor speak of a cluster that is not here, and its
    # transaction ids are far ahead of this one's.
    with psycopg.connect(db.superuser_dsn, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            "UPDATE entry SET cluster = cluster - 1, xid = (xid::text::bigint + 1000000)::text::xid8"
        )
        superuser.execute("UPDATE ledger_cursor SET cluster = cluster - 1, xid = '1000000'")
    shorten_batch(owner, 2)
    for number in range(3):
        exchange.top_up(app, lab, "1", key=f"topup:after:{number}")
    before = ledger.balance(account_id=lab.account_id)

    steps = [ledger.sequence_entries() for _ in range(4)]

    assert steps == [2, 2, 0, 0]
    assert read_numbers(app)[1:] == ["topup:before", "topup:after:0", "topup:after:1", "topup:after:2"]
    assert before == ledger.balance(account_id=lab.account_id) == 14
    assert verification.verify() == []


def test_a_balance_counts_what_has_no_number_yet(app: psycopg.Connection[Any], lab: Buyer) -> None:
    ledger.sequence_entries()
    exchange.top_up(app, lab, "1")

    assert ledger.balance(account_id=lab.account_id) == 11
    ledger.sequence_entries()
    assert ledger.balance(account_id=lab.account_id) == 11


def shorten_batch(owner: psycopg.Connection[Any], size: int) -> None:
    """Make the sequencer's steps so short that a test can watch several."""
    body = fetch_value(owner, "SELECT pg_get_functiondef('sequence_entries_v1'::regproc)")
    short = body.replace("batch CONSTANT int := 5000", f"batch CONSTANT int := {size}")
    assert short != body
    owner.execute(short.encode())
