"""Wallets and limits: what goes in, what may be spent, and the statement."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from billing import ledger, verification, wallets
from core.errors import Invalid
from core.money import Money
from tests.billing import exchange
from tests.billing.exchange import NOW, Buyer, Seller, make_organization

pytestmark = pytest.mark.sql


def dollars(text: str) -> Money:
    return Money.parse(text, "USD")


def top_up(organization_id: int, amount: Money, reference: str = "BANK-1") -> ledger.Posted:
    return wallets.top_up(
        organization_id=organization_id,
        amount=amount,
        bank_reference=reference,
        actor="test",
        happened_at=NOW,
    )


def test_a_bank_reference_is_credited_once(lab: Buyer) -> None:
    top_up(lab.organization_id, dollars("5"))
    again = top_up(lab.organization_id, dollars("5"))

    wallet = wallets.find_wallet(organization_id=lab.organization_id, currency="USD")

    assert again.is_new is False
    assert wallet.posted == wallet.available == dollars("15")


def test_a_bank_reference_does_not_serve_two_wallets(app: psycopg.Connection[Any], lab: Buyer) -> None:
    top_up(lab.organization_id, dollars("5"))

    with pytest.raises(ledger.KeyReused):
        top_up(make_organization(app, "Fund"), dollars("5"))


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_top_up_is_more_than_nothing(lab: Buyer, amount: str) -> None:
    with pytest.raises(wallets.InvalidTopUp):
        top_up(lab.organization_id, dollars(amount))


@pytest.mark.parametrize("reference", ["", " ", "x" * 141, "two\nlines", "发票"])
def test_a_bank_reference_is_printable(lab: Buyer, reference: str) -> None:
    with pytest.raises(wallets.InvalidTopUp):
        top_up(lab.organization_id, dollars("1"), reference)


def test_opening_a_wallet_twice_opens_one(app: psycopg.Connection[Any], lab: Buyer) -> None:
    first = wallets.open_wallet(organization_id=lab.organization_id, currency="CNY")

    assert wallets.open_wallet(organization_id=lab.organization_id, currency="CNY") == first
    names = [wallet.currency for wallet in wallets.list_wallets(organization_id=lab.organization_id)]
    assert names == ["USD", "CNY"]


def test_there_is_no_wallet_in_an_unknown_currency(lab: Buyer) -> None:
    with pytest.raises(Invalid):
        wallets.open_wallet(organization_id=lab.organization_id, currency="XXX")
    with pytest.raises(wallets.NoWallet):
        wallets.find_wallet(organization_id=lab.organization_id, currency="EUR")


def test_test_money_is_in_no_bank(lab: Buyer) -> None:
    with pytest.raises(Invalid):
        top_up(lab.organization_id, Money.parse("5", "XTS"))


def test_a_hold_is_not_available(app: psycopg.Connection[Any], lab: Buyer, farm: Seller) -> None:
    exchange.admit(app, lab, farm)

    wallet = wallets.find_wallet(organization_id=lab.organization_id, currency="USD")

    assert (wallet.posted, wallet.held, wallet.available) == (dollars("10"), dollars("2"), dollars("8"))


def test_the_statement_lists_what_came_in_and_every_charge(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    dear = exchange.make_seller(app, "Dear", output_price="0.003")
    jobs = [exchange.admit(app, lab, seller) for seller in (farm, dear)]
    stranger = exchange.make_buyer(app, "Stranger")
    others = exchange.admit(app, stranger, farm)
    exchange.record_items(app, [job.attempt_id for job in [*jobs, others]])
    exchange.post_charges(app)
    wallet = wallets.find_wallet(organization_id=lab.organization_id, currency="USD")

    rows = wallets.list_statement(wallet=wallet)

    assert [(row.kind, row.amount, row.source) for row in rows] == [
        ("CHARGE", dollars("-0.3"), jobs[1].job_id),
        ("CHARGE", dollars("-0.2"), jobs[0].job_id),
        ("TOPUP", dollars("10"), None),
    ]
    assert sum((row.amount.amount for row in rows), Decimal(0)) == wallet.posted.amount


def test_pages_of_a_statement_join_without_gap_or_repeat(
    app: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    for _ in range(2):
        attempts = [exchange.admit(app, lab, farm).attempt_id for _ in range(2)]
        exchange.record_items(app, attempts)
        exchange.post_charges(app)
    top_up(lab.organization_id, dollars("1"))
    wallet = wallets.find_wallet(organization_id=lab.organization_id, currency="USD")
    whole = wallets.list_statement(wallet=wallet)

    pages: list[wallets.StatementRow] = []
    cursor = None
    while page := wallets.list_statement(wallet=wallet, after=cursor, limit=2):
        pages += page
        cursor = wallets.Cursor.parse(str(page[-1].cursor))

    assert pages == whole
    assert len(whole) == 6


@pytest.mark.parametrize("text", ["", "1", "a-b", "1-2-3", "1-99999999999999999999", "1--2"])
def test_a_cursor_is_what_a_page_gave(text: str) -> None:
    with pytest.raises(wallets.InvalidCursor):
        wallets.Cursor.parse(text)


def test_a_hold_is_not_raised_into_what_a_lowered_limit_leaves_to_settle(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], lab: Buyer, farm: Seller
) -> None:
    exchange.set_limit(app, lab, 5)
    jobs = [exchange.admit(app, lab, farm) for _ in range(2)]
    limit = exchange.set_limit(app, lab, 3)
    exchange.fail(app, jobs[0].attempt_id)

    def change(amount: str) -> Any:
        query = "SELECT change_hold_v1(hold_id, %s) FROM job WHERE id = %s"
        return exchange.fetch_value(owner, query, Decimal(amount), jobs[1].job_id)

    assert change("3.5") == "insufficient_funds"
    assert exchange.read_scope(app, limit) == (Decimal(3), Decimal(2))
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(10), Decimal(2))
    assert change("3") == "ok"
    # Whatever is lower may be had, also where the limit has no room at all.
    exchange.set_limit(app, lab, 1)
    assert (change("2.5"), change("2.6"), change("2.5")) == ("ok", "insufficient_funds", "ok")
    assert verification.verify() == []
