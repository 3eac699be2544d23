"""
Which offers may run a request, cheapest first, and why the others may not. Pure; imports no Django.

`match` computes one mask of permitted offers per rule, in the order of `Reason`; an offer is a candidate
when every rule permits it, and is excluded for the first rule that does not. Candidates are found without
looking at every offer; the reasons are worked out only when asked for, from the same masks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import combinations
from typing import Any

from marketplace.book import Book, ReadyMasks
from marketplace.listings import CHAT, ENDPOINTS, Listing, int_to_text
from marketplace.preferences import NO_PREFERENCES, Preferences
from marketplace.shelves import Pieces, Shelf, find_mix, make_mask, split_mask, walk_bits

# How many offers are ordered for one request: the first choice and those tried after it.
CANDIDATES_MAX = 5

# How many offers `Match.describe` lists; it counts all.
DESCRIBED_MAX = 20

# Prices in preferences are in this currency; nothing is converted to compare with them.
PREFERENCE_CURRENCY = "USD"


# By endpoint, the sets of endpoints that an offer serving it may have.
SERVING = {
    wanted: [
        frozenset(served)
        for count in range(1, len(ENDPOINTS) + 1)
        for served in combinations(ENDPOINTS, count)
        if wanted in served
    ]
    for wanted in ENDPOINTS
}


class Reason(StrEnum):
    """Why an offer is no candidate; the first that applies, in this order."""

    WITHDRAWN = "withdrawn"
    ENDPOINT = "wrong_endpoint"
    UNIT = "unit"
    CURRENCY = "currency"
    OUTSIDE_SURPLUS = "outside_surplus"
    CARD_MISSING = "card_missing"
    CONTEXT_LENGTH = "context_length"
    ALLOWED_PROVIDERS = "allowed_providers"
    IGNORED_PROVIDERS = "ignored_providers"
    DATA_REGION = "data_region"
    GEO = "geo"
    MAX_PRICE_CURRENCY = "max_price_currency"
    MAX_PRICE = "max_price"
    NOT_CONNECTED = "not_connected"
    MODEL = "model"
    NO_SLOT = "no_slot"
    FALLBACKS = "fallbacks_not_allowed"


@dataclass(frozen=True, slots=True)
class Request:
    """
    What is to be placed: models, first choice first, its expected token mix, and the wallets that may pay.

    `input_tokens` and `output_tokens` are what its cost is expected from; `input_tokens_min` is a sure
    lower bound of its longest prompt. `rates` say what a unit of a currency is worth in one that all of them
    are compared in, in 1e-18; amounts of two currencies without rates are not compared: offers in the first
    of `currencies` come before those in the second, and those with rates before all. `refused` are offers,
    by id, that a caller has already been refused. `endpoint` is what the model is asked for.
    """

    models: tuple[str, ...]
    currencies: tuple[str, ...]
    input_tokens: int
    output_tokens: int
    input_tokens_min: int = 0
    preferences: Preferences = NO_PREFERENCES
    refused: frozenset[int] = frozenset()
    endpoint: str = CHAT
    rates: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer that may run the request; `expected_cost` is in 1e-18 of the listing's currency."""

    listing: Listing
    expected_cost: int

    def describe(self) -> dict[str, Any]:
        """The candidate as buyers and the job's record see it."""
        return _describe(self.listing, self.expected_cost, None)


@dataclass(frozen=True, slots=True)
class Match:
    """The candidates of a request in the order in which to try them, and every other offer's reason."""

    request: Request
    candidates: tuple[Candidate, ...]
    book: Book = field(repr=False)
    now: datetime

    def list_excluded(self) -> Iterator[tuple[Listing, Reason]]:
        """Every offer of the request's models that may not run it, with its one reason."""
        for shelf, masks in self._masks_by_model():
            for reason, mask in masks:
                for i in walk_bits(mask):
                    yield shelf.listings[i], reason

    def count_excluded(self) -> dict[Reason, int]:
        """How many offers each reason excludes; reasons that exclude none are left out."""
        counts: dict[Reason, int] = {}
        for _, masks in self._masks_by_model():
            for reason, mask in masks:
                if mask:
                    counts[reason] = counts.get(reason, 0) + mask.bit_count()
        return counts

    def describe(self, *, limit: int = DESCRIBED_MAX) -> dict[str, Any]:
        """
        The match as JSON: `chosen`, up to `limit` offers (candidates first), and counts of what was excluded.
        """
        listed = [candidate.describe() for candidate in self.candidates]
        excluded = self.list_excluded()
        while len(listed) < limit and (entry := next(excluded, None)) is not None:
            listing, reason = entry
            cost = listing.expected_cost(
                input_tokens=self.request.input_tokens, output_tokens=self.request.output_tokens
            )
            listed.append(_describe(listing, cost, reason))
        return {
            "chosen": listed[0] if self.candidates else None,
            "candidates": listed,
            "excluded": {str(reason): count for reason, count in self.count_excluded().items()},
        }

    def _masks_by_model(self) -> Iterator[tuple[Shelf, list[tuple[Reason, int]]]]:
        request = self.request
        mix = find_mix(input_tokens=request.input_tokens, output_tokens=request.output_tokens)
        for model in request.models:
            shelf = self.book.get_shelf(model, mix=mix)
            left, masks = shelf.everything, []
            for reason, permitted in _list_rules(self.book, shelf, request, model, mix, self.now):
                masks.append((reason, left & ~permitted))
                left &= permitted
            if _is_first_only(request.preferences):
                ids = {candidate.listing.offer_id for candidate in self.candidates}
                masks.append((Reason.FALLBACKS, left & ~shelf.mask_of_any("offer_id", ids)))
            yield shelf, masks


@dataclass(frozen=True, slots=True)
class _Plan:
    """
    What currencies and preferences come to on a shelf: the rules, and disjoint groups of the offers that
    all rules permit, to be tried in turn, each divided by its offers' currencies.
    """

    rules: tuple[tuple[Reason, int], ...]
    groups: tuple[tuple[tuple[str, Pieces], ...], ...]


def match(book: Book, request: Request, *, now: datetime, limit: int = CANDIDATES_MAX) -> Match:
    """
    Choose offers for a request: models in their order, within a model preferred providers in theirs, then by
    expected cost, equals by offer uid; currencies that have no rate come after, in their order.

    :returns: a match with up to `limit` candidates, none when no offer is permitted
    """
    input_tokens, output_tokens = request.input_tokens, request.output_tokens
    mix = find_mix(input_tokens=input_tokens, output_tokens=output_tokens)
    candidates: list[Candidate] = []
    for model in request.models:
        shelf = book.get_shelf(model, mix=mix)
        permitted = _permit(book.get_ready(model, mix=mix), shelf, request, now)
        wanted = limit - len(candidates)
        if _is_first_only(request.preferences):
            wanted = min(wanted, 1)
        for group in _get_plan(shelf, request).groups:
            for pieces in _find_tiers(group, request.rates):
                if wanted <= 0:
                    break
                found = [
                    (cost * rate, listing.offer_uid.int, cost, listing)
                    for rate, piece in pieces
                    for cost, listing in shelf.find_cheapest(
                        piece, permitted, input_tokens=input_tokens, output_tokens=output_tokens, limit=wanted
                    )
                ]
                if len(pieces) > 1:
                    found = sorted(found)[:wanted]
                candidates += [Candidate(listing, cost) for _, _, cost, listing in found]
                wanted -= len(found)
    return Match(request=request, candidates=tuple(candidates), book=book, now=now)


def _find_tiers(
    group: tuple[tuple[str, Pieces], ...], rates: tuple[tuple[str, int], ...]
) -> Sequence[Sequence[tuple[int, Pieces]]]:
    """What is compared with each other: all currencies that have a rate, then each of the others."""
    if not rates or len(group) < 2:
        return [[(1, pieces)] for _, pieces in group]
    known = dict(rates)
    compared = [(known[currency], pieces) for currency, pieces in group if currency in known]
    others = [[(1, pieces)] for currency, pieces in group if currency not in known]
    return [compared, *others] if compared else others


def _permit(ready: ReadyMasks, shelf: Shelf, request: Request, now: datetime) -> Mapping[int, int]:
    """Offers that can take a request now, as far as currencies and preferences have no say."""
    rules = [rule for _, rule in _list_passing_rules(shelf, request)]
    in_force = shelf.mask_in_force(now)
    if in_force is shelf.everything and not rules:
        return ready.free_pieces
    permitted = ready.free & in_force
    for rule in rules:
        permitted &= rule
    return dict(split_mask(permitted))


def _is_first_only(preferences: Preferences) -> bool:
    # With an order, "no fallbacks" means: only the providers of the order.
    return not preferences.allow_fallbacks and not preferences.order


def _get_plan(shelf: Shelf, request: Request) -> _Plan:
    return shelf.remember(
        (request.currencies, request.preferences, request.endpoint), partial(_make_plan, request=request)
    )


def _make_plan(shelf: Shelf, request: Request) -> _Plan:
    rules = tuple(_list_lasting_rules(shelf, request))
    left = shelf.everything
    for _, permitted in rules:
        left &= permitted
    groups = []
    for provider in (*request.preferences.order, None):
        preferred = left if provider is None else left & shelf.mask_of("provider_slug", provider)
        left &= ~preferred
        masks = [
            (currency, preferred & shelf.mask_of("currency", currency)) for currency in request.currencies
        ]
        groups.append(tuple((currency, split_mask(mask)) for currency, mask in masks if mask))
    return _Plan(rules, tuple(filter(None, groups)))


def _list_rules(
    book: Book, shelf: Shelf, request: Request, model: str, mix: int, now: datetime
) -> list[tuple[Reason, int]]:
    """Every rule with the offers it permits, in the order of `Reason`."""
    ready = book.get_ready(model, mix=mix)
    rules = dict(_get_plan(shelf, request).rules)
    rules.update(_list_passing_rules(shelf, request))
    rules[Reason.OUTSIDE_SURPLUS] = shelf.everything & ~shelf.mask_of("card_id", None)
    rules[Reason.CARD_MISSING] = shelf.mask_in_force(now)
    rules[Reason.NOT_CONNECTED] = ready.connected
    rules[Reason.MODEL] = ready.serving
    rules[Reason.NO_SLOT] = ready.free
    return [(reason, rules[reason]) for reason in Reason if reason in rules]


def _list_passing_rules(shelf: Shelf, request: Request) -> list[tuple[Reason, int]]:
    """Rules that hold for this one request."""
    rules = []
    if request.refused:
        rules.append((Reason.WITHDRAWN, shelf.everything & ~shelf.mask_of_any("offer_id", request.refused)))
    if request.input_tokens_min > shelf.context_length_min:
        fits = make_mask(request.input_tokens_min <= listing.context_length for listing in shelf.listings)
        rules.append((Reason.CONTEXT_LENGTH, fits))
    return rules


def _list_lasting_rules(shelf: Shelf, request: Request) -> Iterator[tuple[Reason, int]]:
    """Rules that hold for every request with the same currencies, preferences and endpoint."""
    wanted = request.preferences
    yield Reason.ENDPOINT, shelf.mask_of_any("endpoints", SERVING[request.endpoint])
    yield Reason.UNIT, shelf.mask_of("unit", "TOKEN")
    yield Reason.CURRENCY, shelf.mask_of_any("currency", request.currencies)
    if wanted.only is not None:
        yield Reason.ALLOWED_PROVIDERS, _permit_providers(shelf, wanted)
    elif wanted.order and not wanted.allow_fallbacks:
        yield Reason.ALLOWED_PROVIDERS, shelf.mask_of_any("provider_slug", wanted.order)
    if wanted.ignore:
        ignored = shelf.mask_of_any("provider_slug", wanted.ignore)
        yield Reason.IGNORED_PROVIDERS, shelf.everything & ~ignored
    if wanted.regions is not None:
        yield Reason.DATA_REGION, shelf.mask_of_any("region_key", wanted.regions)
    if wanted.jurisdictions is not None:
        yield Reason.GEO, shelf.mask_of_any("country", wanted.jurisdictions)
    if wanted.max_prompt_price is not None or wanted.max_completion_price is not None:
        yield Reason.MAX_PRICE_CURRENCY, shelf.mask_of("currency", PREFERENCE_CURRENCY)
        yield Reason.MAX_PRICE, make_mask(_is_within(listing, wanted) for listing in shelf.listings)


def _permit_providers(shelf: Shelf, wanted: Preferences) -> int:
    permitted = shelf.mask_of_any("provider_slug", wanted.only or ())
    if wanted.order and not wanted.allow_fallbacks:
        permitted &= shelf.mask_of_any("provider_slug", wanted.order)
    return permitted


def _is_within(listing: Listing, wanted: Preferences) -> bool:
    return (wanted.max_prompt_price is None or listing.input_price <= wanted.max_prompt_price) and (
        wanted.max_completion_price is None or listing.output_price <= wanted.max_completion_price
    )


def _describe(listing: Listing, cost: int, reason: Reason | None) -> dict[str, Any]:
    is_priced = listing.card_id is not None
    return {
        "offer": str(listing.offer_uid),
        "model": listing.model_slug,
        "provider": listing.provider_name,
        "site": str(listing.site_uid),
        "site_name": listing.site_name,
        "country": listing.country,
        "region": listing.region,
        "expected_cost": int_to_text(cost) if is_priced else None,
        "currency": listing.currency,
        "excluded_by": None if reason is None else str(reason),
    }
