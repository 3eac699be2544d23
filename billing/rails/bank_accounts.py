"""
Bank accounts: what each country asks for, and whether it can be right.

IBANs and BICs are judged by the schwifty library. Mainland China: the bank's twelve digits (CNAPS) end in a
check digit of ISO 7064 MOD 11,10 (GB/T 17710), over bank, place and branch. United States: the nine digits of
a bank (ABA) weigh 3, 7, 1. Hong Kong: three digits of the bank, and branch and account together.
"""

import re
from collections.abc import Mapping

from schwifty import BIC, IBAN, registry
from schwifty.exceptions import InvalidCountryCode, SchwiftyException

from billing.rails.protocol import DetailRefused, PayeeDetails, mask, require_detail
from billing.rails.texts import check_text

NAME_LENGTH_MAX = 140
PLACE_LENGTH_MAX = 35
STREET_LENGTH_MAX = 70
COMMON = ("name", "city", "street")
OPTIONAL = frozenset({"street", "bic"})
HK_BANK, HK_ACCOUNT = re.compile(r"[0-9]{3}"), re.compile(r"[0-9]{9,12}")
CN_ACCOUNT = re.compile(r"[0-9]{8,30}")
US_ACCOUNT = re.compile(r"[0-9]{4,17}")
OTHER_ACCOUNT = re.compile(r"[A-Z0-9]{4,34}")
LOCAL = {"HK": ("bank_code", "account"), "CN": ("cnaps", "bank", "account"), "US": ("routing", "account")}
SHARED_BIC_COUNTRIES = frozenset({"FR", "GB"})
"""Whose IBANs serve territories that have country codes of their own in BICs."""


def list_fields(country: str) -> tuple[str, ...]:
    """Names of the details of an account in a country; `street` may be left out, and `bic` beside an IBAN."""
    if country in LOCAL:
        return (*COMMON, *LOCAL[country])
    return (*COMMON, "iban", "bic") if has_iban(country) else (*COMMON, "account", "bic")


def has_iban(country: str) -> bool:
    """Whether accounts there have IBANs."""
    try:
        return not registry.get_iban_spec(country).aspirational
    except InvalidCountryCode:
        return False


def check_account(details: Mapping[str, str], *, country: str) -> PayeeDetails:
    """
    Check an account and spell it in one way.

    :raises billing.rails.protocol.DetailRefused: naming what is missing or wrong
    """
    name = check_text(
        require_detail(details, "name"), field="name", length_max=NAME_LENGTH_MAX, country=country
    )
    city = check_text(
        require_detail(details, "city"), field="city", length_max=PLACE_LENGTH_MAX, country=country
    )
    values = {"name": name, "city": city}
    if details.get("street", "").strip():
        values["street"] = check_text(
            details["street"], field="street", length_max=STREET_LENGTH_MAX, country=country
        )
    if country in LOCAL:
        account = {"HK": _check_hong_kong, "CN": _check_mainland, "US": _check_us}[country](details)
    else:
        account = _check_iban(details, country) if has_iban(country) else _check_other(details)
    number = account.get("iban") or account["account"]
    bank = next((account[key] for key in ("bank_code", "cnaps", "routing") if key in account), "")
    identity = f"{country}\0{bank or account.get('bic', '') if 'iban' not in account else ''}\0{number}"
    return PayeeDetails(values | account, hint=f"{name} {mask(number)}", identity=identity)


def is_cnaps(code: str) -> bool:
    """Whether the twelve digits end in the right check digit (ISO 7064 MOD 11,10)."""
    if not re.fullmatch(r"[0-9]{12}", code):
        return False
    product = 10
    for digit in code[:-1]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return (product + int(code[-1])) % 10 == 1


def is_routing_number(code: str) -> bool:
    """Whether the nine digits of an American bank add up: weighed 3, 7, 1, the sum is a multiple of ten."""
    if not re.fullmatch(r"[0-9]{9}", code) or code == "0" * 9:
        return False
    return sum(int(digit) * weight for digit, weight in zip(code, (3, 7, 1) * 3, strict=True)) % 10 == 0


def _check_hong_kong(details: Mapping[str, str]) -> dict[str, str]:
    bank, account = _digits(details, "bank_code"), _digits(details, "account")
    if not HK_BANK.fullmatch(bank):
        raise DetailRefused("The code of a bank in Hong Kong has three digits.", field="bank_code")
    if not HK_ACCOUNT.fullmatch(account):
        raise DetailRefused("Branch and account together have 9 to 12 digits.", field="account")
    return {"bank_code": bank, "account": account}


def _check_mainland(details: Mapping[str, str]) -> dict[str, str]:
    cnaps, account = _digits(details, "cnaps"), _digits(details, "account")
    if not is_cnaps(cnaps):
        raise DetailRefused("This is no CNAPS code of twelve digits with its check digit.", field="cnaps")
    if not CN_ACCOUNT.fullmatch(account):
        raise DetailRefused("An account in mainland China has 8 to 30 digits.", field="account")
    bank = check_text(require_detail(details, "bank"), field="bank", length_max=70, country="CN")
    return {"cnaps": cnaps, "bank": bank, "account": account}


def _check_us(details: Mapping[str, str]) -> dict[str, str]:
    routing, account = _digits(details, "routing"), _digits(details, "account")
    if not is_routing_number(routing):
        raise DetailRefused("This is no routing number of nine digits with its check digit.", field="routing")
    if not US_ACCOUNT.fullmatch(account):
        raise DetailRefused("An account in the United States has 4 to 17 digits.", field="account")
    return {"routing": routing, "account": account}


def _check_iban(details: Mapping[str, str], country: str) -> dict[str, str]:
    try:
        iban = IBAN(require_detail(details, "iban"))
    except SchwiftyException as error:
        raise DetailRefused(f"This is no IBAN: {error}.", field="iban") from error
    if iban.country_code != country:
        raise DetailRefused(f"This IBAN is of {iban.country_code}, not {country}.", field="iban")
    given = details.get("bic", "").strip()
    bic = _check_bic(given) if given else iban.bic
    if bic is None:
        raise DetailRefused("The bank is not known by the IBAN alone; add its BIC.", field="bic")
    if bic.country_code != country and country not in SHARED_BIC_COUNTRIES:
        raise DetailRefused(f"This BIC is of {bic.country_code}, not {country}.", field="bic")
    return {"iban": iban.compact, "bic": str(bic.compact)}


def _check_other(details: Mapping[str, str]) -> dict[str, str]:
    account = require_detail(details, "account").replace(" ", "").replace("-", "").upper()
    if not OTHER_ACCOUNT.fullmatch(account):
        raise DetailRefused("An account has 4 to 34 letters and digits.", field="account")
    return {"account": account, "bic": str(_check_bic(require_detail(details, "bic")).compact)}


def _check_bic(text: str) -> BIC:
    try:
        return BIC(text)
    except SchwiftyException as error:
        raise DetailRefused(f"This is no BIC: {error}.", field="bic") from error


def _digits(details: Mapping[str, str], field: str) -> str:
    """A number as people write it, without its spaces and hyphens."""
    return require_detail(details, field).replace(" ", "").replace("-", "")
