"""Somebody who does one deed after another, at random, beside others who do the same with the same money."""

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connection

from accounts.audit import SYSTEM
from billing import approvals
from billing.bookings import Bearer
from billing.fx import positions
from billing.models import Charge, Entry, Freeze, Payout, StripeRefund, StripeTopUp
from billing.settlement import batches, execution, payouts
from billing.stripe import movements, payments
from core.errors import DomainError
from tests.banking.files import Entry as Line
from tests.billing import exchange as ex
from tests.cast import NOW
from tests.money.world import World, name
from tests.rails.orders import ALICE

FEE = Decimal("0.59")


@dataclass
class Shared:
    """What everybody sees: the exchange, and what came in from outside, by account and currency."""

    world: World
    came: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    lock: threading.Lock = field(default_factory=threading.Lock)
    failures: list[BaseException] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    minutes: int = 0

    def tick(self) -> datetime:
        """A moment that nobody else has."""
        with self.lock:
            self.minutes += 1
            return NOW + timedelta(minutes=self.minutes)

    def note(self, purpose: str, currency: str, amount: Decimal) -> None:
        """Something came from outside, or went there."""
        with self.lock:
            self.came[purpose, currency] += amount


@dataclass
class Person:
    """One thread: its chances are those of its seed."""

    shared: Shared
    seed: int
    app: psycopg.Connection[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.random, self.world = random.Random(self.seed), self.shared.world

    def work(self, deeds: int) -> None:
        """Do so many deeds; refusals are answers, everything else is told to the test."""
        choices = [getattr(self, one) for one in DEEDS]
        try:
            with self.world.db.connect() as self.app:
                for _ in range(deeds):
                    self._do(self.random.choice(choices))
        except BaseException as failure:  # noqa: BLE001 - told to the test
            self.shared.failures.append(failure)
        finally:
            connection.close()

    def _do(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except DomainError as refusal:
            with self.shared.lock:
                self.shared.refused[f"{deed.__name__}: {refusal.code}"] += 1
        else:
            with self.shared.lock:
                self.shared.done[deed.__name__] += 1

    def _amount(self, most: int = 20) -> Decimal:
        return Decimal(self.random.randint(1, most * 100)).scaleb(-2)

    def _owner(self) -> Any:
        return self.random.choice((self.world.lab, self.world.fund))

    def _any(self, rows: Any) -> Any:
        found = list(rows.order_by("pk"))
        return self.random.choice(found) if found else None

    # --- deeds ------------------------------------------------------------------------------------

    def top_up(self) -> None:
        """A transfer under one of few references: of those who book the same one, one does."""
        amount, number = Decimal(self.random.randint(1, 30)), self.random.randint(1, 40)
        posted = self.world.top_up(
            self._owner(), "USD", amount, f"ref {number}", self.shared.tick(), self.shared.tick()
        )
        if posted.is_new:
            self.shared.note("CLEARING_BANK", "USD", amount)

    def reverse(self) -> None:
        """Undo a top-up."""
        entry = self._any(Entry.objects.filter(kind="TOPUP", reason__startswith="ref "))
        if entry is not None:
            posted = self.world.reverse(entry.pk, self.shared.tick())
            if posted.is_new:
                [amount] = entry.postings.filter(account__purpose="CLEARING_BANK").values_list(
                    "amount", flat=True
                )
                self.shared.note("CLEARING_BANK", "USD", -amount)

    def pay_card(self) -> None:
        """Somebody pays."""
        now, amount = self.shared.tick(), self._amount() + 5
        self.world.pay_card(self.world.ask_card(self._owner(), amount, now), risk="normal", fee=FEE, now=now)

    def hear_again(self) -> None:
        """Of a payment that was made."""
        found = self._any(StripeTopUp.objects.filter(state="PAID"))
        if found is not None:
            self.world.pay_card(found, risk="normal", fee=FEE, now=self.shared.tick())

    def ask_back(self) -> None:
        """Unused money goes back."""
        found = self._any(StripeTopUp.objects.filter(state="PAID"))
        if found is not None:
            self.world.ask_back(found, self._amount(5), self.shared.tick())

    def end_back(self) -> None:
        """It arrives; two may hear so at once."""
        found = self._any(StripeRefund.objects.exclude(state="FAILED"))
        if found is not None:
            self.world.end_refund(found, arrives=True, now=self.shared.tick())

    def contest(self) -> None:
        """A payment is contested, won or lost, told by several in any order."""
        found = self._any(StripeTopUp.objects.filter(state="PAID"))
        if found is not None:
            status = self.random.choice(
                ("needs_response", "needs_response", "won" if found.pk % 2 else "lost")
            )
            self.world.contest(found, found.amount, status, self.shared.tick())

    def hear_chain(self) -> None:
        """A deposit; several read the chain at once."""
        units = self.random.randint(1, 9_000_000)
        with self.shared.lock:
            self.world.chain.add(ALICE, units)
        self.shared.note("CLEARING_CHAIN", "USDC", Decimal(units).scaleb(-6))
        self.world.read_chain(self.shared.tick())

    def hear_bank(self) -> None:
        """A line that nobody knows."""
        amount = self._amount()
        with self.shared.lock:
            day = (NOW + timedelta(days=self.world.statements // 100)).date()
            self.world.tell_bank([Line(f"{amount:f}", ref=name(), text="who knows")], day, NOW)
        self.shared.note("CLEARING_BANK", "USD", amount)

    def convert(self) -> None:
        """Exchange some of a wallet."""
        pair = ("USD", "USDC") if self.random.random() < 0.7 else ("USDC", "USD")
        self.world.convert(self._owner(), pair, self.shared.tick(), sell=self._amount(4))

    def use(self) -> None:
        """A job from its hold to its usage, or to nothing."""
        seller = self.random.choice((self.world.farm, self.world.hall))
        row = self.world.admit(self._owner(), seller, self.random.randint(1, 900), self.app)
        if row["verdict"] == "ok" and self.random.random() < 0.8:
            ex.record(self.app, row["attempt_id"], out=self.random.randint(0, 1000))
        elif row["verdict"] == "ok":
            ex.fail(self.app, row["attempt_id"])

    def post_charges(self) -> None:
        """Post what is queued."""
        ex.post_charges(self.app)

    def refund_charge(self) -> None:
        """Give a charge back, at somebody's expense."""
        found = self._any(Charge.objects.filter(amount__gt=0))
        if found is not None:
            bearer = self.random.choice(list(Bearer))
            self.world.refund_charge(found.pk, bearer, self.shared.tick())

    def freeze(self) -> None:
        """Freeze a wallet, or what a provider is owed."""
        owner = self._owner().pk
        purpose = self.random.choice(("WALLET", "PAYABLE"))
        if purpose == "PAYABLE":
            owner = self.world.farm.organization_id
        self.world.freeze(purpose, owner, "USD", self.shared.tick())

    def let_go(self) -> None:
        """Let something frozen go."""
        standing = self._any(Freeze.objects.filter(ended_at=None))
        if standing is not None:
            self.world.let_go(standing, "OWNER", self.shared.tick())

    def settle(self) -> None:
        """Draft, agree on and carry out; others may do the same with the same batch."""
        now, desk = self.shared.tick(), self.world.desk
        batch = self.world.draft("USD", now)
        asked = batches.submit(batch=batch, actor=desk.ann, now=now)
        approvals.approve(approval=asked, sha256=asked.sha256, actor=desk.bob, now=now)
        execution.execute(batch=batch, ask=desk.ask, actor=desk.ann, now=now)

    def hear_payout(self) -> None:
        """A payout is paid, or comes back: told by several in any order."""
        found = self._any(Payout.objects.all())
        if found is not None:
            back = found.pk % 3 == 0
            payouts.note(
                payout_uid=found.uid,
                state=Payout.State.RETURNED if back else Payout.State.PAID,
                external_id="" if back else f"E{found.pk}",
                reason="closed" if back else "",
                happened_at=self.shared.tick(),
                actor=SYSTEM,
                now=self.shared.tick(),
            )

    def tell(self) -> None:
        """Number entries, tell positions, release what is due."""
        self.world.follow()
        payments.release_reserves(now=self.shared.tick())
        movements.release_available(now=NOW + timedelta(days=9))

    def close_books(self) -> None:
        """Close a day that is over."""
        now = self.shared.tick()
        day = (now - timedelta(days=self.random.randint(1, 3))).astimezone(UTC).date()
        self.world.follow()
        positions.revalue(day=day, now=now)
        self.world.close(day, now)


DEEDS = (
    *(
        "top_up",
        "top_up",
        "reverse",
        "pay_card",
        "hear_again",
        "ask_back",
        "end_back",
        "contest",
        "hear_chain",
    ),
    *(
        "hear_bank",
        "convert",
        "convert",
        "use",
        "use",
        "use",
        "use",
        "post_charges",
        "refund_charge",
        "freeze",
    ),
    *("let_go", "let_go", "settle", "hear_payout", "hear_payout", "tell", "close_books"),
)
