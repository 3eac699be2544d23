"""Cards ahead: what a site's tariff makes of its offers' prices, against the database."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts import audit
from accounts.models import AuditEvent, Organization
from core import ids
from marketplace import offers, price_cards, publishing, site_tariffs, sites
from marketplace import series as histories
from marketplace.feeds.points import Point, Reading
from marketplace.models import Model, Offer, OfferPlan, PriceCard, Series, ServingProfile, Site, SiteTariff
from marketplace.tariffs.refusals import FigureMissing, TariffInvalid
from tests.databases import Database
from tests.marketplace.conftest import DAM, SERVING
from tests.marketplace.listings import NOW

DAY = timedelta(days=1)
# The illustrative hours of a solar valley.
VALLEY: Mapping[str, Any] = {
    "format": "jouleport-tariff/1",
    "name": "valley",
    "version": 1,
    "currency": "USD",
    "zone": "Asia/Shanghai",
    "valid_from": "2029-01-01",
    "verified": True,
    "grade": "A",
    "components": [{"kind": "FIXED_ENERGY", "name": "energy", "price": "0.06", "floats": True}],
    "multipliers": [
        {"start": "09:00", "end": "17:00", "multiplier": "0.5", "period": "valley"},
        {"start": "17:00", "end": "09:00", "multiplier": "1", "period": "flat"},
    ],
}


def set_tariff(site: Site, now: datetime = NOW, **changes: Any) -> None:
    """Give a site the valley's tariff, or another like it."""
    said = {**VALLEY, **changes.pop("document", {})}
    document = {name: value for name, value in said.items() if value is not None}
    terms = site_tariffs.Terms(document=document, **changes)
    site_tariffs.set_tariff(site=site, terms=terms, actor=audit.SYSTEM, now=now)


def find_price(offer: Offer, moment: datetime) -> Decimal | None:
    """The price per kWh behind the card in force."""
    card = price_cards.find_card_in_force(offer=offer, now=moment)
    return None if card is None else Decimal(card.explained["electricity"]["price_per_kwh"])


def list_hours(start: datetime, hours: int) -> list[datetime]:
    """Every half hour, so that moments lie within hours too."""
    return [start + n * timedelta(minutes=30) for n in range(2 * hours)]


def is_valley(moment: datetime) -> bool:
    """Nine to seventeen in Shanghai."""
    return 9 <= (moment + timedelta(hours=8)).hour < 17


def test_each_hour_is_sold_at_the_price_of_its_electricity(live: Offer) -> None:
    set_tariff(live.site)

    done = publishing.publish_ahead(now=NOW + timedelta(minutes=1))

    assert done.offers == 1
    for moment in list_hours(NOW + timedelta(minutes=1), 48):
        assert find_price(live, moment) == (Decimal("0.03") if is_valley(moment) else Decimal("0.06"))


def test_a_card_says_where_its_electricity_is_priced(live: Offer) -> None:
    set_tariff(live.site)
    publishing.publish_ahead(now=NOW + timedelta(minutes=1))

    card = PriceCard.objects.filter(offer=live).order_by("-number").first()

    assert card is not None
    energy = card.explained["lines"][0]
    assert energy["sources"][0].startswith("tariff:")
    electricity = card.explained["electricity"]
    assert electricity["components"] == {"energy": electricity["price_per_kwh"]}
    assert "floats" not in electricity["reasons"]["energy"]["text"]
    assert electricity["forecast"] is False


def test_a_moment_within_a_second_is_as_good_as_any(live: Offer) -> None:
    moment = NOW + timedelta(minutes=1, microseconds=345_678)
    set_tariff(live.site, now=moment)

    publishing.publish_ahead(now=moment)
    by_hand = price_cards.publish_card(offer=live, actor=audit.SYSTEM, now=moment + timedelta(seconds=1))

    card = price_cards.find_card_in_force(offer=live, now=moment)
    assert card is not None
    assert (card.starts_at, card.output_price) == (moment, by_hand.output_price)


def test_publishing_twice_changes_nothing(live: Offer) -> None:
    set_tariff(live.site)
    publishing.publish_ahead(now=NOW + timedelta(minutes=1))
    cards = PriceCard.objects.count()

    again = publishing.publish_ahead(now=NOW + timedelta(minutes=2))

    assert (again, PriceCard.objects.count()) == (publishing.Done(0, 0), cards)


def test_the_next_day_is_added_without_touching_this_one(live: Offer) -> None:
    set_tariff(live.site)
    publishing.publish_ahead(now=NOW + timedelta(minutes=1))
    before = set(PriceCard.objects.values_list("number", flat=True))
    later = NOW + DAY

    publishing.publish_ahead(now=later)

    added = PriceCard.objects.exclude(number__in=before)
    assert added.exists()
    for moment in list_hours(later, 48):
        assert find_price(live, moment) == (Decimal("0.03") if is_valley(moment) else Decimal("0.06"))


def test_after_an_outage_of_days_there_is_a_price_at_once(live: Offer) -> None:
    set_tariff(live.site)
    publishing.publish_ahead(now=NOW + timedelta(minutes=1))
    later = NOW + 9 * DAY
    assert find_price(live, later) is None

    publishing.publish_ahead(now=later)

    assert find_price(live, later) is not None


def test_a_new_version_overtakes_what_was_published_ahead(live: Offer) -> None:
    set_tariff(live.site)
    publishing.publish_ahead(now=NOW + timedelta(minutes=1))
    later = NOW + timedelta(hours=1)
    dearer = {"components": [{"kind": "FIXED_ENERGY", "name": "energy", "price": "0.2", "floats": True}]}
    set_tariff(live.site, now=later, document=dearer)

    publishing.publish_ahead(now=later)

    for moment in list_hours(later, 48):
        assert find_price(live, moment) == (Decimal("0.1") if is_valley(moment) else Decimal("0.2"))


def test_a_version_in_force_later_waits_for_its_day(live: Offer) -> None:
    set_tariff(live.site)
    later = (NOW + 2 * DAY).date()
    flat = [{"kind": "FIXED_ENERGY", "name": "energy", "price": "0.5"}]
    document = {"components": flat, "multipliers": None, "valid_from": later.isoformat(), "version": 2}
    set_tariff(live.site, now=NOW, document=document)

    publishing.publish_ahead(now=NOW + timedelta(minutes=1))

    # Midnight in Shanghai.
    turn = datetime(later.year, later.month, later.day, tzinfo=UTC) - timedelta(hours=8)
    assert find_price(live, turn - timedelta(seconds=1)) == Decimal("0.06")
    assert find_price(live, turn) == Decimal("0.5")


def test_changed_serving_is_priced_anew(live: Offer) -> None:
    set_tariff(live.site)
    publishing.publish_ahead(now=NOW + timedelta(minutes=1))
    later = NOW + timedelta(hours=1)
    before = price_cards.find_card_in_force(offer=live, now=later)
    offers.change_serving(
        offer=live, serving=replace(SERVING, margin=Decimal("0.5")), actor=audit.SYSTEM, now=later
    )

    publishing.publish_ahead(now=later)

    after = price_cards.find_card_in_force(offer=live, now=later)
    assert before is not None
    assert after is not None
    assert after.output_price > before.output_price


def test_when_a_series_stops_the_last_card_holds_and_then_the_offer_pauses(live: Offer) -> None:
    ending = {"valid_to": (NOW + DAY).date().isoformat()}
    set_tariff(live.site, document=ending, hold=timedelta(hours=3))

    publishing.publish_ahead(now=NOW + timedelta(minutes=1))

    end = datetime.combine(NOW.date() + DAY, datetime.min.time(), UTC) - timedelta(hours=8)
    plan = OfferPlan.objects.get(offer=live)
    assert plan.known_until == end
    assert "in force" in plan.problem
    assert find_price(live, end + timedelta(hours=2, minutes=59)) is not None
    assert find_price(live, end + timedelta(hours=3)) is None


def test_an_unverified_tariff_needs_somebody_who_stands_for_it(dam: Site) -> None:
    with pytest.raises(site_tariffs.TariffUnverified):
        set_tariff(dam, document={"verified": False})

    set_tariff(dam, document={"verified": False}, confirmed=True)


def test_a_figure_that_the_tariff_needs_is_asked_for_at_once(dam: Site) -> None:
    tiers = {
        "kind": "TIERED",
        "name": "energy",
        "tiers": [{"price": "0.1", "up_to_kwh": "100"}, {"price": "0.2"}],
    }
    with pytest.raises(FigureMissing):
        set_tariff(dam, document={"components": [tiers], "multipliers": None})


def test_setting_a_tariff_is_in_the_audit_trail(dam: Site) -> None:
    set_tariff(dam)

    event = AuditEvent.objects.get(action="site.set_tariff")
    assert event.details["number"] == 1


def test_a_site_without_a_tariff_keeps_its_one_price(live: Offer) -> None:
    assert publishing.publish_ahead(now=NOW + timedelta(minutes=1)) == publishing.Done(0, 0)
    sites.change_site(site=live.site, described=DAM, actor=audit.SYSTEM, now=NOW)


# --- an index -------------------------------------------------------------------------------------

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
    # The bank's own figure of the last day that the file has.
    assert (rate["rate"], rate["day"]) == ("1.1172", "2026-10-30")
    assert Decimal(electricity["price_per_kwh"]) == Decimal("1.1172") * Decimal("0.06")


def test_offshore_renminbi_is_never_taken_for_the_onshore_one(live: Offer) -> None:
    with pytest.raises(TariffInvalid, match="quotes no CNH") as refused:
        set_tariff(live.site, document={"currency": "CNH"})

    assert refused.value.extra["field"] == "currency"


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


def test_a_site_that_cannot_be_priced_keeps_nobody_waiting(
    live: Offer, farm: Organization, small: Model
) -> None:
    broken = sites.create_site(
        organization=farm, described=replace(DAM, name="Broken"), actor=audit.SYSTEM, now=NOW
    )
    Offer.objects.create(
        uid=ids.make_uid(),
        organization=farm,
        site=broken,
        model=small,
        currency="USD",
        slots=1,
        max_output_default=1,
        max_output_cap=1,
        state="LIVE",
        created_at=NOW,
    )
    other = Offer.objects.get(site=broken)
    ServingProfile.objects.create(offer=other, updated_at=NOW, **asdict(SERVING))
    SiteTariff.objects.create(
        uid=ids.make_uid(),
        site=broken,
        number=1,
        document={"format": "of another time"},
        content_hash="x",
        hold_minutes=0,
        quotes_forecasts=False,
        created_at=NOW,
    )
    set_tariff(live.site)

    publishing.publish_ahead(now=NOW + timedelta(minutes=1))

    assert "format" in OfferPlan.objects.get(offer=other).problem
    assert find_price(live, NOW + timedelta(hours=1)) is not None
