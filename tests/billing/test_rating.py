"""Rating in Python and in SQL: one rule, held to the same vectors."""

import csv
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import rating, verification
from billing.golden import generate
from core.sql import REPOSITORY
from tests.billing import exchange
from tests.billing.exchange import fetch_value

VECTORS = REPOSITORY / "billing" / "golden" / "rating.csv"


def read_vectors() -> list[dict[str, str]]:
    with VECTORS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_vectors_are_what_their_generator_writes() -> None:
    assert VECTORS.read_text(encoding="utf-8") == generate.make_file()


def test_python_rates_as_the_vectors_say() -> None:
    for vector in read_vectors():
        rated = rating.rate(
            tokens_in=int(vector["tokens_in"]),
            cached=int(vector["cached"]),
            out=int(vector["out"]),
            chip_seconds=Decimal(vector["chip_seconds"]),
            prices=rating.Prices(
                input=Decimal(vector["input_price"]),
                cached_input=Decimal(vector["cached_input_price"]),
                output=Decimal(vector["output_price"]),
                chip_second=Decimal(vector["chip_second_price"]),
            ),
        )

        fee = rating.take_fee(rated, bps=int(vector["bps"]))
        assert (f"{rated:f}", f"{fee:f}") == (vector["rated"], vector["fee"]), vector


@pytest.mark.sql
def test_sql_rates_as_the_vectors_say(app: psycopg.Connection[Any]) -> None:
    numbers = ("tokens_in", "cached", "out")
    prices = ("input_price", "cached_input_price", "output_price", "chip_second_price")
    for vector in read_vectors():
        values = [*(int(vector[name]) for name in numbers), Decimal(vector["chip_seconds"])]
        values += [Decimal(vector[name]) for name in prices]
        rated = fetch_value(app, "SELECT rate_v1(%s, %s, %s, %s, %s, %s, %s, %s)", *values)
        fee = fetch_value(app, "SELECT fee_v1(%s, %s)", rated, int(vector["bps"]))

        assert (f"{rated:.9f}", f"{fee:.9f}") == (vector["rated"], vector["fee"]), vector


@pytest.mark.sql
def test_a_share_of_many_digits_is_charged_and_verified_to_the_last(app: psycopg.Connection[Any]) -> None:
    # A quotient of sixteen digits would end in ...0175, and round up.
    price, count, fee_bps = "0.000000001", 662_361_903_828_001, 2999
    fund = exchange.make_buyer(app, "Fund", funds="1000000")
    farm = exchange.make_seller(app, "Farm", output_price=price, fee_bps=fee_bps)
    job = exchange.admit(app, fund, farm, out_bound=count)

    recorded = exchange.record(app, job.attempt_id, out=count)
    exchange.post_charges(app)

    assert (recorded["amount"], recorded["fee"]) == (Decimal("662361.903828001"), Decimal("198642.334958017"))
    assert verification.verify() == []


amounts = st.decimals(min_value=0, max_value=10**9, places=9)


@given(rated=amounts, hold_left=amounts, bps=st.integers(0, 9999), own_count=st.booleans())
def test_a_settlement_never_takes_more_than_is_held(
    rated: Decimal, hold_left: Decimal, bps: int, own_count: bool
) -> None:
    settled = rating.settle(rated, hold_left=hold_left, bps=bps, own_count=own_count)

    assert settled.amount == min(rated, hold_left)
    assert settled.amount + settled.overrun == (rated if own_count else settled.amount)
    assert 0 <= settled.fee <= settled.amount
    assert settled.fee + settled.provider_amount == settled.amount + settled.overrun
