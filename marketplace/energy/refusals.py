"""What cannot be is refused with the field and the reason. Pure; imports no Django."""

from decimal import Decimal

from core.quantities import require_decimal


class BadInput(ValueError):
    """A figure that cannot be: names the field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class PriceNegative(ValueError):
    """Credits, or a negative price of power, outweigh every cost."""


def require(
    field: str,
    value: Decimal,
    *,
    low: Decimal | None = None,
    high: Decimal | None = None,
    above: Decimal | None = None,
) -> None:
    """
    Let pass a decimal that is at least `low`, at most `high` and more than `above`.

    :raises BadInput: naming `field`
    """
    try:
        require_decimal(value)
    except (TypeError, ValueError) as error:
        raise BadInput(field, str(error)) from None
    if low is not None and value < low:
        raise BadInput(field, f"{value} is less than {low}")
    if high is not None and value > high:
        raise BadInput(field, f"{value} is more than {high}")
    if above is not None and value <= above:
        raise BadInput(field, f"{value} is not more than {above}")
