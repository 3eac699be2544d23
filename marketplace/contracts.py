"""
The contracts of offers: who carries the risk of a price, and what waiting is worth. Pure; imports no Django.

A fixed quote charges what the card says; the provider carries the risk. Under a pass-through a price that is
only forecast is sold at a cap, and what the final price leaves of it is given back. Surplus-only offers are
sold only while their site's next kilowatt-hour is surplus. Any of them may have steps of slack: a job that
may finish later gets a share off what stands there anyway, the hardware, and off the margin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any

from core.errors import Invalid
from core.money import BPS, PRICE_PLACES
from core.quantities import EXACT, ROUNDING, format_plain, round_half_even
from marketplace.energy.lines import BuildUp, Line
from marketplace.energy.refusals import PriceNegative
from marketplace.energy.work import Unit

STEPS_MAX = 5
# No job may wait longer.
HOURS_MAX = 168
SHARE_PLACES = 4


class Contract(StrEnum):
    """Who carries the risk of a price: the provider, both, or (of interruption) the buyer."""

    FIXED = "FIXED"
    PASS_THROUGH = "PASS_THROUGH"  # noqa: S105  (a contract, no password)
    SURPLUS = "SURPLUS"


class TermsInvalid(Invalid):
    """Terms that no card could be published under."""

    code = "invalid_terms"


@dataclass(frozen=True, slots=True)
class Step:
    """Who may wait `hours` gets `share` off the hardware and margin lines."""

    hours: int
    share: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """An offer's contract, the cap of a pass-through (a share above the forecast price), and its steps."""

    contract: Contract = Contract.FIXED
    cap: Decimal = Decimal(0)
    steps: tuple[Step, ...] = ()

    def describe(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "contract": self.contract.value,
            "cap": format_plain(self.cap),
            "steps": [{"hours": step.hours, "share": format_plain(step.share)} for step in self.steps],
        }


FIXED = Terms()


def check_terms(terms: Terms) -> None:
    """
    Refuse terms that cannot be meant.

    :raises TermsInvalid: naming the figure
    """
    if not 0 <= terms.cap <= 1 or not _is_share(terms.cap):
        _refuse("cap", f"is a share, from 0 to 1, with at most {SHARE_PLACES} places")
    if terms.cap and terms.contract is not Contract.PASS_THROUGH:
        _refuse("cap", "belongs to a pass-through")
    if len(terms.steps) > STEPS_MAX:
        _refuse("steps", f"are at most {STEPS_MAX}")
    before = Step(0, Decimal(0))
    for number, step in enumerate(terms.steps):
        if not before.hours < step.hours <= HOURS_MAX:
            _refuse(f"steps[{number}].hours", f"rise, up to {HOURS_MAX}")
        if not before.share < step.share <= 1 or not _is_share(step.share):
            _refuse(f"steps[{number}].share", f"rise, up to 1, with at most {SHARE_PLACES} places")
        before = step


def find_step(steps: Sequence[Step], *, hours: int) -> Step | None:
    """The step that a job gets which may wait so many whole hours."""
    return max((step for step in steps if step.hours <= hours), key=lambda step: step.hours, default=None)


def is_capped(terms: Terms, *, final: bool) -> bool:
    """Whether a card is sold at its cap: under a pass-through, while its price is not final."""
    return terms.contract is Contract.PASS_THROUGH and not final


def apply_terms(built: BuildUp, *, share: Decimal = Decimal(0), cap: Decimal = Decimal(0)) -> BuildUp:
    """
    The same prices with `share` off hardware and margin, then raised by `cap`; both are lines of their own.

    The fee is anew a share of what the buyer pays, so the lines add up as before.

    :raises PriceNegative: if nothing would be left of a price
    """
    with localcontext(ROUNDING):
        factor = Decimal(built.fee_bps) / (BPS - built.fee_bps)
        discount: dict[Unit, Decimal] = {}
        raised: dict[Unit, Decimal] = {}
        fee: dict[Unit, Decimal] = {}
        prices: dict[Unit, Decimal] = {}
        for unit in built.prices:
            # Credits may have made the margin negative: there is nothing to take off then.
            sunk = max(built.add_lines(unit, "hardware", "margin"), Decimal(0))
            discount[unit] = -_round(sunk * share)
            ask = built.find_ask(unit) + discount[unit]
            raised[unit] = _round(ask * cap)
            fee[unit] = _round((ask + raised[unit]) * factor)
            prices[unit] = ask + raised[unit] + fee[unit]
    for unit, price in prices.items():
        if price < 0:
            raise PriceNegative(f"{unit}: a discount leaves {price} {built.currency}")
    kept = [line for line in built.lines if line.name != "platform_fee"]
    platform = next(line for line in built.lines if line.name == "platform_fee")
    if share:
        kept.append(Line("slack_discount", discount, {"share": format_plain(share)}))
    if cap:
        kept.append(Line("price_cap", raised, {"cap": format_plain(cap)}))
    return replace(built, prices=prices, lines=(*kept, replace(platform, amounts=fee)))


def find_final(
    *, expected: Mapping[str, Decimal], per_kwh: Mapping[str, Decimal], quoted: Decimal, final: Decimal
) -> dict[str, Decimal]:
    """
    What a capped card would have cost, had the price of a kilowatt-hour been known.

    :param expected: by kind of unit, its price when a kilowatt-hour costs `quoted`, without the cap
    :param per_kwh: how much of each price one unit of money a kilowatt-hour is; prices are linear in it
    :returns: the prices when it costs `final`, never below zero
    """
    moved = EXACT.subtract(final, quoted)
    return {
        name: max(
            round_half_even(ROUNDING.add(price, ROUNDING.multiply(per_kwh[name], moved)), PRICE_PLACES),
            Decimal(0),
        )
        for name, price in expected.items()
    }


def _round(amount: Decimal) -> Decimal:
    return round_half_even(amount, PRICE_PLACES)


def _is_share(share: Decimal) -> bool:
    exponent = share.normalize().as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -SHARE_PLACES


def _refuse(field: str, problem: str) -> None:
    raise TermsInvalid(f"{field} {problem}.", field=field)
