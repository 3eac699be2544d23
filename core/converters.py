"""Parts of addresses that are words of a kind, so that anything else leads nowhere."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class Currency(StringConverter):
    """A currency's code: USD, USDC."""

    regex = "[A-Z]{3,5}"


class Purpose(StringConverter):
    """What an account is for: WALLET."""

    regex = "[A-Z_]{3,30}"


register_converter(Currency, "currency")
register_converter(Purpose, "purpose")
