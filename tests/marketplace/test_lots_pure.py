"""Who gets a lot, when it delivers, and what heat costs: decisions without a database."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from marketplace.lots import awards, heat_prices, profiles
from marketplace.lots.auction import Bid, Share, decide
from marketplace.lots.heat_prices import Cost
from marketplace.tariffs.documents import parse_tariff

START = datetime(2026, 5, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def bid(number: int, kw: str, price: str, least: str = "1") -> Bid:
    return Bid(number, Decimal(kw), Decimal(least), Decimal(price))


def award(*bids: Bid, divisible: bool = True) -> list[tuple[int, str, str]]:
    shares = decide(kw=Decimal(1000), floor=Decimal("0.1"), divisible=divisible, bids=bids)
    return [(one.number, str(one.kw), str(one.price)) for one in shares]


def test_the_highest_price_is_served_first_and_pays_what_it_bid() -> None:
    assert award(bid(1, "600", "0.12"), bid(2, "600", "0.15")) == [(2, "600", "0.15"), (1, "400", "0.12")]


def test_of_equal_prices_the_earliest_is_first() -> None:
    assert award(bid(2, "900", "0.12"), bid(1, "900", "0.12")) == [(1, "900", "0.12"), (2, "100", "0.12")]


def test_who_cannot_have_the_least_it_takes_is_passed_over() -> None:
    found = award(bid(1, "700", "0.2"), bid(2, "700", "0.15", least="500"), bid(3, "200", "0.12"))

    assert found == [(1, "700", "0.2"), (3, "200", "0.12")]


def test_a_lot_that_is_not_divided_goes_whole_or_not_at_all() -> None:
    assert award(bid(1, "999", "0.2"), bid(2, "1000", "0.11"), divisible=False) == [(2, "1000", "0.11")]
    assert award(bid(1, "999", "0.2"), divisible=False) == []


def test_below_the_floor_nobody_gets_anything() -> None:
    assert award(bid(1, "5", "0.099999999999999999")) == []


figures = st.decimals("0.001", "2000", places=3)


@given(st.lists(st.tuples(figures, figures, st.decimals(0, 1, places=3)), max_size=8), st.booleans())
def test_never_more_than_there_is_and_nobody_is_passed_by_a_lower_price(
    said: list[tuple[Decimal, Decimal, Decimal]], divisible: bool
) -> None:
    kw, floor = Decimal(1000), Decimal("0.1")
    bids = [Bid(number, max(a, b), min(a, b), price) for number, (a, b, price) in enumerate(said)]

    shares = decide(kw=kw, floor=floor, divisible=divisible, bids=bids)

    given_to = {one.number: one for one in shares}
    assert sum((one.kw for one in shares), Decimal(0)) <= kw
    for one in bids:
        share = given_to.get(one.number, Share(one.number, Decimal(0), one.price))
        assert share.kw == 0 or (one.kw_least <= share.kw <= one.kw and share.price == one.price >= floor)
        # Whoever got less than wanted was left only what better bids had not taken.
        better = sum((s.kw for s in shares if (-s.price, s.number) < (-one.price, one.number)), Decimal(0))
        if divisible and one.price >= floor and kw - better >= one.kw_least:
            assert share.kw == min(one.kw, kw - better)


def lay_out(profile: dict[str, Any], days: int = 2) -> list[tuple[str, str, str]]:
    windows = profiles.lay_out(profile=profile, start=START, end=START + days * DAY, kw=Decimal(500))
    return [(f"{one.start:%d %H:%M}", f"{one.end:%d %H:%M}", str(one.kw)) for one in windows]


def test_a_daily_window_follows_the_clock_of_its_zone_within_the_lot() -> None:
    profile = {"shape": "DAILY", "start": "10:00", "end": "14:00", "zone": "Asia/Shanghai"}
    assert lay_out(profile) == [
        ("01 04:00", "01 06:00", "500"),
        ("02 02:00", "02 06:00", "500"),
        ("03 02:00", "03 04:00", "500"),
    ]

    nightly = {"shape": "DAILY", "start": "22:00", "end": "02:00", "zone": "UTC"}
    assert lay_out(nightly) == [("01 22:00", "02 02:00", "500"), ("02 22:00", "03 02:00", "500")]


def test_a_series_is_shared_out_by_volume_and_rounded_down() -> None:
    steps = [
        {"start": "2026-05-01T05:00:00Z", "end": "2026-05-01T06:00:00Z", "kw": "100"},
        {"start": "2026-05-01T06:00:00+00:00", "end": "2026-05-01T07:00:00Z", "kw": "500"},
    ]
    windows = profiles.lay_out(
        profile={"shape": "SERIES", "steps": steps}, start=START, end=START + DAY, kw=Decimal(500)
    )

    parts = profiles.share_out(windows=windows, kw=Decimal("333.333"), of=Decimal(500))

    assert [one.kw for one in parts] == [Decimal("66.666"), Decimal("333.333")]


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        ({}, "profile.shape"),
        ({"shape": "BASELOAD", "kw": "1"}, "profile.kw"),
        ({"shape": "DAILY", "start": "10:00", "end": "25:00", "zone": "UTC"}, "profile.end"),
        ({"shape": "DAILY", "start": "10:00", "end": "11:00", "zone": "Mars"}, "profile.zone"),
        ({"shape": "SERIES", "steps": [{"start": "x", "end": "y", "kw": "1"}]}, "profile.steps[0].start"),
        (
            {
                "shape": "SERIES",
                "steps": [{"start": f"{START:%FT%TZ}", "end": f"{START + DAY:%FT%TZ}", "kw": "501"}],
            },
            "profile.steps[0]",
        ),
    ],
)
def test_a_profile_that_says_no_time_is_refused_by_its_field(profile: dict[str, Any], field: str) -> None:
    with pytest.raises(profiles.ProfileInvalid) as refused:
        lay_out(profile)

    assert refused.value.extra["field"] == field


TARIFF: dict[str, Any] = {
    "format": "jouleport-tariff/1",
    "name": "hub",
    "version": 4,
    "currency": "CNY",
    "zone": "Asia/Shanghai",
    "valid_from": "2026-01-01",
    "components": [
        {"name": "energy", "kind": "FIXED_ENERGY", "price": "0.30"},
        {"name": "losses", "kind": "LOSS_PCT", "percent": "5", "of": ["energy"]},
        {"name": "network", "kind": "T&D", "price": "0.1"},
        {"name": "vat", "kind": "TAX_PCT", "percent": "13", "of": ["energy", "losses", "network"]},
    ],
}
LOT = {
    "name": "lot-a",
    "kind": "SURPLUS",
    "lots": [{"start": "2026-05-01T04:00:00Z", "end": "2026-05-01T07:00:00Z", "kw": "9", "price": "0.13"}],
}


@pytest.mark.parametrize(
    ("kind", "replaced"), [("CURTAILMENT", ["energy"]), ("DIRECT", ["energy", "network"])]
)
def test_a_lot_finds_its_place_in_a_tariff(kind: str, replaced: list[str]) -> None:
    document = awards.add_component(document=TARIFF, component=LOT, kind=kind)

    parts = {part["name"]: part for part in document["components"]}
    assert parse_tariff(document).version == 5
    assert parts["lot-a"]["replaces"] == replaced
    assert parts["losses"]["of"] == ["energy", "lot-a"]
    assert parts["vat"]["of"] == ["energy", "losses", "network", "lot-a"]
    # Once it is over, nothing of it is left.
    later = awards.drop_ended(document=document, now=START + DAY)
    assert later["components"] == TARIFF["components"]


STEPS = [{"below_c": "-5", "price": "0.05"}, {"below_c": "10", "price": "0.02"}, {"price": "0.004"}]


@pytest.mark.parametrize(
    ("outside", "price"), [("-5.01", "0.05"), ("-5", "0.02"), ("9.99", "0.02"), ("30", "0.004")]
)
def test_heat_is_worth_most_in_the_cold(outside: str, price: str) -> None:
    steps = heat_prices.read_steps(STEPS)

    assert heat_prices.find_price(steps=steps, outside_c=Decimal(outside)) == Decimal(price)
    assert heat_prices.write_steps(steps) == STEPS
    # Prices of computing count on no more than is sure.
    assert heat_prices.find_credit(steps=steps, fee_bps=250) == Decimal("0.0039")


@pytest.mark.parametrize(
    "document",
    [
        [],
        [{"below_c": "3", "price": "0.1"}],
        [{"below_c": "3", "price": "0.1"}, {"below_c": "3", "price": "0.1"}, {"price": "0"}],
        [{"price": "-1"}],
        [{"price": 1}],
    ],
)
def test_prices_that_leave_a_temperature_out_are_refused(document: list[dict[str, Any]]) -> None:
    with pytest.raises(Invalid):
        heat_prices.read_steps(document)


def test_a_season_may_wrap_the_year() -> None:
    days = {
        day: heat_prices.is_in_season(start="10-15", end="04-15", day=date.fromisoformat(day))
        for day in ("2026-10-14", "2026-10-15", "2027-01-01", "2027-04-15", "2027-04-16")
    }

    assert list(days.values()) == [False, True, True, True, False]


counters = st.decimals(0, 100_000, places=3)
prices = st.decimals(0, 1, places=18)


@given(counters, counters, prices, st.integers(0, 10_000))
def test_a_correction_leaves_exactly_the_right_cost(
    wrong: Decimal, right: Decimal, price: Decimal, fee_bps: int
) -> None:
    charged = heat_prices.reckon(kwh=wrong, price=price, fee_bps=fee_bps)
    due = heat_prices.reckon(kwh=right, price=price, fee_bps=fee_bps)

    rest = heat_prices.correct(right=due, charged=charged)

    assert Cost(charged.amount + rest.amount, charged.fee + rest.fee) == due
    # What is given back takes its fee along, and never more.
    assert min(rest.amount, Decimal(0)) <= rest.fee <= max(rest.amount, Decimal(0))
