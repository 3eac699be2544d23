"""
Which top-ups are refused, and what of a fresh one is kept back. Pure decisions.

What is kept back is credited to the reserve and not to the wallet. So it cannot be spent however many
requests race: no floor has to be raised and lowered again under them, every reader of a balance sees
what is free, and the books say why the rest is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from core.errors import DomainError, Invalid
from core.money import TEST_CURRENCY, Money, take_fee
from core.quantities import EXACT, ROUNDING

STARTED_PER_HOUR_MAX = 10
STARTED_PER_DAY_MAX = 30
NEW_FOR = timedelta(days=7)
SHARE = Decimal("0.000001")
ELEVATED = frozenset({"elevated", "highest"})


class NotOffered(Invalid):
    """This currency, or this way to pay in it, is not offered."""

    code = "top_up_not_offered"


class AmountOutside(Invalid):
    """Less or more than one payment may be."""

    code = "top_up_amount_outside"


class TooMany(DomainError):
    """Too many payments, or too much money, in too short a time."""

    status = 429
    code = "too_many_top_ups"


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be paid in, in one currency; shares in ten-thousandths."""

    currency: str
    methods: frozenset[str]
    least: Decimal
    most: Decimal
    day_most: Decimal
    new_day_most: Decimal
    reserve_bps: int
    elevated_reserve_bps: int
    reserve_for: timedelta


@dataclass(frozen=True, slots=True)
class History:
    """
    What an organization has begun and paid before. Counts are of all currencies, the sum of one.

    `day_sum` is what was paid or may still be paid of the last day's, `elsewhere` the same of each other
    currency.
    """

    hour_count: int
    day_count: int
    day_sum: Decimal
    first_paid_at: datetime | None
    elsewhere: Sequence["Used"] = ()


@dataclass(frozen=True, slots=True)
class Used:
    """What was paid within a day in a currency, and what may be: `new_day_most` by who is new."""

    day_sum: Decimal
    day_most: Decimal
    new_day_most: Decimal


def check(*, money: Money, method: str, terms: Terms | None, history: History, now: datetime) -> None:
    """
    Go on only if this payment may be begun.

    :raises NotOffered: if the currency or the method is not
    :raises AmountOutside: if it is less or more than one payment may be
    :raises TooMany: if it comes too soon after others, or would be too much in a day
    """
    if terms is None or money.currency == TEST_CURRENCY:
        raise NotOffered(f"{money.currency} cannot be paid in this way.", field="currency")
    if method not in terms.methods:
        raise NotOffered(f"This way to pay is not offered in {money.currency}.", field="method")
    if not terms.least <= money.amount <= terms.most:
        least, most = Money(terms.least, money.currency), Money(terms.most, money.currency)
        raise AmountOutside(
            f"One payment is {least.literal} to {most}.",
            field="amount",
            least=least.literal,
            most=most.literal,
            currency=money.currency,
        )
    if history.hour_count >= STARTED_PER_HOUR_MAX or history.day_count >= STARTED_PER_DAY_MAX:
        raise TooMany("Too many payments were begun. Wait an hour, or finish one that is open.")
    new = is_new(history.first_paid_at, now)
    most_of_day = terms.new_day_most if new else terms.day_most
    left = EXACT.multiply(most_of_day, max(1 - sum_shares(history.elsewhere, new=new), Decimal(0)))
    if EXACT.add(history.day_sum, money.amount) > left:
        most = Money(most_of_day, money.currency)
        raise TooMany(
            f"Within a day {most} may be paid in, or as much in several currencies together.",
            most=most.literal,
            currency=money.currency,
        )


def sum_shares(used: Sequence[Used], *, new: bool) -> Decimal:
    """Which part of a day's limit was used in other currencies, each measured by its own limit."""
    parts = (ROUNDING.divide(one.day_sum, one.new_day_most if new else one.day_most) for one in used)
    return sum(parts, Decimal(0)).quantize(SHARE, context=ROUNDING)


def is_new(first_paid_at: datetime | None, now: datetime) -> bool:
    """Whether an organization's first payment is so young that nobody can have contested it yet."""
    return first_paid_at is None or now - first_paid_at < NEW_FOR


def reckon_reserve(
    *, money: Money, risk_level: str, first_paid_at: datetime | None, terms: Terms, now: datetime
) -> Money:
    """What of a payment is kept back: by its risk, or because its payer is new."""
    bps = terms.elevated_reserve_bps if risk_level in ELEVATED else 0
    if is_new(first_paid_at, now):
        bps = max(bps, terms.reserve_bps)
    return take_fee(money, bps=bps)[0]
