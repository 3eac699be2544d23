"""Providers follow what they are paid; operators settle on pages, two of them."""

import re
from decimal import Decimal

import pytest
from django.test import Client

from accounts.audit import SYSTEM
from accounts.models import Organization, Role, User
from billing.models import Payout, PayoutSchedule, PayoutTerm, SettlementBatch
from billing.settlement import batches, gates, payouts, tasks
from tests.api.conftest import make_user, use_second_factor
from tests.cast import NOW
from tests.databases import Database
from tests.settlement import settling
from tests.settlement.settling import Desk, earn, find_payout
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
    assert "FAILED" in ann.get("/admin/billing/payout/").content.decode()


def test_an_operator_sets_terms_and_notes_a_step(crew: Desk, farm: Organization) -> None:
    crew.settle()
    payout = find_payout(farm)
    browser = sign_in_operator(User.objects.create_superuser("anne@ops.example", "a long password"))
    terms = {"currency": "USD", "minimum": "5", "fee": "0", "held_days": "14", "held_max": ""}

    browser.post("/admin/billing/payoutterm/add/", terms)
    address = f"/admin/billing/payout/{payout.pk}/change/"
    bare = browser.post(address, {"state": "PAID"}, follow=True).content.decode()
    browser.post(address, {"state": "PAID", "reference": "E7"})

    assert "what the rail calls it" in bare
    payout.refresh_from_db()
    assert (payout.state, payout.external_id) == ("PAID", "E7")
    assert PayoutTerm.objects.get().held_days == 14


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
    assert moved.json()["state"] == "PAID"
    assert owner.get(f"/api/settlements/{payout['settlement']}/advice?after=x").status_code == 422
