"""Matching finds what a naive reading of the rules finds, and leaves no offer without a reason."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from marketplace.book import Book
from marketplace.listings import Listing, NodePresence, read_listing
from marketplace.matching import Reason, Request, match
from marketplace.preferences import Preferences
from tests.marketplace.listings import NOW, TOMORROW, YESTERDAY, make_row

PROVIDERS = ("Sun Farm", "Wind Farm", "Dam Co")
REGIONS = ("Guizhou", "Gansu")
PRICES = st.integers(0, 30).map(lambda price: Decimal(price).scaleb(-7))

ROWS = st.fixed_dictionaries(
    {
        "model_slug": st.sampled_from(["small", "large"]),
        "context_length": st.sampled_from([100, 1000]),
        "provider_name": st.sampled_from(PROVIDERS),
        "country": st.sampled_from(["CN", "US"]),
        "region": st.sampled_from(REGIONS),
        "currency": st.sampled_from(["USD", "CNY"]),
        "unit": st.sampled_from(["TOKEN", "TOKEN", "TOKEN", "CHIP_SECOND"]),
        "card_starts_at": st.sampled_from([YESTERDAY, YESTERDAY, NOW, TOMORROW, None]),
        "next_starts_at": st.sampled_from([None, None, NOW, TOMORROW]),
        "input_price": PRICES,
        "output_price": PRICES,
    }
)
PRESENCES = st.none() | st.builds(
    NodePresence,
    relay_url=st.just("http://relay"),
    slots=st.just(2),
    busy=st.integers(0, 2),
    models=st.sampled_from([None, frozenset({"small.gguf"}), frozenset({"other"})]),
)
SLUGS = st.sampled_from(["sun-farm", "wind-farm", "dam-co", "nobody"])
PREFERENCES = st.builds(
    Preferences,
    order=st.lists(SLUGS, max_size=2, unique=True).map(tuple),
    only=st.none() | st.frozensets(SLUGS, min_size=1),
    ignore=st.frozensets(SLUGS, max_size=1),
    allow_fallbacks=st.booleans(),
    regions=st.none() | st.frozensets(st.sampled_from(["guizhou", "gansu"]), min_size=1),
    jurisdictions=st.none() | st.frozensets(st.sampled_from(["CN", "US"]), min_size=1),
    max_prompt_price=st.none() | st.integers(0, 30).map(lambda price: price * 10**11),
    max_completion_price=st.none() | st.integers(0, 30).map(lambda price: price * 10**11),
)
REQUESTS = st.builds(
    Request,
    models=st.sampled_from([("small",), ("large", "small"), ("unknown",)]),
    currencies=st.sampled_from([("USD",), ("CNY",), ("CNY", "USD"), ()]),
    input_tokens=st.integers(0, 5000),
    output_tokens=st.integers(0, 500),
    input_tokens_min=st.sampled_from([0, 0, 500]),
    preferences=PREFERENCES,
    refused=st.frozensets(st.integers(1, 12), max_size=2),
)


def explain(listing: Listing, node: NodePresence | None, request: Request, now: datetime) -> Reason | None:
    """Return the first rule that an offer breaks, read plainly from the offer itself."""
    wanted = request.preferences
    closed_order = wanted.order if wanted.order and not wanted.allow_fallbacks else None
    capped = wanted.max_prompt_price is not None or wanted.max_completion_price is not None
    slug = listing.provider_slug
    broken = {
        Reason.WITHDRAWN: listing.offer_id in request.refused,
        Reason.UNIT: listing.unit != "TOKEN",
        Reason.CURRENCY: listing.currency not in request.currencies,
        Reason.CARD_MISSING: not listing.card_starts_at <= now < listing.next_starts_at,
        Reason.CONTEXT_LENGTH: request.input_tokens_min > listing.context_length,
        Reason.ALLOWED_PROVIDERS: (wanted.only is not None and slug not in wanted.only)
        or (closed_order is not None and slug not in closed_order),
        Reason.IGNORED_PROVIDERS: slug in wanted.ignore,
        Reason.DATA_REGION: wanted.regions is not None and listing.region_key not in wanted.regions,
        Reason.GEO: wanted.jurisdictions is not None and listing.country not in wanted.jurisdictions,
        Reason.MAX_PRICE_CURRENCY: capped and listing.currency != "USD",
        Reason.MAX_PRICE: (
            wanted.max_prompt_price is not None and listing.input_price > wanted.max_prompt_price
        )
        or (wanted.max_completion_price is not None and listing.output_price > wanted.max_completion_price),
        Reason.NOT_CONNECTED: node is None,
        Reason.MODEL: node is not None
        and node.models is not None
        and listing.upstream_model not in node.models,
        Reason.NO_SLOT: node is not None and node.busy >= node.slots,
    }
    return next((reason for reason, applies in broken.items() if applies), None)


def match_naively(
    listings: list[Listing], presence: dict[str, NodePresence], request: Request, limit: int
) -> list[int]:
    """Sort every permitted offer and take the first ones."""
    chosen: list[int] = []
    order = request.preferences.order
    for model in request.models:
        permitted = [
            listing
            for listing in listings
            if listing.model_slug == model
            and explain(listing, presence.get(listing.node_uid), request, NOW) is None
        ]
        permitted.sort(
            key=lambda listing: (
                order.index(listing.provider_slug) if listing.provider_slug in order else len(order),
                request.currencies.index(listing.currency),
                listing.expected_cost(input_tokens=request.input_tokens, output_tokens=request.output_tokens),
                listing.offer_uid.int,
            )
        )
        if not request.preferences.allow_fallbacks and not order:
            permitted = permitted[:1]
        chosen += [listing.offer_id for listing in permitted]
    return chosen[:limit]


@given(
    st.lists(st.tuples(ROWS, PRESENCES), max_size=12).map(lambda pairs: list(enumerate(pairs, start=1))),
    REQUESTS,
    st.integers(1, 5),
)
def test_matching_equals_a_naive_oracle(
    offers: list[tuple[int, tuple[dict[str, Any], NodePresence | None]]], request: Request, limit: int
) -> None:
    rows = [make_row(offer_id, **changed) for offer_id, (changed, _) in offers]
    presence = {
        str(row["node_uid"]): node
        for row, (_, (_, node)) in zip(rows, offers, strict=True)
        if node is not None
    }
    book = Book.from_rows(rows).with_presence(presence)

    found = match(book, request, now=NOW, limit=limit)

    listings = [read_listing(row) for row in rows]
    assert [candidate.listing.offer_id for candidate in found.candidates] == match_naively(
        listings, presence, request, limit
    )
    in_question = [listing for listing in listings if listing.model_slug in request.models]
    reasons = {listing.offer_id: reason for listing, reason in found.list_excluded()}
    for listing in in_question:
        reason = explain(listing, presence.get(listing.node_uid), request, NOW)
        if reason is not None:
            assert reasons.pop(listing.offer_id) is reason
    chosen = {candidate.listing.offer_id for candidate in found.candidates}
    assert not chosen & reasons.keys()
    assert set(reasons.values()) <= {Reason.FALLBACKS}
    assert sum(found.count_excluded().values()) == len(list(found.list_excluded()))
