"""Who may be paid, who is looked at, and money that may not move."""

import threading
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals, charges, ledger, verification
from billing.compliance import checks, freezes, screening, standing
from billing.models import ComplianceStep, Freeze, LedgerAccount, Screening
from billing.reconciliation import sources
from core.errors import Invalid
from tests.api.conftest import make_operator
from tests.billing import exchange
from tests.cast import NOW
from tests.databases import Database

Kind, State = ComplianceStep.Kind, ComplianceStep.State


def make_actor(name: str) -> Actor:
    return Actor.from_user(make_operator("billing.view_approval", "billing.change_approval", name=name))


@pytest.fixture
def ann(db: Database) -> Actor:
    """An operator."""
    return make_actor("ann")


@pytest.fixture
def bob(db: Database) -> Actor:
    """Another one."""
    return make_actor("bob")


@pytest.fixture
def lab(db: Database) -> exchange.Buyer:
    """A buyer with ten dollars."""
    with db.connect() as app:
        return exchange.make_buyer(app, "Lab")


@pytest.fixture
def farm(lab: exchange.Buyer) -> Organization:
    """Whoever is looked at."""
    return Organization.objects.get(pk=lab.organization_id)


def find(farm: Organization) -> standing.Standing:
    return standing.find_standing(organization_id=farm.pk, now=NOW)


def test_nobody_is_paid_before_identity_and_tax_are_known(farm: Organization, ann: Actor) -> None:
    assert (find(farm).may_receive, find(farm).may_fund) == (False, True)
    assert find(farm).reasons == (standing.IDENTITY_MISSING, standing.TAX_FORM_MISSING)

    checks.submit(organization=farm, kind=Kind.IDENTITY, evidence=["Extract"], actor=ann, now=NOW)
    checks.submit(organization=farm, kind=Kind.TAX_FORM, form="CN-TRC", evidence=["Form"], actor=ann, now=NOW)
    until = NOW.date() + timedelta(days=30)
    checks.decide(
        organization=farm, kind=Kind.IDENTITY, state=State.VERIFIED, valid_until=until, actor=ann, now=NOW
    )
    checks.decide(
        organization=farm, kind=Kind.TAX_FORM, state=State.ACCEPTED, withholding_bps=1000, actor=ann, now=NOW
    )

    assert find(farm) == standing.Standing(True, True, (), 1000)
    later = standing.find_standing(organization_id=farm.pk, now=NOW + timedelta(days=31))
    assert later.reasons == (standing.IDENTITY_EXPIRED,)


def test_a_check_goes_step_by_step_and_a_refusal_says_why(farm: Organization, ann: Actor) -> None:
    with pytest.raises(checks.StepRefused):
        checks.decide(organization=farm, kind=Kind.IDENTITY, state=State.VERIFIED, actor=ann, now=NOW)
    with pytest.raises(checks.CheckInvalid, match="CN-TRC, W-8BEN-E"):
        checks.submit(organization=farm, kind=Kind.TAX_FORM, form="W-9", evidence=["x"], actor=ann, now=NOW)
    checks.submit(organization=farm, kind=Kind.IDENTITY, evidence=["Extract"], actor=ann, now=NOW)
    with pytest.raises(checks.CheckInvalid):
        checks.decide(organization=farm, kind=Kind.IDENTITY, state=State.REFUSED, actor=ann, now=NOW)

    checks.decide(
        organization=farm, kind=Kind.IDENTITY, state=State.REFUSED, reason="Unreadable", actor=ann, now=NOW
    )
    checks.submit(organization=farm, kind=Kind.IDENTITY, evidence=["Scan"], actor=ann, now=NOW)

    states = ComplianceStep.objects.order_by("id").values_list("state", flat=True)
    assert list(states) == ["SUBMITTED", "REFUSED", "SUBMITTED"]


def test_a_hit_blocks_until_an_operator_says_why_not(farm: Organization, ann: Actor) -> None:
    screening.load_list(screening.SAMPLE, source="sample", dated=date(2026, 1, 1), now=NOW)
    Organization.objects.filter(pk=farm.pk).update(name="Zorvax Energy Trading Ltd")

    screening.screen_due(now=NOW + timedelta(minutes=1))
    blocked = find(farm)
    with pytest.raises(Invalid):
        screening.decide(organization=farm, dismiss=True, reason=" ", actor=ann, now=NOW)
    screening.decide(organization=farm, dismiss=True, reason="Another register", actor=ann, now=NOW)
    with pytest.raises(screening.NothingToDecide):
        screening.decide(organization=farm, dismiss=False, reason="No", actor=ann, now=NOW)
    farm.refresh_from_db()
    again = screening.screen(organization=farm, now=NOW, again=True)

    assert (blocked.may_fund, blocked.reasons[0]) == (False, standing.SANCTIONS)
    assert again.state == Screening.State.DISMISSED
    assert find(farm).may_fund


@pytest.mark.parametrize("content", [b"", b"who\nX,ZZ\n", b"name,country\n,ZZ\n", b"\xff"])
def test_a_file_that_is_no_list_is_refused(db: Database, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)

    with pytest.raises(screening.ListInvalid):
        screening.load_list(path, source="x", dated=date(2026, 1, 1), now=NOW)


def freeze(lab: exchange.Buyer, ann: Actor) -> Freeze:
    account = LedgerAccount.objects.get(pk=lab.account_id)
    return freezes.freeze(account=account, reason="A court says so", actor=ann, now=NOW)


def test_frozen_money_is_let_go_by_two_people_only(
    db: Database, lab: exchange.Buyer, farm: Organization, ann: Actor, bob: Actor
) -> None:
    standing_freeze = freeze(lab, ann)
    with pytest.raises(approvals.ApprovalMissing):
        freezes.release(standing=standing_freeze, to="OWNER", actor=ann, now=NOW)
    asked = freezes.prepare_release(standing=standing_freeze, to="OWNER", actor=ann, now=NOW)
    with pytest.raises(approvals.SamePerson):
        approvals.approve(approval=asked, sha256=asked.sha256, actor=ann, now=NOW)
    approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=NOW)
    with pytest.raises(approvals.ContentChanged):
        freezes.release(standing=standing_freeze, to="AUTHORITY", actor=ann, now=NOW)

    with db.connect() as app:
        empty = exchange.read_scope(app, lab.wallet_id)
        barred = find(farm)
        ended = freezes.release(standing=standing_freeze, to="OWNER", actor=ann, now=NOW)
        again = freezes.release(standing=standing_freeze, to="OWNER", actor=bob, now=NOW)
        back = exchange.read_scope(app, lab.wallet_id)

    assert (empty, back) == ((Decimal(0), Decimal(0)), (Decimal(10), Decimal(0)))
    assert (barred.may_fund, standing.FROZEN in barred.reasons) == (False, True)
    assert ended.released == again.released == Decimal(10)
    assert find(farm).may_fund
    assert verification.verify() == []


def test_what_jobs_hold_is_frozen_when_they_end(db: Database, lab: exchange.Buyer, ann: Actor) -> None:
    with db.connect() as app:
        seller = exchange.make_seller(app, "Farm")
        job = exchange.admit(app, lab, seller)
        first = freeze(lab, ann)
        [refused] = exchange.admit_items(app, [(lab, seller)])
        exchange.record(app, job.attempt_id, out=100)
        charges.post_charges(seconds_max=10)
        moved = freezes.freeze_more(now=NOW)
        first.refresh_from_db()

        assert refused["verdict"] == "insufficient_funds"
        assert (moved, first.frozen) == (1, Decimal("9.8"))
        assert exchange.read_scope(app, lab.wallet_id) == (Decimal(0), Decimal(0))
    assert verification.verify() == []


def test_what_comes_into_a_frozen_wallet_starts_nothing(
    db: Database, lab: exchange.Buyer, ann: Actor, bob: Actor
) -> None:
    standing_freeze = freeze(lab, ann)
    with db.connect() as app:
        seller = exchange.make_seller(app, "Farm")
        exchange.top_up(app, lab, "10", key="late")
        [refused] = exchange.admit_items(app, [(lab, seller)])
        freezes.freeze_more(now=NOW)
        asked = freezes.prepare_release(standing=standing_freeze, to="OWNER", actor=ann, now=NOW)
        approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=NOW)
        freezes.release(standing=standing_freeze, to="OWNER", actor=ann, now=NOW)
        [admitted] = exchange.admit_items(app, [(lab, seller)])

    assert (refused["verdict"], admitted["verdict"]) == ("insufficient_funds", "ok")


def test_two_operators_release_once(db: Database, lab: exchange.Buyer, ann: Actor, bob: Actor) -> None:
    standing_freeze = freeze(lab, ann)
    asked = freezes.prepare_release(standing=standing_freeze, to="AUTHORITY", actor=ann, now=NOW)
    approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=NOW)
    barrier = threading.Barrier(2)

    def let_go(actor: Actor) -> None:
        try:
            barrier.wait()
            freezes.release(
                standing=Freeze.objects.get(pk=standing_freeze.pk), to="AUTHORITY", actor=actor, now=NOW
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=let_go, args=[actor]) for actor in (ann, bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    suspense = ledger.open_account(purpose="SUSPENSE", currency="USD")
    assert ledger.balance(account_id=suspense) == Decimal(10)
    # It waits there for its way to the authority, and the books know of it.
    [told] = sources.read_all(stripe=None, chain=None)
    assert told.suspense == told.balances["SUSPENSE"] == Decimal(10)


def test_the_database_lets_nothing_go_without_its_approval(
    db: Database, lab: exchange.Buyer, ann: Actor, bob: Actor
) -> None:
    standing_freeze = freeze(lab, ann)
    content: dict[str, Any] = {"freeze": standing_freeze.uid, "amount": Decimal(11), "to": "OWNER"}
    other = approvals.request(kind=freezes.KIND, subject="another", content=content, prepared_by=ann, now=NOW)
    approvals.approve(approval=other, sha256=other.sha256, actor=bob, now=NOW)

    with db.connect() as app, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        app.execute("SELECT release_freeze_v1(%s, %s, now())", [standing_freeze.pk, other.pk])
