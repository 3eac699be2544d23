"""Parts of addresses that are words of a kind, so that anything else leads nowhere."""

from datetime import date

from django.urls import register_converter
from django.urls.converters import StringConverter


class Currency(StringConverter):
    """A currency's code: USD, USDC."""

    regex = "[A-Z]{3,5}"


class Purpose(StringConverter):
    """What an account is for: WALLET."""

    regex = "[A-Z_]{3,30}"


class Day:
    """A day: 2026-10-31."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:
        """
        Read it.

        :raises ValueError: for a day that no calendar has; the address then leads nowhere
        """
        return date.fromisoformat(value)

    def to_url(self, value: date | str) -> str:
        """Write it."""
        return str(value)


register_converter(Currency, "currency")
register_converter(Purpose, "purpose")
register_converter(Day, "day")
