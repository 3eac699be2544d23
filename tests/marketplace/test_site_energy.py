"""What a site's hall does with its electricity, and what that makes of prices."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import AuditEvent
from marketplace import price_cards, publishing, reference_versions, site_energy
from marketplace import series as histories
from marketplace.feeds.points import Point, Reading
from marketplace.models import Offer, OfferPlan, ServingProfile, Site, SiteEnergy
from marketplace.reference.files import read_files
from marketplace.reference.usable import FigureUnconfirmed
from tests.marketplace.listings import NOW
from tests.marketplace.test_publishing import set_tariff

SOON = NOW + timedelta(minutes=1)
HEAT: Mapping[str, Any] = {
    "heat_reused": Decimal("0.5"),
    "heat_price": Decimal("0.02"),
    "heat_source": "the town's heat",
}
DEMAND = {
    "kind": "DEMAND",
    "name": "demand",
    "rate": "35",
    "basis": "MEASURED_MAX_15MIN",
}


def set_energy(site: Site, **figures: Any) -> SiteEnergy:
    """Describe a site's energy."""
    return site_energy.set_energy(
        site=site, energy=site_energy.Energy(**figures), actor=audit.SYSTEM, now=NOW
    )


def find_lines(offer: Offer) -> dict[str, Decimal]:
    """What each line of a fresh quote takes of a million output tokens."""
    fresh = Offer.objects.select_related("site", "profile").get(pk=offer.pk)
    stretch = price_cards.find_stretch(site=fresh.site, moment=SOON)
    quote = price_cards.quote_offer(offer=fresh, stretch=stretch)
    lines = {one["line"]: Decimal(one["per_million_tokens"]["output"]) for one in quote.breakdown["lines"]}
    assert sum(lines.values()) == quote.prices.output * 1_000_000
    return lines


def add_charge(component: Mapping[str, Any]) -> dict[str, Any]:
    """The valley's tariff with one component more."""
    energy = {"kind": "FIXED_ENERGY", "name": "energy", "price": "0.06", "floats": True}
    return {"document": {"components": [energy, component]}}


@pytest.mark.parametrize(
    ("figures", "field"),
    [
        ({"pue": Decimal("0.8")}, "pue"),
        ({"line_loss": Decimal("1.1")}, "line_loss"),
        ({"load_factor": Decimal(0)}, "load_factor"),
        ({**HEAT, "heat_reused": Decimal(0)}, "heat_reused"),
        ({**HEAT, "heat_source": ""}, "heat_source"),
        ({"market_gco2_per_kwh": Decimal(30)}, "market_source"),
        ({"carbon_basis": "MARKET"}, "market_gco2_per_kwh"),
        ({"carbon_series": "nowhere"}, "carbon_series"),
        ({"cooling": "FAN"}, "cooling"),
        ({"pue_basis": "COOLING"}, "cooling"),
        ({"sources": {"colour": "the wall"}}, "sources.colour"),
    ],
)
def test_what_cannot_be_true_is_refused_by_its_name(live: Offer, figures: dict[str, Any], field: str) -> None:
    with pytest.raises(site_energy.SiteEnergyInvalid) as refused:
        set_energy(live.site, **figures)

    assert refused.value.extra["field"] == field
    assert not SiteEnergy.objects.exists()


def test_the_database_refuses_heat_that_nobody_takes(live: Offer) -> None:
    with pytest.raises(IntegrityError, match="site_energy_heat_is_sound"), transaction.atomic():
        SiteEnergy.objects.create(site=live.site, heat_price=1, updated_at=NOW)


def test_a_change_is_told_to_the_audit_trail(live: Offer) -> None:
    set_energy(live.site, pue=Decimal("1.07"), **HEAT)

    event = AuditEvent.objects.get(action="site.set_energy")

    assert (event.details["pue"], event.details["heat_price"]) == ("1.07", "0.02")
    live.site.refresh_from_db()
    assert live.site.pue == Decimal("1.07")


def test_the_pue_of_a_cooling_counts_once_the_provider_stands_for_it(live: Offer) -> None:
    reference_versions.load_files(files=read_files(), actor=audit.SYSTEM, now=NOW)
    with pytest.raises(FigureUnconfirmed, match="pue of immersion is not verified"):
        set_energy(live.site, cooling="IMMERSION", pue_basis="COOLING")

    set_energy(live.site, cooling="IMMERSION", pue_basis="COOLING", confirmed=True)

    assert live.site.pue == Decimal("1.07")


def test_heat_that_is_sold_makes_tokens_cheaper(live: Offer) -> None:
    before = find_lines(live)
    set_energy(live.site, **HEAT)

    after = find_lines(live)

    assert after["heat_credit"] < 0
    assert after["electricity"] == before["electricity"]


def test_carbon_is_told_by_both_accounts_and_priced_by_one(live: Offer) -> None:
    set_energy(
        live.site,
        market_gco2_per_kwh=Decimal(30),
        market_source="a wind park",
        carbon_basis="MARKET",
        carbon_price_per_tonne=Decimal(70),
    )

    fresh = Offer.objects.select_related("site", "profile").get(pk=live.pk)
    told = price_cards.quote_offer(offer=fresh).breakdown
    kwh = Decimal(told["kwh_per_million_output"])

    carbon = next(line for line in told["lines"] if line["line"] == "carbon")
    assert Decimal(carbon["per_million_tokens"]["output"]).quantize(Decimal("1e-6")) == (
        kwh * 30 / 1_000_000 * 70
    ).quantize(Decimal("1e-6"))
    assert Decimal(told["gco2e_per_million_output"]) > Decimal(told["market_gco2e_per_million_output"])


def test_a_demand_charge_is_spread_over_the_hours_of_a_month(live: Offer) -> None:
    set_energy(live.site, it_kw=Decimal(1000), load_factor=Decimal("0.9"))
    set_tariff(live.site, **add_charge(DEMAND))

    lines = find_lines(live)

    fresh = Offer.objects.select_related("site", "profile").get(pk=live.pk)
    kwh = Decimal(price_cards.quote_offer(offer=fresh).breakdown["kwh_per_million_output"])
    # 35 per kW and month at a load factor of 0.9 are 0.0533 per kWh.
    assert abs(lines["demand"] - kwh * 35 / (730 * Decimal("0.9"))) < Decimal("1e-9")


def test_an_offer_pauses_where_a_charge_cannot_be_spread_and_says_what_is_missing(live: Offer) -> None:
    set_tariff(live.site, **add_charge(DEMAND))

    publishing.publish_ahead(now=SOON)

    assert "load_factor" in OfferPlan.objects.get(offer=live).problem


def test_a_least_bill_that_is_reached_anyway_costs_nothing(live: Offer) -> None:
    set_energy(live.site, it_kw=Decimal(1000), load_factor=Decimal("0.9"))
    least = {"kind": "MIN_BILL", "name": "least", "amount": "100", "of": ["energy"]}
    set_tariff(live.site, **add_charge(least))

    assert find_lines(live)["demand"] == 0


def test_cards_follow_the_grids_carbon_hour_by_hour(live: Offer) -> None:
    series = histories.create_series(
        described=histories.Described(
            slug="grid",
            name="grid",
            kind="CARBON",
            zone="SE1",
            resolution=60,
            source="test",
            licence="",
            unit="kWh",
            market="",
        ),
        actor=audit.SYSTEM,
        now=NOW,
    )
    hour = NOW.replace(minute=0)
    points = tuple(Point(hour + timedelta(hours=n), Decimal(100 + n)) for n in range(3))
    histories.write_reading(series=series, reading=Reading(points, 60, "kWh"), now=NOW)
    set_energy(live.site, carbon_series="grid")
    set_tariff(live.site)

    publishing.publish_ahead(now=SOON)

    told = []
    for hours in (0, 1, 2, 5):
        card = price_cards.find_card_in_force(offer=live, now=SOON + timedelta(hours=hours))
        assert card is not None
        told.append(card.explained["electricity"]["gco2e_per_kwh"])
    assert told == ["100", "101", "102", None]


def test_what_a_node_is_worth_in_the_end_is_not_written_off_and_its_making_is_told(live: Offer) -> None:
    before = find_lines(live)
    set_energy(live.site, carbon_basis="LOCATION", carbon_price_per_tonne=Decimal(70))
    grid = find_lines(live)
    ServingProfile.objects.filter(offer=live).update(residual=Decimal("0.3"), embodied_g=Decimal(1_300_000))

    after = find_lines(live)

    assert after["hardware"] < before["hardware"]
    assert after["carbon"] > grid["carbon"] > before["carbon"] == 0
