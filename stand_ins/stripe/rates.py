"""
Fees and exchange rates of the stand-in: invented, constant, and shaped as Stripe's are.

Money that is charged in a currency in which the platform holds no balance is converted to the first of those
in which it does.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# Whole units are the smallest that Stripe knows.
ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Amounts of these are told with two places that are always 00, in charges and payouts, or in payouts alone.
WHOLE_UNITS = frozenset(["isk", "ugx"])
WHOLE_PAYOUTS = WHOLE_UNITS | {"huf", "twd"}
# US dollars for one unit.
WORTH = {
    code: Decimal(worth)
    for code, worth in {
        "usd": "1",
        "eur": "1.08",
        "gbp": "1.27",
        "cny": "0.138",
        "hkd": "0.128",
        "jpy": "0.0066",
        "sgd": "0.74",
        "aud": "0.66",
        "chf": "1.12",
        "sek": "0.095",
        "krw": "0.00073",
        "cad": "0.73",
        "nzd": "0.6",
        "nok": "0.094",
        "dkk": "0.145",
        "myr": "0.22",
        "aed": "0.272",
        "brl": "0.18",
        "mxn": "0.054",
        "pln": "0.25",
        "czk": "0.043",
        "huf": "0.0027",
        "ron": "0.22",
        "thb": "0.029",
        "inr": "0.0118",
        "idr": "0.000062",
        "php": "0.0175",
        "vnd": "0.00004",
        "twd": "0.031",
        "zar": "0.055",
        "isk": "0.0073",
        "ils": "0.27",
        "try": "0.029",
        "sar": "0.266",
        "kwd": "3.25",
        "bhd": "2.65",
        "ugx": "0.00027",
    }.items()
}
CONVERSION_SHARE = Decimal("0.02")
# Share and fixed part in US dollars, by kind of payment method.
FEES = {
    "card": (Decimal("0.029"), Decimal("0.30")),
    "alipay": (Decimal("0.029"), Decimal("0.30")),
    "wechat_pay": (Decimal("0.029"), Decimal("0.30")),
    "crypto": (Decimal("0.015"), Decimal(0)),
}
DISPUTE_FEE_USD = Decimal(15)
DAYS_PENDING = {"card": 2, "alipay": 3, "wechat_pay": 3, "crypto": 1}
# The least charge that is settled in a currency, in its smallest unit (https://docs.stripe.com/currencies).
MINIMUM = {
    **dict.fromkeys(["usd", "aud", "brl", "cad", "chf", "eur", "inr", "jpy", "nzd", "sgd"], 50),
    **dict.fromkeys(["aed", "myr", "pln", "ron"], 200),
    **dict.fromkeys(["mxn", "thb"], 1000),
    **dict.fromkeys(["nok", "sek"], 300),
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17_500,
}
DIGITS_MAX = {"idr": 12, "inr": 9, "jpy": 10, "huf": 12}
"""How long an amount may be; eight digits where nothing is said (cards; other ways to pay have eight)."""


def places(currency: str) -> int:
    """Decimal places of the smallest unit."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def to_units(minor: int, currency: str) -> Decimal:
    """Whole units of an amount in the smallest."""
    return Decimal(minor).scaleb(-places(currency))


def to_minor(units: Decimal, currency: str) -> int:
    """The smallest units of an amount, half up."""
    return int(units.scaleb(places(currency)).quantize(Decimal(1), ROUND_HALF_UP))


def is_known(currency: str) -> bool:
    """Whether the stand-in has a rate for it."""
    return currency in WORTH


@dataclass(frozen=True, slots=True)
class Settled:
    """An amount as it reaches the platform's balance; `rate` is None where nothing was converted."""

    amount: int
    fee: int
    currency: str
    rate: float | None


def settle(amount: int, currency: str, method: str, *, settles: list[str]) -> Settled:
    """What a payment comes to, its fee not yet taken off."""
    share, fixed = FEES.get(method, FEES["card"])
    # Stablecoins arrive as dollars, whatever else is held.
    target = "usd" if method == "crypto" else currency if currency in settles else settles[0]
    gross = convert(amount, currency, target)
    worth = to_units(gross, target)
    fee = worth * share + fixed / WORTH[target]
    rate = None if target == currency else float(worth / to_units(amount, currency))
    if rate is not None:
        fee += worth * CONVERSION_SHARE
    return Settled(gross, min(to_minor(fee, target), gross), target, rate)


def convert(amount: int, currency: str, target: str) -> int:
    """An amount in another currency, at the stand-in's rates."""
    if currency == target:
        return amount
    return to_minor(to_units(amount, currency) * WORTH[currency] / WORTH[target], target)


def fee_in(dollars: Decimal, currency: str) -> int:
    """A fee that is told in dollars, in another currency's smallest units."""
    return to_minor(dollars / WORTH[currency], currency)


def find_minimum(currency: str, *, settles: list[str]) -> tuple[int, str]:
    """The least that may be charged in a currency, as an amount of the currency that it is settled in."""
    target = currency if currency in settles else settles[0]
    return MINIMUM.get(target) or to_minor(Decimal("0.50") / WORTH[target], target), target


def find_maximum(currency: str, *, is_card: bool) -> int:
    """The most that may be charged at once, in the smallest unit."""
    return int(10 ** (DIGITS_MAX.get(currency, 8) if is_card or currency in ("idr", "inr") else 8)) - 1


def find_step(currency: str) -> int:
    """What an amount of a charge is a multiple of."""
    return 100 if currency in WHOLE_UNITS else 10 if currency in THREE_DECIMAL else 1
