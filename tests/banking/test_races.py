"""Two operators and two workers at the same line: it is booked once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

from django.db import connection

from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals
from billing.banking import assignment, booking, files
from billing.banking.assignment import Choice
from billing.banking.matching import Target
from billing.models import BankLine
from core.errors import DomainError
from tests.api.conftest import make_operator
from tests.banking.conftest import RIGHTS, Counter, find, read, refer
from tests.banking.files import Entry, Sheet, write
from tests.cast import NOW


def run_together(*acts: Callable[[], object]) -> list[str]:
    """Do all at once, each in a connection of its own; gives what each was refused with."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> str:
        start.wait(10)
        try:
            act()
        except DomainError as refusal:
            return refusal.code
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(run, acts))


def test_two_workers_book_a_line_once(counter: Counter, lab: Organization) -> None:
    sheet = Sheet(entries=[Entry("7", ref="A1", text=refer(lab)), Entry("3", ref="A2")])
    files.receive(content=write(sheet), actor=counter.ann, now=NOW)
    ids = list(BankLine.objects.values_list("pk", flat=True))

    said = run_together(*(lambda one=one: booking.book_line(line_id=one, now=NOW) for one in ids * 2))

    assert set(said) == {""}
    assert (read("WALLET", lab), read("SUSPENSE")) == (Decimal(7), Decimal(3))


def test_two_operators_say_different_things_and_one_is_booked(counter: Counter, lab: Organization) -> None:
    counter.hand_in(Sheet(entries=[Entry("9", ref="A1")]))
    carol = Actor.from_user(make_operator(*RIGHTS, name="carol"))
    asked = assignment.prepare(
        line=find("A1"), choice=Choice(Target.WALLET, lab.uid), reason="x", actor=counter.ann, now=NOW
    )

    def approve(actor: Actor) -> Callable[[], object]:
        return lambda: approvals.approve(approval=asked, sha256=asked.sha256, actor=actor, now=NOW)

    def say_otherwise() -> object:
        return assignment.prepare(
            line=find("A1"), choice=Choice(Target.FEE), reason="y", actor=carol, now=NOW
        )

    said = run_together(approve(counter.bob), approve(carol), say_otherwise)

    # Whoever said otherwise was first, and nothing is booked; or one of the two approved, and it is once.
    booked = find("A1").state == "WALLET"
    assert said.count("already_decided") >= 1
    assert read("WALLET", lab) == (9 if booked else 0)
    assert read("CLEARING_BANK") == 9
