"""Exact amounts as they are printed: in the places their currency is paid in, so that they add up. Pure."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from core.quantities import EXACT, ROUNDING, round_half_even


def show_shares(exact: Sequence[Decimal], *, places: int) -> list[Decimal]:
    """
    Each amount in `places` decimal places, so that they come to their rounded sum (half to even).

    Each is cut toward zero, and what is left goes, one unit each, to those that lost most; of equals, to the
    earlier (largest remainder).

    :raises ValueError: if some are positive and some negative: then no amount would be near its share
    """
    if any(amount < 0 for amount in exact) and any(amount > 0 for amount in exact):
        raise ValueError("shares are of one sign")
    unit = Decimal(1).scaleb(-places)
    cut = [amount.quantize(unit, rounding=ROUND_DOWN, context=ROUNDING) for amount in exact]
    whole = round_half_even(add(exact), places)
    lost = [abs(EXACT.subtract(amount, part)) for amount, part in zip(exact, cut, strict=True)]
    left = int(EXACT.scaleb(abs(EXACT.subtract(whole, add(cut))), places))
    most = set(sorted(range(len(exact)), key=lambda index: (-lost[index], index))[:left])
    step = unit.copy_sign(whole)
    return [EXACT.add(part, step) if index in most else part for index, part in enumerate(cut)]


def add(amounts: Sequence[Decimal]) -> Decimal:
    """Their sum, with every digit."""
    whole = Decimal(0)
    for amount in amounts:
        whole = EXACT.add(whole, amount)
    return whole
