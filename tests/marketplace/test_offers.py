"""Offers and their price cards through the services."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts import audit
from accounts.models import AuditEvent, Organization
from core.errors import NotFound
from marketplace import catalogue, offers, price_cards, sites
from marketplace.models import Model, Offer, Site
from tests.marketplace.conftest import DAM, SERVING
from tests.marketplace.listings import NOW, TOMORROW


def test_an_offer_has_the_currency_of_its_site(draft: Offer) -> None:
    assert (draft.currency, draft.state) == ("USD", "DRAFT")


def test_an_offer_at_a_strangers_site_is_not_found(stranger: Organization, dam: Site, small: Model) -> None:
    with pytest.raises(NotFound):
        offers.create_offer(
            organization=stranger,
            site=dam,
            model=small,
            serving=SERVING,
            slots=1,
            max_output_default=1,
            max_output_cap=1,
            actor=audit.SYSTEM,
            now=NOW,
        )


def test_a_strangers_offer_is_not_found(stranger: Organization, draft: Offer) -> None:
    with pytest.raises(NotFound):
        offers.find_offer(organization=stranger, uid=draft.uid)


def test_a_strangers_site_is_not_found(stranger: Organization, dam: Site) -> None:
    with pytest.raises(NotFound):
        sites.find_site(organization=stranger, uid=dam.uid)


def test_a_site_in_an_unknown_currency_is_refused(farm: Organization) -> None:
    with pytest.raises(sites.SiteInvalid):
        sites.create_site(
            organization=farm, described=replace(DAM, currency="XXX"), actor=audit.SYSTEM, now=NOW
        )


def test_an_offer_without_slots_is_refused(draft: Offer) -> None:
    with pytest.raises(offers.OfferInvalid):
        offers.change_slots(offer=draft, slots=0, actor=audit.SYSTEM, now=NOW)


def test_an_offer_without_a_price_cannot_be_put_live(draft: Offer) -> None:
    with pytest.raises(offers.OfferNotPriced):
        offers.put_live(offer=draft, actor=audit.SYSTEM, now=NOW)


def test_a_withdrawn_offer_stays_withdrawn(live: Offer) -> None:
    offers.withdraw(offer=live, actor=audit.SYSTEM, now=NOW)

    with pytest.raises(offers.OfferWithdrawn):
        offers.put_live(offer=live, actor=audit.SYSTEM, now=NOW)


def test_a_card_prices_only_what_is_sold(live: Offer) -> None:
    card = price_cards.find_card_in_force(offer=live, now=NOW)

    assert card is not None
    assert card.output_price > card.input_price > card.cached_input_price == card.chip_second_price == 0
    assert Decimal(card.breakdown["prices"]["chip_second"]) > 0


def test_the_breakdown_of_a_card_adds_up_to_its_price(live: Offer) -> None:
    card = live.price_cards.get()

    lines = [Decimal(line["per_million_tokens"]["output"]) for line in card.breakdown["lines"]]
    assert sum(lines) == card.output_price * 1_000_000


def test_declared_joules_are_labelled_so(live: Offer) -> None:
    energy = live.price_cards.get().breakdown["lines"][0]

    assert (energy["line"], energy["tier"]) == ("electricity", "declared")
    assert energy["sources"] == [f"site:{live.site.uid}", "declared"]


def test_cards_are_numbered_and_follow_each_other(live: Offer) -> None:
    second = price_cards.publish_card(offer=live, actor=audit.SYSTEM, now=NOW, starts_at=TOMORROW)

    assert second.number == 2
    in_force = price_cards.find_card_in_force(offer=live, now=TOMORROW - timedelta(seconds=1))
    assert in_force is not None
    assert in_force.number == 1
    assert price_cards.find_card_in_force(offer=live, now=TOMORROW) == second


def test_a_card_before_a_later_one_is_in_force_until_that_one_starts(live: Offer) -> None:
    later = price_cards.publish_card(offer=live, actor=audit.SYSTEM, now=NOW, starts_at=TOMORROW)
    soon = NOW + timedelta(hours=1)

    between = price_cards.publish_card(offer=live, actor=audit.SYSTEM, now=soon)

    assert price_cards.find_card_in_force(offer=live, now=TOMORROW - timedelta(seconds=1)) == between
    assert price_cards.find_card_in_force(offer=live, now=TOMORROW) == later


def test_a_card_overtakes_another_that_starts_at_the_same_moment(live: Offer) -> None:
    price_cards.publish_card(offer=live, actor=audit.SYSTEM, now=NOW, starts_at=TOMORROW)

    corrected = price_cards.publish_card(offer=live, actor=audit.SYSTEM, now=NOW, starts_at=TOMORROW)

    assert corrected.number == 3
    assert price_cards.find_card_in_force(offer=live, now=TOMORROW) == corrected


def test_a_card_that_is_in_force_is_not_overtaken_from_its_start(live: Offer) -> None:
    with pytest.raises(price_cards.CardOutOfOrder):
        price_cards.publish_card(offer=live, actor=audit.SYSTEM, now=NOW)


def test_a_card_in_the_past_is_refused(draft: Offer) -> None:
    with pytest.raises(price_cards.CardOutOfOrder):
        price_cards.publish_card(
            offer=draft, actor=audit.SYSTEM, now=NOW, starts_at=NOW - timedelta(seconds=1)
        )


def test_a_dearer_tariff_makes_the_next_card_dearer(live: Offer) -> None:
    sites.change_site(
        site=live.site, described=replace(DAM, energy_price=Decimal("0.30")), actor=audit.SYSTEM, now=NOW
    )

    dearer = price_cards.publish_card(offer=live, actor=audit.SYSTEM, now=TOMORROW)

    assert dearer.output_price > live.price_cards.get(number=1).output_price


def test_the_catalogue_shows_live_offers_at_their_price(live: Offer) -> None:
    (entry,) = catalogue.list_catalogue(now=NOW)

    assert entry.slug == "small"
    (offer,) = entry.offers
    assert (offer.uid, offer.provider) == (live.uid, "Sun Farm")
    assert offer.output_price == live.price_cards.get().output_price


def test_the_catalogue_hides_drafts(draft: Offer) -> None:
    (entry,) = catalogue.list_catalogue(now=NOW)

    assert entry.offers == ()


def test_a_slug_is_taken_once(small: Model) -> None:
    with pytest.raises(catalogue.ModelExists):
        catalogue.create_model(
            slug="small", name="Other", context_length=1, max_output_default=1, actor=audit.SYSTEM, now=NOW
        )


def test_a_slug_with_a_suffix_is_refused(db: object) -> None:
    with pytest.raises(catalogue.ModelInvalid):
        catalogue.create_model(
            slug="small:floor",
            name="Small",
            context_length=1,
            max_output_default=1,
            actor=audit.SYSTEM,
            now=NOW,
        )


def test_every_step_of_an_offer_is_in_the_trail(live: Offer) -> None:
    offers.pause(offer=live, actor=audit.SYSTEM, now=NOW)

    actions = AuditEvent.objects.filter(organization=live.organization).order_by("id")
    assert [event.action for event in actions] == [
        "organization.create",
        "site.create",
        "offer.create",
        "offer.publish_card",
        "offer.put_live",
        "offer.pause",
    ]
