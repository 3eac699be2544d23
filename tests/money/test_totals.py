"""
Sums over random lines to the last place: 20,000 of them, or (PROOF=long) a million.

Usage is admitted, recorded, rated, converted and charged by the code that does so in earnest. What it comes
to is reckoned twice more, by this file's Python and by this file's SQL, and the ledger has to say the same.
"""

import os
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import psycopg
import pytest

from billing import charges, verification
from tests import databases
from tests.billing import exchange as ex
from tests.billing.exchange import RECORD_TYPES, Buyer, Seller, fetch, fetch_value

LONG = os.environ.get("PROOF") == "long"
ATTEMPTS, RECORDS = (40_000, 25) if LONG else (800, 25)
pytestmark = [pytest.mark.sql, pytest.mark.timeout(7200 if LONG else 240)]

EXACT = Context(prec=90)
NANO = Decimal("0.000000001")
ZERO = Decimal(0)
QUOTES = {
    "CNH": (Decimal("0.138907123456789012"), Decimal("0.139601659074072957")),
    "EUR": (Decimal("1.083456789123456789"), Decimal("1.088874073069074073")),
}
"""What one costs in dollars: in the middle, and with the spread."""
SELLERS = (
    ("USD", "0.000000150000000002", "0.000000600000000007", 500),
    ("USD", "0.000000000000000014", "0.000000000999999999", 0),
    ("USD", "0.0012346", "0.0098765", 3333),
    ("CNH", "0.000001080000000006", "0.000004320000000011", 725),
    ("EUR", "0.000000137000000006", "0.000000550000000009", 1),
)
USAGE = f"SELECT idx, verdict, amount FROM record_usage_v3({RECORD_TYPES})"
# The same once more, of the rows that were written; half to even by hand.
RECKON = """
WITH line AS (
    SELECT u.id, c.wallet_id, c.payable_id, h.quote_id, k.fee_bps, c.amount AS paid, v.amount AS sold,
           ((u.billed_in - u.billed_cached) * k.input_price + u.billed_cached * k.cached_input_price
            + u.billed_out * k.output_price) * coalesce(q.rate, 1) * 1000000000 AS exact
      FROM usage_record u JOIN attempt a ON a.id = u.attempt_id JOIN price_card k ON k.id = a.card_id
      JOIN charge c ON c.usage_id = u.id JOIN hold h ON h.id = c.hold_id
      LEFT JOIN charge_conversion v ON v.usage_id = u.id LEFT JOIN fx_quote q ON q.id = h.quote_id
), whole AS (
    SELECT *, floor(exact) + CASE WHEN exact - floor(exact) = 0.5 THEN mod(floor(exact), 2)
                                  WHEN exact - floor(exact) > 0.5 THEN 1 ELSE 0 END AS nanos
      FROM line
)
SELECT sum(nanos) * 0.000000001 AS rated, count(*) AS lines FROM whole
"""


@dataclass(slots=True)
class Work:
    """An attempt, and what of its hold is left: in dollars, and in the price's currency."""

    attempt: int
    buyer: Buyer
    seller: Seller
    terms: tuple[str, Decimal, Decimal, int]
    left: Decimal
    covers: Decimal
    method: str


def round_even(value: Decimal) -> Decimal:
    return value.quantize(NANO, rounding=ROUND_HALF_EVEN, context=EXACT)


class Sums:
    """What every account should have, debits less credits, and what was rated."""

    def __init__(self) -> None:
        self.accounts: dict[tuple[str, int | None, str], Decimal] = defaultdict(Decimal)
        self.rated, self.lines = ZERO, 0

    def add(self, purpose: str, owner: int | None, currency: str, amount: Decimal) -> None:
        key = (purpose, owner, currency)
        self.accounts[key] = EXACT.add(self.accounts[key], amount)

    def charge(self, work: Work, tokens_in: int, cached: int, out: int) -> Decimal:
        """Reckon one line; answers what the wallet pays."""
        currency, price_in, price_out, bps = work.terms
        exact = EXACT.add(
            EXACT.add(
                EXACT.multiply(Decimal(tokens_in - cached), price_in),
                EXACT.multiply(Decimal(cached), EXACT.divide(price_in, Decimal(2))),
            ),
            EXACT.multiply(Decimal(out), price_out),
        )
        crosses = currency != "USD"
        mid, rate = QUOTES[currency] if crosses else (Decimal(1), Decimal(1))
        rated = round_even(EXACT.multiply(exact, rate))
        pays = min(rated, work.left)
        over = max(rated - work.left, ZERO) if work.method == "tokenizer" else ZERO
        sold, beyond = pays, over
        if crosses:
            whole = round_even(exact) if pays + over > 0 else ZERO
            sold = min(whole, work.covers)
            beyond = max(whole - work.covers, ZERO) if over > 0 else ZERO
            middle = min(pays, round_even(EXACT.multiply(sold, mid)))
            self.add("FX_POSITION", None, "USD", -middle)
            self.add("FX_SPREAD", None, "USD", middle - pays)
            self.add("FX_POSITION", None, currency, sold)
        work.left, work.covers = work.left - pays, work.covers - sold
        fee = round_even(EXACT.multiply(sold, Decimal(bps).scaleb(-4)))
        self.add("WALLET", work.buyer.organization_id, "USD", pays)
        self.add("PAYABLE", work.seller.organization_id, currency, fee - sold - beyond)
        self.add("PLATFORM_FEE", None, currency, -fee)
        self.add("OVERRUN", None, currency, beyond)
        self.rated, self.lines = EXACT.add(self.rated, rated), self.lines + 1
        return pays


def admit(
    app: psycopg.Connection[Any], buyers: list[Buyer], sellers: list[Any], chance: random.Random
) -> Iterator[Work]:
    """Attempts of random pairs; every tenth holds so little that its last lines do not fit."""
    for start in range(0, ATTEMPTS, 64):
        pairs = [(chance.choice(buyers), chance.choice(sellers)) for _ in range(min(64, ATTEMPTS - start))]
        small = chance.random() < 0.2
        bound = 6_000 if small else 3_000 * RECORDS
        rows = ex.admit_items(
            app, [(buyer, seller) for buyer, (seller, _) in pairs], in_bound=bound, out_bound=bound
        )
        for (buyer, (seller, terms)), row in zip(pairs, rows, strict=True):
            assert row["verdict"] == "ok", row
            covers = round_even(bound * (terms[1] + terms[2]))
            method = chance.choice(("tokenizer", "deltas"))
            yield Work(row["attempt_id"], buyer, seller, terms, row["hold_amount"], covers, method)


def record(
    app: psycopg.Connection[Any], works: list[Work], seq: int, sums: Sums, chance: random.Random
) -> None:
    """One record of each attempt, in one call; what the call says of each is what was reckoned."""
    used = [(chance.randint(0, 3_000), chance.randint(0, 3_000)) for _ in works]
    cached = [chance.randint(0, tokens_in) for tokens_in, _ in used]
    count = len(works)
    none: list[int | None] = [None] * count
    rows = fetch(
        app,
        USAGE,
        [work.attempt for work in works],
        [seq] * count,
        [seq == RECORDS] * count,
        [tokens_in for tokens_in, _ in used],
        cached,
        [out for _, out in used],
        *(none, none, none),
        [work.method for work in works],
        *([ZERO] * count, [ZERO] * count, ["declared"] * count, ["apportioned"] * count),
        *(["stop"] * count, ["SUCCEEDED"] * count),
    )
    said = {row["idx"]: (row["verdict"], row["amount"]) for row in rows}
    for number, (work, (tokens_in, out), part) in enumerate(zip(works, used, cached, strict=True), 1):
        assert said[number] == ("ok", sums.charge(work, tokens_in, part, out))


def test_sums_of_random_lines_are_right_to_the_last_place(db: databases.Database) -> None:
    chance, sums = random.Random(20_260_504), Sums()
    with db.connect() as app, psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        buyers = [ex.make_buyer(app, f"Lab {number}", funds="1000000000") for number in range(8)]
        for currency, (mid, rate) in QUOTES.items():
            ex.set_rate(owner, "USD", currency, mid=str(mid), rate=str(rate), seconds=86_400)
        sellers = []
        for number, (currency, price_in, price_out, bps) in enumerate(SELLERS):
            made = ex.make_seller(
                app,
                f"Farm {number}",
                input_price=price_in,
                output_price=price_out,
                fee_bps=bps,
                currency=currency,
            )
            sellers.append((made, (currency, Decimal(price_in), Decimal(price_out), bps)))
        opening = read(app)
        waiting: list[Work] = []
        for work in admit(app, buyers, sellers, chance):
            waiting.append(work)
            if len(waiting) == 64:
                use(app, waiting, sums, chance)
                waiting.clear()
                if work.attempt <= 64 or work.attempt % 6_400 == 0:
                    # As the server does by itself in earnest, so that rows are found by index.
                    owner.execute("ANALYZE usage_record, charge, charge_conversion, attempt, job, hold")
        use(app, waiting, sums, chance)
        posted = read(app)
        [reckoned] = fetch(app, RECKON)
        [said] = fetch(app, "SELECT sum(rated) AS rated, count(*) AS lines FROM charge")
        left = fetch_value(app, "SELECT sum(held) FROM scope")

    changed = {key: posted.get(key, ZERO) - opening.get(key, ZERO) for key in posted.keys() | opening.keys()}
    assert {key: amount for key, amount in changed.items() if amount} == {
        key: amount for key, amount in sums.accounts.items() if amount
    }
    assert sums.lines == said["lines"] == reckoned["lines"] == ATTEMPTS * RECORDS
    assert sums.rated == said["rated"] == reckoned["rated"]
    assert left == 0
    if not LONG:
        assert verification.verify() == []


def use(app: psycopg.Connection[Any], works: list[Work], sums: Sums, chance: random.Random) -> None:
    """Record everything of these attempts, and post it."""
    if works:
        for seq in range(1, RECORDS + 1):
            record(app, works, seq, sums, chance)
        tally = charges.post_charges(seconds_max=600)
        assert (tally.charges, tally.quarantined) == (len(works) * RECORDS, 0)


def read(app: psycopg.Connection[Any]) -> dict[Any, Decimal]:
    """Every account: debits less credits."""
    rows = fetch(
        app,
        "SELECT a.purpose, a.organization_id, a.currency, sum(p.amount) AS amount"
        " FROM posting p JOIN ledger_account a ON a.id = p.account_id GROUP BY 1, 2, 3",
    )
    return {(row["purpose"], row["organization_id"], row["currency"]): row["amount"] for row in rows}
