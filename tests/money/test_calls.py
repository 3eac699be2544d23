"""
A crash before and after every call to Stripe and, at length (`PROOF=long`), after every commit: nothing is
lost or done twice.

One story makes every call that changes something at Stripe. The calls are found in the code, so that a new
one fails the first test until the story makes it too.
"""

import ast
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

from accounts import audit, organizations
from accounts.models import Organization
from billing import approvals, verification
from billing.connect import accounts, rail, transfers
from billing.models import (
    Approval,
    ConnectTransfer,
    Payout,
    PayoutMethod,
    SettlementBatch,
    StripeRecharge,
    StripeRefund,
    StripeTopUp,
)
from billing.rails import methods
from billing.settlement import batches
from billing.stripe import recharge, refunds, top_ups
from core.sql import REPOSITORY
from tests import databases
from tests.cast import NOW
from tests.settlement.settling import Desk, earn, make_desk
from tests.stripe import scene
from tests.stripe.bank import Bank, open_bank
from tests.stripe.scene import available, balance

LONG = os.environ.get("PROOF") == "long"
pytestmark = [pytest.mark.sql, pytest.mark.timeout(7200 if LONG else 240)]

ID = re.compile(r"/(?:acct|tr|pi|ch|cs|po|re|cus|txn|evt|dp|pm)_\w+")
CALLS = {
    "accounts.create": "/v1/accounts",
    "account_links.create": "/v1/account_links",
    "checkout.sessions.create": "/v1/checkout/sessions",
    "customers.create": "/v1/customers",
    "payment_intents.create": "/v1/payment_intents",
    "payouts.create": "/v1/payouts",
    "refunds.create": "/v1/refunds",
    "transfers.create": "/v1/transfers",
    "transfers.reversals.create": "/v1/transfers/*/reversals",
}
SDK_CALL = re.compile(r".+\.v[12]\.(?P<call>[\w.]+)")
SERVICES = "|".join(name for name in dir(stripe.StripeClient) if not name.startswith("_"))
PAST_THAT = re.compile(
    rf"(?:.+\.)?raw_request\w*|(?:stripe\.[A-Z]\w*|.+\.(?:{SERVICES}))"
    r"\.(?:create|update|modify|cancel|capture|confirm|pay)"
)
"""Ways around the services of its client, which we would not find."""
EACH_ANEW = {"POST /v1/account_links"}
"""A link serves once."""
READS = {"retrieve", "retrieve_current", "list", "search"}
SETTING_UP = {"webhook_endpoints.create", "webhook_endpoints.update", "webhook_endpoints.delete"}
"""Where Stripe is to tell us things. No money hangs on them."""
TELLING = {"disputes.update"}
"""Evidence. No money hangs on it, and tests/stripe/test_disputes.py hands it in twice."""
RULE = recharge.Rule("USD", Decimal(120), Decimal(50), Decimal(100), Decimal(300))
MADE_ONCE = ("customers", "refunds", "accounts", "transfers")


class Crash(BaseException):
    """The process dies: nothing of ours may catch it."""


@dataclass
class Deaths:
    """Who dies where: told of every call to Stripe and of every commit, in their order."""

    dies: Callable[[int, str, bool], bool]
    seen: list[str] = field(default_factory=list)
    keys: dict[str, set[str]] = field(default_factory=dict)
    died: int = 0

    def note(self, what: str, *, after: bool) -> None:
        """Die here, if it is decided so."""
        if after:
            self.seen.append(what)
        if self.dies(len(self.seen), what, after):
            self.died += 1
            raise Crash(what)


@contextmanager
def watch(deaths: Deaths) -> Iterator[None]:
    """Have every call to Stripe and every commit pass by."""
    ask, commit = stripe.RequestsClient.request, DatabaseWrapper.commit

    def request(self: Any, method: str, url: str, headers: Any, *rest: Any, **named: Any) -> Any:
        name = f"{method.upper()} {ID.sub('/*', urlsplit(url).path)}"
        if method == "post":
            deaths.keys.setdefault(name, set()).add(headers["Idempotency-Key"])
        deaths.note(name, after=False)
        answer = ask(self, method, url, headers, *rest, **named)
        deaths.note(name, after=True)
        return answer

    def commit_and_tell(self: Any) -> None:
        commit(self)
        deaths.note("commit", after=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripe.RequestsClient, "request", request)
        patch.setattr(DatabaseWrapper, "commit", commit_and_tell)
        yield


@dataclass
class Story:
    """
    A buyer keeps a card, is charged by it and sends money back; a provider is paid and its bank refuses.

    Each step may be begun anew: by a person who clicks again, or by the task's next turn.
    """

    bank: Bank
    lab: Organization
    farm: Organization
    desk: Desk
    done: set[str] = field(default_factory=set)

    def once(self, name: str, deed: Callable[[], Any]) -> None:
        """What others do, who do not die with us."""
        if name not in self.done:
            deed()
            self.done.add(name)

    def steps(self) -> list[Callable[[], None]]:
        """In their order."""
        return [self.pay, self.fill, self.send_back, self.open_account, self.pay_out, self.bank_refuses]

    def pay(self) -> None:
        """By a card that is kept."""
        if not StripeRecharge.objects.exists():
            recharge.set_rule(organization=self.lab, rule=RULE, actor=audit.SYSTEM, now=self.bank.now)
        row = StripeTopUp.objects.filter(origin="CHECKOUT").first()
        row = row or scene.ask(self.lab, "100", now=self.bank.now, saves_method=True)
        row = top_ups.open_page(top_up=row, asked=self.bank.client, now=self.bank.now)
        card = {"number": "4242424242424242", "answer": "agree"}
        self.once("pay", lambda: self.bank.control("pay", session=row.session_id, **card))
        self.bank.tell(self.bank.list_events())

    def fill(self) -> None:
        """The wallet is filled by itself, once: then there is enough."""
        recharge.recharge_wallets(asked=self.bank.client, now=self.bank.now)

    def send_back(self) -> None:
        """Thirty of it."""
        row = StripeRefund.objects.first()
        if row is None:
            paid = StripeTopUp.objects.get(origin="CHECKOUT")
            row = refunds.request(
                top_up=paid, amount=Decimal(30), reason="", actor=audit.SYSTEM, now=self.bank.now
            )
        refunds.send(refund=row, asked=self.bank.client, now=self.bank.now)

    def open_account(self) -> None:
        """The provider's, at Stripe; and the page where it is filled in."""
        asked, now = self.bank.client, self.bank.now
        row = accounts.open_account(organization=self.farm, country="US", asked=asked, now=now)
        page = "https://example.org/"
        accounts.make_link(organization=self.farm, page=page, again=page, asked=asked)
        self.once(
            "fill in", lambda: self.bank.control("accounts/move", account=row.account_id, state="enabled")
        )
        accounts.follow(account_id=str(row.account_id), asked=asked, now=now)

    def pay_out(self) -> None:
        """What the provider is owed, to its account and from there to its bank."""
        if not Payout.objects.exists():
            method = PayoutMethod.objects.get(rail=rail.NAME)
            if method.verified_at is None:
                methods.verify_method(method=method, actor=self.desk.ann, now=self.bank.now)
            for seconds in (60, int(methods.COOLING.total_seconds())):
                self.bank.heal(after=seconds)
            self.desk.say(self.farm, rail=rail.NAME, method_id=method.pk)
            batch = SettlementBatch.objects.first() or self.desk.draft(self.bank.now)
            if batch.state in ("DRAFT", "SUBMITTED"):
                self.agree(batch)
            self.desk.execute(batch, self.bank.now)
        transfers.send_waiting(asked=self.bank.client, now=self.bank.now)

    def agree(self, batch: SettlementBatch) -> None:
        """Ann submits it, unless she did, and Bob approves."""
        now, asked = self.bank.now, Approval.objects.filter(state="PENDING").first()
        asked = asked or batches.submit(batch=batch, actor=self.desk.ann, now=now)
        approvals.approve(approval=asked, sha256=asked.sha256, actor=self.desk.bob, now=now)

    def bank_refuses(self) -> None:
        """The bank does not take it: it comes back, and is owed again."""
        row = ConnectTransfer.objects.get()
        sent = row.bank_payout_id
        self.once("refuse", lambda: self.bank.control("payouts/end", payout=sent, paid=False))
        transfers.follow_payout(
            bank_payout_id=str(sent), account_id=row.account_id, asked=self.bank.client, now=self.bank.now
        )
        transfers.send_waiting(asked=self.bank.client, now=self.bank.now)

    def check(self) -> None:
        """Everything was done once, and the books say so."""
        self.bank.heal(after=9 * 86400)
        there = {name: len(list(getattr(self.bank.client.v1, name).list().data)) for name in MADE_ONCE}
        account = ConnectTransfer.objects.get().account_id
        payouts = self.bank.client.v1.payouts.list({}, {"stripe_account": account}).data
        paid = self.bank.client.v1.payment_intents.list().data
        [transfer] = self.bank.client.v1.transfers.list().data

        assert there == dict.fromkeys(MADE_ONCE, 1)
        assert (len(payouts), len(transfer.reversals.data), transfer.amount_reversed) == (1, 1, 4_000)
        assert sorted(intent.amount for intent in paid) == [5_000, 10_000]
        assert (available(self.lab), balance("REFUND_IN_TRANSIT", organization=self.lab)) == (120, 0)
        assert (balance("PAYABLE", organization=self.farm), balance("PAYOUT_IN_TRANSIT")) == (40, 0)
        told = self.bank.client.v1.balance.retrieve().to_dict()
        free = {row["currency"]: row["amount"] for row in told["available"]}["usd"]
        assert balance("CLEARING_STRIPE") == Decimal(free).scaleb(-2)
        assert (balance("STRIPE_PENDING"), balance("SUSPENSE")) == (0, 0)
        assert verification.verify() == []


def survives(deaths: Deaths, deed: Callable[[], None]) -> bool:
    """Do it; answers whether whoever did it lived to see the end."""
    try:
        with watch(deaths):
            deed()
    except Crash:
        connection.close()
        return False
    return True


def tell(desk: databases.Desk, deaths: Deaths, pause: timedelta) -> None:
    """The story from its beginning to its end, whoever dies."""
    with desk.lend(), open_bank() as bank:
        lab, farm = (
            organizations.create_organization(name=name, country="US", now=NOW) for name in ("Lab", "Farm")
        )
        earn(farm, "40")
        story = Story(bank, lab, farm, make_desk())
        for step in story.steps():
            # A page to pay on is open for two hours.
            seconds = 600 if step == story.pay else int(pause.total_seconds())
            heal = partial(bank.heal, after=seconds)
            while not survives(deaths, step):
                while not survives(deaths, heal):
                    pass
        story.check()


def list_named() -> Iterator[str]:
    """Every `a.b.c` of the code, as long as it is."""
    for folder in ("accounts", "billing", "config", "core", "gateway", "marketplace", "workers"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            nodes = list(ast.walk(ast.parse(text))) if "stripe" in text.lower() else []
            inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
            for node in nodes:
                if isinstance(node, ast.Attribute) and id(node) not in inner:
                    yield ast.unparse(node)


def test_every_call_that_changes_something_is_in_the_story() -> None:
    """And is made in one place: who dies there has not died in another."""
    named = list(list_named())
    calls = Counter(found["call"] for name in named if (found := SDK_CALL.fullmatch(name)))

    aside = SETTING_UP | TELLING
    changes = {call: calls[call] for call in calls.keys() - aside if call.rsplit(".")[-1] not in READS}
    assert changes == dict.fromkeys(CALLS, 1)
    assert [name for name in named if PAST_THAT.fullmatch(name) and not SDK_CALL.fullmatch(name)] == []


@pytest.mark.parametrize(
    ("after", "pause"),
    [(False, timedelta(hours=1)), (True, timedelta(hours=25))],
)
def test_who_dies_at_every_call_has_lost_nothing_and_done_nothing_twice(
    desk: databases.Desk, after: bool, pause: timedelta
) -> None:
    died: Counter[str] = Counter()

    def once_at_each(_: int, what: str, is_after: bool) -> bool:
        if not what.startswith("POST") or is_after != after or died[what]:
            return False
        died[what] += 1
        return True

    deaths = Deaths(once_at_each)
    tell(desk, deaths, pause)

    assert set(died) == {f"POST {path}" for path in CALLS.values()}
    # What is asked for again is asked for under the same key, by whoever comes after.
    assert [name for name, keys in deaths.keys.items() if len(keys) > 1 and name not in EACH_ANEW] == []


@pytest.mark.skipif(not LONG, reason="PROOF=long")
def test_who_dies_after_any_call_or_commit_has_lost_nothing(desk: databases.Desk) -> None:
    quiet = Deaths(lambda *_: False)
    tell(desk, quiet, timedelta(hours=1))
    for at in range(1, len(quiet.seen) + 1):

        def dies(number: int, _: str, after: bool, at: int = at) -> bool:
            return after and number == at

        deaths = Deaths(dies)
        tell(desk, deaths, timedelta(hours=25 if at % 2 else 1))
        assert deaths.died == 1, (at, quiet.seen[at - 1])
