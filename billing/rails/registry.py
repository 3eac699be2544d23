"""All rails by name."""

from functools import cache

from django.utils.module_loading import import_string

from billing.rails.protocol import Rail
from core.errors import NotFound

RAILS = {
    "bank_file": "billing.rails.bank_file.BankFileRail",
    "usdc": "billing.rails.usdc.UsdcRail",
    "ecny": "billing.rails.ecny.EcnyRail",
    "stripe_connect": "billing.connect.rail.StripeConnectRail",
    "manual": "billing.rails.manual.ManualRail",
}
"""Where each is; imported when first asked for, because the libraries behind them are large."""


class RailUnknown(NotFound):
    """There is no rail of this name."""

    code = "rail_unknown"


@cache
def find_rail(name: str) -> Rail:
    """
    The rail of this name.

    :raises RailUnknown: if there is none
    """
    if name not in RAILS:
        raise RailUnknown(f"There is no rail {name}.")
    rail: Rail = import_string(RAILS[name])()
    return rail


def list_rails() -> list[Rail]:
    """All of them, by name."""
    return [find_rail(name) for name in sorted(RAILS)]
