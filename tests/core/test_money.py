"""Amounts and unit prices are exact, and rounded in one place."""

import csv
import decimal
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import money
from core.money import Money, UnitPrice
from core.quantities import EXACT, NotADecimal, Unit, UnitMismatch, chip_seconds, tokens
from core.sql import REPOSITORY

GOLDEN = REPOSITORY / "core/golden/rounding.csv"


def read_golden() -> list[dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def nanos(amount: Money) -> int:
    return int(amount.amount.scaleb(9, context=EXACT))


amounts = st.integers(-(10**38) + 1, 10**38 - 1).map(
    lambda n: Money(EXACT.scaleb(Decimal(n), -9), "USD"),
)
small_amounts = st.integers(-(10**30), 10**30).map(lambda n: Money(EXACT.scaleb(Decimal(n), -9), "USD"))


@pytest.mark.parametrize("line", read_golden(), ids=lambda line: f"{line['price']}x{line['quantity']}")
def test_rounding_reproduces_the_golden_vectors(line: dict[str, str]) -> None:
    product = EXACT.multiply(Decimal(line["price"]), Decimal(line["quantity"]))

    assert format(money.round_amount(product), "f") == line["expected"]


def test_the_golden_file_is_what_its_independent_rule_writes() -> None:
    names: dict[str, Any] = {"__name__": "generate"}
    exec((REPOSITORY / "core/golden/generate.py").read_text(encoding="utf-8"), names)  # noqa: S102

    assert names["make_file"]() == GOLDEN.read_text(encoding="utf-8")


def test_rounding_does_not_depend_on_the_context_of_the_thread() -> None:
    value = Decimal("12345678901234567890123456789.0123456785")

    with decimal.localcontext(prec=5, rounding=decimal.ROUND_UP):
        rounded = money.round_amount(value)

    assert rounded == Decimal("12345678901234567890123456789.012345678")


def test_rounding_never_gives_a_negative_zero() -> None:
    assert str(money.round_amount(Decimal("-0.0000000004"))) == "0E-9"


def test_rounding_refuses_what_the_column_cannot_hold() -> None:
    with pytest.raises(money.NotAnAmount):
        money.round_amount(Decimal("1e29"))
    with pytest.raises(money.NotAnAmount):
        money.round_amount(Decimal("1e70"))


@pytest.mark.parametrize("wrong", [0.1, 1, "0.1", None, True])
def test_only_a_decimal_becomes_an_amount_or_a_price(wrong: Any) -> None:
    with pytest.raises(NotADecimal):
        Money(wrong, "USD")
    with pytest.raises(NotADecimal):
        UnitPrice(wrong, "USD", Unit.TOKEN)
    with pytest.raises(NotADecimal):
        money.round_amount(wrong)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_an_amount_is_a_finite_number(text: str) -> None:
    with pytest.raises(ValueError, match="neither NaN nor infinity"):
        Money(Decimal(text), "USD")


@pytest.mark.parametrize("text", ["0.0000000001", "1e29", "-1e29", "1.1234567891"])
def test_an_amount_that_does_not_fit_is_refused_and_not_rounded(text: str) -> None:
    with pytest.raises(money.NotAnAmount):
        Money(Decimal(text), "USD")


def test_the_largest_amount_fits() -> None:
    largest = Decimal("9" * 29 + "." + "9" * 9)

    assert Money(largest, "USD").amount == largest


@pytest.mark.parametrize("code", ["", "usd", "US", "DOLLAR", "U$D"])
def test_a_currency_is_three_to_five_capital_letters(code: str) -> None:
    with pytest.raises(ValueError, match="not a currency code"):
        Money(Decimal(1), code)


def test_two_currencies_never_meet() -> None:
    onshore, offshore = Money(Decimal(1), "CNY"), Money(Decimal(1), "CNH")

    for meet in (
        lambda: onshore + offshore,
        lambda: onshore - offshore,
        lambda: onshore < offshore,
        lambda: onshore <= offshore,
        lambda: onshore > offshore,
        lambda: onshore >= offshore,
        lambda: money.total([onshore, offshore], currency="CNY"),
    ):
        with pytest.raises(money.CurrencyMismatch):
            meet()
    assert onshore != offshore


def test_an_amount_and_a_bare_number_do_not_add() -> None:
    with pytest.raises(TypeError):
        Money(Decimal(1), "USD") + Decimal(1)  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money(Decimal(1), "USD") - 1  # type: ignore[operator]


def test_a_sum_too_large_for_the_column_is_refused() -> None:
    half = Money(Decimal("6e28"), "USD")

    with pytest.raises(money.NotAnAmount):
        half + half


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("0.000012345", "0.000012345"),
        ("1.500000000", "1.5"),
        ("100", "100"),
        ("-0.000000001", "-0.000000001"),
        ("-0", "0"),
        ("0.000000000", "0"),
    ],
)
def test_an_amount_is_written_as_a_plain_literal(text: str, literal: str) -> None:
    assert Money.parse(text, "USD").literal == literal


@pytest.mark.parametrize(
    "text", ["", "1e3", "NaN", "+1", ".5", "5.", "1,5", " 1", "1\n", "٣", "0x10", "1_000"]
)
def test_an_amount_is_not_read_from_anything_but_a_plain_literal(text: str) -> None:
    with pytest.raises(money.NotAnAmount):
        Money.parse(text, "USD")


@given(amounts)
def test_an_amount_survives_being_written_and_read(amount: Money) -> None:
    assert Money.parse(amount.literal, "USD") == amount


@given(small_amounts, small_amounts, small_amounts)
def test_addition_is_exact_in_any_order(first: Money, second: Money, third: Money) -> None:
    assert (first + second) + third == first + (second + third) == (third + first) + second
    assert nanos(first + second) == nanos(first) + nanos(second)
    assert first - second == first + (-second)


@given(small_amounts, st.lists(st.integers(0, 10**12), min_size=1, max_size=20).filter(any))
def test_parts_sum_to_the_whole_and_are_within_one_billionth_of_their_share(
    whole: Money, weights: list[int]
) -> None:
    parts = money.split(whole, weights=weights)

    assert money.total(parts, currency="USD") == whole
    for part, weight in zip(parts, weights, strict=True):
        assert abs(nanos(part) * sum(weights) - nanos(whole) * weight) < sum(weights)


@given(small_amounts, st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any))
def test_a_negative_whole_splits_as_its_opposite(whole: Money, weights: list[int]) -> None:
    assert money.split(-whole, weights=weights) == [-part for part in money.split(whole, weights=weights)]


def test_what_is_left_goes_to_those_who_lost_most_and_then_to_the_earlier() -> None:
    third = money.split(Money.parse("0.00000001", "USD"), weights=[1, 1, 1])
    uneven = money.split(Money.parse("0.00000001", "USD"), weights=[Decimal("0.5"), Decimal("2.25"), 0])

    assert [part.literal for part in third] == ["0.000000004", "0.000000003", "0.000000003"]
    assert [part.literal for part in uneven] == ["0.000000002", "0.000000008", "0"]


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_weights_that_divide_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        money.split(Money.parse("1", "USD"), weights=weights)


def test_a_float_weight_is_refused() -> None:
    with pytest.raises(NotADecimal):
        money.split(Money.parse("1", "USD"), weights=[0.5])  # type: ignore[list-item]


@given(small_amounts, st.integers(0, 10_000))
def test_a_fee_and_what_is_left_are_the_gross(gross: Money, bps: int) -> None:
    fee, rest = money.take_fee(gross, bps=bps)

    assert fee + rest == gross
    assert abs(2 * (nanos(fee) * 10_000 - nanos(gross) * bps)) <= 10_000


@pytest.mark.parametrize("bps", [-1, 10_001])
def test_a_fee_outside_the_gross_is_refused(bps: int) -> None:
    with pytest.raises(ValueError, match="basis points"):
        money.take_fee(Money.parse("1", "USD"), bps=bps)


def test_a_price_per_million_is_exact_per_token() -> None:
    price = UnitPrice.parse("0.00000015", "USD", Unit.TOKEN)

    assert price.cost(tokens(1_000_000)) == Money.parse("0.15", "USD")
    assert price.literal == "0.00000015"


def test_a_price_of_nineteen_places_is_refused() -> None:
    with pytest.raises(money.NotAnAmount):
        UnitPrice(Decimal("0.0000000000000000001"), "USD", Unit.TOKEN)


def test_a_price_applies_to_its_own_unit_only() -> None:
    price = UnitPrice.parse("0.00000015", "USD", Unit.TOKEN)

    with pytest.raises(UnitMismatch):
        price.cost(chip_seconds(Decimal(1)))


def test_the_lines_of_one_record_are_summed_before_they_are_rounded() -> None:
    price = UnitPrice.parse("0.0000000004", "USD", Unit.TOKEN)

    apart = price.cost(tokens(1)) + price.cost(tokens(1))
    together = money.rate([(price, tokens(1)), (price, tokens(1))], currency="USD")

    assert apart.literal == "0"
    assert together.literal == "0.000000001"


def test_a_record_is_rated_in_one_currency() -> None:
    price = UnitPrice.parse("0.1", "EUR", Unit.TOKEN)

    with pytest.raises(money.CurrencyMismatch):
        money.rate([(price, tokens(1))], currency="USD")


def test_a_product_of_more_than_sixty_digits_is_refused_and_not_rounded() -> None:
    price = UnitPrice(Decimal("99999999999999999999.999999999999999999"), "USD", Unit.CHIP_SECOND)

    with pytest.raises(decimal.Inexact):
        price.exact_cost(chip_seconds(Decimal("9" * 30)))
