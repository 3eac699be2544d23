"""What tests of exchanges share: rates, wallets with money, conversions, and a plain model of positions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from accounts import audit
from accounts.models import Organization
from billing import ledger, wallets
from billing.fx import conversions, quotes, rates
from billing.models import FxConversion, FxQuote
from core.money import AMOUNT_PLACES, Money
from core.quantities import EXACT, ROUNDING, round_half_even
from tests.cast import NOW

HOUR = timedelta(hours=1)


def say(unit: str, currency: str, rate: str, *, as_of: datetime = NOW - HOUR) -> None:
    """Have an operator say what one of `unit` is worth."""
    rates.enter_rate(
        unit=unit,
        currency=currency,
        rate=Decimal(rate),
        as_of=as_of,
        actor=audit.SYSTEM,
        now=max(NOW, as_of),
    )


def pay_in(organization: Organization, amount: str, currency: str) -> None:
    """Money on an organization's wallet."""
    wallets.top_up(
        organization_id=organization.pk,
        amount=Money(Decimal(amount), currency),
        bank_reference=f"{organization.pk} {currency} {amount}",
        actor="test",
        happened_at=NOW,
    )


def quote(organization: Organization, sell: str, buy: str, *, now: datetime = NOW) -> FxQuote:
    """A quote of an organization's own."""
    return quotes.make_quote(sell=sell, buy=buy, organization=organization, now=now)


def convert(
    organization: Organization, sell: str, buy: str, amount: Decimal | str, *, now: datetime = NOW
) -> FxConversion:
    """Ask for a quote and sell at it."""
    return conversions.convert(
        quote=quote(organization, sell, buy, now=now),
        organization=organization,
        sell=Decimal(amount),
        actor=audit.SYSTEM,
        now=now,
    )


def posted(organization: Organization, currency: str) -> Decimal:
    """What is on a wallet."""
    return wallets.find_wallet(organization_id=organization.pk, currency=currency).posted.amount


def number_entries() -> None:
    """Give every entry its number."""
    while ledger.sequence_entries():
        pass


@dataclass
class Held:
    """One position, as a person would keep it on paper: amount, cost, gains so far (US dollars)."""

    amount: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    gained: Decimal = Decimal(0)

    def move(self, amount: Decimal, value: Decimal) -> None:
        """Take in (+) or give away (-) an amount that is worth `value`, which has its sign."""
        if self.amount * amount >= 0:
            self.amount, self.cost = self.amount + amount, EXACT.add(self.cost, value)
            return
        left = self.amount + amount
        if left * self.amount > 0:
            share = round_half_even(ROUNDING.divide(self.cost * abs(amount), abs(self.amount)), AMOUNT_PLACES)
            gain = -value - share
            self.cost -= share
        else:
            closing = round_half_even(ROUNDING.divide(value * abs(self.amount), abs(amount)), AMOUNT_PLACES)
            gain = -closing - self.cost
            self.cost = value - closing
        self.amount, self.gained = left, self.gained + gain


@dataclass
class Paper:
    """All positions on paper. Dollars are worth themselves and gain nothing."""

    held: dict[str, Held] = field(default_factory=dict)

    def exchange(self, sold: tuple[str, Decimal], bought: tuple[str, Decimal], dollars: Decimal) -> None:
        """Somebody sold us one thing for another; each was worth so many dollars."""
        for currency, amount, value in ((sold[0], sold[1], dollars), (bought[0], -bought[1], -dollars)):
            position = self.held.setdefault(currency, Held())
            if currency == "USD":
                position.amount += amount
            else:
                position.move(amount, value)

    @property
    def gained(self) -> Decimal:
        """Over all positions."""
        return sum((one.gained for one in self.held.values()), Decimal(0))
