"""
The currencies of the ledger, and amounts in their smallest units: of the currency, of Stripe, of a payout.

`currencies.csv` is the one list; the migration that loads it fills the table of the same name.
"""

import csv
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from core.errors import Invalid
from core.quantities import EXACT, require_decimal

FILE = Path(__file__).parent / "currencies.csv"


class CurrencyUnknown(Invalid):
    """The ledger keeps no such currency."""

    code = "currency_unknown"


class DoesNotFit(Invalid):
    """An amount that has no whole number of smallest units."""

    code = "amount_does_not_fit"


class NotAtStripe(Invalid):
    """Stripe charges nothing in this currency."""

    code = "currency_not_at_stripe"


class BelowMinimum(Invalid):
    """Less than Stripe charges."""

    code = "amount_below_minimum"


@dataclass(frozen=True, slots=True)
class Denomination:
    """
    A currency and how its amounts are cut. `exponent`: places of its smallest unit.

    `stripe_exponent`: places of Stripe's integer amounts, None where Stripe charges nothing in it; such an
    amount is a multiple of `stripe_step`, in payouts of `payout_step`. `minimum_charge`: the least that it
    charges, None where it names no amount.
    """

    code: str
    name: str
    kind: str
    exponent: int
    numeric_code: str | None
    stripe_exponent: int | None
    stripe_step: int | None
    payout_step: int | None
    minimum_charge: Decimal | None


@cache
def read_all() -> dict[str, Denomination]:
    """Every currency by its code, in the order of codes."""
    with FILE.open(encoding="utf-8", newline="") as text:
        rows = csv.DictReader(line for line in text if not line.startswith("#"))
        return {row["code"]: _read(row) for row in rows}


def find(*, currency: str) -> Denomination:
    """
    What is known of a currency.

    :raises CurrencyUnknown: if the ledger keeps no such currency
    """
    found = read_all().get(currency)
    if found is None:
        raise CurrencyUnknown(f"There is no currency {currency} here.", field="currency")
    return found


def to_minor(*, amount: Decimal, currency: str) -> int:
    """
    An amount in smallest units: 12.34 USD are 1234, 12 JPY are 12.

    :raises CurrencyUnknown: if the ledger keeps no such currency
    :raises DoesNotFit: if it has more places
    """
    return _cut(amount, currency, find(currency=currency).exponent, 1)


def from_minor(*, minor: int, currency: str) -> Decimal:
    """
    The amount of so many smallest units.

    :raises CurrencyUnknown: if the ledger keeps no such currency
    """
    return Decimal(minor).scaleb(-find(currency=currency).exponent, context=EXACT)


def floor_to_minor(*, amount: Decimal, currency: str) -> Decimal:
    """
    The greatest amount of whole smallest units that is no more.

    :raises CurrencyUnknown: if the ledger keeps no such currency
    """
    return _floor(amount, find(currency=currency).exponent, 1)


def to_stripe(*, amount: Decimal, currency: str) -> int:
    """
    What Stripe's interface calls the amount of a charge: 5 ISK are 500 there, 5.12 KWD are 5120.

    :raises CurrencyUnknown: if the ledger keeps no such currency
    :raises NotAtStripe: if Stripe charges nothing in it
    :raises DoesNotFit: if Stripe takes no such amount
    :raises BelowMinimum: if it is less than Stripe charges
    """
    found = find(currency=currency)
    exponent, step, _ = _find_steps(found)
    units = _cut(amount, currency, exponent, step)
    if found.minimum_charge is not None and amount < found.minimum_charge:
        raise BelowMinimum(f"The least is {found.minimum_charge} {currency}.", field="amount")
    return units


def from_stripe(*, units: int, currency: str) -> Decimal:
    """
    The amount that Stripe's interface calls so.

    :raises CurrencyUnknown: if the ledger keeps no such currency
    :raises NotAtStripe: if Stripe charges nothing in it
    """
    exponent, *_ = _find_steps(find(currency=currency))
    return Decimal(units).scaleb(-exponent, context=EXACT)


def to_stripe_payout(*, amount: Decimal, currency: str) -> int:
    """
    What Stripe's interface calls the amount of a payout; some currencies are paid out in whole units only.

    :raises CurrencyUnknown: if the ledger keeps no such currency
    :raises NotAtStripe: if Stripe pays nothing out in it
    :raises DoesNotFit: if Stripe pays out no such amount
    """
    exponent, _, step = _find_steps(find(currency=currency))
    return _cut(amount, currency, exponent, step)


def floor_to_stripe_payout(*, amount: Decimal, currency: str) -> Decimal:
    """
    The greatest amount that Stripe pays out and that is no more.

    :raises CurrencyUnknown: if the ledger keeps no such currency
    :raises NotAtStripe: if Stripe pays nothing out in it
    """
    exponent, _, step = _find_steps(find(currency=currency))
    return _floor(amount, exponent, step)


def _read(row: dict[str, str]) -> Denomination:
    return Denomination(
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        exponent=int(row["exponent"]),
        numeric_code=row["numeric_code"] or None,
        stripe_exponent=_read_number(row["stripe_exponent"]),
        stripe_step=_read_number(row["stripe_step"]),
        payout_step=_read_number(row["payout_step"]),
        minimum_charge=Decimal(row["minimum_charge"]) if row["minimum_charge"] else None,
    )


def _read_number(text: str) -> int | None:
    return int(text) if text else None


def _find_steps(found: Denomination) -> tuple[int, int, int]:
    if found.stripe_exponent is None or found.stripe_step is None or found.payout_step is None:
        raise NotAtStripe(f"Stripe charges nothing in {found.code}.", field="currency")
    return found.stripe_exponent, found.stripe_step, found.payout_step


def _cut(amount: Decimal, currency: str, exponent: int, step: int) -> int:
    units = require_decimal(amount).scaleb(exponent, context=EXACT)
    if units != units.to_integral_value() or int(units) % step:
        raise DoesNotFit(f"{amount} {currency} is no multiple of its smallest amount.", field="amount")
    return int(units)


def _floor(amount: Decimal, exponent: int, step: int) -> Decimal:
    units = int(require_decimal(amount).scaleb(exponent, context=EXACT).to_integral_value("ROUND_FLOOR"))
    return Decimal(units - units % step).scaleb(-exponent, context=EXACT)
