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
from marketplace.models import Model, Offer, OfferPlan, PriceCard, ServingProfile, Site, SiteTariff
from marketplace.tariffs.refusals import FigureMissing
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
