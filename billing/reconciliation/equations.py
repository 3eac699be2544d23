"""
Equations between the books and what others say of the same money. Pure: balances in, equations out.

The left side is ours, the right side somebody else's: a bank's statements, Stripe, the chain, or a list of
our own that is kept apart from the ledger. Where nobody says anything there is no right side, and never
equality.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from billing.models import ReconciliationLine
from core.quantities import EXACT

State = ReconciliationLine.State
ZERO = Decimal(0)


class Name(StrEnum):
    """The equations, in the order in which they are shown."""

    BANK = "BANK"
    """CLEARING_BANK = closing balances of the banks' newest statements."""
    STRIPE_MOVEMENTS = "STRIPE_MOVEMENTS"
    """CLEARING_STRIPE + STRIPE_PENDING = what Stripe's mirrored movements come to."""
    STRIPE_BALANCE = "STRIPE_BALANCE"
    """What the mirrored movements come to = Stripe's own balance, available and pending."""
    CHAIN_RECORDS = "CHAIN_RECORDS"
    """CLEARING_CHAIN = deposits that were credited, less payouts that were paid."""
    CHAIN_BALANCE = "CHAIN_BALANCE"
    """CLEARING_CHAIN = what the chain says that our addresses have."""
    PAYOUTS = "PAYOUTS"
    """PAYOUT_IN_TRANSIT = payouts that are neither paid nor given back."""
    SUSPENSE = "SUSPENSE"
    """SUSPENSE = lines of statements that nobody could tell yet."""
    SAFEGUARDING = "SAFEGUARDING"
    """What is owed to customers never exceeds the money there is."""


OWED = (
    *("WALLET", "PAYABLE", "HELD_EARNINGS", "FROZEN", "RESERVE"),
    *("PAYOUT_IN_TRANSIT", "REFUND_IN_TRANSIT"),
)
"""What belongs to buyers and providers, wherever it is on its way."""
CASH = ("CLEARING_BANK", "CLEARING_STRIPE", "STRIPE_PENDING", "CLEARING_CHAIN")
MATCHED = {
    Name.BANK: "CLEARING_BANK",
    Name.CHAIN_BALANCE: "CLEARING_CHAIN",
    Name.CHAIN_RECORDS: "CLEARING_CHAIN",
}
CHAIN_CURRENCY = "USDC"


@dataclass(frozen=True, slots=True)
class Equation:
    """One equation of one currency with its numbers, and what they are made of."""

    currency: str
    name: Name
    ours: Decimal
    theirs: Decimal | None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """Whether it stands."""
        if self.theirs is None:
            return State.NO_SOURCE
        if self.name == Name.SAFEGUARDING:
            return State.HOLDS if self.ours <= self.theirs else State.BROKEN
        return State.EQUAL if self.ours == self.theirs else State.DIFFERENT


@dataclass(frozen=True, slots=True)
class Said:
    """
    Everything that is known of one currency, None where nobody says it.

    `balances` are of the ledger by purpose, in their usual sense: debits less credits for assets and
    expenses, the opposite for the others.
    """

    currency: str
    balances: Mapping[str, Decimal]
    bank: Decimal | None = None
    stripe_movements: Decimal | None = None
    stripe_balance: Decimal | None = None
    chain_records: Decimal | None = None
    chain_balance: Decimal | None = None
    payouts: Decimal = ZERO
    suspense: Decimal = ZERO
    details: Mapping[Name, Mapping[str, Any]] = field(default_factory=dict)


def make_equations(said: Said) -> list[Equation]:
    """Every equation of a currency in which there is anything on either side."""
    stripe = add_up(said.balances, ("CLEARING_STRIPE", "STRIPE_PENDING"))
    sides: list[tuple[Name, Decimal, Decimal | None]] = [
        (Name.BANK, said.balances.get("CLEARING_BANK", ZERO), said.bank),
        (Name.STRIPE_MOVEMENTS, stripe, said.stripe_movements),
        (Name.STRIPE_BALANCE, said.stripe_movements or ZERO, said.stripe_balance),
        (Name.PAYOUTS, said.balances.get("PAYOUT_IN_TRANSIT", ZERO), said.payouts),
        (Name.SUSPENSE, said.balances.get("SUSPENSE", ZERO), said.suspense),
        (Name.SAFEGUARDING, add_up(said.balances, OWED), add_up(said.balances, CASH)),
    ]
    if said.currency == CHAIN_CURRENCY:
        chain = said.balances.get("CLEARING_CHAIN", ZERO)
        sides[3:3] = [
            (Name.CHAIN_RECORDS, chain, said.chain_records),
            (Name.CHAIN_BALANCE, chain, said.chain_balance),
        ]
    return [
        Equation(said.currency, name, ours, theirs, _find_detail(said, name))
        for name, ours, theirs in sides
        if ours or theirs or (name == Name.SAFEGUARDING and said.balances)
    ]


def add_up(balances: Mapping[str, Decimal], purposes: Iterable[str]) -> Decimal:
    """What these accounts have together."""
    total = ZERO
    for purpose in purposes:
        total = EXACT.add(total, balances.get(purpose, ZERO))
    return total


def _find_detail(said: Said, name: Name) -> Mapping[str, Any]:
    if name == Name.SAFEGUARDING:
        return {
            purpose: f"{said.balances[purpose]:f}" for purpose in (*OWED, *CASH) if said.balances.get(purpose)
        }
    return said.details.get(name, {})
