"""Bounds of what a figure in a tariff may be."""

import re
from decimal import Decimal, Inexact, InvalidOperation

from core.quantities import EXACT
from marketplace.tariffs.refusals import TariffInvalid

PLACES_MAX = 9
"""Decimal places of every figure in a tariff or series: few enough that any product of them is exact."""

PERCENT_PLACES_MAX = 4

PRICE_MAX = Decimal(1_000_000)
"""Per kWh, either sign; in the smallest of currencies a kWh is some thousands."""

AMOUNT_MAX = Decimal(10**12)
KW_MAX = Decimal(10**8)

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LABEL_MAX = 200


def check_number(
    value: object,
    field: str,
    *,
    least: Decimal | None = Decimal(0),
    most: Decimal = PRICE_MAX,
    zero: bool = True,
) -> None:
    """
    Refuse what is not a finite `Decimal` of at most nine places between `least` (`-most` if None) and `most`.

    :raises TariffInvalid: naming `field`
    """
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TariffInvalid("expected a finite decimal number", field=field)
    low = -most if least is None else least
    if not low <= value <= most:
        raise TariffInvalid(f"{value} is not between {low} and {most}", field=field)
    if not zero and not value:
        raise TariffInvalid("zero is no figure here", field=field)
    if not has_places(value, PLACES_MAX):
        raise TariffInvalid(f"a figure has at most {PLACES_MAX} decimal places", field=field)


def has_places(value: Decimal, places: int) -> bool:
    """Whether so many decimal places hold every digit of a finite value."""
    try:
        value.quantize(Decimal(1).scaleb(-places), context=EXACT)
    except (Inexact, InvalidOperation):
        return False
    return True


def check_percent(value: Decimal, field: str, *, most: int = 100) -> None:
    """
    Refuse what is no share in per cent, more than zero.

    :raises TariffInvalid: naming `field`
    """
    check_number(value, field, most=Decimal(most), zero=False)
    if not has_places(value, PERCENT_PLACES_MAX):
        raise TariffInvalid(f"a percentage has at most {PERCENT_PLACES_MAX} decimal places", field=field)


def check_name(value: str, field: str) -> None:
    """
    Refuse what is no name: small letters, digits, - and _, at most 64.

    :raises TariffInvalid: naming `field`
    """
    if not NAME.fullmatch(value):
        raise TariffInvalid("expected a name of small letters, digits, - and _, at most 64", field=field)


def check_label(value: str, field: str, *, empty: bool = False) -> None:
    """
    Refuse a text that is too long, unprintable, or empty where it must not be.

    :raises TariffInvalid: naming `field`
    """
    if (not value and not empty) or len(value) > LABEL_MAX or not value.isprintable():
        raise TariffInvalid(f"expected a printable text of 1 to {LABEL_MAX} characters", field=field)
