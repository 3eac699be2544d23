"""
The same story under storms: events in any order, doubled, lost; and a crash at every point between Stripe and
a commit. It always ends in the same books.
"""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import wraps
from itertools import count
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import audit, organizations
from accounts.models import Organization
from billing import verification
from billing.models import Entry, StripeEvent, StripeRefund, StripeTopUp
from billing.stripe import disputes, inbox, movements, payments, refunds, top_ups
from billing.stripe.client import StripeUnavailable
from tests.cast import NOW
from tests.databases import Database
from tests.stripe import scene
from tests.stripe.bank import Bank, open_bank
from tests.stripe.scene import available, balance

LONG = os.environ.get("PROOF") == "long"
pytestmark = [pytest.mark.sql, pytest.mark.timeout(7200 if LONG else 60)]


@dataclass(frozen=True, slots=True)
class Books:
    """What a buyer has, and what changed in the platform's own accounts."""

    available: scene.Amount
    frozen: scene.Amount
    in_transit: scene.Amount
    stripe: scene.Amount
    fee: scene.Amount
    receivable: scene.Amount
    loss: scene.Amount


OURS = ("CLEARING_STRIPE", "STRIPE_PENDING", "STRIPE_FEE", "DISPUTE_RECEIVABLE", "DISPUTE_LOSS", "SUSPENSE")
END = Books(*map(Decimal, ("50", "0", "0", "31.80", "18.20", "0", "0")))
"""100 paid at a cost of 3.20, 30 sent back, 20 lost to the payer's bank at a cost of 15."""


class Crash(BaseException):
    """The process dies: nothing of ours may catch it."""


class Story:
    """Somebody pays 100 dollars, asks for 30 of them back, and contests 20."""

    def __init__(self, bank: Bank, organization: Organization) -> None:
        self.bank, self.organization = bank, organization
        self.before = {purpose: balance(purpose) for purpose in OURS}

    def ask(self) -> None:
        """Ask to pay, on a page."""
        asked = scene.ask(self.organization, "100", now=self.bank.now)
        top_ups.open_page(top_up=asked, asked=self.bank.client, now=self.bank.now)

    def pay(self) -> None:
        """Pay there."""
        self.bank.control("pay", session=self.find().session_id)

    def find(self) -> StripeTopUp:
        """The payment."""
        return StripeTopUp.objects.get(organization=self.organization)

    def send_back(self) -> None:
        """Ask for 30 back."""
        asked = refunds.request(
            top_up=self.find(), amount=Decimal(30), reason="", actor=audit.SYSTEM, now=self.bank.now
        )
        refunds.send(refund=asked, asked=self.bank.client, now=self.bank.now)

    def contest(self) -> None:
        """Contest 20, and win against us."""
        opened = self.bank.control("disputes/open", charge=self.find().charge_id, amount=2000)
        self.bank.control("disputes/settle", dispute=opened["id"], status="lost")

    def read(self) -> Books:
        """The books after all of it."""
        self.bank.heal(after=9 * 86400)
        moved = {purpose: balance(purpose) - self.before[purpose] for purpose in OURS}
        assert moved["SUSPENSE"] == 0
        return Books(
            available=available(self.organization),
            frozen=balance("FROZEN", organization=self.organization),
            in_transit=balance("REFUND_IN_TRANSIT", organization=self.organization),
            stripe=moved["CLEARING_STRIPE"] + moved["STRIPE_PENDING"],
            fee=moved["STRIPE_FEE"],
            receivable=moved["DISPUTE_RECEIVABLE"],
            loss=moved["DISPUTE_LOSS"],
        )


def test_events_in_any_order_doubled_or_lost_end_in_the_same_books(db: Database) -> None:
    number = count(1)

    @given(order=st.randoms(use_true_random=False), lost=st.sets(st.integers(0, 20), max_size=21))
    @settings(
        max_examples=200 if LONG else 4,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not LONG,
        database=None,
    )
    def storm(order: Any, lost: set[int]) -> None:
        lab = organizations.create_organization(name=f"Lab {next(number)}", country="SE", now=NOW)
        with open_bank() as bank:
            story = Story(bank, lab)
            story.ask()
            story.pay()
            first = bank.list_events()
            bank.tell(_shake(first, order, lost))
            bank.heal()
            story.send_back()
            story.contest()
            bank.tell(_shake(bank.list_events(), order, lost))

            assert story.read() == END

    storm()

    assert verification.verify() == []
    assert not StripeEvent.objects.exclude(state__in=("HANDLED", "LEFT")).exists()


def _shake(events: list[dict[str, Any]], order: Any, lost: set[int]) -> list[dict[str, Any]]:
    kept = [event for number, event in enumerate(events) if number not in lost]
    doubled = kept + kept[: len(kept) // 2]
    order.shuffle(doubled)
    return doubled


def test_many_who_act_on_the_same_events_at_once_credit_each_payment_once(db: Database) -> None:
    labs = [organizations.create_organization(name=f"Lab {n}", country="SE", now=NOW) for n in range(3)]
    with open_bank() as bank:
        for lab in labs:
            story = Story(bank, lab)
            story.ask()
            story.pay()
        told = bank.list_events() * 4
        random.Random(1).shuffle(told)

        def hear(number: int) -> None:
            try:
                bank.tell(told[number::8])
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(hear, range(8)))
        bank.heal()

    assert [available(lab) for lab in labs] == [100] * 3
    assert Entry.objects.filter(kind="STRIPE_TOPUP").count() == 3
    assert StripeEvent.objects.count() == len(told) / 4
    assert not StripeEvent.objects.exclude(state__in=("HANDLED", "LEFT")).exists()
    assert verification.verify() == []


def crash_once(function: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    """The same function, whose first call dies before it began, or after it was done."""
    calls: list[int] = []

    @wraps(function)
    def dying(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if before and len(calls) == 1:
            raise Crash
        answer = function(*args, **kwargs)
        if len(calls) == 1:
            raise Crash
        return answer

    return dying


POINTS = [
    (top_ups, "_find_or_make_session", False),
    (payments, "apply", False),
    (movements, "write", False),
    (refunds, "send", True),
    (refunds, "note", True),
    (disputes, "apply", True),
    (inbox, "_claim", False),
]


def test_a_crash_between_any_call_and_its_commit_is_healed(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the short form one point of each kind; tests/money/test_calls.py dies at every call and every commit.
    for number, (module, name, before) in enumerate(POINTS if LONG else POINTS[1::2]):
        lab = organizations.create_organization(name=f"Lab {number}", country="SE", now=NOW)
        # Every other crash is found only when Stripe has forgotten the keys of the calls.
        pause = 3700 if number % 2 else 25 * 3600
        with open_bank() as bank, monkeypatch.context() as patch:
            story = Story(bank, lab)
            crashed = 0
            patch.setattr(module, name, crash_once(getattr(module, name), before=before))
            for step in (story.ask, story.pay, story.send_back, story.contest):
                try:
                    step()
                    bank.tell(bank.list_events())
                except Crash:
                    crashed += 1
                    # A page is open for two hours.
                    bank.heal(after=600 if step == story.ask else pause)
            assert crashed == 1, name
            assert story.read() == END, (name, before)
    assert verification.verify() == []
    assert not StripeRefund.objects.filter(follow_at__isnull=False).exists()


def test_a_call_whose_answer_is_lost_is_not_made_twice(db: Database, lab: Organization) -> None:
    with open_bank() as bank:
        asked = scene.ask(lab, "100", now=bank.now)
        bank.control("faults", faults=[{"path": "/v1/checkout", "status": 0, "acted": True, "times": 2}])
        with pytest.raises(StripeUnavailable):
            top_ups.open_page(top_up=asked, asked=bank.client, now=bank.now)
        later = bank.now + timedelta(minutes=2)
        opened = top_ups.open_page(top_up=asked, asked=bank.client, now=later)

        assert len(list(bank.client.v1.checkout.sessions.list().auto_paging_iter())) == 1
        assert opened.state == "OPEN"
