"""
Amounts and unit prices. Exact everywhere; rounded in one place, once per usage record.

An amount has 9 decimal places and a currency (NUMERIC(38,9)), a unit price 18 (NUMERIC(38,18)).
Floats are refused wherever they appear.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, Inexact, InvalidOperation
from functools import reduce

from core.quantities import (
    EXACT,
    Quantity,
    Unit,
    UnitMismatch,
    format_plain,
    require_decimal,
    round_half_even,
)

AMOUNT_PLACES = 9
PRICE_PLACES = 18
DIGITS_MAX = 38
BPS = 10_000


CURRENCY = re.compile(r"[A-Z]{3,5}")
# ISO 4217's code for testing: test keys spend it at simulated upstreams, and it is worth nothing.
TEST_CURRENCY = "XTS"
LITERAL = re.compile(r"-?[0-9]{1,29}(\.[0-9]{1,18})?")


class CurrencyMismatch(ValueError):
    """Amounts of two currencies were put together."""


class NotAnAmount(ValueError):
    """Too many places, too large, or no decimal literal at all."""


def round_amount(value: Decimal) -> Decimal:
    """
    Round to nine places, ties to the even neighbour. The only place where money is rounded.

    :raises NotAnAmount: if the result does not fit NUMERIC(38,9)
    """
    try:
        return fit(round_half_even(value, AMOUNT_PLACES), AMOUNT_PLACES)
    except InvalidOperation:
        raise NotAnAmount("the number has more than 60 digits") from None


def fit(value: Decimal, places: int) -> Decimal:
    """
    Give `value` exactly `places` places, losing nothing; zero is never negative.

    :raises NotAnAmount: if it has more places, or more than 38 digits in all
    """
    try:
        fitted = require_decimal(value).quantize(Decimal(1).scaleb(-places), context=EXACT)
    except (Inexact, InvalidOperation):
        raise NotAnAmount(f"{value} does not fit {DIGITS_MAX} digits with {places} places") from None
    # copy_abs, because abs() rounds to the 28 digits of the default context.
    if fitted.copy_abs() >= Decimal(1).scaleb(DIGITS_MAX - places):
        raise NotAnAmount(f"{value} does not fit {DIGITS_MAX} digits with {places} places")
    return fitted or fitted.copy_abs()


def parse_decimal(text: str) -> Decimal:
    """
    Read a decimal literal as people and JSON write it: digits, at most one point, no exponent.

    :raises NotAnAmount: for anything else
    """
    if not LITERAL.fullmatch(text):
        raise NotAnAmount("expected a decimal literal such as 0.000012345")
    return Decimal(text)


def _check_currency(currency: str) -> None:
    if not CURRENCY.fullmatch(currency):
        raise ValueError(f"not a currency code: {currency!r}")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency: nine places, up to 29 digits before the point."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", fit(self.amount, AMOUNT_PLACES))
        _check_currency(self.currency)

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Nothing, in a currency."""
        return cls(Decimal(0), currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """
        Read a decimal literal of up to nine places.

        :raises NotAnAmount: for anything else
        """
        return cls(parse_decimal(text), currency)

    def _same(self, other: "Money") -> Decimal:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} are different currencies")
        return other.amount

    def __add__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(EXACT.add(self.amount, self._same(other)), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(EXACT.subtract(self.amount, self._same(other)), self.currency)

    def __neg__(self) -> "Money":
        return Money(self.amount.copy_negate(), self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount >= self._same(other)

    def __bool__(self) -> bool:
        return bool(self.amount)

    @property
    def literal(self) -> str:
        """Decimal literal with up to nine places: a JSON number as it stands, and the string beside it."""
        return format_plain(self.amount)

    def __str__(self) -> str:
        return f"{self.literal} {self.currency}"


def total(amounts: Iterable[Money], *, currency: str) -> Money:
    """
    Sum of amounts, all in `currency`; nothing gives zero.

    :raises CurrencyMismatch: if one is in another currency
    """
    return reduce(Money.__add__, amounts, Money.zero(currency))


def split(whole: Money, *, weights: Sequence[Decimal | int]) -> list[Money]:
    """
    Divide `whole` in proportion to `weights` so that the parts sum to it exactly.

    Each part is cut to whole billionths toward zero, and what is left goes, one billionth each, to the
    parts that lost most; of equals, to the earlier.

    :raises ValueError: if a weight is negative, or all are zero
    """
    exact = [require_decimal(Decimal(w) if isinstance(w, int) else w) for w in weights]
    if any(weight < 0 for weight in exact) or not any(exact):
        raise ValueError("weights are not negative, and not all zero")
    # One power of ten for all weights makes the division one of integers.
    places = max(0, *(-int(weight.as_tuple().exponent) for weight in exact))
    parts = [int(EXACT.scaleb(weight, places)) for weight in exact]
    sign, nanos = (-1 if whole.amount < 0 else 1), abs(int(EXACT.scaleb(whole.amount, AMOUNT_PLACES)))
    cut = [divmod(nanos * part, sum(parts)) for part in parts]
    left = nanos - sum(share for share, _ in cut)
    most_lost = set(sorted(range(len(cut)), key=lambda index: (-cut[index][1], index))[:left])
    shares = [share + (index in most_lost) for index, (share, _) in enumerate(cut)]
    return [Money(EXACT.scaleb(Decimal(sign * share), -AMOUNT_PLACES), whole.currency) for share in shares]


def take_fee(gross: Money, *, bps: int) -> tuple[Money, Money]:
    """
    Fee and remainder of a gross amount: the fee is rounded, the remainder is what is left of the gross.

    :raises ValueError: if `bps` (hundredths of a per cent) is outside 0 to 10000
    """
    if not 0 <= bps <= BPS:
        raise ValueError(f"{bps} basis points are not between 0 and {BPS}")
    exact = EXACT.scaleb(EXACT.multiply(gross.amount, Decimal(bps)), -4)
    fee = Money(round_amount(exact), gross.currency)
    return fee, gross - fee


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """Price of one unit (a token, a chip-second, a kWh) in `currency` per `unit`, up to 18 places."""

    amount: Decimal
    currency: str
    unit: Unit

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", fit(self.amount, PRICE_PLACES))
        _check_currency(self.currency)

    @classmethod
    def parse(cls, text: str, currency: str, unit: Unit) -> "UnitPrice":
        """
        Read a decimal literal of up to eighteen places.

        :raises NotAnAmount: for anything else
        """
        return cls(parse_decimal(text), currency, unit)

    @property
    def literal(self) -> str:
        """Decimal literal with up to eighteen places."""
        return format_plain(self.amount)

    def exact_cost(self, quantity: Quantity) -> Decimal:
        """
        Price times quantity with every digit, to be summed and then rounded once.

        :raises UnitMismatch: if the quantity counts something else
        """
        if quantity.unit is not self.unit:
            raise UnitMismatch(f"a price per {self.unit} does not apply to {quantity.unit}")
        return EXACT.multiply(self.amount, quantity.amount)

    def cost(self, quantity: Quantity) -> Money:
        """
        What `quantity` costs, rounded.

        :raises UnitMismatch: if the quantity counts something else
        """
        return rate([(self, quantity)], currency=self.currency)


def rate(lines: Iterable[tuple[UnitPrice, Quantity]], *, currency: str) -> Money:
    """
    What all lines of one usage record cost together, rounded once.

    :raises CurrencyMismatch: if a price is in another currency
    :raises UnitMismatch: if a quantity is not of its price's unit
    """
    exact = Decimal(0)
    for price, quantity in lines:
        if price.currency != currency:
            raise CurrencyMismatch(f"{price.currency} and {currency} are different currencies")
        exact = EXACT.add(exact, price.exact_cost(quantity))
    return Money(round_amount(exact), currency)
