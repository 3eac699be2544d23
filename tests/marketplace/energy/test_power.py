"""Power over several spans of a tariff."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.energy.inputs import Power, average_power
from marketplace.energy.refusals import BadInput


def make(energy: str, transport: str | None = None) -> Power:
    components = {"energy": Decimal(energy)}
    if transport is not None:
        components["transport"] = Decimal(transport)
    return Power(sum(components.values(), Decimal(0)), "tariff 12", components)


def test_spans_weigh_by_their_hours() -> None:
    found = average_power(
        parts=[(Decimal(1), make("0.10", "0.05")), (Decimal(3), make("0.30", "0.05"))], source="tariff 12"
    )

    assert found.components == {"energy": Decimal("0.25"), "transport": Decimal("0.05")}
    assert found.per_kwh == Decimal("0.30")


def test_a_component_that_a_span_lacks_counts_nothing_there() -> None:
    found = average_power(parts=[(Decimal(1), make("0.10", "0.08")), (Decimal(1), make("-0.02"))], source="")

    assert found.components == {"energy": Decimal("0.04"), "transport": Decimal("0.04")}


def test_power_without_components_is_all_energy() -> None:
    flat = Power(Decimal("0.40"), "flat")

    assert average_power(parts=[(Decimal(2), flat)], source="flat").components == {"energy": Decimal("0.40")}


@pytest.mark.parametrize("parts", [[], [(Decimal(0), make("0.10"))]], ids=["none", "no hours"])
def test_no_hours_have_no_price(parts: list[tuple[Decimal, Power]]) -> None:
    with pytest.raises(BadInput, match="hours"):
        average_power(parts=parts, source="")


HOURS = st.decimals(min_value="0.01", max_value="100", places=2)
PRICES = st.decimals(min_value="-1", max_value="10", places=6).map(str)


@settings(deadline=None)
@given(st.lists(st.tuples(HOURS, st.builds(make, PRICES, PRICES)), min_size=1, max_size=8))
def test_the_mean_lies_among_what_it_is_the_mean_of(parts: list[tuple[Decimal, Power]]) -> None:
    found = average_power(parts=parts, source="").per_kwh

    assert min(power.per_kwh for _, power in parts) - Decimal("1e-17") <= found
    assert found <= max(power.per_kwh for _, power in parts) + Decimal("1e-17")
