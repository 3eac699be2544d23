"""From which wallet a price in another currency is paid, and at which rate: what `admit_v1` will lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.fx import quotes
from billing.models import FxQuote
from billing.wallets import Wallet
from core.money import PRICE_PLACES
from core.quantities import EXACT


@dataclass(frozen=True, slots=True)
class Purse:
    """
    Which prices somebody's wallets pay.

    `currencies` are those of the wallets, the first opened first; `exchanged` the quote of every further
    currency, of the first wallet from whose currency there is one. `rates` are what prices are compared by,
    as for matching: what one of a currency is in the first wallet's, in 1e-18.
    """

    currencies: tuple[str, ...]
    exchanged: tuple[FxQuote, ...]
    rates: tuple[tuple[str, int], ...]

    @property
    def payable(self) -> tuple[str, ...]:
        """Currencies of every price that can be paid."""
        return self.currencies + tuple(quote.quote for quote in self.exchanged)

    def find_quote(self, *, currency: str) -> FxQuote | None:
        """At which rate a price is paid from a wallet in another currency; None where it is not."""
        return next((quote for quote in self.exchanged if quote.quote == currency), None)


def open_purse(*, wallets: Sequence[Wallet], now: datetime) -> Purse:
    """What these wallets, the oldest first, pay at a moment; test money pays for tests alone."""
    currencies = tuple(wallet.currency for wallet in wallets)
    if all(wallet.is_test for wallet in wallets):
        return Purse(currencies, (), ())
    standing = {(quote.base, quote.quote): quote for quote in quotes.list_standing(now=now)}
    found: dict[str, FxQuote] = {}
    for base in currencies:
        for (sold_for, code), quote in standing.items():
            if sold_for == base and code not in currencies:
                found.setdefault(code, quote)
    first = currencies[0]
    known = [
        (code, int(EXACT.scaleb(standing[first, code].rate, PRICE_PLACES)))
        for code in (*currencies[1:], *found)
        if (first, code) in standing
    ]
    rates = ((first, 10**PRICE_PLACES), *known) if known else ()
    return Purse(currencies, tuple(found.values()), rates)
