"""
Matching of deferred jobs. Pure.

When they are submitted, against the book alone; when they run, against the nodes that are connected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.errors import DomainError
from marketplace import matching
from marketplace.book import Book
from marketplace.listings import Listing, NodePresence, price_to_int
from marketplace.matching import Match, Reason
from workers import bodies, chat
from workers.bodies import BodyInvalid, ModelRequest
from workers.metering import InputBounds

# What a request is expected to use when offers are compared: four bytes a token, and answers of this length.
EXPECTED_BYTES_PER_TOKEN = 4
EXPECTED_OUTPUT_TOKENS = 256
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


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


class SlackBook:
    """
    A book with the cheaper prices of those who can wait: one book for each step of slack that some offer has.

    :param rows: those of `slack_cards_v1`; a row whose card is not the book's is left out
    """

    def __init__(self, book: Book, rows: Iterable[Mapping[str, Any]]) -> None:
        self._book = book
        self._forms: dict[int, dict[int, Mapping[str, Any]]] = {}
        for row in rows:
            self._forms.setdefault(row["of_card_id"], {})[row["slack_hours"]] = row
        self._steps = sorted({hours for forms in self._forms.values() for hours in forms})
        self._made: dict[int, Book] = {}

    def get_book(self, *, hours: int) -> Book:
        """The book for work that may wait so many whole hours."""
        step = max((step for step in self._steps if step <= hours), default=0)
        if not step:
            return self._book
        if step not in self._made:
            self._made[step] = Book(
                self._find_form(listing, step)
                for slug in self._book.list_models()
                for listing in self._book.list_listings(slug)
            )
        return self._made[step].with_presence(self._book.presence)

    def with_presence(self, presence: Mapping[str, NodePresence]) -> SlackBook:
        """The same offers with what relays say now."""
        made = SlackBook(self._book.with_presence(presence), ())
        made._forms, made._steps, made._made = self._forms, self._steps, self._made
        return made

    def _find_form(self, listing: Listing, hours: int) -> Listing:
        forms = self._forms.get(listing.card_id or 0, {})
        best = max((step for step in forms if step <= hours), default=None)
        return listing if best is None else _put_card(listing, forms[best])


def await_cards(book: Book, rows: Iterable[Mapping[str, Any]], *, now: datetime) -> Book:
    """
    The book as it will be when those offers are sold that are not now: as if their next cards had started.

    :param rows: those of `upcoming_cards_v1`
    """
    upcoming = {row["offer_id"]: row for row in rows}
    return Book(
        (
            replace(_put_card(listing, row), card_starts_at=now, next_starts_at=row["ends_at"])
            if listing.card_id is None and (row := upcoming.get(listing.offer_id))
            else listing
            for slug in book.list_models()
            for listing in book.list_listings(slug)
        ),
        book.presence,
    )


def find_slack(*, deadline: datetime, now: datetime) -> int:
    """Whole hours that a job may wait; clocks may differ by a minute."""
    return (deadline - now + MINUTE) // HOUR


def _put_card(listing: Listing, card: Mapping[str, Any]) -> Listing:
    return replace(
        listing,
        card_id=card["card_id"],
        card_uid=card["card_uid"],
        input_price=price_to_int(card["input_price"]),
        cached_input_price=price_to_int(card["cached_input_price"]),
        output_price=price_to_int(card["output_price"]),
        chip_second_price=price_to_int(card["chip_second_price"]),
    )


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
    rates: tuple[tuple[str, int], ...] = (),
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
        book,
        request,
        currencies=currencies,
        now=now,
        tokens_in_min=prompt.low,
        refused=refused,
        rates=rates,
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
    rates: tuple[tuple[str, int], ...] = (),
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
        rates=rates,
    )
    return matching.match(book, wanted, now=now)
