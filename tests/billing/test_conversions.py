"""Jobs that are paid from a wallet in another currency than their price."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from accounts import audit
from billing import bookings, charges, ledger, verification
from billing.bookings import Bearer
from core.money import round_amount
from core.quantities import EXACT
from tests.billing import exchange
from tests.billing.exchange import NOW, Buyer, Seller, fetch, fetch_value

pytestmark = pytest.mark.sql

MID, RATE = "0.14", "0.1407"


@pytest.fixture
def hall(app: psycopg.Connection[Any]) -> Seller:
    """Sells in CNY: 0.002 for a token of answer."""
    return exchange.make_seller(app, "Hall", currency="CNY")


@pytest.fixture
def quote(owner: psycopg.Connection[Any]) -> int:
    """What a CNY costs from wallets in USD."""
    return exchange.set_rate(owner, "USD", "CNY", mid=MID, rate=RATE)


def read_balance(
    app: psycopg.Connection[Any], purpose: str, currency: str, owner: int | None = None
) -> Decimal:
    account = fetch_value(app, "SELECT account_v1(%s, %s, %s)", purpose, owner, currency)
    return ledger.balance(account_id=account)


def test_a_job_holds_and_pays_in_the_currency_of_its_wallet(
    app: psycopg.Connection[Any], lab: Buyer, hall: Seller, quote: int
) -> None:
    job = exchange.admit(app, lab, hall)
    [hold] = fetch(app, "SELECT * FROM hold")
    used = exchange.record(app, job.attempt_id, out=100)
    tally = charges.post_charges(seconds_max=10)

    # 1,000 tokens are 2 CNY; 100 are 0.2.
    assert (job.hold, hold["currency"], hold["amount"]) == (Decimal("0.2814"), "USD", Decimal("0.2814"))
    assert (hold["quote_id"], hold["price_currency"], hold["price_amount"]) == (quote, "CNY", Decimal(2))
    assert (used["amount"], used["currency"]) == (Decimal("0.02814"), "USD")
    assert (used["price_amount"], used["price_currency"], used["rate"]) == (
        Decimal("0.2"),
        "CNY",
        Decimal(RATE),
    )
    assert (tally.charges, tally.entries, tally.quarantined) == (1, 1, 0)
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("9.97186"), Decimal(0))
    assert read_balance(app, "PAYABLE", "CNY", hall.organization_id) == Decimal("0.19")
    assert read_balance(app, "PLATFORM_FEE", "CNY") == Decimal("0.01")
    assert read_balance(app, "FX_POSITION", "USD") == Decimal("-0.028")
    assert read_balance(app, "FX_POSITION", "CNY") == Decimal("0.2")
    assert read_balance(app, "FX_SPREAD", "USD") == Decimal("0.00014")
    assert verification.verify() == []


def test_a_job_keeps_the_rate_it_was_admitted_at(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], lab: Buyer, hall: Seller, quote: int
) -> None:
    job = exchange.admit(app, lab, hall)
    exchange.set_rate(owner, "USD", "CNY", mid="0.5", rate="0.6")

    assert exchange.record(app, job.attempt_id)["rate"] == Decimal(RATE)
    assert exchange.admit(app, lab, hall).hold == Decimal("1.2")


def test_without_a_quote_in_force_nothing_is_admitted(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], lab: Buyer, hall: Seller
) -> None:
    exchange.set_rate(owner, "USD", "CNY", mid=MID, rate=RATE, seconds=-1)

    [row] = exchange.admit_items(app, [(lab, hall)])

    assert row["verdict"] == "currency_mismatch"
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(10), Decimal(0))


def test_a_wallet_in_the_price_s_currency_comes_first(
    app: psycopg.Connection[Any], lab: Buyer, hall: Seller, quote: int
) -> None:
    wallet = exchange.open_wallet(app, lab.organization_id, "CNY")
    other = Buyer(lab.organization_id, lab.key_id, wallet.id, wallet.account_id)
    exchange.top_up(app, other, "5", currency="CNY")

    job = exchange.admit(app, lab, hall)

    assert job.hold == Decimal(2)
    assert exchange.read_scope(app, wallet.id) == (Decimal(5), Decimal(2))


def test_one_call_admits_several_currencies_from_one_wallet(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    hall: Seller,
    quote: int,
) -> None:
    yard = exchange.make_seller(app, "Yard", currency="EUR")
    exchange.set_rate(owner, "USD", "EUR", mid="1.1", rate="1.1055")
    rows = exchange.admit_items(app, [(lab, farm), (lab, hall), (lab, yard), (lab, hall)])
    exchange.record_items(app, [row["attempt_id"] for row in rows], out=33)
    tally = charges.post_charges(seconds_max=10)

    assert [row["hold_amount"] for row in rows] == [Decimal(x) for x in ("2", "0.2814", "2.211", "0.2814")]
    # An entry has at most two currencies, so that each is the counterpart of the other.
    assert (tally.charges, tally.entries) == (4, 3)
    assert verification.verify() == []


def test_a_job_that_was_not_answered_gives_its_hold_back(
    app: psycopg.Connection[Any], lab: Buyer, hall: Seller, quote: int
) -> None:
    exchange.fail(app, exchange.admit(app, lab, hall).attempt_id)

    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(10), Decimal(0))


def test_another_attempt_changes_the_hold_at_the_same_rate(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    farm: Seller,
    hall: Seller,
    quote: int,
) -> None:
    dearer = exchange.make_seller(app, "Dearer", currency="CNY", output_price="0.004")
    job = exchange.admit(app, lab, hall)
    exchange.set_rate(owner, "USD", "CNY", mid="0.5", rate="0.6")

    refused = exchange.reattempt(app, job, farm)
    moved = exchange.reattempt(app, job, dearer)
    [hold] = fetch(app, "SELECT * FROM hold")
    exchange.record(app, moved["attempt_id"], out=1000)
    charges.post_charges(seconds_max=10)

    assert refused["verdict"] == "currency_mismatch"
    assert (moved["verdict"], hold["amount"], hold["price_amount"]) == ("ok", Decimal("0.5628"), Decimal(4))
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("9.4372"), Decimal(0))
    assert verification.verify() == []


@pytest.mark.parametrize("rate", ["0.000000000123", "7.123456789012345678", "151.3"])
def test_long_work_never_pays_more_than_was_held(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], hall: Seller, rate: str
) -> None:
    buyer = exchange.make_buyer(app, "Rich", funds="100000")
    exchange.set_rate(owner, "USD", "CNY", mid=rate, rate=rate)
    job = exchange.admit(app, buyer, hall)
    for seq in range(1, 5):
        exchange.record(app, job.attempt_id, out=333, seq=seq, final=seq == 4, method="tokenizer")
    charges.post_charges(seconds_max=10)

    paid = Decimal(100000) - exchange.read_scope(app, buyer.wallet_id)[0]
    assert paid <= job.hold == round_amount(EXACT.multiply(Decimal(2), Decimal(rate)))
    assert verification.verify() == []


@pytest.mark.parametrize("final", [None, "0.1", "0.15"])
@pytest.mark.parametrize("bearer", Bearer)
def test_a_refund_takes_every_amount_back_the_way_it_came(
    app: psycopg.Connection[Any],
    owner: psycopg.Connection[Any],
    lab: Buyer,
    hall: Seller,
    quote: int,
    final: str | None,
    bearer: Bearer,
) -> None:
    used = exchange.record(app, exchange.admit(app, lab, hall).attempt_id, out=100)
    charges.post_charges(seconds_max=10)
    if final is not None:
        give_back(owner, used["usage_id"], final)

    bookings.refund_charge(
        usage_id=used["usage_id"], borne_by=bearer, reason="broken", actor=audit.SYSTEM, now=NOW
    )

    assert exchange.read_scope(app, lab.wallet_id) == (Decimal(10), Decimal(0))
    if bearer is Bearer.PROVIDER:
        moved = fetch_value(
            app,
            "SELECT coalesce(sum(abs(amount)), 0) FROM (SELECT sum(p.amount) AS amount FROM posting p"
            " JOIN entry e ON e.id = p.entry_id AND e.kind <> 'TOPUP' GROUP BY p.account_id) x",
        )
        assert moved == 0
    assert find_wrong() == []


def find_wrong() -> list[str]:
    # Nobody above the ledger keeps the final prices of these tests.
    return [finding.check for finding in verification.verify() if finding.check != "settled_at_final_prices"]


def give_back(owner: psycopg.Connection[Any], usage: int, rated: str) -> None:
    """Settle a charge at its final price, in the price's currency."""
    [row] = fetch(
        owner,
        "SELECT * FROM give_back_v1(%s::bigint[], %s::numeric[], ARRAY[500], ARRAY[1]::bigint[])",
        *([usage], [Decimal(rated)]),
    )
    assert (row["settled"], row["entries"]) == (1, 1)


def test_a_final_price_gives_back_at_the_rate_of_the_job(
    app: psycopg.Connection[Any], owner: psycopg.Connection[Any], lab: Buyer, hall: Seller, quote: int
) -> None:
    used = exchange.record(app, exchange.admit(app, lab, hall).attempt_id, out=100)
    charges.post_charges(seconds_max=10)

    give_back(owner, used["usage_id"], "0.05")

    # Of 0.2 CNY 0.05 stay: a quarter of everything.
    assert exchange.read_scope(app, lab.wallet_id) == (Decimal("9.992965"), Decimal(0))
    assert read_balance(app, "PAYABLE", "CNY", hall.organization_id) == Decimal("0.0475")
    assert read_balance(app, "FX_POSITION", "CNY") == Decimal("0.05")
    assert read_balance(app, "FX_POSITION", "USD") == Decimal("-0.007")
    assert read_balance(app, "FX_SPREAD", "USD") == Decimal("0.000035")
    assert find_wrong() == []


def test_limits_count_what_the_wallet_pays(
    app: psycopg.Connection[Any], lab: Buyer, hall: Seller, quote: int
) -> None:
    limit = exchange.set_limit(app, lab, "0.3")
    exchange.record(app, exchange.admit(app, lab, hall).attempt_id, out=1000)
    charges.post_charges(seconds_max=10)

    [row] = exchange.admit_items(app, [(lab, hall)])

    assert exchange.read_scope(app, limit) == (Decimal("0.0186"), Decimal(0))
    assert row["verdict"] == "key_limit_exceeded"
    assert verification.verify() == []
