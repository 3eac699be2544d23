"""
What metered heat costs: one price, or prices by the temperature outside; and when its season is. Pure.

Prices are steps, the coldest first: `[{"below_c": "-5", "price": "0.05"}, {"below_c": "10", "price": "0.02"},
{"price": "0.004"}]`. The first step whose `below_c` is above the temperature counts; the last has none.
Networks buy waste heat by such tables, because heat is worth most on cold days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from core.errors import Invalid
from core.money import PRICE_PLACES, NotAnAmount, fit, parse_decimal, round_amount
from core.quantities import EXACT, format_plain

STEPS_MAX = 50
BPS = Decimal("0.0001")
LEAP = 2028
CELSIUS_PLACES = 2


class PricesInvalid(Invalid):
    """Prices that leave a temperature out, or say two."""

    code = "invalid_prices"


@dataclass(frozen=True, slots=True)
class Step:
    """`price` per kWh of heat while it is colder than `below_c` outside; None: at any temperature."""

    price: Decimal
    below_c: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a buyer pays, and the platform's part of it; the provider gets the rest. Both may be negative."""

    amount: Decimal
    fee: Decimal


NOTHING = Cost(Decimal(0), Decimal(0))


def read_steps(document: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """
    Read prices.

    :raises PricesInvalid: naming the step
    """
    if not isinstance(document, list) or not 1 <= len(document) <= STEPS_MAX:
        raise PricesInvalid(f"There are 1 to {STEPS_MAX} prices.", field="prices")
    steps: list[Step] = []
    for number, said in enumerate(document):
        where = f"prices[{number}]"
        is_last = number == len(document) - 1
        if not isinstance(said, Mapping) or said.keys() != ({"price"} if is_last else {"price", "below_c"}):
            raise PricesInvalid(
                "A step has price and below_c; the last, and no other, has no below_c.", field=where
            )
        step = Step(
            _read(said["price"], PRICE_PLACES, where),
            None if is_last else _read(said["below_c"], CELSIUS_PLACES, where),
        )
        if step.price < 0:
            raise PricesInvalid("A price is not less than zero.", field=where)
        if (
            steps
            and step.below_c is not None
            and steps[-1].below_c is not None
            and step.below_c <= steps[-1].below_c
        ):
            raise PricesInvalid("Each step is warmer than the one before.", field=where)
        steps.append(step)
    return tuple(steps)


def write_steps(steps: Sequence[Step]) -> list[dict[str, str]]:
    """The document of prices, as `read_steps` takes it."""
    return [
        ({} if one.below_c is None else {"below_c": format_plain(one.below_c)})
        | {"price": format_plain(one.price)}
        for one in steps
    ]


def find_price(*, steps: Sequence[Step], outside_c: Decimal | None) -> Decimal:
    """
    The price of a kilowatt-hour of heat at a temperature outside.

    :raises PricesInvalid: if the temperature counts and is not said
    """
    if len(steps) == 1:
        return steps[0].price
    if outside_c is None:
        raise PricesInvalid("This price follows the temperature outside; say what it was.", field="outside_c")
    return next(one.price for one in steps if one.below_c is None or outside_c < one.below_c)


def find_credit(*, steps: Sequence[Step], fee_bps: int) -> Decimal:
    """What a provider is sure to earn with a kilowatt-hour of heat: the least price, less the fee."""
    least = min(one.price for one in steps)
    net = EXACT.multiply(least, 1 - EXACT.multiply(Decimal(fee_bps), BPS))
    return net.quantize(Decimal(1).scaleb(-PRICE_PLACES))


def reckon(*, kwh: Decimal, price: Decimal, fee_bps: int) -> Cost:
    """
    What metered heat costs: rounded once to nine places, half to even; the fee of it once more.

    The fee is rounded from the rounded amount, as with all charges.
    """
    amount = round_amount(EXACT.multiply(kwh, price))
    return Cost(amount, round_amount(EXACT.multiply(amount, EXACT.multiply(Decimal(fee_bps), BPS))))


def correct(*, right: Cost, charged: Cost) -> Cost:
    """What is left to pay (or to give back) so that in sum exactly the right cost was charged."""
    return Cost(right.amount - charged.amount, right.fee - charged.fee)


def is_in_season(*, start: str, end: str, day: date) -> bool:
    """Whether a day lies in the season from `MM-DD` to `MM-DD`, both included; it may wrap New Year."""
    today = f"{day:%m-%d}"
    return start <= today <= end if start <= end else today >= start or today <= end


def check_season(*, start: str, end: str) -> None:
    """
    Refuse days that no year has.

    :raises PricesInvalid: naming the field
    """
    for name, text in (("season_start", start), ("season_end", end)):
        try:
            date.fromisoformat(f"{LEAP}-{text}")
        except ValueError:
            raise PricesInvalid("A day of the year is written as 10-15.", field=name) from None


def _read(text: object, places: int, where: str) -> Decimal:
    try:
        return fit(parse_decimal(text if isinstance(text, str) else ""), places)
    except NotAnAmount:
        raise PricesInvalid(f"Write numbers as strings with at most {places} places.", field=where) from None
