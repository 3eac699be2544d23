"""Fields of figures: shares are typed in per cent and kept as fractions of one; nothing becomes a float."""

from decimal import Decimal
from typing import Any

from django import forms

HUNDRED = Decimal(100)


class FigureField(forms.DecimalField):
    """A figure, exactly as it was typed."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_digits", 30)
        options.setdefault("decimal_places", 12)
        options.setdefault("min_value", Decimal(0))
        unit = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(widget=forms.TextInput(attrs=unit), **options)

    def prepare_value(self, value: Any) -> Any:
        """Show a decimal without an exponent and without zeros that say nothing."""
        return show_plainly(value) if isinstance(value, Decimal) else value


class ShareField(FigureField):
    """A share in per cent; its value is a fraction of one."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_value", HUNDRED)
        # A fraction has four places wherever it is kept.
        options["decimal_places"] = 2
        super().__init__(**options)

    def clean(self, value: Any) -> Decimal | None:
        """Give the fraction."""
        percent: Decimal | None = super().clean(value)
        return None if percent is None else percent / HUNDRED

    def prepare_value(self, value: Any) -> Any:
        """Show the per cent of a fraction; what was typed stays as it was."""
        return show_plainly(value * HUNDRED) if isinstance(value, Decimal) else value


def show_plainly(value: Decimal) -> str:
    """A decimal as people type it: `0.1`, not `0.100000` and not `1E-1`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
