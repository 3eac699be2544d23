"""Rules of the treasury, which trades and borrows at banks, and of heat that is paid when there is enough."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from accounts.audit import SYSTEM
from billing import heat
from billing.fx import treasury
from billing.fx.treasury import Trade
from billing.models import SwapLine
from core.money import Money
from tests.money.across import MoneyAcross
from tests.money.machine import CENTS, RATES
from tests.money.model import ZERO, Account
from tests.money.world import name

CEILING = Decimal(100)
BANK = "CLEARING_BANK"


@dataclass(slots=True)
class Heat:
    """A reading of a meter that is to be paid."""

    owner: int
    amount: Decimal
    fee: Decimal
    due_at: datetime


class MoneyBeside(MoneyAcross):
    """What the platform does for itself, and heat."""

    def open_treasury(self) -> None:
        """A line at a bank, of which nothing is drawn."""
        ceiling = Money(CEILING, "CNH")
        self.line: SwapLine = treasury.open_line(
            counterparty="Bank", ceiling=ceiling, actor=SYSTEM, now=self.tick()
        )
        self.drawn, self.heats = ZERO, list[Heat]()

    @rule(
        other=st.sampled_from(sorted(RATES)),
        sells=st.booleans(),
        amount=CENTS,
        dollars=CENTS,
        twice=st.booleans(),
    )
    def trade(self, other: str, sells: bool, amount: Decimal, dollars: Decimal, twice: bool) -> None:
        now, theirs, ours = self.tick(), Money(amount, other), Money(dollars, "USD")
        sold, bought = (theirs, ours) if sells else (ours, theirs)
        self.books.post(
            now,
            {
                (BANK, None, sold.currency): -sold.amount,
                ("FX_POSITION", None, sold.currency): sold.amount,
                (BANK, None, bought.currency): bought.amount,
                ("FX_POSITION", None, bought.currency): -bought.amount,
            },
        )
        done = Trade(sold, bought, name())
        for _ in range(1 + twice):
            treasury.book_trade(trade=done, actor=SYSTEM, happened_at=now, now=now)

    @rule(amount=st.integers(-120, 120).filter(bool), twice=st.booleans())
    def borrow(self, amount: int, twice: bool) -> None:
        now, reference, exact = self.tick(), name(), Decimal(amount)
        with self.both():
            if not 0 <= self.drawn + exact <= CEILING:
                self.expected = "line_exceeded"
            else:
                self.drawn += exact
                self.books.move(now, (BANK, None, "CNH"), ("SWAP_LINE", None, "CNH"), exact)
            for _ in range(1 + twice):
                treasury.move_line(
                    line=self.line, amount=exact, reference=reference, actor=SYSTEM, happened_at=now, now=now
                )

    @rule(which=st.integers(0, 1), amount=CENTS, back=st.booleans(), twice=st.booleans())
    def heat_a_hall(self, which: int, amount: Decimal, back: bool, twice: bool) -> None:
        """A reading, or the correction of one; what cannot be paid waits, and what comes later behind it."""
        now, owner, key = self.tick(), self.owners[which].pk, f"heat:{name()}"
        amount = -amount / 10 if back else amount
        due = Heat(owner, amount, (amount / 20).quantize(Decimal("0.000000001")), now)
        self.heats.append(due)
        if all(one.owner != owner for one in self.heats[:-1]):
            self.pay_heat(due)
        bill = heat.Bill(key, owner, self.world.farm.organization_id, "USD", due.amount, due.fee, "warm")
        for _ in range(1 + twice):
            heat.charge(bill=bill, due_at=now)

    def pay_heat(self, due: Heat) -> bool:
        """On paper, if there is enough; it belongs to the day of the reading, however late it is paid."""
        if due.amount > self.books.free(due.owner, "USD"):
            return False
        payable: Account = ("PAYABLE", self.world.farm.organization_id, "USD")
        wallet: Account = ("WALLET", due.owner, "USD")
        lines = {wallet: due.amount, payable: due.fee - due.amount, ("HEAT", None, "USD"): -due.fee}
        self.books.post(due.due_at, lines)
        self.heats.remove(due)
        return True

    @precondition(lambda self: self.heats)
    @rule()
    def take_heat(self) -> None:
        """The task takes of each buyer the oldest, until that does not fit; each turn takes one of each."""
        self.tick()
        while heat.post_due():
            for owner in {one.owner for one in self.heats}:
                self.pay_heat(next(one for one in self.heats if one.owner == owner))
