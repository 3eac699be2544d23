"""Payouts by Stripe Connect against the stand-in: crashes at each point, refusals, and banks that refuse."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import stripe

from accounts import audit
from accounts.models import AuditEvent, Organization, User
from billing import ledger
from billing.connect import accounts, rail, transfers
from billing.models import ConnectAccount, ConnectTransfer, Payout, PayoutMethod
from billing.rails import methods
from billing.settlement import payouts
from billing.stripe import client
from billing.stripe.client import StripeUnavailable
from tests.databases import Database
from tests.settlement.settling import Desk, earn, make_desk, read
from tests.signing_in import sign_in_operator
from tests.stand_ins.fixtures import StripeStandIn
from tests.stand_ins.test_stripe_payments import make_session

State = ConnectTransfer.State


@dataclass
class Scene:
    """A provider with an account at Stripe that is paid 40 USD by it."""

    stand_in: StripeStandIn
    asked: stripe.StripeClient
    farm: Organization
    desk: Desk
    now: datetime

    def settle(self) -> Payout:
        """Agree on a payout."""
        method = PayoutMethod.objects.get(rail=rail.NAME)
        self.desk.say(self.farm, rail=rail.NAME, method_id=method.pk)
        batch = self.desk.settle(self.now)
        return Payout.objects.get(batch=batch)

    def send(self, *, later: timedelta = timedelta(0)) -> None:
        """What the task does."""
        transfers.send_waiting(asked=self.asked, now=self.now + later)

    def row(self) -> ConnectTransfer:
        """The only transfer."""
        return ConnectTransfer.objects.get()

    def count_transfers(self) -> int:
        """How many Stripe has made."""
        return len(self.asked.v1.transfers.list({"limit": 100}).data)

    def fault(self, path: str, **wish: Any) -> None:
        """Let the next call there fail."""
        self.stand_in.control("faults", faults=[{"path": path, "method": "POST", **wish}])


def say_ready(scene_account: str, stand_in: StripeStandIn, asked: stripe.StripeClient, now: datetime) -> None:
    stand_in.control("accounts/move", account=scene_account, state="enabled")
    accounts.follow(account_id=scene_account, asked=asked, now=now)


@pytest.fixture
def scene(db: Database, farm: Organization, stripe_stand_in: StripeStandIn, desk_of_two: Desk) -> Scene:
    asked, now = stripe_stand_in.make_client(), datetime.now(UTC)
    account = accounts.open_account(organization=farm, country="US", asked=asked, now=now)
    assert account.account_id is not None
    say_ready(account.account_id, stripe_stand_in, asked, now)
    method = PayoutMethod.objects.get(rail=rail.NAME)
    methods.verify_method(method=method, actor=desk_of_two.ann, now=now)
    stripe_stand_in.control("pay", session=make_session(asked).id)
    stripe_stand_in.control("advance", seconds=int(methods.COOLING.total_seconds()))
    earn(farm, "40")
    return Scene(stripe_stand_in, asked, farm, desk_of_two, now + methods.COOLING)


@pytest.fixture
def desk_of_two(db: Database) -> Desk:
    return make_desk()


def test_a_payout_reaches_the_bank(scene: Scene) -> None:
    payout = scene.settle()
    scene.send()
    row = scene.row()
    transfer = scene.asked.v1.transfers.retrieve(str(row.transfer_id))
    scene.stand_in.control("payouts/end", payout=row.bank_payout_id, paid=True)
    for _ in range(2):
        transfers.follow_payout(
            bank_payout_id=str(row.bank_payout_id),
            account_id=row.account_id,
            asked=scene.asked,
            now=scene.now,
        )
    payout.refresh_from_db()

    operator = sign_in_operator(User.objects.create_superuser("operator@example.org", "a long password"))
    listed = operator.get("/admin/billing/connecttransfer/", {"q": str(row.transfer_id)}).content.decode()
    account = operator.get("/admin/billing/connectaccount/", {"q": row.account_id}).content.decode()

    assert (row.state, scene.row().state, payout.state) == (State.LEFT, State.ARRIVED, "PAID")
    assert str(row.bank_payout_id) in listed
    assert "READY" in account or "Ready" in account
    assert (transfer.amount, transfer.transfer_group) == (4_000, str(payout.batch.uid))
    assert payout.clearing == "CLEARING_STRIPE"
    assert read("PAYABLE", scene.farm) == 0


POINTS: list[Callable[[Scene], None]] = [
    lambda scene: scene.fault("/v1/transfers", status=0),
    lambda scene: scene.fault("/v1/transfers", status=0, acted=True),
    lambda scene: scene.fault("/v1/payouts", status=0),
    lambda scene: scene.fault("/v1/payouts", status=0, acted=True),
]


@pytest.mark.parametrize("later", [timedelta(minutes=1), timedelta(hours=25)])
@pytest.mark.parametrize("point", range(len(POINTS)))
def test_a_crash_at_any_point_never_pays_twice(scene: Scene, point: int, later: timedelta) -> None:
    payout = scene.settle()
    POINTS[point](scene)
    with pytest.raises(StripeUnavailable):
        scene.send()
    # Meanwhile nobody lets it go by another rail.
    assert not payouts.reroute(
        payout=payout, rail="manual", method_id=None, reason="test", actor=scene.desk.ann, now=scene.now
    )
    scene.stand_in.control("advance", seconds=int(later.total_seconds()))
    scene.send(later=later)
    payout.refresh_from_db()
    account = scene.row().account_id
    there = scene.asked.v1.payouts.list({}, {"stripe_account": account}).data

    assert (scene.row().state, payout.state) == (State.LEFT, "PAID")
    assert (scene.count_transfers(), len(there)) == (1, 1)


def test_a_crash_before_the_outcome_is_written_never_pays_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(Exception):
        pass

    def die(**_: Any) -> None:
        raise Died

    payout = scene.settle()
    with monkeypatch.context() as patched:
        patched.setattr(payouts, "mark_paid", die)
        with pytest.raises(Died):
            scene.send()
    assert (scene.row().state, scene.count_transfers()) == (State.ASKED, 1)
    scene.send(later=timedelta(hours=25))
    payout.refresh_from_db()

    assert (payout.state, scene.count_transfers()) == ("PAID", 1)


def test_what_a_bank_refuses_is_taken_back_and_owed_again(scene: Scene) -> None:
    payout = scene.settle()
    scene.send()
    row = scene.row()
    scene.stand_in.control("payouts/end", payout=row.bank_payout_id, paid=False)
    for _ in range(2):
        transfers.follow_payout(
            bank_payout_id=str(row.bank_payout_id),
            account_id=row.account_id,
            asked=scene.asked,
            now=scene.now,
        )
    transfers.follow_transfer(transfer_id=str(row.transfer_id), asked=scene.asked, now=scene.now)
    payout.refresh_from_db()

    assert (scene.row().state, payout.state) == (State.TAKEN_BACK, "RETURNED")
    assert payout.reason == "The bank account has been closed."
    assert read("PAYABLE", scene.farm) == Decimal(40)
    assert ledger.balance(account_id=ledger.open_account(purpose="CLEARING_STRIPE", currency="USD")) == 0


def test_too_little_money_sends_it_by_the_next_rail(scene: Scene) -> None:
    other = methods.add_method(
        organization=scene.farm,
        rail="manual",
        currency="USD",
        country="US",
        details={"name": "Farm", "instructions": "As agreed."},
        actor=scene.desk.bob,
        now=scene.now - methods.COOLING,
    )
    methods.verify_method(method=other, actor=scene.desk.ann, now=scene.now)
    scene.asked.v1.payouts.create({"amount": 9_000, "currency": "usd"})
    payout = scene.settle()
    scene.send()
    payout.refresh_from_db()

    assert (payout.rail, payout.state, payout.method_id) == ("manual", "PLANNED", other.pk)
    assert not ConnectTransfer.objects.exists()


def test_a_restricted_account_is_not_paid(scene: Scene) -> None:
    payout = scene.settle()
    account = ConnectAccount.objects.get()
    scene.stand_in.control("accounts/move", account=account.account_id, state="restricted")
    accounts.follow(account_id=str(account.account_id), asked=scene.asked, now=scene.now)
    scene.send()
    payout.refresh_from_db()

    assert (payout.state, payout.reason) == ("FAILED", "The account at Stripe is not ready: LACKING.")
    assert read("PAYABLE", scene.farm) == Decimal(40)


def test_what_stripe_refuses_at_the_last_moment_is_owed_again(scene: Scene) -> None:
    payout = scene.settle()
    account = ConnectAccount.objects.get().account_id
    # The mirror has not heard of it.
    scene.stand_in.control("accounts/move", account=account, state="rejected")
    scene.send()
    payout.refresh_from_db()

    assert (scene.row().state, payout.state) == (State.REFUSED, "FAILED")
    assert payout.reason.startswith("Stripe: Your destination account needs")


def test_what_stripe_refuses_at_the_last_moment_goes_by_the_next_rail(scene: Scene) -> None:
    payout = scene.settle()
    other = methods.add_method(
        organization=scene.farm,
        rail="manual",
        currency="USD",
        country="US",
        details={"name": "Farm", "instructions": "As agreed."},
        actor=scene.desk.bob,
        now=scene.now - methods.COOLING,
    )
    methods.verify_method(method=other, actor=scene.desk.ann, now=scene.now)
    scene.stand_in.control("accounts/move", account=ConnectAccount.objects.get().account_id, state="rejected")
    scene.send()
    payout.refresh_from_db()

    assert (scene.row().state, payout.state, payout.rail) == (State.REFUSED, "PLANNED", "manual")
    assert (payout.method_id, payout.external_id, payout.sent_at) == (other.pk, None, None)
    assert read("PAYOUT_IN_TRANSIT") == Decimal(40)
    steps = payout.steps.order_by("id").values_list("state", "rail")
    assert list(steps)[1:] == [("SENT", rail.NAME), ("PLANNED", "manual")]
    assert AuditEvent.objects.filter(action="payout.recall", subject_uid=payout.uid).exists()
    # Sent back here, it is not asked for a second time: it is owed again.
    methods.block_method(method=other, reason="Closed", actor=scene.desk.ann, now=scene.now)
    mine = PayoutMethod.objects.get(rail=rail.NAME).pk
    payouts.reroute(
        payout=payout, rail=rail.NAME, method_id=mine, reason="Closed", actor=audit.SYSTEM, now=scene.now
    )
    scene.send()
    payout.refresh_from_db()
    assert (payout.state, payout.reason) == ("FAILED", "Stripe refused this payout before.")
    assert (scene.count_transfers(), read("PAYABLE", scene.farm)) == (0, Decimal(40))


def test_an_older_answer_never_undoes_a_newer_one(scene: Scene) -> None:
    account = str(ConnectAccount.objects.get().account_id)
    scene.stand_in.control("accounts/move", account=account, state="verifying")
    later = scene.now + timedelta(seconds=1)
    accounts.follow(account_id=account, asked=scene.asked, now=later)
    scene.stand_in.control("accounts/move", account=account, state="enabled")
    accounts.follow(account_id=account, asked=scene.asked, now=scene.now)

    assert ConnectAccount.objects.get().state == "CHECKING"


def test_an_account_is_made_once(scene: Scene, lab: Organization) -> None:
    scene.fault("/v1/accounts", status=0, acted=True)
    with pytest.raises(StripeUnavailable):
        accounts.open_account(organization=lab, country="GB", asked=scene.asked, now=scene.now)
    scene.stand_in.control("advance", seconds=25 * 3600)
    later = scene.now + client.REPEAT_FOR + timedelta(hours=1)
    row = accounts.open_account(organization=lab, country="GB", asked=scene.asked, now=later)

    assert row.state == "ONBOARDING"
    assert len(scene.asked.v1.accounts.list().data) == 2


def test_no_account_is_opened_where_stripe_has_none(scene: Scene, lab: Organization) -> None:
    with pytest.raises(accounts.CountryRefused):
        accounts.open_account(organization=lab, country="CN", asked=scene.asked, now=scene.now)
    row = accounts.open_account(organization=lab, country="GB", asked=scene.asked, now=scene.now)

    assert (row.state, row.country) == ("ONBOARDING", "GB")
