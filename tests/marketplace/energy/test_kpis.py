"""Key figures of a site, against the standards' formulas done by hand."""

from dataclasses import replace
from decimal import Decimal

from marketplace.energy.kpis import Sums, find_kpis

# A day of 100 kWh at the machines under PUE 1.2, half of it given away as heat, on a grid of 568.3 g/kWh.
DAY = Sums(
    joules=Decimal(360_000_000),
    output_tokens=Decimal(400_000_000),
    input_tokens=Decimal(0),
    it_kwh=Decimal(100),
    hall_kwh=Decimal(120),
    kwh=Decimal(126),
    heat_kwh=Decimal(60),
    gco2e=Decimal(126) * Decimal("568.3"),
    market_gco2e=None,
    renewable_share=Decimal("0.3"),
    surplus_offered_kwh=Decimal(200),
    surplus_absorbed_kwh=Decimal(50),
)


def test_the_figures_are_those_of_the_standards() -> None:
    found = find_kpis(DAY)

    assert (found.pue, found.erf, found.ere) == (Decimal("1.2"), Decimal("0.5"), Decimal("0.6"))
    assert found.cue == Decimal("0.5683") * Decimal("1.26")
    assert (found.joules_per_token, found.surplus_absorbed_share) == (Decimal("0.9"), Decimal("0.25"))


def test_nothing_used_is_no_figure_rather_than_zero() -> None:
    zero = Decimal(0)

    found = find_kpis(replace(DAY, joules=zero, output_tokens=zero, it_kwh=zero, hall_kwh=zero, gco2e=zero))

    assert (found.pue, found.cue, found.joules_per_token) == (None, None, None)


def test_an_input_token_counts_less_than_an_output_token() -> None:
    found = find_kpis(replace(DAY, input_tokens=Decimal(400_000_000)))

    assert round(found.joules_per_token or 0, 6) == Decimal("0.620690")
