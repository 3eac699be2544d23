"""Matching by example: who is chosen, and what a buyer is told of the others."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from marketplace.book import Book
from marketplace.listings import NodePresence, int_to_text, make_provider_slug, price_to_int
from marketplace.matching import Match, Reason, Request, match
from marketplace.preferences import Preferences, parse_provider
from tests.marketplace.listings import NOW, make_row

CHEAP = make_row(1, provider_name="Cheap Co", output_price=Decimal("0.000001"))
DEAR = make_row(2, provider_name="Dear Co", output_price=Decimal("0.000009"), region="Gansu")
FREE = NodePresence(relay_url="http://relay", slots=2, busy=0)
FULL = NodePresence(relay_url="http://relay", slots=2, busy=2)


def place(
    *rows: dict[str, Any],
    node: NodePresence = FREE,
    preferences: Preferences | None = None,
    presence: dict[str, NodePresence] | None = None,
    **changed: Any,
) -> Match:
    """Match a request of 100 tokens in and 100 out for `small`, paid in USD."""
    if presence is None:
        presence = {str(row["node_uid"]): node for row in rows}
    request: dict[str, Any] = {
        "models": ("small",),
        "currencies": ("USD",),
        "input_tokens": 100,
        "output_tokens": 100,
        "preferences": preferences or Preferences(),
    }
    return match(Book.from_rows(rows).with_presence(presence), Request(**request | changed), now=NOW)


def chosen(found: Match) -> list[int]:
    """Offer ids of the candidates in order."""
    return [candidate.listing.offer_id for candidate in found.candidates]


def test_the_cheapest_comes_first() -> None:
    assert chosen(place(DEAR, CHEAP)) == [1, 2]


def test_the_cheapest_depends_on_the_mix_of_tokens() -> None:
    reader = make_row(1, input_price=Decimal("0.000001"), output_price=Decimal("0.000009"))
    writer = make_row(2, input_price=Decimal("0.000005"), output_price=Decimal("0.000001"))

    assert chosen(place(reader, writer, input_tokens=1000, output_tokens=10)) == [1, 2]
    assert chosen(place(reader, writer, input_tokens=10, output_tokens=1000)) == [2, 1]


def test_equal_costs_are_tried_in_order_of_their_uid() -> None:
    later = make_row(1, offer_uid=UUID(int=9))
    earlier = make_row(2, offer_uid=UUID(int=3))

    assert chosen(place(later, earlier)) == [2, 1]


def test_an_expected_cost_is_exact() -> None:
    (candidate,) = place(CHEAP).candidates

    assert candidate.describe()["expected_cost"] == "0.0002"


def test_preferred_providers_come_first_however_dear() -> None:
    assert chosen(place(CHEAP, DEAR, preferences=parse_provider({"order": ["dear-co"]}))) == [2, 1]


def test_an_order_without_fallbacks_is_all_there_is() -> None:
    wanted = parse_provider({"order": ["dear-co"], "allow_fallbacks": False})

    found = place(CHEAP, DEAR, preferences=wanted)

    assert chosen(found) == [2]
    assert found.count_excluded() == {Reason.ALLOWED_PROVIDERS: 1}


def test_without_fallbacks_only_the_cheapest_is_tried() -> None:
    found = place(CHEAP, DEAR, preferences=parse_provider({"allow_fallbacks": False}))

    assert chosen(found) == [1]
    assert found.count_excluded() == {Reason.FALLBACKS: 1}


def test_a_second_model_is_tried_after_the_first() -> None:
    large = make_row(3, model_slug="large", output_price=Decimal(0), input_price=Decimal(0))

    assert chosen(place(CHEAP, large, DEAR, models=("small", "large"))) == [1, 2, 3]


def test_the_first_wallet_pays_before_the_second() -> None:
    yuan = make_row(3, currency="CNY", output_price=Decimal("0.0000001"))

    assert chosen(place(CHEAP, yuan, currencies=("USD", "CNY"))) == [1, 3]


def test_prices_are_compared_at_the_rates_there_are() -> None:
    yuan = make_row(3, currency="CNY", output_price=Decimal("0.0000065"))
    yen = make_row(4, currency="JPY", output_price=Decimal("0.0000001"))
    rates = (("USD", 10**18), ("CNY", 14 * 10**16))

    assert chosen(place(CHEAP, DEAR, yuan, yen, currencies=("USD", "JPY", "CNY"), rates=rates)) == [
        3,
        1,
        2,
        4,
    ]


def test_a_price_limit_excludes_offers_it_cannot_be_compared_with() -> None:
    yuan = make_row(3, currency="CNY")
    wanted = parse_provider({"max_price": {"completion": "1"}})

    found = place(CHEAP, DEAR, yuan, currencies=("USD", "CNY"), preferences=wanted)

    assert chosen(found) == [1]
    assert found.count_excluded() == {Reason.MAX_PRICE_CURRENCY: 1, Reason.MAX_PRICE: 1}


@pytest.mark.parametrize(
    ("presence", "reason"),
    [
        ({}, Reason.NOT_CONNECTED),
        ({str(CHEAP["node_uid"]): FULL}, Reason.NO_SLOT),
        ({str(CHEAP["node_uid"]): NodePresence("", 2, 0, frozenset({"other"}))}, Reason.MODEL),
    ],
    ids=["no agent", "full", "another model"],
)
def test_what_relays_say_excludes(presence: dict[str, NodePresence], reason: Reason) -> None:
    found = place(CHEAP, presence=presence)

    assert [why for _, why in found.list_excluded()] == [reason]


def test_news_from_relays_change_the_match_and_not_the_old_book() -> None:
    empty = Book.from_rows([CHEAP])
    request = Request(models=("small",), currencies=("USD",), input_tokens=1, output_tokens=1)

    connected = empty.with_presence({str(CHEAP["node_uid"]): FREE})

    assert chosen(match(connected, request, now=NOW)) == [1]
    assert chosen(match(empty, request, now=NOW)) == []


def test_an_offer_that_was_refused_is_not_chosen_again() -> None:
    found = place(CHEAP, DEAR, refused=frozenset({1}))

    assert chosen(found) == [2]
    assert found.count_excluded() == {Reason.WITHDRAWN: 1}


def test_a_match_tells_who_was_chosen_and_why_the_others_were_not() -> None:
    told = place(DEAR, CHEAP, preferences=parse_provider({"regions": ["guizhou"]})).describe()

    assert told["chosen"]["provider"] == "Cheap Co"
    assert [(offer["provider"], offer["excluded_by"]) for offer in told["candidates"]] == [
        ("Cheap Co", None),
        ("Dear Co", "data_region"),
    ]
    assert told["excluded"] == {"data_region": 1}


def test_an_unknown_model_has_no_offers() -> None:
    found = place(CHEAP, models=("unknown",))

    assert chosen(found) == []
    assert list(found.list_excluded()) == []


def test_the_book_lists_its_models() -> None:
    assert Book.from_rows([CHEAP, make_row(3, model_slug="large")]).list_models() == ["large", "small"]


@pytest.mark.parametrize(
    ("name", "slug"), [("Sun Farm", "sun-farm"), ("Dam & Co.", "dam-co"), ("太阳能", "太阳能")]
)
def test_a_provider_is_named_by_its_slug(name: str, slug: str) -> None:
    assert make_provider_slug(name) == slug
    assert make_provider_slug(slug) == slug


def test_prices_become_integers_and_text_again_without_loss() -> None:
    assert int_to_text(price_to_int(Decimal("0.000000123456789012"))) == "0.000000123456789012"
