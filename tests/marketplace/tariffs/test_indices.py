"""Indices: lagged, averaged and bounded; and what stands in where a series says nothing."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from marketplace.tariffs.documents import parse_tariff
from marketplace.tariffs.refusals import PriceUnknown, TariffInvalid
from marketplace.tariffs.series import Basis, Block, Market, PriceSeries, SeriesUnit, to_seconds
from tests.marketplace.tariffs.examples import ask, document, price, prices, said, utc

HOUR = timedelta(hours=1)


def test_german_quarter_hours_pass_with_their_adders() -> None:
    series = prices("DE-LU", utc(2026, 5, 1), 15, ["80", "-20.5", "0", "2000"])

    found = price("germany", utc(2026, 5, 1), utc(2026, 5, 1, 1), series)

    energy = [one.components["energy"] for one in found]
    assert energy == [Decimal("0.082"), Decimal("-0.0185"), Decimal("0.002"), Decimal("1.5")]
    assert found[1].components == {
        "energy": Decimal("-0.0185"),
        "losses": Decimal("-0.0002775"),
        "network": Decimal("0.025"),
        "power-tax": Decimal("0.0005"),
        "vat": Decimal("0.001277275"),
        "heat": Decimal("-0.01"),
    }
    assert found[1].price == Decimal("-0.002000225")
    assert found[1].provenance.reasons["energy"].text == f"series DE-LU {series.snapshot}"


def test_a_forecast_stands_in_and_then_last_week_does() -> None:
    known = prices("DE-LU", utc(2026, 5, 1), 60, [str(n) for n in range(24)])
    expected = prices("DE-LU-forecast", utc(2026, 5, 2), 60, ["500", "501"])

    found = price("germany", utc(2026, 5, 1, 22), utc(2026, 5, 2, 2), known, expected)
    later = price("germany", utc(2026, 5, 15), utc(2026, 5, 15, 2), known, expected)

    assert [one.forecast for one in found] == [False, False, True, True]
    assert [one.components["energy"] for one in found[2:]] == [Decimal("0.502"), Decimal("0.503")]
    assert found[2].provenance.reasons["energy"].basis is Basis.FORECAST_SERIES
    assert found[2].provenance.reasons["vat"].basis is Basis.FORECAST_SERIES
    assert found[2].provenance.reasons["network"].basis is Basis.KNOWN
    # Two weeks on: last week is unknown too, so it is the week before that.
    assert [one.components["energy"] for one in later] == [Decimal("0.002"), Decimal("0.003")]
    assert "168 hours back" in later[0].provenance.reasons["energy"].text


def test_a_rule_reaches_years_ahead() -> None:
    changed = document("germany")
    changed["components"][0]["term"]["forecast"] = {"hours_back": 24}
    known = prices("DE-LU", utc(2026, 5, 1), 60, [str(n) for n in range(24)])

    found = ask(parse_tariff(changed), utc(2028, 5, 1), utc(2028, 5, 2), known)

    assert [one.components["energy"] for one in found] == [
        Decimal(n).scaleb(-3) + Decimal("0.002") for n in range(24)
    ]


def test_a_gap_is_filled_and_marked_and_what_is_known_stays() -> None:
    known = prices("DE-LU", utc(2026, 5, 1), 60, ["10"] * 24 * 7 + ["20", "", "30"])

    found = price("germany", utc(2026, 5, 8), utc(2026, 5, 8, 3), known)

    assert [one.components["energy"] for one in found] == [
        Decimal("0.022"),
        Decimal("0.012"),
        Decimal("0.032"),
    ]
    assert [one.forecast for one in found] == [False, True, False]


def test_where_nothing_is_known_there_is_no_price() -> None:
    known = prices("DE-LU", utc(2026, 5, 2), 60, ["10"] * 24)

    with pytest.raises(PriceUnknown) as refused:
        price("germany", utc(2026, 5, 1, 22), utc(2026, 5, 2, 5), known)

    assert (refused.value.component, refused.value.series) == ("energy", "DE-LU")
    assert refused.value.time == utc(2026, 5, 1, 22)
    assert "energy" in str(refused.value)
    assert "2026-05-01T22:00:00+00:00" in str(refused.value)


def test_a_zone_without_series_has_no_price() -> None:
    with pytest.raises(PriceUnknown, match="AGILE-C"):
        price("octopus", utc(2026, 5, 1), utc(2026, 5, 2))


def test_an_assumed_value_is_per_kilowatt_hour_whatever_the_series_is() -> None:
    changed = document("germany")
    changed["components"][0]["term"]["forecast"] = {"value": "0.09"}
    known = prices("DE-LU", utc(2026, 5, 1), 60, ["80"])

    found = ask(parse_tariff(changed), utc(2026, 5, 1), utc(2026, 5, 1, 2), known)
    alone = ask(parse_tariff(changed), utc(2026, 5, 1), utc(2026, 5, 1, 2))

    assert [one.components["energy"] for one in found] == [Decimal("0.082"), Decimal("0.092")]
    assert {one.components["energy"] for one in alone} == {Decimal("0.092")}
    assert alone[0].forecast


def test_octopus_half_hours() -> None:
    series = PriceSeries.regular(
        name="AGILE-C",
        start=utc(2026, 6, 1),
        step_minutes=30,
        values=[Decimal("0.21"), Decimal("-0.03"), Decimal("1.4")],
        unit=SeriesUnit.KWH,
        currency="GBP",
    )

    found = price("octopus", utc(2026, 6, 1), utc(2026, 6, 1, 1, 30), series)

    assert [one.price for one in found] == [Decimal("0.2205"), Decimal("-0.0315"), Decimal("1.05")]


def test_a_market_may_change_its_resolution() -> None:
    hourly = prices("DE-LU", utc(2026, 9, 30, 20), 60, ["10", "20"])
    quarters = prices("DE-LU", utc(2026, 9, 30, 22), 15, ["30", "40"])
    both = PriceSeries(
        name="DE-LU", unit=SeriesUnit.MWH, currency="EUR", blocks=(*hourly.blocks, *quarters.blocks)
    )

    found = price("germany", utc(2026, 9, 30, 20), utc(2026, 9, 30, 22, 30), both)

    assert [one.hours for one in found] == [1, 1, Decimal("0.25"), Decimal("0.25")]


def test_an_index_is_lagged_averaged_and_bounded() -> None:
    changed = document("germany")
    changed["components"] = [
        {
            "name": "energy",
            "kind": "INDEX_ENERGY",
            "term": {"series": "DE-LU", "a": "1.1", "averaging": "DAY", "lag_periods": 1, "floor": "0.01"},
        }
    ]
    start = utc(2026, 5, 1) - 2 * HOUR
    series = prices("DE-LU", start, 60, ["10"] * 12 + ["30"] * 12 + ["-99"] * 24)

    found = ask(parse_tariff(changed), start + 24 * HOUR, start + 72 * HOUR, series)

    assert said(found) == [
        ("01 22:00", "02 22:00", "0.022"),
        ("02 22:00", "03 22:00", "0.01"),
    ]


def test_an_average_of_which_a_part_is_forecast_is_forecast() -> None:
    changed = document("germany")
    changed["components"][0]["term"]["averaging"] = "60"
    known = prices("DE-LU", utc(2026, 5, 1), 15, ["80"] * 7)
    expected = prices("DE-LU-forecast", utc(2026, 5, 1, 1, 45), 15, ["40"])

    found = ask(parse_tariff(changed), utc(2026, 5, 1), utc(2026, 5, 1, 2), known, expected)

    assert [one.components["energy"] for one in found] == [Decimal("0.082"), Decimal("0.072")]
    assert [one.forecast for one in found] == [False, True]


def test_a_lag_of_minutes_moves_an_index() -> None:
    changed = document("germany")
    changed["components"][0]["term"] = {"series": "DE-LU", "lag_minutes": 60}
    series = prices("DE-LU", utc(2026, 5, 1), 60, ["10", "20"])

    found = ask(parse_tariff(changed), utc(2026, 5, 1, 1), utc(2026, 5, 1, 3), series)

    assert [one.components["energy"] for one in found] == [Decimal("0.01"), Decimal("0.02")]


def test_figures_of_too_many_digits_are_refused() -> None:
    changed = document("germany")
    changed["components"][0]["term"] = {"series": "DE-LU", "a": "777.777777777"}
    changed["components"][0]["floats"] = True
    changed["multipliers"] = [{"start": "00:00", "end": "24:00", "multiplier": "7.777777777"}]
    changed["components"] += [
        {"name": f"tax-{n}", "kind": "TAX_PCT", "percent": "7.7777", "of": [of]}
        for n, of in ((1, "energy"), (2, "tax-1"), (3, "tax-2"))
    ]
    series = prices("DE-LU", utc(2026, 5, 1), 60, ["777777777777.777777777"])

    with pytest.raises(TariffInvalid, match="so many digits"):
        ask(parse_tariff(changed), utc(2026, 5, 1), utc(2026, 5, 1, 1), series)


def test_a_series_of_nonsense_is_refused() -> None:
    start = to_seconds(utc(2026, 5, 1))

    for values, step in (
        ([Decimal("NaN")], 900),
        ([Decimal("Infinity")], 900),
        ([], 900),
        ([Decimal(1)], 840),
    ):
        with pytest.raises(TariffInvalid):
            Block(start, step, tuple(values))
    with pytest.raises(TariffInvalid, match="finite decimal"):
        Block(start, 900, (0.08,))  # type: ignore[arg-type]
    with pytest.raises(TariffInvalid, match="follow each other"):
        PriceSeries(
            name="DA",
            unit=SeriesUnit.MWH,
            currency="EUR",
            blocks=(Block(start, 900, (Decimal(1), Decimal(2))), Block(start + 900, 900, (Decimal(3),))),
        )
    with pytest.raises(TariffInvalid, match="has a currency"):
        PriceSeries(name="DA", unit=SeriesUnit.MWH, blocks=())


def test_a_series_that_is_a_forecast_says_so() -> None:
    series = prices("DE-LU", utc(2026, 5, 1), 60, ["80"])
    expected = PriceSeries(
        name="DE-LU", unit=series.unit, currency="EUR", blocks=series.blocks, market=Market.FORECAST
    )

    assert price("germany", utc(2026, 5, 1), utc(2026, 5, 1, 1), expected)[0].forecast


def test_a_snapshot_is_the_digest_of_its_values() -> None:
    one, same, other = (prices("DA", utc(2026, 5, 1), 60, [value]) for value in ("80", "80.0", "80.1"))

    assert one.snapshot == same.snapshot
    assert one.snapshot != other.snapshot


@pytest.mark.parametrize(
    ("term", "unknown", "missing"),
    [
        ({}, utc(2026, 5, 3, 12), utc(2026, 5, 3, 12)),
        ({"lag_minutes": 90}, utc(2026, 5, 3, 13, 30), utc(2026, 5, 3, 12)),
        ({"averaging": "DAY"}, utc(2026, 5, 2, 22), utc(2026, 5, 3, 12)),
        ({"averaging": "DAY", "lag_periods": 1}, utc(2026, 5, 3, 22), utc(2026, 5, 3, 12)),
        ({"averaging": "MONTH"}, utc(2026, 5, 1, 3), utc(2026, 5, 3, 12)),
    ],
)
def test_an_unknown_price_is_told_with_what_its_series_lacks(
    term: dict[str, str | int], unknown: datetime, missing: datetime
) -> None:
    changed = document("germany")
    changed["components"][0]["term"] = {"series": "DE-LU", **term}
    what = parse_tariff(changed)
    start = utc(2026, 4, 1) - 2 * HOUR
    series = prices("DE-LU", start, 60, ["80"] * (32 * 24 + 14))

    with pytest.raises(PriceUnknown) as refused:
        ask(what, utc(2026, 5, 1, 3), utc(2026, 5, 5), series)

    assert (refused.value.time, refused.value.missing) == (unknown, missing)
    if unknown > utc(2026, 5, 1, 3):
        assert ask(what, utc(2026, 5, 1, 3), unknown, series)[-1].end == unknown


def test_an_index_may_be_the_mean_of_the_month_before() -> None:
    changed = document("germany")
    changed["components"][0]["term"] = {"series": "DE-LU", "averaging": "MONTH", "lag_periods": 1}
    start = utc(2026, 2, 28, 23)  # March begins in Berlin, and has 743 hours
    series = prices("DE-LU", start, 60, ["100"] * 743)

    found = ask(parse_tariff(changed), start + 743 * HOUR, start + 800 * HOUR, series)

    assert {one.components["energy"] for one in found} == {Decimal("0.1")}
    assert len(found) == 1
