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
# US dollars for one unit.
WORTH = {
    "usd": Decimal(1),
    "eur": Decimal("1.08"),
    "gbp": Decimal("1.27"),
    "cny": Decimal("0.138"),
    "hkd": Decimal("0.128"),
    "jpy": Decimal("0.0066"),
    "sgd": Decimal("0.74"),
    "aud": Decimal("0.66"),
    "chf": Decimal("1.12"),
    "sek": Decimal("0.095"),
    "krw": Decimal("0.00073"),
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
MINIMUM_USD = Decimal("0.50")


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


def is_too_small(amount: int, currency: str) -> bool:
    """Whether it is less than what Stripe charges at least."""
    return to_units(amount, currency) * WORTH[currency] < MINIMUM_USD
