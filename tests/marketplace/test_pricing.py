"""From kilowatt-hours to token prices: the printed worked example, and lines that add up."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace import pricing
from marketplace.pricing import HardwareCost, Line, Quote, ServingProfile, SiteEnergy

CNY_PER_USD = Decimal("6.653")
CNY_PER_EUR = Decimal("7.4326")

# Llama-3.1-70B on eight H100: two replicas of four at batch 256, 0.479 J a token and 9,830 tokens a second.
EIGHT_H100 = ServingProfile(
    chips=8,
    joules_per_output_token=Decimal("0.479"),
    joules_source="llama-3-1-70b-instruct/H100/4/256",
    tokens_per_second=Decimal(9830),
    utilisation=Decimal("0.6"),
    watts_idle=Decimal(8 * 75 + 800),
    host_factor=Decimal("1.255"),
    input_ratio=Decimal(0),
)
HARDWARE = HardwareCost(
    capital=300_000 * CNY_PER_USD,
    source="list price",
    years=4,
    rate=Decimal("0.10"),
    operations_rate=Decimal("0.05"),
    facility_per_watt=10 * CNY_PER_USD,
    facility_years=15,
    facility_rate=Decimal("0.08"),
)
GUIZHOU = SiteEnergy(
    price_per_kwh=Decimal("0.13"),
    currency="CNY",
    pue=Decimal("1.20"),
    gco2_per_kwh=Decimal("568.3"),
    source="site:guizhou",
    carbon_source="CN-GZ 2023",
)
CARBON_PRICE = Decimal("95.96")


def quote(
    site: SiteEnergy, *, margin: Decimal = Decimal(0), fee_bps: int = 0, profile: ServingProfile = EIGHT_H100
) -> Quote:
    """Price on the eight H100 of the worked example."""
    return pricing.build_quote(site=site, profile=profile, hardware=HARDWARE, margin=margin, fee_bps=fee_bps)


def per_million(quoted: Quote, *names: str) -> Decimal:
    """Sum of the named lines per million output tokens."""
    return sum((line.amounts.output for line in quoted.lines if line.name in names), Decimal(0)) * 1_000_000


@pytest.mark.parametrize(
    ("price", "pue", "kwh", "energy", "owning", "carbon", "total"),
    [
        ("0.13", "1.20", "0.232", "0.030", "4.22", "0.001", "4.25"),
        ("0.398", "1.20", "0.232", "0.092", "4.22", "0.013", "4.32"),
        ("0.532", "1.20", "0.232", "0.124", "4.22", "0", "4.34"),
        ("1.338", "1.30", "0.251", "0.336", "4.24", "0.050", "4.63"),
    ],
    ids=["guizhou direct", "delivered", "virginia", "germany"],
)
def test_the_worked_example_comes_out_as_printed(
    price: str, pue: str, kwh: str, energy: str, owning: str, carbon: str, total: str
) -> None:
    quoted = quote(replace(GUIZHOU, price_per_kwh=Decimal(price), pue=Decimal(pue)))

    assert round(quoted.kwh_per_million_output, 3) == Decimal(kwh)
    # The table was computed from rounded figures, so its last digit may be one off.
    assert abs(per_million(quoted, "energy", "idle") - Decimal(energy)) < Decimal("0.001")
    assert round(per_million(quoted, "hardware", "facility", "operations"), 2) == Decimal(owning)
    without_carbon = Decimal(total) - Decimal(carbon)
    assert abs(quoted.prices.output * 1_000_000 - without_carbon) < Decimal("0.01")


def test_the_delivered_site_with_its_carbon_comes_out_as_printed() -> None:
    site = replace(GUIZHOU, price_per_kwh=Decimal("0.398"), carbon_price_per_tonne=CARBON_PRICE)

    quoted = quote(site)

    assert round(per_million(quoted, "carbon"), 3) == Decimal("0.013")
    assert round(quoted.prices.output * 1_000_000, 2) == Decimal("4.32")


def test_the_immersion_site_with_reused_heat_comes_out_as_printed() -> None:
    site = replace(
        GUIZHOU,
        price_per_kwh=Decimal("0.398"),
        pue=Decimal("1.07"),
        gco2_per_kwh=Decimal("447.1"),
        carbon_price_per_tonne=CARBON_PRICE,
        heat_reuse_factor=Decimal("0.5"),
        heat_price_per_kwh=Decimal("0.020") * CNY_PER_EUR,
    )

    quoted = quote(site)

    assert round(per_million(quoted, "heat"), 3) == Decimal("-0.015")
    assert round(per_million(quoted, "carbon"), 3) == Decimal("0.009")
    assert round(per_million(quoted, "hardware", "facility", "operations"), 2) == Decimal("4.19")
    assert round(quoted.prices.output * 1_000_000, 2) == Decimal("4.26")


def test_a_chip_hour_costs_the_energy_that_is_printed() -> None:
    quoted = quote(GUIZHOU)

    energy = sum((line.amounts.chip_second for line in quoted.lines if line.name == "energy"), Decimal(0))

    assert round(energy * 3600, 3) == Decimal("0.115")


def test_an_input_token_costs_its_ratio_of_an_output_token() -> None:
    quoted = quote(GUIZHOU, profile=replace(EIGHT_H100, input_ratio=Decimal("0.45")))

    assert round(quoted.prices.input / quoted.prices.output, 9) == Decimal("0.45")
    assert quoted.prices.cached_input == 0


def test_the_fee_leaves_the_provider_its_ask() -> None:
    quoted = quote(GUIZHOU, margin=Decimal("0.2"), fee_bps=500)

    ask = quote(GUIZHOU, margin=Decimal("0.2")).prices.output
    assert abs(quoted.prices.output * Decimal("0.95") - ask) < Decimal("1e-17")


def test_a_price_below_nothing_is_refused() -> None:
    site = replace(GUIZHOU, heat_reuse_factor=Decimal(1), heat_price_per_kwh=Decimal(1_000))

    with pytest.raises(pricing.PriceNegative):
        quote(site)


POSITIVE = st.decimals(min_value="0.000001", max_value="100000", places=6)
SHARES = st.decimals(min_value="0", max_value="2", places=4)


@given(
    price=st.decimals(min_value="0", max_value="10", places=18),
    pue=st.decimals(min_value="1", max_value="3", places=4),
    joules=POSITIVE,
    speed=POSITIVE,
    utilisation=st.decimals(min_value="0.0001", max_value="1", places=4),
    input_ratio=SHARES,
    margin=SHARES,
    fee_bps=st.integers(0, 9_999),
)
def test_the_lines_of_a_card_add_up_to_its_prices_exactly(
    price: Decimal,
    pue: Decimal,
    joules: Decimal,
    speed: Decimal,
    utilisation: Decimal,
    input_ratio: Decimal,
    margin: Decimal,
    fee_bps: int,
) -> None:
    profile = replace(
        EIGHT_H100,
        joules_per_output_token=joules,
        tokens_per_second=speed,
        utilisation=utilisation,
        input_ratio=input_ratio,
    )

    quoted = quote(
        replace(GUIZHOU, price_per_kwh=price, pue=pue), margin=margin, fee_bps=fee_bps, profile=profile
    )

    described = quoted.describe()
    for unit in ("input", "cached_input", "output"):
        lines = [Decimal(line["per_million_tokens"][unit]) for line in described["lines"]]
        assert sum(lines) == Decimal(described["prices"][unit]) * 1_000_000
    assert sum(Decimal(line["per_chip_second"]) for line in described["lines"]) == Decimal(
        described["prices"]["chip_second"]
    )


def test_every_term_of_the_formula_is_a_line() -> None:
    names = [line.name for line in quote(GUIZHOU).lines]

    assert names == [
        "energy",
        "idle",
        "heat",
        "carbon",
        "hardware",
        "facility",
        "operations",
        "demand",
        "demand_response",
        "network",
        "margin",
        "platform_fee",
    ]


def test_a_line_names_its_inputs_and_sources() -> None:
    energy: Line = quote(GUIZHOU).lines[0]

    assert energy.described["inputs"]["joules_per_output_token"] == "0.479"
    assert energy.sources == ("site:guizhou", "llama-3-1-70b-instruct/H100/4/256")
    assert energy.tier == "declared"
