"""Agreements, lots, tiers and events: which kilowatt-hour is the next, and what a mean one costs."""

from datetime import timedelta
from decimal import Decimal

import pytest

from marketplace.tariffs.documents import parse_tariff
from marketplace.tariffs.pricing import segments
from marketplace.tariffs.questions import Reading
from marketplace.tariffs.refusals import FigureMissing, PriceUnknown, TariffInvalid
from marketplace.tariffs.series import Basis
from marketplace.tariffs.supplies import Direction, DrEvent
from tests.marketplace.tariffs.examples import ask, document, power, price, prices, said, site, tariff, utc

HOUR = timedelta(hours=1)


def test_a_roof_gives_way_to_the_grid_where_it_delivers_less_than_the_load() -> None:
    roof = power("roof-kw", utc(2026, 6, 1, 10), 15, ["0", "500", "250", "100"])
    span = (utc(2026, 6, 1, 10), utc(2026, 6, 1, 11))

    idle, busy = price("rooftop", *span, roof), price("rooftop", *span, roof, load_kw=Decimal(200))

    grid, sun = Decimal("0.15") * Decimal("1.21"), Decimal("0.045") * Decimal("1.21")
    assert [one.price for one in idle] == [grid, sun]
    assert [one.hours for one in idle] == [Decimal("0.25"), Decimal("0.75")]
    # 80 % of 500 kW is above the load, of 250 kW is not: the next kWh is the grid's.
    assert [one.price for one in busy] == [grid, sun, grid]


def test_a_mean_price_counts_the_roof_by_its_share() -> None:
    roof = power("roof-kw", utc(2026, 6, 1, 10), 60, ["250"])

    found = segments(
        tariff=tariff("rooftop"),
        site=site("EUR", load_kw=Decimal(800)),
        start=utc(2026, 6, 1, 10),
        end=utc(2026, 6, 1, 11),
        series={"roof-kw": roof},
        reading=Reading.MEAN,
    )

    # 200 of 800 kW at the strike, 600 from the grid.
    assert found[0].components == {
        "energy": Decimal("0.0825"),
        "network": Decimal("0.0225"),
        "levies": Decimal("0.0075"),
        "roof": Decimal("0.01125"),
        "vat": Decimal("0.0259875"),
    }
    assert found[0].price == sum(found[0].components.values())


def test_a_roof_whose_output_is_unknown_is_yesterdays_and_marked() -> None:
    roof = power("roof-kw", utc(2026, 6, 1, 10), 60, ["250", "0"])

    found = price("rooftop", utc(2026, 6, 2, 10), utc(2026, 6, 2, 12), roof)

    assert [one.forecast for one in found] == [True, True]
    assert found[0].provenance.reasons["roof"].basis is Basis.REPEATED
    with pytest.raises(PriceUnknown, match="roof-kw"):
        price("rooftop", utc(2026, 5, 2, 10), utc(2026, 5, 2, 12), roof)


def test_surplus_lots_replace_energy_while_they_last() -> None:
    found = price("surplus", utc(2026, 5, 1), utc(2026, 5, 3), load_kw=Decimal(1999))
    above = price("surplus", utc(2026, 5, 1), utc(2026, 5, 3), load_kw=Decimal(2000))

    assert said(found) == [
        ("01 00:00", "01 04:00", "0.398"),
        ("01 04:00", "01 07:00", "0.228"),
        ("01 07:00", "02 04:00", "0.398"),
        ("02 04:00", "02 07:00", "0.078"),
        ("02 07:00", "03 00:00", "0.398"),
    ]
    assert [one.forecast for one in found] == [False, False, False, True, False]
    assert found[1].components == {"energy": 0, "network": Decimal("0.098"), "surplus": Decimal("0.13")}
    assert found[1].provenance.reasons["surplus"].text == "lot 17"
    assert {one.price for one in above} == {Decimal("0.398")}


def test_of_two_lots_at_once_the_cheaper_is_taken_first() -> None:
    changed = document("surplus")
    lot = {"start": "2026-05-01T04:00:00Z", "end": "2026-05-01T07:00:00Z", "kw": "100", "price": "0.05"}
    changed["components"].append({**changed["components"][2], "name": "cheaper", "lots": [lot]})
    what, noon = parse_tariff(changed), utc(2026, 5, 1, 4)

    costs = [ask(what, noon, noon + HOUR, load_kw=Decimal(kw))[0].price for kw in (0, 99, 100, 2099, 2100)]

    assert [str(cost) for cost in costs] == ["0.148", "0.148", "0.228", "0.228", "0.398"]


def test_the_next_kilowatt_hour_is_of_the_tier_that_the_month_reaches() -> None:
    fi = prices("FI", utc(2026, 5, 1), 60, ["40"] * 24)

    low, high = (
        price("tiers", utc(2026, 5, 1), utc(2026, 5, 2), fi, kwh_month=Decimal(kwh), load_kw=Decimal(3))
        for kwh in (999, 5000)
    )

    assert {one.components["energy"] for one in low} == {Decimal("0.10")}
    assert {one.components["energy"] for one in high} == {Decimal("0.15")}
    with pytest.raises(FigureMissing, match="kwh_month"):
        price("tiers", utc(2026, 5, 1), utc(2026, 5, 2), fi)


def test_a_contract_for_difference_moves_the_mean_and_not_the_next() -> None:
    fi = prices("FI", utc(2026, 5, 1), 60, ["40"] * 24)
    kwh, load = Decimal(2000), Decimal(4)
    span = (utc(2026, 5, 1), utc(2026, 5, 1, 1))

    following = price("tiers", *span, fi, kwh_month=kwh, load_kw=load)[0]
    mean = segments(
        tariff=tariff("tiers"),
        site=site("EUR", kwh_month=kwh, load_kw=load),
        start=span[0],
        end=span[1],
        series={"FI": fi},
        reading=Reading.MEAN,
    )[0]

    assert following.components == {"energy": Decimal("0.12"), "band": 0, "wind": 0}
    # 2 of 4 kW at 0.06, 2 at the tiers' mean of 0.11, and 3 kW settled at 0.05 - 0.04 over 4 kW.
    assert mean.components == {"energy": Decimal("0.055"), "band": Decimal("0.03"), "wind": Decimal("0.0075")}


def test_load_to_be_shed_costs_what_it_forfeits() -> None:
    event = DrEvent(
        uid="dr-1",
        start=utc(2026, 3, 1, 10),
        end=utc(2026, 3, 1, 11),
        direction=Direction.SHED,
        kw=Decimal(100),
        pay_per_kwh=Decimal(3),
        penalty_per_kwh=Decimal("0.5"),
    )

    found = segments(
        tariff=tariff("gansu"),
        site=site(),
        start=utc(2026, 3, 1, 9),
        end=utc(2026, 3, 1, 12),
        series={},
        events=[event],
    )

    assert [one.price for one in found] == [Decimal("0.548"), Decimal("4.048"), Decimal("0.548")]
    assert found[1].components["event:dr-1"] == Decimal("3.5")


def test_a_volume_is_no_price_and_a_price_no_volume() -> None:
    with pytest.raises(TariffInvalid, match="is a volume"):
        price("germany", utc(2026, 5, 1), utc(2026, 5, 2), power("DE-LU", utc(2026, 5, 1), 60, ["1"]))
    with pytest.raises(TariffInvalid, match="is a price"):
        price("rooftop", utc(2026, 5, 1), utc(2026, 5, 2), prices("roof-kw", utc(2026, 5, 1), 60, ["1"]))
