"""Quantities keep their unit and its number of places."""

from decimal import Decimal
from typing import Any

import pytest

from core import quantities
from core.quantities import Quantity, Unit


def test_a_reading_is_rounded_to_the_places_of_its_unit() -> None:
    assert str(quantities.joules(Decimal("3.21049"))) == "3.21"
    assert str(quantities.chip_seconds(Decimal("1.2345675"))) == "1.234568"
    assert str(quantities.chip_seconds(Decimal("1.2345665"))) == "1.234566"
    assert str(quantities.grams(Decimal("0.0003561234567"))) == "0.000356123"


def test_a_quantity_given_as_exact_is_not_rounded() -> None:
    with pytest.raises(quantities.TooPrecise):
        Quantity(Decimal("1.0000001"), Unit.CHIP_SECOND)
    with pytest.raises(quantities.TooPrecise):
        Quantity(Decimal("0.5"), Unit.TOKEN)


@pytest.mark.parametrize("wrong", [0.5, 1, "1"])
def test_only_a_decimal_becomes_a_quantity(wrong: Any) -> None:
    with pytest.raises(quantities.NotADecimal):
        Quantity(wrong, Unit.JOULE)


def test_a_quantity_is_never_negative() -> None:
    with pytest.raises(ValueError, match="not negative"):
        quantities.joules(Decimal(-1))
    with pytest.raises(ValueError, match="not negative"):
        quantities.tokens(-1)


def test_quantities_of_one_unit_add() -> None:
    assert quantities.tokens(2) + quantities.tokens(3) == quantities.tokens(5)


def test_quantities_of_two_units_do_not_add() -> None:
    with pytest.raises(quantities.UnitMismatch):
        quantities.tokens(2) + quantities.joules(Decimal(3))


def test_a_kilowatt_hour_is_three_point_six_million_joules() -> None:
    assert quantities.joules_to_kwh(quantities.joules(Decimal(3_600_000))).amount == 1
    assert str(quantities.joules_to_kwh(quantities.joules(Decimal("3.21")))) == "0.000000891667"


def test_only_joules_become_kilowatt_hours() -> None:
    with pytest.raises(quantities.UnitMismatch):
        quantities.joules_to_kwh(quantities.tokens(1))


@pytest.mark.parametrize(
    ("value", "text"), [("1E+3", "1000"), ("0E-9", "0"), ("1.50", "1.5"), ("1E-9", "0.000000001")]
)
def test_a_number_is_written_without_exponent_and_idle_zeros(value: str, text: str) -> None:
    assert quantities.format_plain(Decimal(value)) == text
