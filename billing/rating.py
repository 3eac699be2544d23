"""
Rating: quantities times unit prices, rounded once. Pure; imports no Django.

The same rule as `rate_v1`, `fee_v1` and the end of `record_usage_v3` in SQL; golden vectors
(billing/golden/rating.csv) hold both to it.
"""

from dataclasses import dataclass
from decimal import Decimal

from core.money import BPS, round_amount
from core.quantities import EXACT

NOTHING = Decimal("0.000000000")


@dataclass(frozen=True, slots=True)
class Prices:
    """What ONE token or chip-second costs, 18 places; all of one currency."""

    input: Decimal
    cached_input: Decimal
    output: Decimal
    chip_second: Decimal


@dataclass(frozen=True, slots=True)
class Settlement:
    """Who pays and gets what for one usage record; nine places."""

    rated: Decimal
    amount: Decimal
    """What the buyer pays."""
    fee: Decimal
    """The platform's share of it."""
    overrun: Decimal
    """What the platform pays because its own estimate was too low."""

    @property
    def provider_amount(self) -> Decimal:
        """What the provider is owed."""
        return EXACT.add(EXACT.subtract(self.amount, self.fee), self.overrun)


def rate(*, tokens_in: int, cached: int, out: int, chip_seconds: Decimal, prices: Prices) -> Decimal:
    """
    Cost of one usage record; `tokens_in` counts the cached tokens too, which pay their own price only.

    :raises core.money.NotAnAmount: if the result does not fit NUMERIC(38,9)
    """
    exact = Decimal(0)
    for quantity, price in (
        (Decimal(tokens_in - cached), prices.input),
        (Decimal(cached), prices.cached_input),
        (Decimal(out), prices.output),
        (chip_seconds, prices.chip_second),
    ):
        exact = EXACT.add(exact, EXACT.multiply(quantity, price))
    return round_amount(exact)


def take_fee(amount: Decimal, *, bps: int) -> Decimal:
    """The platform's share of an amount, in hundredths of a per cent; the provider gets what is left."""
    return round_amount(EXACT.divide(EXACT.multiply(amount, Decimal(bps)), Decimal(BPS)))


def settle(rated: Decimal, *, hold_left: Decimal, bps: int, own_count: bool) -> Settlement:
    """
    Divide a rated amount: the buyer never pays more than is left of the hold.

    What is beyond the hold is paid by the platform if its own tokenizer counted it, and by nobody if an
    upstream claims it.
    """
    amount = min(rated, hold_left)
    beyond = EXACT.subtract(rated, amount)
    return Settlement(
        rated=rated,
        amount=amount,
        fee=take_fee(amount, bps=bps),
        overrun=beyond if own_count else NOTHING,
    )
