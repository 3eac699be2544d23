"""Prices of several currencies side by side in one that the reader chooses: to compare, not to pay."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.fx import rates
from billing.fx.central_bank import RateUnknown
from core.brief import recall
from core.quantities import ROUNDING
from marketplace.board import Row

FRESH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Comparison:
    """The currency to compare in, and by which middle rate each other one becomes it, where one is known."""

    currency: str
    known: Mapping[str, rates.Rate]

    def convert(self, price: Decimal, *, currency: str) -> Decimal | None:
        """What a price is worth; None where nobody says."""
        if currency == self.currency:
            return price
        found = self.known.get(currency)
        return None if found is None else ROUNDING.multiply(price, found.rate)

    def rank(self, row: Row) -> tuple[bool, Decimal, str]:
        """Sorts by the price of an output token; what cannot be compared comes last."""
        worth = self.convert(row.output_price, currency=row.currency)
        return worth is None, row.output_price if worth is None else worth, row.currency

    @property
    def used(self) -> list[rates.Rate]:
        """The rates, by their currencies."""
        return [self.known[code] for code in sorted(self.known)]


def list_choices(*, currencies: Iterable[str], now: datetime) -> list[str]:
    """In what one may compare: these, and whatever has a rate."""
    known = recall("rated", seconds=FRESH_SECONDS, now=now, find=lambda: rates.list_currencies(now=now))
    return sorted({*currencies, *known})


def compare(*, currency: str, currencies: Iterable[str], now: datetime) -> Comparison:
    """Prices in these currencies, in that one."""
    others = tuple(sorted(set(currencies) - {currency}))
    known = recall(
        ("worths", currency, others),
        seconds=FRESH_SECONDS,
        now=now,
        find=lambda: _find_rates(currency, others, now),
    )
    return Comparison(currency, known)


def _find_rates(currency: str, others: Iterable[str], now: datetime) -> dict[str, rates.Rate]:
    found = {}
    for other in others:
        try:
            found[other] = rates.find_rate(base=currency, quote=other, at=now)
        except RateUnknown:
            continue
    return found
