"""
Tax numbers: their form and, where there is one, their check digit. Pure.

Whether a number is given to anybody is not asked: the registers that know are elsewhere.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.errors import Invalid

# Forms of VAT numbers of member states: European Commission, "VIES VAT number validation", FAQ, question 11.
EU_FORMS: Mapping[str, str] = {
    "AT": "U[0-9]{8}",
    "BE": "[01][0-9]{9}",
    "BG": "[0-9]{9,10}",
    "CY": "[0-9]{8}[A-Z]",
    "CZ": "[0-9]{8,10}",
    "DE": "[0-9]{9}",
    "DK": "[0-9]{8}",
    "EE": "[0-9]{9}",
    "EL": "[0-9]{9}",
    "ES": "[A-Z0-9][0-9]{7}[A-Z0-9]",
    "FI": "[0-9]{8}",
    "FR": "[A-Z0-9]{2}[0-9]{9}",
    "HR": "[0-9]{11}",
    "HU": "[0-9]{8}",
    "IE": "[0-9][A-Z0-9+*][0-9]{5}[A-Z]{1,2}",
    "IT": "[0-9]{11}",
    "LT": "([0-9]{9}|[0-9]{12})",
    "LU": "[0-9]{8}",
    "LV": "[0-9]{11}",
    "MT": "[0-9]{8}",
    "NL": "[A-Z0-9+*]{12}",
    "PL": "[0-9]{10}",
    "PT": "[0-9]{9}",
    "RO": "[0-9]{2,10}",
    "SE": "[0-9]{12}",
    "SI": "[0-9]{8}",
    "SK": "[0-9]{10}",
}
USCC_DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
ABN_WEIGHTS = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
GSTIN_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
UEN = r"([0-9]{8}[A-Z]|(19|20)[0-9]{7}[A-Z]|[RST][0-9]{2}[A-Z]{2}[0-9]{4}[A-Z])"


SHOWN_MAX = 4


class TaxIdInvalid(Invalid):
    """A tax number of a form or check digit that its kind does not have."""

    code = "invalid_tax_id"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of number: whose country (any of the Union's where empty), its form, and a further check."""

    country: str
    form: str
    check: Callable[[str], bool] = lambda _number: True


def mask(number: str) -> str:
    """A number as it is shown: its last four signs, and of a short one no more than half."""
    signs = "".join(sign for sign in number if sign.isascii() and sign.isalnum())
    shown = min(SHOWN_MAX, len(signs) // 2)
    return f"…{signs[len(signs) - shown :]}"


def check_tax_id(*, kind: str, number: str, country: str) -> str:
    """
    A tax number as it is written on invoices: capitals and digits, nothing between them.

    :raises TaxIdInvalid: if the kind is unknown or of another country, or form or check digit are wrong
    """
    known = KINDS.get(kind)
    if known is None:
        raise TaxIdInvalid(f"Kinds of tax numbers are {', '.join(KINDS)}.", field="tax_id_kind")
    if known.country and known.country != country:
        raise TaxIdInvalid("This kind of tax number is of another country.", field="tax_id_kind")
    plain = re.sub(r"[\s.\-/]", "", number).upper()
    if not known.country and plain[:2] != EU_PREFIXES.get(country, country):
        raise TaxIdInvalid("The number begins with the code of the buyer's country.", field="tax_id")
    if not re.fullmatch(known.form, plain) or not known.check(plain):
        raise TaxIdInvalid("This is no such tax number; look at its digits once more.", field="tax_id")
    return plain


def _has_eu_form(number: str) -> bool:
    form = EU_FORMS.get(number[:2])
    return form is not None and re.fullmatch(form, number[2:]) is not None and _check_eu(number)


def _check_eu(number: str) -> bool:
    if number[:2] == "DE":
        # ISO 7064, MOD 11,10, of eight digits.
        product = 10
        for digit in number[2:10]:
            total = (int(digit) + product) % 10 or 10
            product = total * 2 % 11
        return (11 - product) % 10 == int(number[10])
    return True


def _check_uscc(number: str) -> bool:
    """GB 32100-2015: digits of base 31, weights 3 to the power of the place, modulo 31."""
    total = sum(
        USCC_DIGITS.index(sign) * weight for sign, weight in zip(number[:17], USCC_WEIGHTS, strict=True)
    )
    return USCC_DIGITS[-total % 31] == number[17]


def _check_abn(number: str) -> bool:
    """Australian Business Register: one less in the first place, weighted, a multiple of 89."""
    digits = [int(number[0]) - 1, *map(int, number[1:])]
    return sum(digit * weight for digit, weight in zip(digits, ABN_WEIGHTS, strict=True)) % 89 == 0


def _check_gstin(number: str) -> bool:
    """India's GSTIN: digits of base 36, weights 1 and 2 in turn, their own digits added, modulo 36."""
    total = 0
    for place, sign in enumerate(number[:14]):
        high, low = divmod(GSTIN_DIGITS.index(sign) * (1 + place % 2), 36)
        total += high + low
    return GSTIN_DIGITS[-total % 36] == number[14]


def _check_uk(number: str) -> bool:
    """HMRC: weights 8 to 2 on seven digits; with the last two the sum is a multiple of 97, or 55 more is."""
    total = sum(int(digit) * weight for digit, weight in zip(number[2:9], range(8, 1, -1), strict=True))
    return (total + int(number[9:11])) % 97 in (0, 42)


EU_PREFIXES = {"GR": "EL"}
KINDS: Mapping[str, Kind] = {
    "eu_vat": Kind("", "[A-Z]{2}[A-Z0-9+*]{2,12}", _has_eu_form),
    "gb_vat": Kind("GB", "GB[0-9]{9}", _check_uk),
    "cn_uscc": Kind("CN", f"[{USCC_DIGITS}]{{18}}", _check_uscc),
    "hk_br": Kind("HK", "[0-9]{8}"),
    "us_ein": Kind("US", "[0-9]{9}"),
    "sg_uen": Kind("SG", UEN),
    "jp_trn": Kind("JP", "T[1-9][0-9]{12}"),
    "au_abn": Kind("AU", "[1-9][0-9]{10}", _check_abn),
    "in_gstin": Kind("IN", "[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]", _check_gstin),
}
