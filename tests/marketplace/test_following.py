"""Cards ahead at sites whose tariffs follow series, and rates of exchange."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from accounts import audit
from marketplace import price_cards, publishing
from marketplace import series as histories
from marketplace.feeds.points import Point, Reading
from marketplace.models import Offer, OfferPlan, Series
from marketplace.tariffs.refusals import TariffInvalid
from tests.databases import Database
from tests.marketplace.listings import NOW
from tests.marketplace.test_publishing import find_price, set_tariff

SPOT = {
    "zone": "Europe/Berlin",
    "multipliers": None,
    "components": [
        {
            "kind": "INDEX_ENERGY",
            "name": "spot",
            "term": {"series": "DE-LU", "a": "1"},
        },
        {"kind": "T&D", "name": "transport", "price": "0.05"},
    ],
}
QUARTER = timedelta(minutes=15)


@pytest.fixture
def spot(db: Database) -> Series:
    """Day-ahead prices per MWh, none known yet."""
    described = histories.Described(
        slug="de-lu",
        name="Germany, day ahead",
        kind="PRICE",
        zone="DE-LU",
        resolution=15,
        source="constructed",
        licence="none",
        currency="USD",
    )
    return histories.create_series(described=described, actor=audit.SYSTEM, now=NOW)


def write_prices(series: Series, start: datetime, *values: int) -> None:
    """Prices per MWh for one quarter of an hour after another."""
    points = tuple(Point(start + n * QUARTER, Decimal(value)) for n, value in enumerate(values))
    histories.write_reading(series=series, reading=Reading(points, 15, "MWh", "USD"), now=start)


ROOF = {
    "zone": "Europe/Berlin",
    "multipliers": None,
    "components": [
        {"kind": "FIXED_ENERGY", "name": "grid", "price": "0.10"},
        {
            "kind": "PPA",
            "name": "roof",
            "shape": "AS_PRODUCED",
            "strike": "0.03",
            "volume": {"series": "roof-kw", "share_percent": "50"},
            "replaces": ["grid"],
        },
    ],
}


def test_a_roof_is_paid_for_while_it_gives_more_than_the_load_and_the_grid_for_the_rest(live: Offer) -> None:
    now = NOW + timedelta(minutes=1)
    described = histories.Described(
        slug="roof-kw",
        name="The roof",
        kind="VOLUME",
        zone="roof",
        resolution=60,
        source="constructed",
        licence="none",
        unit="kW",
        market="FORECAST",
    )
    roof = histories.create_series(described=described, actor=audit.SYSTEM, now=NOW)
    produced = tuple(Point(NOW + n * timedelta(hours=1), Decimal(kw)) for n, kw in enumerate((300, 100, 300)))
    histories.write_reading(series=roof, reading=Reading(produced, 60, "kW"), now=NOW)
    set_tariff(live.site, document=ROOF, figures={"load_kw": "100"}, hold=timedelta(0), quotes_forecasts=True)

    publishing.publish_ahead(now=now)

    found = [find_price(live, now + timedelta(hours=n)) for n in range(4)]
    assert found == [Decimal("0.03"), Decimal("0.10"), Decimal("0.03"), None]
    assert "roof" in OfferPlan.objects.get(offer=live).problem


def test_a_tariff_in_another_currency_follows_the_last_rate_of_the_central_bank(live: Offer) -> None:
    set_tariff(live.site, document={"currency": "EUR"})

    publishing.publish_ahead(now=NOW + timedelta(minutes=1))

    card = price_cards.find_card_in_force(offer=live, now=NOW + timedelta(minutes=2))
    assert card is not None
    electricity = card.explained["electricity"]
    rate = electricity["exchange_rate"]
    # The bank's own figure of the last day that the file has, years before.
    assert (rate["rate"], rate["day"], rate["last_known"]) == ("1.1172", "2026-10-30", True)
    assert Decimal(electricity["price_per_kwh"]) == Decimal("1.1172") * Decimal("0.06")


def test_offshore_renminbi_is_never_taken_for_the_onshore_one(live: Offer) -> None:
    with pytest.raises(TariffInvalid, match="quotes no CNH") as refused:
        set_tariff(live.site, document={"currency": "CNH"})

    assert refused.value.extra["field"] == "currency"


def test_an_index_in_another_currency_than_its_tariff_is_refused(live: Offer, spot: Series) -> None:
    with pytest.raises(TariffInvalid, match="de-lu is in USD, not EUR") as refused:
        set_tariff(live.site, document={**SPOT, "currency": "EUR"})

    assert refused.value.extra["field"] == "series"


def test_a_series_that_begins_in_another_currency_leaves_the_offer_without_a_price(live: Offer) -> None:
    forecast = {"series": "DE-LU", "a": "1", "forecast": {"value": "0.1"}}
    index = {"kind": "INDEX_ENERGY", "name": "spot", "term": forecast}
    set_tariff(live.site, document={**SPOT, "components": [index]}, quotes_forecasts=True)
    described = histories.Described(
        slug="de-lu",
        name="Germany",
        kind="PRICE",
        zone="DE-LU",
        resolution=60,
        source="constructed",
        licence="none",
        currency="EUR",
    )
    histories.create_series(described=described, actor=audit.SYSTEM, now=NOW)

    publishing.publish_ahead(now=NOW + timedelta(minutes=1))

    assert "de-lu is in EUR, not USD" in OfferPlan.objects.get(offer=live).problem


def test_an_index_is_followed_as_far_as_it_is_known(live: Offer, spot: Series) -> None:
    now = NOW + timedelta(minutes=1)
    write_prices(spot, NOW, 80, 120, -20, -20)
    set_tariff(live.site, document=SPOT, hold=timedelta(minutes=30))

    publishing.publish_ahead(now=now)

    assert [find_price(live, NOW + n * QUARTER + timedelta(minutes=1)) for n in range(7)] == [
        Decimal("0.13"),
        Decimal("0.17"),
        Decimal("0.03"),
        Decimal("0.03"),
        # The last known price holds for half an hour.
        Decimal("0.03"),
        Decimal("0.03"),
        None,
    ]
    plan = OfferPlan.objects.get(offer=live)
    assert plan.known_until == NOW + timedelta(hours=1)
    assert "DE-LU" in plan.problem


def test_prices_that_arrive_later_are_sold_when_they_begin(live: Offer, spot: Series) -> None:
    write_prices(spot, NOW, 80, 120)
    set_tariff(live.site, document=SPOT)
    publishing.publish_ahead(now=NOW + timedelta(minutes=1))
    write_prices(spot, NOW + 2 * QUARTER, 200, 10)

    publishing.publish_ahead(now=NOW + timedelta(minutes=20))

    assert [find_price(live, NOW + n * QUARTER + timedelta(minutes=6)) for n in (1, 2, 3)] == [
        Decimal("0.17"),
        Decimal("0.25"),
        Decimal("0.06"),
    ]


def test_a_forecast_is_quoted_only_at_the_providers_risk(live: Offer, spot: Series) -> None:
    write_prices(spot, NOW, 80)
    term = {"series": "de-lu", "a": "1", "forecast": {"value": "100"}}
    document = {**SPOT, "components": [{"kind": "INDEX_ENERGY", "name": "spot", "term": term}]}
    set_tariff(live.site, document=document, hold=timedelta(0))

    publishing.publish_ahead(now=NOW + timedelta(minutes=1))
    careful = find_price(live, NOW + timedelta(hours=5))
    set_tariff(live.site, document=document, hold=timedelta(0), quotes_forecasts=True)
    publishing.publish_ahead(now=NOW + timedelta(minutes=2))

    card = price_cards.find_card_in_force(offer=live, now=NOW + timedelta(hours=5))
    assert careful is None
    assert "only forecast" in OfferPlan.objects.get(offer=live).problem or card is not None
    assert card is not None
    assert card.explained["electricity"]["forecast"] is True
