"""
The book of offers in memory: what a gateway matches requests against. Pure; imports no Django.

A book is built from the rows of the SQL function `book_v2` and never changed: new rows make a new book,
news from relays (`with_presence`) make a book that shares the old one's shelves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.money import TEST_CURRENCY
from marketplace.listings import Listing, NodePresence, read_listing
from marketplace.shelves import Shelf, make_mask, split_mask


@dataclass(frozen=True, slots=True)
class ReadyMasks:
    """Offers of a shelf whose node is connected; serves the model too; has a free slot besides."""

    connected: int
    serving: int
    free: int
    free_pieces: Mapping[int, int]


class Book:
    """Every offer that may be bought, by model, with what relays say of their nodes."""

    def __init__(
        self, listings: Iterable[Listing], presence: Mapping[str, NodePresence] | None = None
    ) -> None:
        by_model: dict[str, dict[int, Listing]] = {}
        for listing in listings:
            by_model.setdefault(listing.model_slug, {})[listing.offer_id] = listing
        self._by_model = {slug: tuple(offers.values()) for slug, offers in by_model.items()}
        self._shelves: dict[tuple[str, int], Shelf] = {}
        self._ready: dict[tuple[str, int], ReadyMasks] = {}
        self._sides: dict[bool, Book] = {}
        self.presence: Mapping[str, NodePresence] = presence or {}

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> "Book":
        """Book of the rows of `book_v2`, with no node connected yet."""
        return cls(map(read_listing, rows))

    def with_presence(self, presence: Mapping[str, NodePresence]) -> "Book":
        """Same offers with what relays say now, by node uid as text."""
        book = Book((), presence)
        book._by_model = self._by_model
        book._shelves = self._shelves
        book._sides = {test: side.with_presence(presence) for test, side in self._sides.items()}
        return book

    def get_side(self, *, test: bool) -> "Book":
        """What test keys may buy (offers in test money, of simulated upstreams), or what all others may."""
        side = self._sides.get(test)
        if side is None:
            listings = (one for offers in self._by_model.values() for one in offers)
            mine = [one for one in listings if (one.currency == TEST_CURRENCY) == test]
            side = self._sides[test] = Book(mine, self.presence)
        return side

    def list_models(self) -> list[str]:
        """Slugs of the models that are on offer, in order."""
        return sorted(self._by_model)

    def list_listings(self, model_slug: str) -> tuple[Listing, ...]:
        """Offers of a model; none for an unknown one."""
        return self._by_model.get(model_slug, ())

    def list_priced(self, model_slug: str) -> tuple[Listing, ...]:
        """Offers of a model that are sold at this moment, so that they have a price."""
        return tuple(one for one in self.list_listings(model_slug) if one.card_id is not None)

    def get_shelf(self, model_slug: str, *, mix: int) -> Shelf:
        """Offers of a model, ordered for a range of token mixes (`find_mix`)."""
        shelf = self._shelves.get((model_slug, mix))
        if shelf is None:
            shelf = self._shelves[model_slug, mix] = Shelf(self.list_listings(model_slug), mix=mix)
        return shelf

    def get_ready(self, model_slug: str, *, mix: int) -> ReadyMasks:
        """Which offers of that shelf can take a request at this moment, as far as relays know."""
        ready = self._ready.get((model_slug, mix))
        if ready is None:
            connected, serving, free = [], [], []
            for listing in self.get_shelf(model_slug, mix=mix).listings:
                node = self.presence.get(listing.node_uid)
                serves = node is not None and (node.models is None or listing.upstream_model in node.models)
                connected.append(node is not None)
                serving.append(serves)
                free.append(node is not None and serves and node.busy < node.slots)
            mask = make_mask(free)
            ready = ReadyMasks(make_mask(connected), make_mask(serving), mask, dict(split_mask(mask)))
            self._ready[model_slug, mix] = ready
        return ready
