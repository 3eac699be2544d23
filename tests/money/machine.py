"""
The whole money side against a model in plain Python: what all rules share, and those of money that comes in.

Each rule does a deed in the exchange and on paper. What paper refuses the exchange refuses, with the same
code and without a trace.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from accounts.models import Organization
from billing import verification
from billing.models import FxPosition, StripeRefund, StripeTopUp
from core.errors import DomainError
from tests import databases
from tests.banking.conftest import refer
from tests.banking.files import Entry as Line
from tests.cast import NOW
from tests.money.model import ZERO, Account, Books, Refused
from tests.money.world import PENDING_FOR, World, name, open_world
from tests.rails.orders import ALICE, BOB

NANOS = st.integers(1, 50_000_000_000).map(lambda nanos: Decimal(nanos).scaleb(-9))
CENTS = st.integers(500, 4_000).map(lambda cents: Decimal(cents).scaleb(-2))
RATES = {"CNH": ("0.125", "0.16", "0.2"), "USDC": ("0.8", "1", "1.25")}
"""Dollars for one; what one dollar is in them has few places too."""
WALLETS = ((0, "USD"), (0, "CNH"), (0, "USDC"), (1, "USD"), (1, "USDC"))
READ = """
SELECT a.purpose, a.organization_id, a.currency, sum(p.amount)
  FROM posting p JOIN ledger_account a ON a.id = p.account_id GROUP BY 1, 2, 3 HAVING sum(p.amount) <> 0
"""
READ_WALLETS = """
SELECT s.organization_id, s.currency, s.posted, s.held, coalesce((
           SELECT sum(h.amount - h.released) FROM hold h WHERE h.state = 'OPEN' AND s.id = ANY (h.scopes)), 0)
  FROM scope s WHERE s.kind = 1
"""


@dataclass(slots=True)
class Card:
    """A payment by card."""

    row: StripeTopUp
    owner: int
    reserved: Decimal = ZERO
    until: datetime | None = None
    back: Decimal = ZERO
    contested: Decimal = ZERO
    frozen: Decimal = ZERO
    dispute: str = ""


@dataclass(slots=True)
class Back:
    """Unused money on its way back."""

    row: StripeRefund
    card: Card
    amount: Decimal


@dataclass(slots=True)
class Notes:
    """What was done so far, for deeds that follow."""

    cards: list[Card] = field(default_factory=list)
    backs: list[Back] = field(default_factory=list)
    pending: list[tuple[datetime, Decimal]] = field(default_factory=list)
    references: dict[str, tuple[int, str, Decimal, int]] = field(default_factory=dict)
    reversed: set[str] = field(default_factory=set)
    stated_to: date = date.min
    suspense: dict[str, tuple[Decimal, datetime]] = field(default_factory=dict)
    freezes: dict[tuple[str, int, str], tuple[Any, Decimal]] = field(default_factory=dict)


class MoneyIn(RuleBasedStateMachine):
    """Money that comes in, what all rules share, and what holds after each."""

    db: databases.Database

    def open_books(self) -> None:
        self.opened = open_world(self.db)
        self.world: World = self.opened.__enter__()
        self.now, self.books, self.notes = NOW, Books(), Notes()
        self.owners: tuple[Organization, Organization] = (self.world.lab, self.world.fund)
        for currency in RATES:
            self.say(currency, Decimal(RATES[currency][1]))
        for which, currency in WALLETS:
            if currency != "USDC":
                self.top_up(which=which, currency=currency, amount=Decimal(20), days=0)

    @property
    def today(self) -> date:
        return self.now.date()

    def tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    @contextmanager
    def both(self) -> Iterator[None]:
        """Deeds on paper, then in the exchange; what one refuses the other refuses, with the same code."""
        self.expected = ""
        try:
            yield
        except DomainError as refusal:
            assert refusal.code == self.expected, refusal  # noqa: PT017 - any refusal, by its code
        else:
            assert not self.expected

    def plan(self, deed: Any, *args: Any, **kwargs: Any) -> Any:
        """Do it on paper; the refusal is kept for the exchange's."""
        try:
            return deed(*args, **kwargs)
        except Refused as refusal:
            self.expected = refusal.args[0]
            return None

    def say(self, currency: str, dollars: Decimal) -> None:
        self.world.say_rate(currency, dollars, self.tick())
        self.books.rates[currency].append((self.now, dollars))

    # --- money in ---------------------------------------------------------------------------------

    @rule(
        which=st.integers(0, 1),
        currency=st.sampled_from(("USD", "CNH")),
        amount=NANOS,
        days=st.integers(0, 3),
    )
    def top_up(self, which: int, currency: str, amount: Decimal, days: int) -> None:
        if (which, currency) not in WALLETS:
            return
        owner, reference = self.owners[which], name()
        at = self.tick() - timedelta(days=days)
        with self.both():
            lines = {("CLEARING_BANK", None, currency): amount, ("WALLET", owner.pk, currency): -amount}
            self.plan(self.books.post, at, lines)
            posted = self.world.top_up(owner, currency, amount, reference, at, self.now)
            self.notes.references[reference] = (owner.pk, currency, amount, posted.entry_id)

    @precondition(lambda self: self.notes.references)
    @rule(which=st.integers(0), other=st.booleans())
    def top_up_again(self, which: int, other: bool) -> None:
        reference = sorted(self.notes.references)[which % len(self.notes.references)]
        owner, currency, amount, entry = self.notes.references[reference]
        row = next(one for one in self.owners if one.pk == owner)
        with self.both():
            self.expected = "key_reused" if other else ""
            posted = self.world.top_up(row, currency, amount + int(other), reference, self.tick(), self.now)
            assert (posted.entry_id, posted.is_new) == (entry, False)

    @precondition(lambda self: self.notes.references)
    @rule(which=st.integers(0))
    def reverse_top_up(self, which: int) -> None:
        reference = sorted(self.notes.references)[which % len(self.notes.references)]
        owner, currency, amount, entry = self.notes.references[reference]
        now = self.tick()
        with self.both():
            if reference not in self.notes.reversed:
                source, target = ("WALLET", owner, currency), ("CLEARING_BANK", None, currency)
                self.plan(self.books.move, now, source, target, amount)
            self.world.reverse(entry, now)
            self.notes.reversed.add(reference)

    @precondition(lambda self: len(self.notes.cards) < 9)
    @rule(which=st.integers(0, 1), amount=CENTS, risky=st.booleans(), twice=st.booleans())
    def pay_by_card(self, which: int, amount: Decimal, risky: bool, twice: bool) -> None:
        owner, now = self.owners[which].pk, self.tick()
        with self.both():
            if any(held == owner for _, held, _ in self.notes.freezes):
                self.expected = "may_not_fund"
            row = self.world.ask_card(self.owners[which], amount, now)
            kept, fee = (amount / 2 if risky else ZERO), Decimal("0.59")
            self.books.post(
                now,
                {
                    ("STRIPE_PENDING", None, "USD"): amount,
                    ("WALLET", owner, "USD"): kept - amount,
                    ("RESERVE", owner, "USD"): -kept,
                },
            )
            self.books.move(now, ("STRIPE_FEE", None, "USD"), ("STRIPE_PENDING", None, "USD"), fee)
            for _ in range(1 + twice):
                self.world.pay_card(row, risk="elevated" if risky else "normal", fee=fee, now=now)
            row.refresh_from_db()
            self.notes.cards.append(Card(row, owner, kept, now + timedelta(days=7) if kept else None))
            self.notes.pending.append((now + PENDING_FOR, amount - fee))

    def move_pending(self, now: datetime, lines: dict[Any, Decimal], net: Decimal) -> None:
        self.books.post(now, {("STRIPE_PENDING", None, "USD"): net} | lines)
        self.notes.pending.append((now + PENDING_FOR, net))

    def release_reserve(self, card: Card, now: datetime) -> None:
        if card.reserved:
            self.books.move(now, ("RESERVE", card.owner, "USD"), ("WALLET", card.owner, "USD"), card.reserved)
            card.reserved = ZERO

    @rule(amount=CENTS, known=st.sampled_from((0, 1, None)), days=st.integers(0, 2))
    def hear_bank(self, amount: Decimal, known: int | None, days: int) -> None:
        # Statements of a bank are of one day after the other.
        day = self.notes.stated_to = max(self.notes.stated_to, self.today - timedelta(days=days))
        reference = name()
        at, text = datetime.combine(day, time(), UTC), "who knows"
        target: Account = ("SUSPENSE", None, "USD")
        if known is not None:
            target = ("WALLET", self.owners[known].pk, "USD")
            text = refer(self.owners[known])
        else:
            self.notes.suspense[reference] = (amount, at)
        self.books.move(at, ("CLEARING_BANK", None, "USD"), target, amount)
        self.world.tell_bank([Line(f"{amount:f}", ref=reference, text=text)], day, self.tick())

    @precondition(lambda self: self.notes.suspense)
    @rule(which=st.integers(0, 1))
    def say_whose(self, which: int) -> None:
        reference, (amount, at) = self.notes.suspense.popitem()
        now, owner, bank = self.tick(), self.owners[which], ("CLEARING_BANK", None, "USD")
        self.books.move(now, ("SUSPENSE", None, "USD"), bank, amount)
        self.books.move(at, bank, ("WALLET", owner.pk, "USD"), amount)
        self.world.say_line(reference, owner, now)

    @rule(units=st.integers(1, 20_000_000), ours=st.booleans(), twice=st.booleans())
    def hear_chain(self, units: int, ours: bool, twice: bool) -> None:
        now = self.tick()
        self.world.chain.add(ALICE if ours else BOB, units)
        if ours:
            wallet = ("WALLET", self.owners[0].pk, "USDC")
            self.books.move(now, ("CLEARING_CHAIN", None, "USDC"), wallet, Decimal(units).scaleb(-6))
        for _ in range(1 + twice):
            self.world.read_chain(now)

    # --- what holds after each step ---------------------------------------------------------------

    @invariant()
    def agrees_with_paper(self) -> None:
        if not hasattr(self, "world"):
            return
        with connection.cursor() as cursor:
            cursor.execute(READ)
            found = {(purpose, owner, code): amount for purpose, owner, code, amount in cursor.fetchall()}
            cursor.execute("SELECT count(*) FROM entry")
            entries = cursor.fetchone()[0]
            cursor.execute(READ_WALLETS)
            wallets = cursor.fetchall()
        told = {account: amount for account, amount in self.books.balances.items() if amount}
        assert found == told, {
            account: (found.get(account), told.get(account))
            for account in found.keys() | told.keys()
            if found.get(account) != told.get(account)
        }
        # A deed that was refused, or told again, wrote nothing.
        assert entries == len(self.books.booked), (entries, len(self.books.booked))
        for owner, code, posted, held, in_holds in wallets:
            assert posted == self.books.read("WALLET", owner, code)
            assert held == in_holds == self.books.held[owner, code]
            assert posted >= held >= 0

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            # What failed is told by the step that did.
            if sys.exception() is None:
                self.world.follow()
                self.books.follow()
                self.agrees_with_paper()
                self.check_positions()
                assert verification.verify() == []
        finally:
            self.opened.__exit__(None, None, None)

    def check_positions(self) -> None:
        """What positions are and cost is what paper says."""
        found = {
            row.account.currency: (row.amount, row.book_value)
            for row in FxPosition.objects.select_related("account")
            if row.account.currency != "USD" and row.amount
        }
        told = {code: (held.amount, held.cost) for code, held in self.books.positions.items() if held.amount}
        assert found == told
