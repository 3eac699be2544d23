"""Quantities of what is bought and measured: tokens, chip-seconds, joules, kilowatt-hours, grams."""

from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from enum import StrEnum
from typing import Self

DIGITS = 60
"""Significant digits of every calculation; whatever would need more is refused, not rounded."""

EXACT = Context(prec=DIGITS, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
"""Calculates exactly or raises. The default context would round silently at 28 digits."""

ROUNDING = Context(
    prec=DIGITS, rounding="ROUND_HALF_EVEN", traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""The only context that may lose digits; used by `round_half_even` and by measured quantities."""

JOULES_PER_KWH = Decimal(3_600_000)


class NotADecimal(TypeError):
    """Something other than a `Decimal` (above all: a float) where only a `Decimal` is exact."""


class UnitMismatch(ValueError):
    """Quantities of two units were put together."""


class TooPrecise(ValueError):
    """A quantity with more places than its unit has; `Quantity.measured` rounds."""


class Unit(StrEnum):
    """What a quantity counts."""

    TOKEN = "TOKEN"  # noqa: S105
    CHIP_SECOND = "CHIP_SECOND"
    JOULE = "JOULE"
    KWH = "KWH"
    GRAM = "GRAM"


PLACES = {Unit.TOKEN: 0, Unit.CHIP_SECOND: 6, Unit.JOULE: 3, Unit.KWH: 12, Unit.GRAM: 9}
"""Decimal places of each unit. A joule's thousandth is 2.8e-10 kWh, hence twelve places there."""

ONE_UNIT = {unit: Decimal(1).scaleb(-places) for unit, places in PLACES.items()}


def require_decimal(value: object) -> Decimal:
    """
    Give back a finite `Decimal` as it is.

    :raises NotADecimal: for everything else, floats and integers included
    :raises ValueError: for NaN and infinities
    """
    if not isinstance(value, Decimal):
        raise NotADecimal(f"expected a Decimal, got {type(value).__name__}")
    if not value.is_finite():
        raise ValueError("neither NaN nor infinity is a number here")
    return value


def round_half_even(value: Decimal, places: int) -> Decimal:
    """
    Round to `places` decimal places, ties to the even neighbour; zero is never negative.

    The SQL function of the same name gives the same results (core/golden/rounding.csv).
    """
    rounded = require_decimal(value).quantize(Decimal(1).scaleb(-places), context=ROUNDING)
    return rounded or rounded.copy_abs()


@dataclass(frozen=True, slots=True)
class Quantity:
    """So much of one unit, zero or more, with that unit's number of places."""

    amount: Decimal
    unit: Unit

    def __post_init__(self) -> None:
        """Refuse what is negative, not finite or has too many places."""
        require_decimal(self.amount)
        if self.amount < 0:
            raise ValueError(f"a quantity is not negative: {self.amount}")
        try:
            exact = self.amount.quantize(ONE_UNIT[self.unit], context=EXACT).copy_abs()
        except (Inexact, InvalidOperation):
            raise TooPrecise(f"{self.amount} has too many digits for {self.unit}") from None
        object.__setattr__(self, "amount", exact)

    @classmethod
    def measured(cls, value: Decimal, unit: Unit) -> Self:
        """A reading, rounded half even to the unit's places; readings come with more digits than count."""
        return cls(round_half_even(value, PLACES[unit]), unit)

    def __add__(self, other: "Quantity") -> "Quantity":
        if self.unit is not other.unit:
            raise UnitMismatch(f"{self.unit} and {other.unit} do not add up")
        return Quantity(EXACT.add(self.amount, other.amount), self.unit)

    def __str__(self) -> str:
        return format_plain(self.amount)


def tokens(count: int) -> Quantity:
    """A number of tokens."""
    return Quantity(Decimal(count), Unit.TOKEN)


def chip_seconds(value: Decimal) -> Quantity:
    """Chip-seconds, six places."""
    return Quantity.measured(value, Unit.CHIP_SECOND)


def joules(value: Decimal) -> Quantity:
    """Energy in joules, three places."""
    return Quantity.measured(value, Unit.JOULE)


def kwh(value: Decimal) -> Quantity:
    """Energy in kilowatt-hours, twelve places."""
    return Quantity.measured(value, Unit.KWH)


def grams(value: Decimal) -> Quantity:
    """Mass in grams, nine places; carbon is grams of CO2 equivalent."""
    return Quantity.measured(value, Unit.GRAM)


def joules_to_kwh(energy: Quantity) -> Quantity:
    """
    Kilowatt-hours of an energy in joules: divided by 3.6 million.

    :raises UnitMismatch: for anything but joules
    """
    if energy.unit is not Unit.JOULE:
        raise UnitMismatch(f"{energy.unit} is not energy in joules")
    return kwh(ROUNDING.divide(energy.amount, JOULES_PER_KWH))


def format_plain(value: Decimal) -> str:
    """Decimal literal without exponent and without trailing zeros: `0.000012345`, `12`, `0`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
