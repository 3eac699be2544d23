"""Contracts: what they do to a price, when cards are sold under them, and when nothing is."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts import audit
from marketplace import offer_terms, offers, price_cards, publishing, quotes, site_tariffs
from marketplace.book import Book
from marketplace.card_plans import Published, Span, plan_cards
from marketplace.contracts import Contract, Step, Terms, TermsInvalid, check_terms, find_final, find_step
from marketplace.listings import NodePresence
from marketplace.matching import Reason, Request, match
from marketplace.models import Offer, PriceCard
from tests.marketplace.listings import NOW, make_row
from tests.marketplace.test_card_plans import find_in_force, publish

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FLEX = (Step(4, Decimal("0.2")), Step(24, Decimal("0.5")))
GRID = {"kind": "FIXED_ENERGY", "name": "energy", "price": "0.06"}
TARIFF: Mapping[str, Any] = {
    "format": "jouleport-tariff/1",
    "name": "surplus",
    "version": 1,
    "currency": "USD",
    "zone": "Asia/Shanghai",
    "valid_from": "2029-01-01",
    "verified": True,
    "grade": "A",
    "components": [GRID],
}


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (Terms(cap=Decimal("0.1")), "cap"),
        (Terms(Contract.PASS_THROUGH, Decimal("1.1")), "cap"),
        (Terms(Contract.PASS_THROUGH, Decimal("0.00001")), "cap"),
        (Terms(steps=(Step(24, Decimal("0.5")), Step(24, Decimal("0.6")))), "steps[1].hours"),
        (Terms(steps=(Step(4, Decimal("0.5")), Step(24, Decimal("0.5")))), "steps[1].share"),
        (Terms(steps=(Step(169, Decimal("0.5")),)), "steps[0].hours"),
        (Terms(steps=(Step(1, Decimal("1.5")),)), "steps[0].share"),
    ],
)
def test_terms_that_cannot_be_meant_are_refused_by_field(terms: Terms, field: str) -> None:
    with pytest.raises(TermsInvalid) as refused:
        check_terms(terms)

    assert refused.value.extra["field"] == field


@pytest.mark.parametrize(("hours", "found"), [(0, None), (3, None), (4, 4), (23, 4), (24, 24), (168, 24)])
def test_the_longest_step_that_fits_counts(hours: int, found: int | None) -> None:
    step = find_step(FLEX, hours=hours)

    assert (step.hours if step else None) == found


def test_a_final_price_moves_with_electricity_and_never_below_nothing() -> None:
    expected, per_kwh = {"output": Decimal("0.0000005")}, {"output": Decimal("0.000002")}

    finals = [
        find_final(expected=expected, per_kwh=per_kwh, quoted=Decimal("0.1"), final=Decimal(final))["output"]
        for final in ("0.1", "0.05", "0.2", "-1")
    ]

    assert finals == [Decimal("0.0000005"), Decimal("0.0000004"), Decimal("0.0000007"), 0]


def test_outside_what_is_sold_nothing_is_in_force_whatever_was_published_before() -> None:
    spans = [
        Span(NOW, NOW + HOUR, "grid", sold=False),
        Span(NOW + HOUR, NOW + 3 * HOUR, "lot"),
        Span(NOW + 3 * HOUR, NOW + 6 * HOUR, "grid", sold=False),
    ]
    before = [Published(1, NOW - HOUR, None, ""), Published(2, NOW + 4 * HOUR, None, "")]

    published = publish(before, plan_cards(spans=spans, published=before, now=NOW, hold=timedelta(0)))

    def find(minutes: int) -> str | None:
        card = find_in_force(published, NOW + minutes * MINUTE)
        return card.basis if card else None

    assert [find(minutes) for minutes in range(1, 360, 30)] == [None] * 2 + ["lot"] * 4 + [None] * 6
    assert plan_cards(spans=spans, published=published, now=NOW + MINUTE, hold=timedelta(0)) == ()


def test_an_offer_without_surplus_says_so() -> None:
    asleep = make_row(offer_id=2, card_id=None, card_uid=None, card_starts_at=None)
    awake = make_row(offer_id=1)
    nodes = {str(row["node_uid"]): NodePresence("", slots=1, busy=0) for row in (awake, asleep)}
    book = Book.from_rows([awake, asleep]).with_presence(nodes)

    found = match(book, Request(("small",), ("USD",), 10, 10), now=NOW)

    assert [candidate.listing.offer_id for candidate in found.candidates] == [1]
    assert found.count_excluded() == {Reason.OUTSIDE_SURPLUS: 1}
    assert found.describe()["candidates"][1]["expected_cost"] is None


def set_tariff(offer: Offer, *components: Mapping[str, Any]) -> None:
    document = {**TARIFF, "components": [GRID, *components]}
    terms = site_tariffs.Terms(document=document)
    site_tariffs.set_tariff(site=offer.site, terms=terms, actor=audit.SYSTEM, now=NOW)


def test_who_can_wait_pays_less_for_hardware_and_margin_and_the_same_for_power(live: Offer) -> None:
    offer_terms.set_terms(offer=live, terms=Terms(steps=FLEX), actor=audit.SYSTEM, now=NOW)
    card = price_cards.publish_card(offer=live, actor=audit.SYSTEM, now=NOW + MINUTE)

    forms = PriceCard.objects.filter(offer=live, of_number=card.number).order_by("slack_hours")
    lines = {line["line"]: Decimal(line["per_million_tokens"]["output"]) for line in card.explained["lines"]}
    found = price_cards.find_card_in_force(offer=live, now=NOW + 2 * MINUTE)
    assert found == card
    for form, step in zip(forms, FLEX, strict=True):
        less = {one["line"]: Decimal(one["per_million_tokens"]["output"]) for one in form.explained["lines"]}
        assert form.slack_hours == step.hours
        assert less["electricity"] == lines["electricity"]
        # Lines are rounded for one token.
        discount = (lines["hardware"] + lines["margin"]) * step.share
        assert abs(less["slack_discount"] + discount) < Decimal("1e-11")
        assert sum(less.values()) == form.output_price * 1_000_000
        # The fee is a share of what is paid, so it falls too.
        saved = card.output_price - form.output_price
        expected = -less["slack_discount"] / 1_000_000 / Decimal("0.95")
        assert abs(saved - expected) < Decimal("1e-16")


def test_a_surplus_only_offer_is_sold_while_there_is_surplus(live: Offer) -> None:
    lot = {
        "start": (NOW + 2 * HOUR).isoformat(),
        "end": (NOW + 5 * HOUR).isoformat(),
        "kw": "500",
        "price": "0.01",
    }
    set_tariff(live, {"kind": "SURPLUS", "name": "lots", "lots": [lot], "replaces": ["energy"]})
    terms = Terms(Contract.SURPLUS, steps=FLEX)
    offer_terms.set_terms(offer=live, terms=terms, actor=audit.SYSTEM, now=NOW)
    now = NOW + MINUTE

    publishing.publish_ahead(now=now)

    sold = []
    for hour in range(8):
        card = price_cards.find_card_in_force(offer=live, now=now + hour * HOUR + MINUTE)
        sold.append(card and Decimal(card.explained["electricity"]["price_per_kwh"]))
        assert card is None or card.valid_until == NOW + 5 * HOUR
        assert card is None or card.explained["contract"] == "SURPLUS"
    assert sold == [None, None, Decimal("0.01"), Decimal("0.01"), Decimal("0.01"), None, None, None]
    assert publishing.publish_ahead(now=now + MINUTE).cards == 0
    with pytest.raises(price_cards.CardBySurplus):
        price_cards.publish_card(offer=Offer.objects.get(pk=live.pk), actor=audit.SYSTEM, now=now)


def test_a_contract_that_follows_electricity_needs_its_tariff(draft: Offer) -> None:
    with pytest.raises(TermsInvalid, match="needs a tariff"):
        offer_terms.set_terms(offer=draft, terms=Terms(Contract.SURPLUS), actor=audit.SYSTEM, now=NOW)
    with pytest.raises(offers.OfferNotPriced):
        offers.put_live(offer=draft, actor=audit.SYSTEM, now=NOW)
    assert quotes.NOTHING.output == 0
