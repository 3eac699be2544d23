"""Posting: what the ledger takes, what it refuses, and that it says why."""

import threading
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection

from billing import ledger
from core.errors import Invalid, NotFound
from core.money import NotAnAmount
from tests.billing import exchange
from tests.billing.exchange import NOW, Buyer, fetch, fetch_value
from tests.databases import Database

pytestmark = pytest.mark.sql
FIVE = Decimal(5)


def post(key: str, lines: dict[int, Decimal], **options: Any) -> ledger.Posted:
    return ledger.post(key=key, kind="TOPUP", actor="test", lines=lines, happened_at=NOW, **options)


@pytest.fixture
def bank(lab: Buyer) -> int:
    """The bank's account in dollars."""
    return ledger.open_account(purpose="CLEARING_BANK", currency="USD")


def test_repeats_an_entry_that_emptied_the_wallet(lab: Buyer, bank: int) -> None:
    lines = {lab.account_id: Decimal(10), bank: Decimal(-10)}
    first = post("refund:1", lines)

    again = post("refund:1", lines)

    assert (first.is_new, again.is_new) == (True, False)
    assert again.entry_id == first.entry_id
    assert ledger.balance(account_id=lab.account_id) == 0


def test_takes_one_amount_written_two_ways_for_the_same(
    app: psycopg.Connection[Any], lab: Buyer, bank: int
) -> None:
    accounts = [bank, lab.account_id]

    first = exchange.post(app, accounts, [Decimal("1.5"), Decimal("-1.5")], key="same")
    again = exchange.post(app, accounts, [Decimal("1.500"), Decimal("-1.50")], key="same")

    assert again == first


def test_refuses_a_key_that_was_used_for_another_movement(lab: Buyer, bank: int) -> None:
    post("topup:1", {bank: FIVE, lab.account_id: -FIVE})

    with pytest.raises(ledger.KeyReused):
        post("topup:1", {bank: Decimal(6), lab.account_id: Decimal(-6)})


def test_does_not_report_a_refused_entry_as_done(lab: Buyer, bank: int) -> None:
    too_much = {lab.account_id: Decimal(11), bank: Decimal(-11)}
    for _ in range(2):
        with pytest.raises(ledger.InsufficientFunds):
            post("refund:1", too_much)

    assert ledger.balance(account_id=lab.account_id) == 10


@pytest.mark.parametrize("lines", [{}, {1: FIVE}, {1: FIVE, 2: Decimal(-4)}, {1: Decimal(0), 2: Decimal(0)}])
def test_refuses_what_does_not_balance(lab: Buyer, bank: int, lines: dict[int, Decimal]) -> None:
    with pytest.raises(ledger.Unbalanced):
        post("x:1", lines)


def test_refuses_to_balance_one_currency_with_another(lab: Buyer, bank: int) -> None:
    yuan = ledger.open_account(purpose="CLEARING_BANK", currency="CNY")

    with pytest.raises(ledger.Unbalanced):
        post("x:1", {yuan: FIVE, lab.account_id: -FIVE})


@pytest.mark.parametrize("other", ["CNH", "USDC"])
def test_sister_currencies_are_strangers(other: str, lab: Buyer) -> None:
    home = {"CNH": "CNY", "USDC": "USD"}[other]
    pair = [ledger.open_account(purpose="FX_POSITION", currency=currency) for currency in (home, other)]

    with pytest.raises(ledger.Unbalanced):
        post("x:1", {pair[0]: FIVE, pair[1]: -FIVE})


def test_posts_two_currencies_that_balance_each(lab: Buyer, bank: int) -> None:
    yuan, dollars = (ledger.open_account(purpose="FX_POSITION", currency=code) for code in ("CNY", "USD"))
    yuan_bank = ledger.open_account(purpose="CLEARING_BANK", currency="CNY")

    lines = {yuan_bank: Decimal(7), yuan: Decimal(-7), dollars: Decimal(1), bank: Decimal(-1)}

    assert post("fx:1", lines).is_new


def test_refuses_a_closed_account(owner: psycopg.Connection[Any], lab: Buyer, bank: int) -> None:
    owner.execute("UPDATE ledger_account SET closed_at = now() WHERE id = %s", [bank])

    with pytest.raises(ledger.AccountClosed):
        post("x:1", {bank: FIVE, lab.account_id: -FIVE})


def test_refuses_an_unknown_account(lab: Buyer, bank: int) -> None:
    with pytest.raises(ledger.AccountUnknown):
        post("x:1", {bank: FIVE, 987654: -FIVE})


def test_refuses_a_tenth_place_and_what_is_no_number(
    app: psycopg.Connection[Any], lab: Buyer, bank: int
) -> None:
    with pytest.raises(NotAnAmount):
        post("x:1", {bank: Decimal("0.0000000001"), lab.account_id: Decimal("-0.0000000001")})
    for text in ("NaN", "Infinity", "0.0000000001"):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            exchange.post(app, [bank, lab.account_id], [Decimal(text), -Decimal(text)])


def test_does_not_drift_over_a_thousand_billionths(lab: Buyer, bank: int) -> None:
    tiny = Decimal("0.000000001")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(p.entry_id) FROM generate_series(1, 1000) n CROSS JOIN LATERAL"
            " post_v1('tiny:' || n, 'TOPUP', 'test', '', now(), %s::bigint[], %s::numeric[]) p",
            [[bank, lab.account_id], [tiny, -tiny]],
        )

    assert ledger.balance(account_id=lab.account_id) == Decimal("10.000001000")
    assert ledger.balance(account_id=bank) == Decimal("10.000001000")


def test_reverses_once_and_exactly(lab: Buyer, bank: int) -> None:
    entry = post("topup:1", {bank: FIVE, lab.account_id: -FIVE})

    reversal = ledger.reverse(entry_id=entry.entry_id, actor="test", reason="typo", happened_at=NOW)
    again = ledger.reverse(entry_id=entry.entry_id, actor="test", reason="typo", happened_at=NOW)

    assert again.entry_id == reversal.entry_id
    assert ledger.balance(account_id=lab.account_id) == 10
    with pytest.raises(ledger.AlreadyReversed):
        post("y:1", {bank: -FIVE, lab.account_id: FIVE}, reverses=entry.entry_id)
    with pytest.raises(NotFound):
        ledger.reverse(entry_id=987654, actor="test", reason="", happened_at=NOW)


@pytest.mark.parametrize(("purpose", "owned"), [("WALLET", False), ("PLATFORM_FEE", True), ("MAGIC", False)])
def test_opens_only_accounts_of_the_chart(lab: Buyer, purpose: str, owned: bool) -> None:
    owner_id = lab.organization_id if owned else None
    with pytest.raises(Invalid):
        ledger.open_account(purpose=purpose, currency="USD", organization_id=owner_id)


def test_an_unknown_account_has_no_balance(db: Database) -> None:
    with pytest.raises(ledger.AccountUnknown):
        ledger.balance(account_id=987654)


def test_sixteen_at_once_post_one_entry(db: Database, lab: Buyer, bank: int) -> None:
    posted: list[ledger.Posted] = []

    def work() -> None:
        posted.append(post("topup:1", {bank: FIVE, lab.account_id: -FIVE}))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({one.entry_id for one in posted}) == 1
    assert sum(one.is_new for one in posted) == 1
    assert len(posted) == 16
    assert ledger.balance(account_id=lab.account_id) == 15


# --- around the services --------------------------------------------------------------------------


def test_an_entry_made_by_hand_must_balance(owner: psycopg.Connection[Any], lab: Buyer, bank: int) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="does not balance: 1"):
        make_entry(owner, {bank: 5, lab.account_id: -4})


def test_copied_entries_are_checked_like_inserted_ones(
    owner: psycopg.Connection[Any], lab: Buyer, bank: int
) -> None:
    columns = "key, kind, actor, happened_at, accounts, amounts"
    with (
        pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="does not balance"),
        owner.cursor().copy(f"COPY entry ({columns}) FROM STDIN") as copy,
    ):
        copy.write_row(("by:hand", "TOPUP", "owner", NOW, [bank, lab.account_id], [5, -4]))


def test_each_entry_of_a_statement_balances_by_itself(
    owner: psycopg.Connection[Any], lab: Buyer, bank: int
) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="does not balance"):
        fetch(owner, TWO_ENTRIES, [bank, lab.account_id], [5, -4], [5, -6])

    fetch(owner, TWO_ENTRIES, [bank, lab.account_id], [5, -5], [-2, 2])
    assert fetch_value(owner, "SELECT posted FROM scope WHERE id = %s", lab.wallet_id) == 13
    assert ledger.balance(account_id=lab.account_id) == 13


def test_an_entry_takes_no_further_postings(owner: psycopg.Connection[Any], lab: Buyer, bank: int) -> None:
    with owner.transaction():
        entry = make_entry(owner, {bank: 5, lab.account_id: -5})
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="written by their entry"):
            add_postings(owner, entry, [(8, bank, 5), (9, lab.account_id, -5)])
        raise psycopg.Rollback


def test_copied_postings_are_refused_too(owner: psycopg.Connection[Any], lab: Buyer, bank: int) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="written by their entry"):
        copy_postings(owner, 1, [(8, bank, 5), (9, lab.account_id, -5)])


def test_an_entry_of_two_currencies_balances_in_each(
    owner: psycopg.Connection[Any], lab: Buyer, bank: int
) -> None:
    euros = [
        ledger.open_account(purpose=purpose, currency="EUR") for purpose in ("CLEARING_BANK", "FX_POSITION")
    ]
    legs = {bank: 5, lab.account_id: -5, euros[0]: 4, euros[1]: -4}
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="EUR too much"):
        make_entry(owner, legs | {euros[1]: -3})
    entry = make_entry(owner, legs)

    rows = fetch(owner, "SELECT account_id, currency, amount FROM posting WHERE entry_id = %s", entry)
    assert {(row["account_id"], row["currency"], row["amount"]) for row in rows} == {
        (account, "EUR" if account in euros else "USD", amount) for account, amount in legs.items()
    }


def test_an_entry_names_accounts_that_are_there(owner: psycopg.Connection[Any], bank: int) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="account 987654 does not exist"):
        make_entry(owner, {bank: 5, 987654: -5})


def test_a_wallet_moves_with_its_entry_whoever_inserts_it(
    owner: psycopg.Connection[Any], lab: Buyer, bank: int
) -> None:
    make_entry(owner, {bank: 5, lab.account_id: -5})

    assert fetch_value(owner, "SELECT posted FROM scope WHERE id = %s", lab.wallet_id) == 15


@pytest.mark.parametrize(
    "write", ["UPDATE posting SET amount = 1", "DELETE FROM posting", "UPDATE entry SET actor = ''"]
)
def test_the_application_changes_no_history(db: Database, lab: Buyer, write: str) -> None:
    with pytest.raises(Exception, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(write)


def test_an_entry_arrives_with_its_postings(owner: psycopg.Connection[Any], lab: Buyer) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="entry_has_legs"):
        make_entry(owner, {})


def test_a_refused_entry_leaves_the_transaction_usable(lab: Buyer, bank: int) -> None:
    with pytest.raises((ledger.Unbalanced, IntegrityError)):
        post("x:1", {bank: FIVE})

    assert fetch_count() == 1


def fetch_count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM entry")
        return int(cursor.fetchone()[0])


TWO_ENTRIES = """
WITH legs AS (SELECT %s::bigint[] AS accounts, %s::numeric[] AS first, %s::numeric[] AS second)
INSERT INTO entry (key, kind, actor, happened_at, accounts, amounts)
SELECT 'by:hand:1', 'TOPUP', 'owner', now(), accounts, first FROM legs
UNION ALL
SELECT 'by:hand:2', 'TOPUP', 'owner', now(), accounts, second FROM legs
RETURNING id
"""


def make_entry(owner: psycopg.Connection[Any], legs: dict[int, int]) -> int:
    """Insert an entry around the services; its id."""
    return int(
        fetch_value(
            owner,
            "INSERT INTO entry (key, kind, actor, happened_at, accounts, amounts)"
            " VALUES ('by:hand', 'TOPUP', 'owner', now(), %s, %s) RETURNING id",
            list(legs),
            list(legs.values()),
        )
    )


def copy_postings(owner: psycopg.Connection[Any], entry: int, legs: list[tuple[int, int, int]]) -> None:
    with owner.cursor().copy("COPY posting FROM STDIN") as copy:
        for seq, account, amount in legs:
            copy.write_row((entry, seq, account, "USD", amount))


def add_postings(owner: psycopg.Connection[Any], entry: int, legs: list[tuple[int, int, int]]) -> None:
    rows = [(entry, seq, account, amount) for seq, account, amount in legs]
    fetch(
        owner,
        "INSERT INTO posting (entry_id, seq, account_id, currency, amount)"
        " SELECT e, s, a, 'USD', m"
        " FROM unnest(%s::bigint[], %s::smallint[], %s::bigint[], %s::numeric[]) u(e, s, a, m)"
        " RETURNING entry_id",
        *(list(column) for column in zip(*rows, strict=True)),
    )
