"""
Settlements against a model in plain Python: providers earn, refund, are settled, and payouts come back.

The model knows nothing of SQL. After each step every account has what the model says; at the end the whole
verification is clean.
"""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts import organizations
from accounts.audit import SYSTEM
from accounts.models import Organization
from billing import approvals, verification
from billing.models import Payout, SettlementBatch
from billing.settlement import batches, payouts, terms
from billing.settlement.terms import Terms
from core.quantities import round_half_even
from tests import databases
from tests.cast import NOW
from tests.settlement import settling
from tests.settlement.settling import read

pytestmark = [pytest.mark.sql, pytest.mark.timeout(240)]
CENT = Decimal("0.01")
AMOUNTS = st.integers(1, 50_000_000_000).map(lambda nanos: Decimal(nanos).scaleb(-9))


@dataclass(slots=True)
class Provider:
    """What a provider has, and what the gates say of it."""

    row: Organization
    payable: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    moved: bool = False
    bps: int = 0
    allowed: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch does to one provider."""

    held: Decimal
    released: Decimal
    tax: Decimal
    fee: Decimal
    amount: Decimal


@dataclass(slots=True)
class Sent:
    """A payout and where it stands."""

    provider: int
    amount: Decimal
    tax: Decimal
    state: str = "PLANNED"


def reckon(one: Provider, asked: Terms) -> Plan:
    """What is done with a provider's balance."""
    held = released = Decimal(0)
    if asked.held_days == 0:
        released = one.held
    elif one.payable > 0:
        room = one.payable if asked.held_max is None else max(asked.held_max - one.held, Decimal(0))
        held = min(one.payable, room)
    else:
        released = min(one.held, -one.payable)
    free = one.payable + released - held
    net = free * (10_000 - one.bps) / 10_000 - asked.fee
    amount = net.quantize(CENT, rounding=ROUND_DOWN)
    if not one.allowed or free <= 0 or amount < max(asked.minimum, CENT):
        return Plan(held, released, Decimal(0), Decimal(0), Decimal(0))
    tax = round_half_even((amount + asked.fee) * one.bps / (10_000 - one.bps), 9)
    return Plan(held, released, tax, asked.fee, amount)


@dataclass(slots=True)
class Books:
    """What the platform's accounts have."""

    bank: Decimal = Decimal(0)
    transit: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    sent: list[Sent] = field(default_factory=list)


class Settling(RuleBasedStateMachine):
    """Everything that settles, in any order."""

    db: databases.Database
    batch: SettlementBatch | None = None
    agreed: bool = False

    @initialize()
    def open_books(self) -> None:
        self.desk = settling.make_desk()
        self.books, self.terms = Books(), Terms("USD")
        self.providers = [
            Provider(organizations.create_organization(name=name, country="CN", now=NOW))
            for name in ("North", "South")
        ]
        self.plans: dict[int, Plan] = {}

    @rule(which=st.integers(0, 1), amount=AMOUNTS, sign=st.sampled_from((1, 1, -1)))
    def earn(self, which: int, amount: Decimal, sign: int) -> None:
        one = self.providers[which]
        settling.earn(one.row, f"{sign * amount:f}")
        one.payable += sign * amount
        one.moved = True
        self.books.bank += sign * amount

    @rule(which=st.integers(0, 1), bps=st.sampled_from((0, 700, 3000)), allowed=st.booleans())
    def judge(self, which: int, bps: int, allowed: bool) -> None:
        one = self.providers[which]
        one.bps, one.allowed = bps, allowed
        self.desk.say(one.row, withholding_bps=bps, refusal="" if allowed else "NOT_ALLOWED")

    @rule(
        minimum=st.sampled_from(("0", "20")),
        fee=st.sampled_from(("0", "0.30")),
        days=st.sampled_from((0, 0, 30)),
        most=st.sampled_from((None, Decimal(10))),
    )
    def ask_for(self, minimum: str, fee: str, days: int, most: Decimal | None) -> None:
        self.terms = Terms("USD", Decimal(minimum), Decimal(fee), days, most)
        terms.change_terms(terms=self.terms, actor=SYSTEM, now=NOW)

    @precondition(lambda self: self.batch is None and any(one.moved for one in self.providers))
    @rule()
    def draft(self) -> None:
        try:
            self.batch = self.desk.draft()
        except batches.NothingToSettle:
            return
        self.agreed = False
        self.plans = {i: reckon(one, self.terms) for i, one in enumerate(self.providers) if one.moved}
        found = {item.organization_id: item for item in self.batch.items.all()}
        for index, plan in self.plans.items():
            item = found.get(self.providers[index].row.pk)
            shown = Plan(item.held, item.released, item.tax, item.fee, item.amount) if item else None
            assert shown == plan or (item is None and plan.amount == plan.held == plan.released == 0)

    @precondition(lambda self: self.batch is not None and not self.agreed)
    @rule(yes=st.booleans())
    def decide(self, yes: bool) -> None:
        assert self.batch is not None
        asked = batches.submit(batch=self.batch, actor=self.desk.ann, now=NOW)
        if yes:
            approvals.approve(approval=asked, sha256=asked.sha256, actor=self.desk.bob, now=NOW)
            self.agreed = True
        else:
            approvals.reject(approval=asked, note="No.", actor=self.desk.bob, now=NOW)
            self.batch = None

    @precondition(lambda self: self.batch is not None and self.agreed)
    @rule()
    def execute(self) -> None:
        assert self.batch is not None
        items = {item.organization_id for item in self.batch.items.all()}
        assert self.desk.execute(self.batch).state == "DONE"
        self.batch = None
        for index, plan in self.plans.items():
            one = self.providers[index]
            left = one.payable + plan.released - plan.held - plan.tax - plan.fee - plan.amount
            stopped = plan.amount > 0 and (not one.allowed or left < 0)
            if one.row.pk not in items or stopped:
                continue
            one.payable, one.held = left, one.held + plan.held - plan.released
            self.books.tax += plan.tax
            self.books.fee += plan.fee
            self.books.transit += plan.amount
            if plan.amount:
                self.books.sent.append(Sent(index, plan.amount, plan.tax))

    @precondition(lambda self: bool(self.books.sent))
    @rule(which=st.integers(0), step=st.sampled_from(("SENT", "PAID", "RETURNED", "FAILED")))
    def hear(self, which: int, step: str) -> None:
        number = which % len(self.books.sent)
        sent, row = self.books.sent[number], Payout.objects.order_by("id")[number]
        words: dict[str, Any] = {"external_id": f"E{number}", "reason": ""}
        words |= {"happened_at": NOW, "actor": SYSTEM, "now": NOW}
        if step in ("RETURNED", "FAILED"):
            words |= {"external_id": "", "reason": "closed"}
        if (sent.state, step) == ("FAILED", "PAID"):
            with pytest.raises(payouts.GivenBack):
                payouts.note(payout_uid=row.uid, state=Payout.State(step), **words)
            return
        payouts.note(payout_uid=row.uid, state=Payout.State(step), **words)
        self._go_on(sent, step)

    def _go_on(self, sent: Sent, step: str) -> None:
        if sent.state in (step, "RETURNED", "FAILED") or (sent.state == "PAID" and step != "RETURNED"):
            return
        if step == "PAID":
            self.books.transit -= sent.amount
            self.books.bank -= sent.amount
        elif step in ("RETURNED", "FAILED"):
            if sent.state == "PAID":
                self.books.bank += sent.amount
            else:
                self.books.transit -= sent.amount
            self.books.tax -= sent.tax
            self.providers[sent.provider].payable += sent.amount + sent.tax
        sent.state = step

    @invariant()
    def accounts_are_as_the_model_says(self) -> None:
        for one in getattr(self, "providers", ()):
            assert (read("PAYABLE", one.row), read("HELD_EARNINGS", one.row)) == (one.payable, one.held)
        if hasattr(self, "books"):
            found = [
                read(purpose)
                for purpose in ("CLEARING_BANK", "PAYOUT_IN_TRANSIT", "WITHHOLDING_TAX", "PAYOUT_FEE")
            ]
            assert found == [self.books.bank, self.books.transit, self.books.tax, self.books.fee]

    def teardown(self) -> None:
        assert verification.verify() == []


def test_settlements_do_what_the_model_says(desk: databases.Desk) -> None:
    class OnFreshBooks(Settling):
        def __init__(self) -> None:
            self.lent = desk.lend()
            self.db = self.lent.__enter__()
            super().__init__()

        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                self.lent.__exit__(None, None, None)

    run_state_machine_as_test(
        OnFreshBooks,
        settings=settings(
            max_examples=4,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
