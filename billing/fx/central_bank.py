"""
Reference rates of the European Central Bank, from the file that a package carries: one for each day on which
the bank gave one. Between such days the last one counts; nothing is ever interpolated, and a currency that
the bank does not quote (CNH, USDC) has no rate, whatever its neighbours have.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from core.errors import Invalid
from core.money import PRICE_PLACES
from core.quantities import ROUNDING, format_plain, round_half_even

if TYPE_CHECKING:
    from currency_converter import CurrencyConverter

EURO = "EUR"
# Longer than any run of holidays; who has been silent for longer has stopped quoting the currency.
SILENCE_DAYS_MAX = 14


class RateUnknown(Invalid):
    """The bank has no rate for a currency at that time."""

    code = "rate_unknown"


@dataclass(frozen=True, slots=True)
class Rate:
    """
    `rate` of `quote` are worth one of `base`, 18 places, as the bank said on `day`. `last_known`: the file
    ends before the day that was asked for, and the bank may have said another since.
    """

    base: str
    quote: str
    rate: Decimal
    day: date
    last_known: bool

    @property
    def source(self) -> str:
        """Who said it, and when."""
        return f"European Central Bank, {self.day.isoformat()}"

    def describe(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "base": self.base,
            "quote": self.quote,
            "rate": format_plain(self.rate),
            "day": self.day.isoformat(),
            "last_known": self.last_known,
            "source": self.source,
        }


def find_rate(*, base: str, quote: str, day: date) -> Rate:
    """
    The last rate known on a day.

    :raises RateUnknown: for a currency that the bank does not quote, or had not quoted for two weeks then
    """
    bank = _load()
    for currency in (base, quote):
        if currency not in bank.currencies:
            raise RateUnknown(f"The European Central Bank quotes no {currency}.", field="currency")
    newest = min([day, *(bank.bounds[one].last_date for one in (base, quote) if one != EURO)])
    for back in range(SILENCE_DAYS_MAX):
        asked = newest - timedelta(days=back)
        # Both are per euro and of one day; the quotient of two days' rates would be nobody's rate.
        per_euro = [_read(bank, one, asked) for one in (base, quote)]
        if per_euro[0] is None or per_euro[1] is None:
            continue
        rate = round_half_even(ROUNDING.divide(per_euro[1], per_euro[0]), PRICE_PLACES)
        return Rate(base, quote, rate, asked, last_known=newest < day)
    raise RateUnknown(f"There is no rate of {base} and {quote} on {day.isoformat()}.", field="currency")


def read_days(*, until: date, days: int) -> Iterator[tuple[date, dict[str, Decimal]]]:
    """
    The days on which the bank gave rates, of the `days` that end with the newest up to `until`: so many of
    each currency for one euro.
    """
    bank = _load()
    last = min(until, max(bounds.last_date for bounds in bank.bounds.values()))
    for back in reversed(range(days)):
        day = last - timedelta(days=back)
        found = {one: _read(bank, one, day) for one in sorted(bank.currencies - {EURO})}
        rates = {one: rate for one, rate in found.items() if rate is not None}
        if rates:
            yield day, rates


def _read(bank: "CurrencyConverter", currency: str, day: date) -> Decimal | None:
    """So many of a currency for one euro, if the bank gave a rate on that very day."""
    from currency_converter import RateNotFoundError

    try:
        return Decimal(bank.convert(1, EURO, currency, date=day))
    except (ValueError, RateNotFoundError):
        return None


@cache
def _load() -> "CurrencyConverter":
    # A third of a second and 6 MB, once: most processes never need it.
    from currency_converter import CurrencyConverter

    return CurrencyConverter(decimal=True)
