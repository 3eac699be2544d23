"""
A model's offers in an order and with bit sets that make finding the cheapest cheap. Pure; imports no Django.

The cheapest offer depends on the request's mix of input and output tokens. For a handful of ranges of
that mix (`MIX_EDGES`) the offers stand on a shelf of their own, ordered by a lower bound of their cost
anywhere in that range, with one bit per offer. A filter is an AND of integers, and whoever walks the set
bits from the lowest may stop as soon as the bound passes the best cost seen: neither looks at every
offer.
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from marketplace.listings import Listing

# Edges of the ranges of a request's token mix, as (input tokens, output tokens): output only to input only.
MIX_EDGES = ((0, 1), (1, 32), (1, 8), (1, 2), (1, 1), (2, 1), (4, 1), (8, 1), (32, 1), (1, 0))

# What one input token counts beside `OUTPUT_WEIGHT` for one output token when bounds of different mixes are
# compared. Any positive figures give right answers; these are near real price ratios, so bounds are tight.
INPUT_WEIGHT, OUTPUT_WEIGHT = 45, 100
BOUND_SCALE = 1 << 24

# Bits looked at together when offers are walked: the cheapest ones are mostly among the first pieces, so
# that the length of the whole mask hardly counts.
PIECE_BITS = 512

# A mask in pieces, as `split_mask` makes it.
type Pieces = tuple[tuple[int, int], ...]

# Filters remembered per shelf; past it the memory starts afresh, so that no buyer can fill the process.
FILTERS_MAX = 512


def walk_bits(mask: int) -> Iterator[int]:
    """Positions of the set bits, lowest first."""
    for base, bits in split_mask(mask):
        while bits:
            low = bits & -bits
            yield base + low.bit_length() - 1
            bits ^= low


def split_mask(mask: int) -> Pieces:
    """Pieces of `PIECE_BITS` that have a bit set, each with the position of its first bit, lowest first."""
    width = PIECE_BITS // 8
    octets = mask.to_bytes((mask.bit_length() + 7) // 8, "little")
    pieces = (
        (start * 8, int.from_bytes(octets[start : start + width], "little"))
        for start in range(0, len(octets), width)
    )
    return tuple(piece for piece in pieces if piece[1])


def make_mask(flags: Iterable[bool]) -> int:
    """Integer whose bit i is the i-th flag."""
    return int("".join("1" if flag else "0" for flag in flags)[::-1] or "0", 2)


def find_mix(*, input_tokens: int, output_tokens: int) -> int:
    """Index of the range of `MIX_EDGES` in which a token mix lies."""
    mix = 0
    for edge_in, edge_out in MIX_EDGES[1:-1]:
        if input_tokens * edge_out < edge_in * output_tokens:
            break
        mix += 1
    return mix


class Shelf:
    """A model's offers for one range of token mixes; bit i of every mask stands for `listings[i]`."""

    def __init__(self, listings: Sequence[Listing], *, mix: int) -> None:
        edges = MIX_EDGES[mix : mix + 2]

        def bound(listing: Listing) -> int:
            return min(
                (edge_in * listing.input_price + edge_out * listing.output_price)
                * BOUND_SCALE
                // (edge_in * INPUT_WEIGHT + edge_out * OUTPUT_WEIGHT)
                for edge_in, edge_out in edges
            )

        ordered = sorted((bound(listing), listing.offer_uid.int, listing) for listing in listings)
        self.listings = tuple(listing for _, _, listing in ordered)
        self.bounds = [bound for bound, _, _ in ordered]
        self.everything = (1 << len(ordered)) - 1
        self.context_length_min = min((listing.context_length for listing in self.listings), default=0)
        self._masks: dict[str, dict[Hashable, int]] = {}
        self._filters: dict[Hashable, Any] = {}
        self._starts = sorted(listing.card_starts_at for listing in self.listings)
        self._ends = sorted(listing.next_starts_at for listing in self.listings)
        self._in_force = (-1, -1, 0)

    def mask_of(self, attribute: str, value: Hashable) -> int:
        """Offers whose `attribute` is `value`."""
        masks = self._masks.get(attribute)
        if masks is None:
            positions: dict[Hashable, bytearray] = {}
            width = len(self.listings) // 8 + 1
            for i, listing in enumerate(self.listings):
                bits = positions.setdefault(getattr(listing, attribute), bytearray(width))
                bits[i >> 3] |= 1 << (i & 7)
            masks = {value: int.from_bytes(bits, "little") for value, bits in positions.items()}
            self._masks[attribute] = masks
        return masks.get(value, 0)

    def mask_of_any(self, attribute: str, values: Iterable[Hashable]) -> int:
        """Offers whose `attribute` is one of `values`."""
        mask = 0
        for value in values:
            mask |= self.mask_of(attribute, value)
        return mask

    def remember[T](self, key: Hashable, compute: Callable[["Shelf"], T]) -> T:
        """Return what is kept under `key`, computed from this shelf the first time."""
        kept: T | None = self._filters.get(key)
        if kept is None:
            if len(self._filters) >= FILTERS_MAX:
                self._filters.clear()
            kept = self._filters[key] = compute(self)
        return kept

    def mask_in_force(self, now: datetime) -> int:
        """Offers whose card has started and whose next one has not."""
        started = bisect_right(self._starts, now)
        ended = bisect_right(self._ends, now)
        if not ended and started == len(self.listings):
            return self.everything
        known_started, known_ended, mask = self._in_force
        if (known_started, known_ended) != (started, ended):
            mask = make_mask(
                listing.card_starts_at <= now < listing.next_starts_at for listing in self.listings
            )
            self._in_force = (started, ended, mask)
        return mask

    def find_cheapest(
        self,
        group: Pieces,
        permitted: Mapping[int, int],
        *,
        input_tokens: int,
        output_tokens: int,
        limit: int,
    ) -> list[tuple[int, Listing]]:
        """
        Up to `limit` offers that are in both masks with their expected cost, cheapest first, equals by
        offer uid.

        The token mix must lie in this shelf's range, else offers that are cheaper may be missed.

        :param permitted: pieces by the position of their first bit
        """
        best: list[tuple[int, int, Listing]] = []
        weight = input_tokens * INPUT_WEIGHT + output_tokens * OUTPUT_WEIGHT
        listings, bounds = self.listings, self.bounds
        for base, piece in group:
            bits = piece & permitted.get(base, 0)
            while bits:
                low = bits & -bits
                bits ^= low
                i = base + low.bit_length() - 1
                if len(best) == limit and bounds[i] * weight > best[-1][0] * BOUND_SCALE:
                    return [(cost, listing) for cost, _, listing in best]
                listing = listings[i]
                cost = input_tokens * listing.input_price + output_tokens * listing.output_price
                if len(best) < limit:
                    insort(best, (cost, listing.offer_uid.int, listing))
                elif (cost, listing.offer_uid.int) < best[-1][:2]:
                    best.pop()
                    insort(best, (cost, listing.offer_uid.int, listing))
        return [(cost, listing) for cost, _, listing in best]
