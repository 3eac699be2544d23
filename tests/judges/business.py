"""
A year of business, the same one for each seed: made by the calls that the product makes, a day at a time.

The database is told what day it is. Buyers in five currencies top up and are refunded, jobs are admitted,
run, fail and are charged, providers are paid out, credits are given, top-ups are reversed, money is changed.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from tests.billing import books, exchange, settled_books
from tests.billing.exchange import Buyer, Seller, fetch_value
from tests.databases import Database

DAYS = 365
FIRST_DAY = datetime(2025, 1, 1, 9, tzinfo=UTC)
PRICES = {
    # Currency: price of a token out. Some are far below what the currency can pay out.
    "USD": "0.0000006",
    "CNY": "0.0000043",
    "JPY": "0.000091",
    "USDC": "0.000000001234567",
    "EUR": "0.00000052",
}
JOBS_A_DAY = 4
SETTLED_EVERY = 91
SIZES = ((3, 17), (1, 1), (911, 64), (40, 999))
"""Tokens in and out of the jobs of a day."""

Connection = psycopg.Connection[Any]

# The clock of this database alone; the application keeps its right to nothing but asking.
CLOCK_CALL = "business_clock()"
CLOCK = """
CREATE FUNCTION business_clock() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT current_setting('business.now')::timestamptz $$;
ALTER TABLE entry ALTER recorded_at SET DEFAULT business_clock();
ALTER TABLE charge ALTER rated_at SET DEFAULT business_clock();
"""


@dataclass(slots=True)
class Market:
    """Two buyers and one seller in a currency, and entries that may be undone."""

    currency: str
    buyers: list[Buyer]
    seller: Seller
    bank: int
    credit: int
    position: int
    spread: int


def run_year(db: Database, *, seed: int) -> int:
    """Do a year's business; gives how many days of it there were."""
    chance = random.Random(seed)
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        owner.execute(CLOCK)
    with psycopg.connect(db.dsn, autocommit=True) as app:
        _set_day(app, FIRST_DAY)
        people = books.decide(app)
        markets = [_open_market(app, currency, price) for currency, price in PRICES.items()]
        for number in range(DAYS):
            now = FIRST_DAY + timedelta(days=number)
            _set_day(app, now)
            _run_jobs(app, markets, chance)
            _move_money(app, markets, chance, f"{now:%Y%m%d}")
            exchange.post_charges(app)
            if number % SETTLED_EVERY == SETTLED_EVERY - 1:
                _settle(app, markets, *people)
        while fetch_value(app, "SELECT sequence_entries_v1()"):
            pass
    return DAYS


def _set_day(app: Connection, now: datetime) -> None:
    app.execute("SELECT set_config('business.now', %s, false)", [now.isoformat()])


def _open_market(app: Connection, currency: str, price: str) -> Market:
    buyers = [
        exchange.make_buyer(app, f"{name} {currency}", funds="1000", currency=currency)
        for name in ("Lab", "Fund")
    ]
    half = str(Decimal(price) / 2)
    seller = exchange.make_seller(
        app, f"Farm {currency}", input_price=half, output_price=price, currency=currency
    )

    def open_account(purpose: str, owner: int | None = None) -> int:
        return int(fetch_value(app, "SELECT account_v1(%s, %s, %s)", purpose, owner, currency))

    return Market(
        currency=currency,
        buyers=buyers,
        seller=seller,
        bank=open_account("CLEARING_BANK"),
        credit=open_account("SLA_CREDIT"),
        position=open_account("FX_POSITION"),
        spread=open_account("FX_SPREAD"),
    )


def _run_jobs(app: Connection, markets: list[Market], chance: random.Random) -> None:
    """The jobs of a day in one call: some fail, the others differ in size."""
    pairs = [(chance.choice(market.buyers), market.seller) for market in markets for _ in range(JOBS_A_DAY)]
    rows = exchange.admit_items(app, pairs, out_bound=1000, in_bound=1000)
    attempts = [row["attempt_id"] for row in rows]
    assert all(attempts), rows
    chance.shuffle(attempts)
    exchange.fail(app, attempts.pop())
    for part, (tokens_in, out) in enumerate(SIZES):
        exchange.record_items(app, attempts[part :: len(SIZES)], tokens_in=tokens_in, out=out)


def _move_money(app: Connection, markets: list[Market], chance: random.Random, day: str) -> None:
    market = chance.choice(markets)
    buyer = chance.choice(market.buyers)
    wallet = buyer.account_id
    for kind, accounts, amount in _choose_movements(market, wallet, chance):
        lines = [amount, -amount]
        made = exchange.post(app, accounts, lines, key=f"{kind.lower()}:{day}:{market.currency}", kind=kind)
        if kind == "TOPUP" and chance.random() < 0.2:
            _reverse(app, made, accounts, [-one for one in lines])
    if chance.random() < 0.1:
        sold, bought = chance.sample(markets, 2)
        _change_money(app, sold, bought, chance, day)


def _settle(app: Connection, markets: list[Market], ann: Any, bob: Any) -> None:
    """Pay every provider what is owed, in whole units of what can be paid; the rest stays owed."""
    while fetch_value(app, "SELECT sequence_entries_v1()"):
        pass
    for market in markets:
        batch = settled_books.agree(app, market.currency, ann, bob, clock=CLOCK_CALL)
        settled_books.pay(app, batch, clock=CLOCK_CALL)
        exchange.fetch(app, f"SELECT finish_settlement_v1(%s, {CLOCK_CALL})", batch)
        exchange.fetch(
            app,
            "SELECT move_payout_v1(p.uid, 'PAID', p.uid::text, '', 'CLEARING_BANK', 'test',"
            f" {CLOCK_CALL}, {CLOCK_CALL}) FROM payout p JOIN settlement_item i ON i.id = p.item_id"
            " WHERE i.batch_id = %s",
            batch,
        )


def _choose_movements(
    market: Market, wallet: int, chance: random.Random
) -> Iterator[tuple[str, list[int], Decimal]]:
    """Who gives whom how much: down to a billionth."""
    amount = Decimal(chance.randint(1, 10**11)).scaleb(-9)
    yield "TOPUP", [market.bank, wallet], amount
    if chance.random() < 0.3:
        yield "REFUND", [wallet, market.bank], amount / 2 if amount == amount.quantize(Decimal(1)) else amount
    if chance.random() < 0.2:
        yield "SLA_CREDIT", [market.credit, wallet], Decimal("0.000000001")


def _reverse(app: Connection, entry: int, accounts: list[int], amounts: list[Decimal]) -> None:
    exchange.fetch(
        app,
        "SELECT post_v1(%s, 'REVERSAL', 'test', 'booked twice', business_clock(), %s::bigint[],"
        " %s::numeric[], %s)",
        *(f"reversal:{entry}", accounts, amounts, entry),
    )


def _change_money(app: Connection, sold: Market, bought: Market, chance: random.Random, day: str) -> None:
    """One entry in two currencies; each balances for itself."""
    gave, got = (Decimal(chance.randint(10**6, 10**12)).scaleb(-9) for _ in range(2))
    kept = Decimal("0.000000003")
    exchange.post(
        app,
        [sold.position, sold.bank, bought.bank, bought.position, bought.spread],
        [gave, -gave, got, kept - got, -kept],
        key=f"fx:{day}",
        kind="EXCHANGE",
    )
