"""Rules of unused and contested money, of exchanges, and of days that go by and are closed."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from billing.fx import positions
from billing.stripe import movements, payments
from tests.money.machine import NANOS, RATES, WALLETS, Back, Card, MoneyIn
from tests.money.model import ZERO

READ_PERIOD = """
SELECT a.purpose, a.organization_id, a.currency, b.amount
  FROM period_balance b JOIN ledger_account a ON a.id = b.account_id WHERE b.period_id = %s
"""


class MoneyAcross(MoneyIn):
    """Money that goes back or is contested, money that is exchanged, and time."""

    # --- unused money, and money that is contested ------------------------------------------------

    @precondition(lambda self: self.notes.cards)
    @rule(which=st.integers(0), part=st.sampled_from((Decimal(1), Decimal("0.5"), None)))
    def ask_back(self, which: int, part: Decimal | None) -> None:
        card, now = self.notes.cards[which % len(self.notes.cards)], self.tick()
        left = card.row.amount - card.back - card.contested
        amount = left if part is None else part
        with self.both():
            if not 0 < amount <= left:
                self.expected = "refund_too_much"
            else:
                self.plan(self.take_back, card, amount, left, now)
            row = self.world.ask_back(card.row, amount, now)
            card.back += amount
            self.notes.backs.append(Back(row, card, amount))

    def take_back(self, card: Card, amount: Decimal, left: Decimal, now: datetime) -> None:
        kept = card.reserved if amount == left else ZERO
        wallet = ("WALLET", card.owner, "USD")
        if self.books.free(card.owner, "USD") + kept >= amount and kept:
            self.release_reserve(card, now)
        self.books.move(now, wallet, ("REFUND_IN_TRANSIT", card.owner, "USD"), amount)

    @precondition(lambda self: self.notes.backs)
    @rule(arrives=st.booleans(), twice=st.booleans())
    def end_back(self, arrives: bool, twice: bool) -> None:
        back, now = self.notes.backs.pop(), self.tick()
        transit = ("REFUND_IN_TRANSIT", back.card.owner, "USD")
        if arrives:
            self.move_pending(now, {transit: back.amount}, -back.amount)
        else:
            back.card.back -= back.amount
            self.books.move(now, transit, ("WALLET", back.card.owner, "USD"), back.amount)
        for _ in range(1 + twice):
            self.world.end_refund(back.row, arrives=arrives, now=now)

    @precondition(lambda self: any(not card.dispute for card in self.notes.cards))
    @rule(which=st.integers(0), half=st.booleans(), twice=st.booleans())
    def open_dispute(self, which: int, half: bool, twice: bool) -> None:
        cards = [card for card in self.notes.cards if not card.dispute]
        card, now = cards[which % len(cards)], self.tick()
        amount = (card.row.amount / 2).quantize(Decimal("0.01")) if half else card.row.amount
        self.release_reserve(card, now)
        wallet, owner = ("WALLET", card.owner, "USD"), card.owner
        card.dispute, card.contested = "OPEN", amount
        card.frozen = min(max(self.books.free(owner, "USD"), ZERO), amount)
        self.books.move(now, wallet, ("FROZEN", owner, "USD"), card.frozen)
        lines = {("DISPUTE_RECEIVABLE", None, "USD"): amount, ("STRIPE_FEE", None, "USD"): Decimal(15)}
        self.move_pending(now, lines, -amount - 15)
        for _ in range(1 + twice):
            self.world.contest(card.row, amount, "needs_response", now)

    @precondition(lambda self: any(card.dispute == "OPEN" for card in self.notes.cards))
    @rule(won=st.booleans(), twice=st.booleans())
    def decide_dispute(self, won: bool, twice: bool) -> None:
        card, now = next(card for card in self.notes.cards if card.dispute == "OPEN"), self.tick()
        owner, receivable = card.owner, ("DISPUTE_RECEIVABLE", None, "USD")
        amount, frozen = card.contested, ("FROZEN", owner, "USD")
        if won:
            self.books.move(now, frozen, ("WALLET", owner, "USD"), card.frozen)
            self.move_pending(now, {receivable: -amount}, amount)
            card.contested = ZERO
        else:
            more = min(max(self.books.free(owner, "USD"), ZERO), amount - card.frozen)
            loss = amount - card.frozen - more
            paid = {frozen: card.frozen, ("WALLET", owner, "USD"): more}
            self.books.post(now, paid | {("DISPUTE_LOSS", None, "USD"): loss, receivable: -amount})
        card.dispute = "ENDED"
        for _ in range(1 + twice):
            self.world.contest(card.row, amount, "won" if won else "lost", now)

    @rule(days=st.sampled_from((1, 1, 8)))
    def pass_days(self, days: int) -> None:
        self.now += timedelta(days=days)
        now = self.tick()
        for card in self.notes.cards:
            if card.until and card.until <= now and card.dispute != "OPEN":
                self.release_reserve(card, now)
        due = sorted(one for one in self.notes.pending if one[0] <= now)
        self.notes.pending = [one for one in self.notes.pending if one[0] > now]
        for at, net in due:
            self.books.move(at, ("CLEARING_STRIPE", None, "USD"), ("STRIPE_PENDING", None, "USD"), net)
        payments.release_reserves(now=now)
        movements.release_available(now=now)

    # --- money across -----------------------------------------------------------------------------

    @rule(currency=st.sampled_from(sorted(RATES)), which=st.integers(0, 2))
    def say_rate(self, currency: str, which: int) -> None:
        self.say(currency, Decimal(RATES[currency][which]))

    @rule(which=st.integers(0, 1), other=st.sampled_from(sorted(RATES)), sells=st.booleans(), amount=NANOS)
    def convert(self, which: int, other: str, sells: bool, amount: Decimal) -> None:
        self.exchange(which, other, sells, amount, buys=False)

    @rule(which=st.integers(0, 1), other=st.sampled_from(sorted(RATES)), sells=st.booleans(), amount=NANOS)
    def convert_for(self, which: int, other: str, sells: bool, amount: Decimal) -> None:
        self.exchange(which, other, sells, amount, buys=True)

    def exchange(self, which: int, other: str, sells: bool, amount: Decimal, *, buys: bool) -> None:
        if (which, other) not in WALLETS:
            return
        self.say(other, self.books.worth(other, self.now))
        sell, buy = (other, "USD") if sells else ("USD", other)
        owner, now = self.owners[which], self.tick()
        with self.both():
            deed = self.books.convert_for if buys else self.books.convert
            told = self.plan(deed, owner.pk, sell, buy, amount, now, settings.FX_SPREAD_BPS)
            made = self.world.convert(owner, (sell, buy), now, **{"buy" if buys else "sell": amount})
            assert (made.sold if buys else made.bought) == told

    @rule()
    def follow(self) -> None:
        self.world.follow()
        self.books.follow()
        self.check_positions()

    @rule()
    def revalue(self) -> None:
        self.follow()
        day, now = self.today - timedelta(days=1), self.tick()
        with self.both():
            self.plan(self.books.revalue, day)
            positions.revalue(day=day, now=now)

    @rule(days=st.integers(1, 3))
    def close_books(self, days: int) -> None:
        self.follow()
        day, now = self.today - timedelta(days=days), self.tick()
        with self.both():
            told = self.plan(self.books.close, day)
            period = self.world.close(day, now)
            with connection.cursor() as cursor:
                cursor.execute(READ_PERIOD, [period.pk])
                found = {(purpose, owner, code): sum_ for purpose, owner, code, sum_ in cursor.fetchall()}
            assert found == told
