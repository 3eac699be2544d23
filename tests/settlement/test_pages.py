"""Providers follow what they are paid; operators settle on pages, two of them."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.audit import SYSTEM
from accounts.models import AuditEvent, Organization, Role, User
from billing import approvals
from billing.models import Approval, Payout, PayoutSchedule, PayoutTerm, SettlementBatch
from billing.settlement import batches, gates, payouts, review, steps, tasks
from tests.api.conftest import make_user, use_second_factor
from tests.cast import NOW
from tests.databases import Database
from tests.settlement import settling
from tests.settlement.settling import Desk, earn, find_payout, read
from tests.signing_in import sign_in_operator


@pytest.fixture
def crew(db: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two operators; pages ask our gates."""
    made = settling.make_desk()
    monkeypatch.setattr(gates, "ask", made.ask)
    return made


@pytest.fixture
def farm(farm: Organization) -> Organization:
    """A provider that is owed 12.345 dollars."""
    earn(farm, "12.345")
    return farm


def open_console(farm: Organization) -> Client:
    """The browser of the farm's owner."""
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(
        make_user(farm, Role.OWNER, "owner"), backend="django.contrib.auth.backends.ModelBackend"
    )
    return browser


def test_a_provider_reads_what_it_was_paid_down_to_every_line(crew: Desk, farm: Organization) -> None:
    crew.settle()
    payout = find_payout(farm)
    payouts.mark_paid(payout_uid=payout.uid, external_id="E1", happened_at=NOW, actor=SYSTEM, now=NOW)
    browser, address = open_console(farm), f"/console/{farm.uid}/payouts/"

    listed = browser.get(address).content.decode()
    advice = browser.get(f"{address}{payout.item.uid}/")
    text = b"".join(browser.get(f"{address}{payout.item.uid}/", {"format": "csv"})).decode()
    chosen = browser.post(address, {"every": "WEEKLY"})
    wrong = browser.post(address, {"every": "HOURLY"})

    assert "E1" in listed
    assert "Corrected" in advice.content.decode()
    lines = [line.split(",") for line in text.splitlines()[1:]]
    assert [line[1] for line in lines] == ["OPENING", "CORRECTION", "PAYOUT", "CARRIED"]
    assert sum(Decimal(line[-2]) for line in lines[:-1]) == Decimal(lines[-1][-2]) == Decimal("0.005")
    assert (chosen.status_code, wrong.status_code) == (302, 422)
    assert PayoutSchedule.objects.get().every == "WEEKLY"


def test_two_operators_settle_on_pages(crew: Desk, farm: Organization) -> None:
    ann, bob = (
        sign_in_operator(User.objects.create_superuser(f"{name}@ops.example", "a long password"))
        for name in ("anne", "bert")
    )
    drafted = ann.post("/admin/billing/settlementbatch/draft/", {"currency": "USD", "entity": "HK"})
    page = drafted.headers["Location"]
    again = ann.post("/admin/billing/settlementbatch/draft/", {"currency": "USD", "entity": "HK"})
    shown = ann.get(page).content.decode()
    approval = ann.post(page, {"submit": "1"}).headers["Location"]
    assert page in bob.get(approval).content.decode()
    sha = re.search(r'name="sha256" value="(\w+)"', bob.get(approval).content.decode())
    assert sha is not None
    ann.post(approval, {"approve": "1", "sha256": sha[1]})
    early = ann.post(page, {"execute": "1"}, follow=True).content.decode()
    bob.post(approval, {"approve": "1", "sha256": sha[1]})
    ann.post(page, {"execute": "1"})
    tasks.carry_out_settlements()

    assert "open already" in again.content.decode()
    assert "first payout" in shown
    assert "second person has to approve" in early
    assert SettlementBatch.objects.get().state == "DONE"
    payout = Payout.objects.get()
    # Nothing says how this provider is paid, so the task gave it back.
    assert (payout.state, payout.amount) == ("FAILED", Decimal("12.34"))
    assert ann.get(f"/admin/billing/payout/{payout.pk}/change/").status_code == 200
    assert ann.get(f"/admin/billing/settlementitem/{payout.item_id}/change/").status_code == 200
    ways = f"/admin/billing/payout/?batch__id__exact={payout.batch_id}&state__exact=FAILED"
    assert ways.replace("&", "&amp;") in ann.get(page).content.decode()
    assert ann.get(ways).status_code == 200
    assert "Could not be sent" in ann.get("/admin/billing/payout/").content.decode()


def test_an_operator_sets_terms_and_notes_a_step(crew: Desk, farm: Organization) -> None:
    crew.settle()
    payout = find_payout(farm)
    browser = sign_in_operator(User.objects.create_superuser("anne@ops.example", "a long password"))
    terms = {"currency": "USD", "minimum": "5", "fee": "0", "held_days": "14", "held_max": ""}

    browser.post("/admin/billing/payoutterm/add/", terms)
    address = f"/admin/billing/payout/{payout.pk}/change/"
    bare = browser.post(address, {"state": "SENT"}, follow=True).content.decode()
    browser.post(address, {"state": "SENT", "reference": "E7"})

    assert "what the rail calls it" in bare
    payout.refresh_from_db()
    assert (payout.state, payout.external_id) == ("SENT", "E7")
    assert PayoutTerm.objects.get().held_days == 14


@pytest.mark.parametrize(("state", "owed"), [("PAID", "0.005"), ("RETURNED", "12.345"), ("FAILED", "12.345")])
def test_how_a_payout_ended_takes_the_word_of_two(
    crew: Desk, farm: Organization, state: str, owed: str
) -> None:
    crew.say(farm, rail="manual")
    crew.settle()
    payout = find_payout(farm)
    ann, bob = (
        sign_in_operator(User.objects.create_superuser(f"{name}@ops.example", "a long password"))
        for name in ("anne", "bert")
    )
    address = f"/admin/billing/payout/{payout.pk}/change/"
    ann.post(address, {"state": "SENT", "reference": "E7"})
    asked = ann.post(address, {"state": state, "reference": "CHQ 1", "reason": "I saw it."})
    approval, one = asked.headers["Location"], Approval.objects.get(kind="payout_step")
    mine = ann.post(approval, {"approve": "1", "sha256": one.sha256}, follow=True).content.decode()
    payout.refresh_from_db()
    before = payout.state
    waits = bob.get(address).content.decode()
    bob.post(approval, {"approve": "1", "sha256": one.sha256})
    payout.refresh_from_db()

    assert "Somebody other than who prepared this" in mine
    assert (before, payout.state) == ("SENT", state)
    assert approval in waits
    assert address in bob.get(approval).content.decode()
    assert read("PAYABLE", farm) == Decimal(owed)
    trail = AuditEvent.objects.filter(subject_uid=payout.uid, action=f"payout.{state.lower()}")
    assert trail.get().actor_uid == User.objects.get(email="bert@ops.example").uid


def test_the_database_takes_no_single_word_for_a_payment(crew: Desk, farm: Organization) -> None:
    crew.say(farm, rail="manual")
    crew.settle()
    payout = find_payout(farm)
    seen: dict[str, Any] = {"happened_at": NOW, "now": NOW}
    payouts.mark_sent(payout_uid=payout.uid, external_id="E1", actor=crew.ann, **seen)
    for actor in (crew.ann, SYSTEM):
        with pytest.raises(payouts.SecondPersonNeeded):
            payouts.mark_paid(payout_uid=payout.uid, external_id="E1", actor=actor, **seen)
    for state in (Payout.State.FAILED, Payout.State.RETURNED):
        with pytest.raises(payouts.SecondPersonNeeded):
            payouts.note(
                payout_uid=payout.uid, state=state, external_id="", reason="x", actor=crew.ann, **seen
            )
    said: dict[str, Any] = {"payout": payout, "reference": "CHQ", "reason": "", "actor": crew.ann, **seen}
    old = steps.prepare(state=Payout.State.PAID, **said)
    payouts.mark_returned(payout_uid=payout.uid, reason="closed", actor=SYSTEM, **seen)
    with pytest.raises(steps.NotFrom):
        approvals.approve(approval=old, sha256=old.sha256, actor=crew.bob, now=NOW)

    payout.refresh_from_db()
    assert (payout.state, Approval.objects.get(pk=old.pk).state) == ("RETURNED", "PENDING")


def test_operators_settle_and_providers_read_by_rest(crew: Desk, farm: Organization) -> None:
    ann, bob = (
        use_second_factor(User.objects.create_superuser(f"{name}@ops.example", "a long password"))
        for name in ("anne", "bert")
    )

    made = ann.post("/api/operator/settlements", {"currency": "USD"}, format="json").json()
    address = f"/api/operator/settlements/{made['uid']}"
    sha = ann.post(f"{address}/submit").json()["approval"]["sha256"]
    mine = ann.post(f"{address}/approve", {"sha256": sha}, format="json")
    approved = bob.post(f"{address}/approve", {"sha256": sha}, format="json")
    begun = ann.post(f"{address}/execute")
    crew.execute(batches.find_batch(uid=made["uid"]))
    owner = use_second_factor(make_user(farm, Role.OWNER, "owner"))
    (payout,) = owner.get("/api/payouts").json()["results"]
    settlement = owner.get(f"/api/settlements/{payout['settlement']}").json()
    rows = owner.get(f"/api/settlements/{payout['settlement']}/advice").json()
    moved = ann.post(
        f"/api/operator/payouts/{payout['uid']}/steps", {"state": "PAID", "reference": "E1"}, format="json"
    )
    waits = moved.json()["approval"]
    bob.post(f"/api/operator/approvals/{waits['uid']}/approve", {"sha256": waits["sha256"]}, format="json")

    assert made["sums"]["amount"] == "12.34"
    assert (mine.status_code, mine.json()["code"]) == (403, "same_person")
    assert (approved.json()["state"], begun.json()["state"]) == ("APPROVED", "EXECUTING")
    assert (settlement["amount"], settlement["carried"], settlement["payout"]) == (
        "12.34",
        "0.005",
        payout["uid"],
    )
    assert [(row["kind"], row["net"]) for row in rows["results"]] == [("CORRECTION", "12.345")]
    assert rows["next"] is None
    assert (moved.status_code, moved.json()["payout"]["state"]) == (202, "PLANNED")
    assert owner.get(f"/api/payouts/{payout['uid']}").json()["state"] == "PAID"
    assert owner.get(f"/api/settlements/{payout['settlement']}/advice?after=x").status_code == 422


def test_a_review_shows_what_changed_since_it_was_counted(crew: Desk, farm: Organization) -> None:
    crew.settle()
    earn(farm, "5")
    batch = crew.draft()
    earn(farm, "-2")
    (drift,), (share,) = review.list_drifts(batch), review.list_shares(batch)
    browser = sign_in_operator(User.objects.create_superuser("anne@ops.example", "a long password"))
    page = browser.get(f"/admin/billing/settlementbatch/{batch.pk}/change/").content.decode()

    assert (drift.agreed, drift.now) == (Decimal("5.005"), Decimal("3.005"))
    # 5 dollars beside the 12.34 of the last time.
    assert (share.length, share.before) == (40, 100)
    assert "Changed since it was counted" in page
