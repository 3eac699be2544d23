"""
Why an offer was chosen and the others were not, as JSON, the same as `Match.describe` and many times cheaper.

What is said of an offer is always the same but for its expected cost, so it is written once; and who is
excluded for what reason is the same for all requests that ask alike of one book within a second.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from marketplace.book import Book
from marketplace.listings import Listing
from marketplace.matching import Match
from marketplace.shelves import find_mix

PLACES = 18
LISTED_MAX = 8
REMEMBERED_MAX = 4096

encode = msgspec.json.encode


class Excluded(NamedTuple):
    """Offers that are listed as excluded, each with its text up to the cost and after it; and counts."""

    listed: tuple[tuple[Listing, str, str], ...]
    counts: str


class Explainer:
    """Writes explanations, and remembers what can be used again."""

    def __init__(self) -> None:
        self._book: Book | None = None
        self._excluded: dict[object, Excluded] = {}
        self._candidates: dict[int, tuple[Listing, str, str]] = {}

    def explain(self, match: Match) -> str:
        """The match as `Match.describe(limit=LISTED_MAX)` would give it, as JSON text."""
        if match.book is not self._book:
            self._book = match.book
            self._excluded.clear()
        request = match.request
        tokens_in, tokens_out = request.input_tokens, request.output_tokens
        listed = [
            f"{before}{write_cost(candidate.expected_cost)}{after}"
            for candidate in match.candidates
            for _, before, after in (self._describe(candidate.listing),)
        ]
        chosen = listed[0] if listed else "null"
        excluded = self._find_excluded(match)
        for listing, before, after in excluded.listed[: LISTED_MAX - len(listed)]:
            cost = listing.expected_cost(input_tokens=tokens_in, output_tokens=tokens_out)
            listed.append(f"{before}{write_cost(cost)}{after}")
        return f'{{"chosen":{chosen},"candidates":[{",".join(listed)}],"excluded":{excluded.counts}}}'

    def _describe(self, listing: Listing) -> tuple[Listing, str, str]:
        known = self._candidates.get(listing.offer_id)
        if known is None or known[0] is not listing:
            if len(self._candidates) >= REMEMBERED_MAX:
                self._candidates.clear()
            known = self._candidates[listing.offer_id] = (listing, *_split(listing, None))
        return known

    def _find_excluded(self, match: Match) -> Excluded:
        request = match.request
        # Everything that a rule looks at, with the prompt's length only where an offer is too short for it.
        key = (
            request.models,
            request.currencies,
            request.preferences,
            request.refused,
            request.endpoint,
            find_mix(input_tokens=request.input_tokens, output_tokens=request.output_tokens),
            self._is_short(match),
            tuple(candidate.listing.offer_id for candidate in match.candidates),
            int(match.now.timestamp()),
        )
        known = self._excluded.get(key)
        if known is None:
            if len(self._excluded) >= REMEMBERED_MAX:
                self._excluded.clear()
            listed: list[tuple[Listing, str, str]] = []
            for listing, reason in match.list_excluded():
                if len(listed) >= LISTED_MAX:
                    break
                listed.append((listing, *_split(listing, str(reason))))
            counts = {str(reason): count for reason, count in match.count_excluded().items()}
            known = self._excluded[key] = Excluded(tuple(listed), encode(counts).decode())
        return known

    @staticmethod
    def _is_short(match: Match) -> int:
        """The prompt's lower bound if some offer's context may be too short for it, else 0."""
        bound = match.request.input_tokens_min
        models = match.request.models
        contexts = [match.book.list_listings(model)[0].context_length for model in models]
        return bound if bound > min(contexts) else 0


def _split(listing: Listing, reason: str | None) -> tuple[str, str]:
    """What is said of an offer, up to its expected cost and after it."""
    before = {
        "offer": str(listing.offer_uid),
        "model": listing.model_slug,
        "provider": listing.provider_name,
        "site": str(listing.site_uid),
        "site_name": listing.site_name,
        "country": listing.country,
        "region": listing.region,
    }
    after = {"currency": listing.currency, "excluded_by": reason}
    return (
        f'{encode(before).decode()[:-1]},"expected_cost":"',
        f'",{encode(after).decode()[1:]}',
    )


def write_cost(cost: int) -> str:
    """Decimal literal of an integer of 1e-18, as `listings.int_to_text` writes it."""
    digits = str(cost).rjust(PLACES + 1, "0")
    places = digits[-PLACES:].rstrip("0")
    return f"{digits[:-PLACES]}.{places}" if places else digits[:-PLACES]
