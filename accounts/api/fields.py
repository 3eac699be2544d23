"""Fields for money and quantities: decimal strings without exponents, never floats."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from accounts.rates import LIMIT_MAX
from core.money import AMOUNT_PLACES, PRICE_PLACES, NotAnAmount, fit, parse_decimal
from core.quantities import format_plain


class DecimalStringField(serializers.Field[Decimal, Any, str, Any]):
    """A decimal literal as a string, with at most `places` decimal places."""

    default_error_messages = {
        "form": "Write a decimal number as a string, such as '12.50'.",
        "places": "At most {places} decimal places, and 38 digits in all.",
        "negative": "Not less than zero.",
    }

    def __init__(self, *, places: int, minimum: Decimal | None = Decimal(0), **options: Any) -> None:
        self.places = places
        self.minimum = minimum
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Decimal:
        """Read a string; a JSON number has been a float already and is refused."""
        if not isinstance(data, str):
            self.fail("form")
        try:
            value = parse_decimal(data)
        except NotAnAmount:
            self.fail("form")
        try:
            value = fit(value, self.places)
        except NotAnAmount:
            self.fail("places", places=self.places)
        if self.minimum is not None and value < self.minimum:
            self.fail("negative")
        return value

    def to_representation(self, value: Decimal) -> str:
        """Write it plainly, without trailing zeros."""
        return format_plain(value)


class AmountField(DecimalStringField):
    """An amount of money; its currency stands beside it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(places=AMOUNT_PLACES, **options)


class PriceField(DecimalStringField):
    """The price of one unit; its currency stands beside it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(places=PRICE_PLACES, **options)


class RateField(serializers.IntegerField):
    """How much may be asked for; null, or nothing said, leaves it to whoever stands above."""

    def __init__(self, **options: Any) -> None:
        bounds = {"min_value": 1, "max_value": LIMIT_MAX}
        super().__init__(allow_null=True, required=False, default=None, **{**options, **bounds})
