"""Equations with their numbers: equal, different, explained, and nobody to ask."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import audit
from accounts.models import Organization
from billing import ledger
from billing.models import ReconciliationLine
from billing.reconciliation import runs
from billing.reconciliation.equations import Name, Said, make_equations
from tests.banking.conftest import Counter, read, refer
from tests.banking.files import Entry as Item
from tests.banking.files import Sheet
from tests.cast import NOW
from tests.databases import Database

D = Decimal


def states(said: Said) -> dict[str, str]:
    return {one.name: one.state for one in make_equations(said)}


def test_where_nobody_says_anything_nothing_is_equal() -> None:
    alone = Said("USD", {"CLEARING_BANK": D(5), "CLEARING_STRIPE": D(1), "WALLET": D(6)})

    assert states(alone) == {"BANK": "NO_SOURCE", "STRIPE_MOVEMENTS": "NO_SOURCE", "SAFEGUARDING": "HOLDS"}
    assert states(Said("EUR", {})) == {}
    assert states(Said("USDC", {"CLEARING_CHAIN": D(1)}, chain_records=D(1))) == {
        "CHAIN_RECORDS": "EQUAL",
        "CHAIN_BALANCE": "NO_SOURCE",
        "SAFEGUARDING": "HOLDS",
    }


def test_every_equation_tells_its_difference() -> None:
    said = Said(
        "USD",
        {"CLEARING_BANK": D(5), "STRIPE_PENDING": D(3), "PAYOUT_IN_TRANSIT": D(9), "SUSPENSE": D(-1)},
        bank=D(4),
        stripe_movements=D(3),
        stripe_balance=D("2.99"),
        payouts=D(9),
        suspense=D(2),
    )

    assert states(said) == {
        "BANK": "DIFFERENT",
        "STRIPE_MOVEMENTS": "EQUAL",
        "STRIPE_BALANCE": "DIFFERENT",
        "PAYOUTS": "EQUAL",
        "SUSPENSE": "DIFFERENT",
        "SAFEGUARDING": "BROKEN",
    }


def test_a_difference_stays_until_it_is_explained_and_comes_back_as_another(
    counter: Counter, lab: Organization
) -> None:
    counter.hand_in(Sheet(entries=[Item("10", ref="A1", text=refer(lab)), Item("4", ref="A2")]))
    first = runs.reconcile(actor=audit.SYSTEM, now=NOW)
    assert {line.equation: line.state for line in first.lines.filter(currency="USD")} == {
        "BANK": "EQUAL",
        "SUSPENSE": "EQUAL",
        "SAFEGUARDING": "HOLDS",
    }

    def lose(amount: int) -> ReconciliationLine:
        bank = ledger.open_account(purpose="CLEARING_BANK", currency="USD")
        capital = ledger.open_account(purpose="CAPITAL", currency="USD")
        ledger.post(
            key=f"test:{amount}",
            kind="CORRECTION",
            actor="test",
            lines={bank: D(-amount), capital: D(amount)},
            happened_at=NOW,
        )
        run = runs.reconcile(actor=counter.ann, now=NOW)
        assert all(line.equation in (Name.BANK, Name.SAFEGUARDING) for line in runs.list_open(run))
        return run.lines.get(currency="USD", equation=Name.BANK)

    line = lose(1)
    assert (line.difference, line.detail["entries_on_no_statement"]) == (D(-1), 1)
    with pytest.raises(runs.NothingToExplain):
        runs.explain(line=line, reason=" ", actor=counter.ann, now=NOW)
    runs.explain(line=line, reason="The bank books it tomorrow.", actor=counter.ann, now=NOW)
    assert runs.list_open(line.run) == []

    line = lose(5)
    assert [(one.equation, one.difference) for one in runs.list_open(line.run)] == [
        ("BANK", D(-6)),
        ("SAFEGUARDING", D(2)),
    ]
    with pytest.raises(runs.NothingToExplain):
        runs.explain(line=first.lines.get(equation=Name.BANK), reason="x", actor=counter.ann, now=NOW)


def test_a_day_has_one_run_and_money_that_lies_has_an_age(counter: Counter) -> None:
    counter.hand_in(Sheet(day="2026-05-01", entries=[Item("4", ref="A1"), Item("-3", ref="A2")]))

    assert runs.reconcile_daily(actor=audit.SYSTEM, now=NOW) is not None
    assert runs.reconcile_daily(actor=audit.SYSTEM, now=NOW + timedelta(hours=11)) is None
    assert runs.reconcile_daily(actor=audit.SYSTEM, now=NOW + timedelta(hours=12)) is not None
    [age] = runs.list_ages(now=NOW)
    assert (age.bucket, age.count, age.amount) == ("up to a week", 2, D(7))
    [later] = runs.list_ages(now=NOW + timedelta(days=100))
    assert later.bucket == runs.OLDER
    total = runs.sum_in_dollars(runs.find_last())  # type: ignore[arg-type]
    assert (total.owed, total.cash, total.unpriced) == (D(0), D(1), ())


CENTS = st.integers(-10_000, 10_000).filter(bool)
KINDS = st.sampled_from(["known", "unknown", "fee", "reversal"])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CENTS, KINDS), max_size=12))
def test_what_is_credited_suspended_and_paid_is_what_the_statement_moved(
    desk_of_lines: "Lines", rows: list[tuple[int, str]]
) -> None:
    desk_of_lines.check(rows)


class Lines:
    """One account whose statements follow each other."""

    def __init__(self, counter: Counter, lab: Organization) -> None:
        self.counter, self.lab, self.reference = counter, lab, refer(lab)
        self.closing, self.number = D(0), 0

    def check(self, rows: list[tuple[int, str]]) -> None:
        """Hand in one more statement of these lines, and add up."""
        self.number += 1
        items = [
            self._make(cents, kind, f"{self.number}-{place}") for place, (cents, kind) in enumerate(rows)
        ]
        sheet = Sheet(name=f"S{self.number}", number=self.number, opening=f"{self.closing}", entries=items)
        assert self.counter.hand_in(sheet).state == "READ"
        self.closing = sheet.end
        parts = read("WALLET", self.lab) + read("SUSPENSE") - read("BANK_FEE")
        assert parts == read("CLEARING_BANK") == self.closing

    def _make(self, cents: int, kind: str, ref: str) -> Item:
        return Item(
            f"{D(cents) / 100}",
            ref=ref,
            text=self.reference if kind in ("known", "reversal") else "?",
            code="PMNT/MDOP/CHRG" if kind == "fee" else "PMNT/RCDT/ESCT",
            reversal=kind == "reversal",
        )


@pytest.fixture
def desk_of_lines(db: Database, counter: Counter, lab: Organization) -> Lines:
    return Lines(counter, lab)
