"""What an exchange at a quote comes to, before anybody asks for it. Pure; `convert_v1` reckons the same."""

from dataclasses import dataclass
from decimal import Decimal

from core.money import AMOUNT_PLACES, PRICE_PLACES, fit
from core.quantities import EXACT, round_half_even

_RATE_UNITS = 10**PRICE_PLACES


@dataclass(frozen=True, slots=True)
class Amounts:
    """`sold` is given for `bought`; `spread` is the part of `sold` beyond the middle rate."""

    sold: Decimal
    bought: Decimal
    spread: Decimal


def reckon(
    *, rate: Decimal, mid: Decimal, sell: Decimal | None = None, buy: Decimal | None = None
) -> Amounts | None:
    """
    Both sides of an exchange where one of `buy` costs `rate` of what is sold, and `mid` without the spread.

    What is got is rounded down to nine places, what is paid up. None where nothing would arrive.

    :raises ValueError: unless exactly one of the two amounts is given
    :raises core.money.NotAnAmount: for an amount of more than nine places, or too large
    """
    if (sell is None) == (buy is None):
        raise ValueError("either what is sold or what is bought")
    units = _count(rate, PRICE_PLACES)
    if sell is not None:
        sold = fit(sell, AMOUNT_PLACES)
        bought = _amount(_count(sold, AMOUNT_PLACES) * _RATE_UNITS // units)
    else:
        bought = fit(buy or Decimal(0), AMOUNT_PLACES)
        sold = _amount(-(-_count(bought, AMOUNT_PLACES) * units // _RATE_UNITS))
    middle = min(sold, round_half_even(EXACT.multiply(bought, mid), AMOUNT_PLACES))
    return Amounts(sold, bought, EXACT.subtract(sold, middle)) if min(bought, middle) > 0 else None


def _count(value: Decimal, places: int) -> int:
    return int(fit(value, places).scaleb(places, context=EXACT))


def _amount(units: int) -> Decimal:
    return fit(Decimal(units).scaleb(-AMOUNT_PLACES, context=EXACT), AMOUNT_PLACES)
