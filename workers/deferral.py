"""
Matching of deferred jobs. Pure.

When they are submitted, against the book alone; when they run, against the nodes that are connected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from core.errors import DomainError
from marketplace import matching
from marketplace.book import Book
from marketplace.listings import NodePresence
from marketplace.matching import Match, Reason
from workers import bodies, chat
from workers.bodies import BodyInvalid, ModelRequest
from workers.metering import InputBounds

# What a request is expected to use when offers are compared: four bytes a token, and answers of this length.
EXPECTED_BYTES_PER_TOKEN = 4
EXPECTED_OUTPUT_TOKENS = 256


class ModelUnknown(DomainError):
    """Nobody offers the model."""

    status = 404
    code = "model_not_found"


class NoOffer(DomainError):
    """No offer of the model may run the request, whoever is connected."""

    status = 404
    code = "no_endpoints"
    message = "No offer of this model fits the preferences of this request."


class NoCurrency(DomainError):
    """The model is only sold for money that the buyer does not have here."""

    status = 402
    code = "currency_mismatch"
    message = "This model is only offered in currencies in which you have no wallet."


@dataclass(frozen=True, slots=True)
class Terms:
    """What a hold has to cover: the prompt's bounds and `limit` tokens for each choice; who may run it."""

    match: Match
    prompt: InputBounds
    limit: int


def read_deferred(body: bytes) -> ModelRequest:
    """
    Read a chat request that will run later.

    :raises BodyInvalid: if it is wrong in itself, or a stream
    """
    request = chat.read_chat(body)
    if request.stream:
        raise BodyInvalid("A job that runs later has no stream.", param="stream")
    return request


def assume_presence(book: Book) -> Book:
    """The book as it is when every node is connected and free: a job that waits may wait for its node."""
    nodes = {
        listing.node_uid: NodePresence(relay_url="", slots=1, busy=0)
        for slug in book.list_models()
        for listing in book.list_listings(slug)
    }
    return book.with_presence(nodes)


def add_started(presence: Mapping[str, NodePresence], started: Mapping[str, int]) -> dict[str, NodePresence]:
    """Presence with the attempts that were sent since relays wrote it."""
    return {
        uid: replace(node, busy=node.busy + started[uid]) if started.get(uid) else node
        for uid, node in presence.items()
    }


def settle_terms(
    book: Book,
    request: ModelRequest,
    *,
    currencies: tuple[str, ...],
    now: datetime,
    refused: frozenset[int] = frozenset(),
) -> Terms:
    """
    Choose who may run a request.

    :raises ModelUnknown: if none of its models is on offer
    :raises BodyInvalid: if it is longer than their context
    :raises NoCurrency: if all that keeps it from running is money of another currency
    :raises NoOffer: if nobody may run it at this moment
    """
    offered = {slug: listings for slug in request.routing.models if (listings := book.list_listings(slug))}
    if not offered:
        raise ModelUnknown(f"The model {request.routing.models[0][:200]!r} is not on offer here.")
    context = max(listings[0].context_length for listings in offered.values())
    prompt = bodies.bound_prompt(request, context_length=context)
    bodies.choose_limit(request, context_length=context, default=1, cap=context)
    match = find_candidates(
        book, request, currencies=currencies, now=now, tokens_in_min=prompt.low, refused=refused
    )
    if not match.candidates:
        excluded = match.count_excluded()
        kind = NoCurrency if excluded.keys() == {Reason.CURRENCY} else NoOffer
        raise kind(excluded={str(reason): count for reason, count in excluded.items()})
    listing = match.candidates[0].listing
    limit = bodies.choose_limit(
        request, context_length=context, default=listing.max_output_default, cap=listing.max_output_cap
    )
    return Terms(match, prompt, limit)


def find_candidates(
    book: Book,
    request: ModelRequest,
    *,
    currencies: tuple[str, ...],
    now: datetime,
    tokens_in_min: int,
    refused: frozenset[int] = frozenset(),
) -> Match:
    """Match a request with the offers of its models; none of them may be on offer any more."""
    wanted = matching.Request(
        models=tuple(slug for slug in request.routing.models if book.list_listings(slug)),
        currencies=currencies,
        input_tokens=request.text_bytes // EXPECTED_BYTES_PER_TOKEN,
        output_tokens=min(request.limit or EXPECTED_OUTPUT_TOKENS, EXPECTED_OUTPUT_TOKENS) * request.choices,
        input_tokens_min=tokens_in_min,
        preferences=request.routing.preferences,
        refused=refused,
    )
    return matching.match(book, wanted, now=now)
