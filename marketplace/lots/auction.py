"""Who gets a power lot: sealed bids, the highest price first, each pays what it bid. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Bid:
    """`kw` at `price` per kWh, or less down to `kw_least`; of equal prices the lowest `number` is first."""

    number: int
    kw: Decimal
    kw_least: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """What a bid gets, at the price it named."""

    number: int
    kw: Decimal
    price: Decimal


def decide(*, kw: Decimal, floor: Decimal, divisible: bool, bids: Iterable[Bid]) -> tuple[Share, ...]:
    """
    Award so many kilowatts.

    Bids are served by price, the highest first, and of equal prices the earliest first. A bid that cannot
    have the least it takes is passed over. A lot that is not divisible goes whole to one bid for all of it.
    """
    shares: list[Share] = []
    left = kw
    for bid in sorted(bids, key=lambda one: (-one.price, one.number)):
        taken = min(bid.kw, left)
        wanted = bid.kw_least if divisible else max(kw, bid.kw_least)
        if bid.price < floor or taken <= 0 or taken < wanted:
            continue
        shares.append(Share(bid.number, taken, bid.price))
        left -= taken
    return tuple(shares)
