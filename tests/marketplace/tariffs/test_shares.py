"""Who bears how much of what a month costs: shares of a peak, and adders in a quote."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.money import Money
from marketplace.tariffs.adders import levelised_adders
from marketplace.tariffs.documents import parse_tariff
from marketplace.tariffs.loads import Load, share_peak
from marketplace.tariffs.refusals import FigureMissing, TariffInvalid
from tests.marketplace.tariffs.examples import document, site, tariff, utc


def test_a_demand_charge_is_shared_by_who_made_the_peak() -> None:
    start = utc(2026, 3, 1)
    loads = {
        name: Load(start, 15, tuple(map(Decimal, kwh)))
        for name, kwh in {"lab": (9, 1, 1), "farm": (0, 6, 6), "idle": (0, 2, 2)}.items()
    }

    shares = share_peak(amount=Money(Decimal(35000), "CNY"), loads=loads)

    # Each by itself peaks elsewhere or lower; together it is 9 of the first step and of the others.
    assert {name: share.literal for name, share in shares.items()} == {
        "lab": "35000",
        "farm": "0",
        "idle": "0",
    }
    later = {name: replace(load, kwh=load.kwh[1:]) for name, load in loads.items()}
    thirds = share_peak(amount=Money(Decimal("0.00000001"), "CNY"), loads=later)
    assert [share.literal for share in thirds.values()] == ["0.000000001", "0.000000007", "0.000000002"]
    nobody = {name: replace(load, kwh=(Decimal(0),)) for name, load in loads.items()}
    assert sum(one.amount for one in share_peak(amount=Money(Decimal(1), "CNY"), loads=nobody).values()) == 1
    with pytest.raises(TariffInvalid, match="same steps"):
        share_peak(amount=Money(Decimal(1), "CNY"), loads={"lab": loads["lab"], "farm": later["farm"]})
    with pytest.raises(TariffInvalid, match="same steps"):
        share_peak(amount=Money(Decimal(1), "CNY"), loads={})


def test_a_load_of_nonsense_is_refused() -> None:
    for kwh, step in (((), 15), ((Decimal(-1),), 15), ((Decimal("NaN"),), 15), ((Decimal(1),), 20)):
        with pytest.raises(TariffInvalid):
            Load(utc(2026, 3, 1), step, kwh)


def test_a_demand_charge_is_levelised_in_a_quote() -> None:
    figures = {"site": site(load_kw=Decimal(900)), "load_factor": Decimal("0.9")}

    adders = levelised_adders(tariff=tariff("gansu"), **figures)  # type: ignore[arg-type]

    # rate / (730 h x load factor)
    assert adders == {"demand": Decimal("0.053272450532724505")}


def test_a_quote_levels_fixed_amounts_minimums_and_taxes() -> None:
    changed = document("virginia")
    changed["components"].append(
        {"name": "tax", "kind": "TAX_PCT", "percent": "10", "of": ["customer", "least"]}
    )
    hall = site("USD", load_kw=Decimal(1000), contract_kw=Decimal(4000))

    adders = levelised_adders(
        tariff=parse_tariff(changed), site=hall, load_factor=Decimal("0.8"), mean={"energy": Decimal("0.02")}
    )

    hours = 730_000
    generation, network = Decimal("9.5") * 2400, Decimal("6.25") * 3400
    assert adders["generation-demand"] == (generation / hours).quantize(Decimal("1e-18"))
    assert adders["network-demand"] == (network / hours).quantize(Decimal("1e-18"))
    least = max(Decimal(0), 40_000 - generation - network - 131 - 14_600)
    assert adders["least"] == (least / hours).quantize(Decimal("1e-18"))
    assert adders["tax"] == ((131 + least) / 10 / hours).quantize(Decimal("1e-18"))
    assert "energy" not in adders
    with pytest.raises(FigureMissing, match="load_kw"):
        levelised_adders(tariff=tariff("gansu"), site=site(), load_factor=Decimal("0.8"))
    with pytest.raises(TariffInvalid):
        levelised_adders(tariff=tariff("gansu"), site=hall, load_factor=Decimal("1.1"))
