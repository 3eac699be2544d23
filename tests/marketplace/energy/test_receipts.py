"""Receipts give a figure that a few wrong ones do not move."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.energy import receipts
from marketplace.energy.receipts import Measured, Reading
from marketplace.energy.refusals import BadInput


def read(joules: str, *, tokens: int = 1000, tier: str = "counter", seconds: int = 60) -> Reading:
    """A window of output tokens alone."""
    return Reading(Decimal(joules), Decimal(tokens), Decimal(0), Decimal(seconds), tier)


def summarize(readings: list[Reading]) -> Measured:
    found = receipts.summarize(readings)
    assert found is not None
    return found


STEADY = [read("498"), read("499"), read("500"), read("501"), read("502")]


def test_it_is_the_median_by_weight() -> None:
    found = summarize(STEADY)

    assert found.joules == Decimal("0.5")
    assert (found.readings, found.left_out, found.tokens) == (5, 0, Decimal(5000))
    assert found.tier == "counter"
    assert found.spread == Decimal("0.02")


@pytest.mark.parametrize("wrong", ["1", "100", "5000", "9000000"])
def test_wrong_readings_are_left_out(wrong: str) -> None:
    found = summarize([*STEADY, read(wrong), read(wrong)])

    assert found.left_out == 2
    assert found.joules == Decimal("0.5")


def test_input_tokens_count_by_what_they_take_and_cached_ones_nothing() -> None:
    mixed = Reading(
        joules=Decimal(950),
        output_tokens=Decimal(1000),
        input_tokens=Decimal(2000),
        cached_tokens=Decimal(99_999),
        seconds=Decimal(60),
        tier="counter",
    )

    assert summarize([mixed] * 5).joules == Decimal("0.5")


def test_a_better_tier_weighs_more() -> None:
    # Nine polled windows, which weigh nine, against five counted ones, which weigh twenty.
    polled = [read("900", tier="polled") for _ in range(9)]
    counted = [read("500") for _ in range(5)]

    found = summarize([*polled, *counted])

    assert (found.joules, found.tier) == (Decimal("0.5"), "counter")


def test_noise_is_told() -> None:
    noisy = [read(joules) for joules in ("400", "450", "500", "550", "600")]

    assert summarize(noisy).spread == Decimal("0.14826")


def test_readings_that_are_all_alike_leave_room_for_others() -> None:
    assert summarize([*[read("500")] * 5, read("530")]).left_out == 0
    assert summarize([*[read("500")] * 5, read("560")]).left_out == 1


@pytest.mark.parametrize(
    ("pairs", "median"),
    [
        ([(1, 1)], "1"),
        ([(1, 1), (3, 1)], "2"),
        ([(3, 1), (1, 2)], "1"),
        ([(1, 1), (2, 1), (9, 1)], "2"),
        ([(1, 2), (2, 1), (9, 3)], "5.5"),
    ],
)
def test_the_weighted_median_has_half_on_each_side(pairs: list[tuple[int, int]], median: str) -> None:
    found = receipts.find_weighted_median([(Decimal(value), Decimal(weight)) for value, weight in pairs])

    assert found == Decimal(median)


def test_a_tier_is_what_half_of_the_weight_has() -> None:
    attested = [read("500", tier="attested") for _ in range(2)]

    assert summarize([*STEADY, *attested]).tier == "counter"
    assert summarize([*STEADY, *attested, *attested]).tier == "attested"


@pytest.mark.parametrize(
    "readings",
    [
        [],
        STEADY[:4],
        [read("50", tokens=100) for _ in range(9)],
        [read("500", tier="declared") for _ in range(9)],
        [read("500", tier="polled", seconds=9) for _ in range(9)],
        [read("0") for _ in range(9)],
        [read("500", tokens=0) for _ in range(9)],
    ],
    ids=["none", "four", "few tokens", "declared", "polled too short", "no joules", "no tokens"],
)
def test_what_says_too_little_says_nothing(readings: list[Reading]) -> None:
    assert receipts.summarize(readings) is None


@pytest.mark.parametrize("field", ["joules", "output_tokens", "input_tokens", "cached_tokens", "seconds"])
def test_a_negative_reading_is_refused(field: str) -> None:
    figures = {
        "joules": Decimal(1),
        "output_tokens": Decimal(1),
        "input_tokens": Decimal(1),
        "cached_tokens": Decimal(1),
        "seconds": Decimal(1),
    }

    with pytest.raises(BadInput) as refusal:
        Reading(tier="counter", **(figures | {field: Decimal(-1)}))

    assert refusal.value.field == field


def test_an_unknown_tier_is_refused() -> None:
    with pytest.raises(BadInput, match="tier: 'guessed' is none of declared, polled"):
        read("1", tier="guessed")


@settings(deadline=None)
@given(
    honest=st.lists(st.integers(450, 550), min_size=9, max_size=30),
    lies=st.lists(st.integers(1, 10**9), max_size=4),
)
def test_fewer_lies_than_truths_never_move_it_out_of_the_truths(honest: list[int], lies: list[int]) -> None:
    found = receipts.summarize([read(str(joules)) for joules in [*honest, *lies]])

    if found is not None:
        assert Decimal("0.45") <= found.joules <= Decimal("0.55")


@settings(deadline=None)
@given(st.permutations([*STEADY, read("700"), read("1", tokens=3), read("480", tier="attested")]))
def test_the_order_of_receipts_does_not_matter(readings: list[Reading]) -> None:
    assert receipts.summarize(readings) == receipts.summarize(sorted(readings, key=lambda one: one.joules))
