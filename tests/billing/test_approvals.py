"""Two people decide: one prepares, another approves exactly that; the database refuses everything else."""

import threading
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.audit import SYSTEM, Actor
from accounts.models import AuditEvent, User
from billing import approvals
from billing.models import Approval
from tests.api.conftest import make_operator, use_second_factor
from tests.cast import NOW
from tests.databases import Database
from tests.signing_in import sign_in_operator

CONTENT = {"amount": Decimal("12.50"), "to": "Sun Farm", "lines": [1, 2]}
RIGHTS = ("billing.view_approval", "billing.change_approval")


def make_actor(name: str, *rights: str) -> Actor:
    return Actor.from_user(make_operator(*(rights or RIGHTS), name=name))


@pytest.fixture
def ann(db: Database) -> Actor:
    """An operator who prepares."""
    return make_actor("ann")


@pytest.fixture
def bob(db: Database) -> Actor:
    """Another who may approve."""
    return make_actor("bob")


def ask(ann: Actor, content: dict[str, Any] = CONTENT) -> Approval:
    return approvals.request(kind="correction", subject="one", content=content, prepared_by=ann, now=NOW)


def require(content: dict[str, Any] = CONTENT) -> Approval:
    return approvals.require_approved(kind="correction", subject="one", content=content)


def test_a_content_has_one_text_whatever_its_order() -> None:
    one = approvals.write_canonical({"b": Decimal("1.500"), "a": [NOW, None]})
    two = approvals.write_canonical({"a": [NOW, None], "b": Decimal("1.5")})

    assert one == two == '{"a":["2026-05-04T12:00:00+00:00",null],"b":"1.5"}'
    with pytest.raises(TypeError):
        approvals.write_canonical({"a": 1.5})


def test_nothing_is_approved_before_another_person_did(ann: Actor, bob: Actor) -> None:
    asked = ask(ann)
    with pytest.raises(approvals.ApprovalMissing):
        require()
    with pytest.raises(approvals.SamePerson):
        approvals.approve(approval=asked, sha256=asked.sha256, actor=ann, now=NOW)
    with pytest.raises(approvals.ContentChanged):
        approvals.approve(approval=asked, sha256="0" * 64, actor=bob, now=NOW)

    approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=NOW)

    assert require().approved_by == bob.uid
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == [
        "approval.request",
        "approval.approve",
    ]


def test_another_content_makes_what_was_approved_void(ann: Actor, bob: Actor) -> None:
    asked = ask(ann)
    approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=NOW)
    assert ask(ann) == asked
    with pytest.raises(approvals.ContentChanged):
        require({**CONTENT, "to": "Moon Farm"})

    again = ask(ann, {**CONTENT, "to": "Moon Farm"})

    asked.refresh_from_db()
    assert (asked.state, again.state) == ("VOID", "PENDING")
    with pytest.raises(approvals.ApprovalMissing):
        require()


def test_who_refuses_says_why_and_it_stays_refused(ann: Actor, bob: Actor) -> None:
    asked = ask(ann)
    with pytest.raises(approvals.NoteMissing):
        approvals.reject(approval=asked, note=" ", actor=bob, now=NOW)

    refused = approvals.reject(approval=asked, note="Wrong farm.", actor=bob, now=NOW)

    assert (refused.state, refused.note, refused.ended_by) == ("REJECTED", "Wrong farm.", bob.uid)
    with pytest.raises(approvals.AlreadyDecided):
        approvals.approve(approval=asked, sha256=asked.sha256, actor=bob, now=NOW)


def test_only_people_with_the_right_take_part(ann: Actor) -> None:
    asked = ask(ann)
    for actor in (make_actor("trainee", "billing.view_approval"), Actor(ann.kind, ann.uid)):
        with pytest.raises(approvals.MayNotDecide):
            approvals.approve(approval=asked, sha256=asked.sha256, actor=actor, now=NOW)
    with pytest.raises(approvals.PersonNeeded):
        approvals.request(kind="correction", subject="two", content={}, prepared_by=SYSTEM, now=NOW)


def test_of_two_who_decide_at_once_one_is_too_late(ann: Actor, bob: Actor) -> None:
    asked, carol = ask(ann), make_actor("carol")
    start, ended = threading.Barrier(2), list[str]()

    def decide(actor: Actor, how: str) -> None:
        start.wait()
        try:
            if how == "approve":
                approvals.approve(approval=asked, sha256=asked.sha256, actor=actor, now=NOW)
            else:
                approvals.reject(approval=asked, note="No.", actor=actor, now=NOW)
            ended.append("done")
        except approvals.AlreadyDecided:
            ended.append("too late")
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=pair) for pair in ((bob, "approve"), (carol, "reject"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ended) == ["done", "too late"]
    assert AuditEvent.objects.exclude(action="approval.request").count() == 1


def test_an_operator_approves_on_the_page_exactly_what_it_shows(ann: Actor, bob: Actor) -> None:
    ask(ann, {"amount": "11"})
    asked = ask(ann)
    assert isinstance(bob.user, User)
    browser = sign_in_operator(bob.user)
    address = f"/admin/billing/approval/{asked.pk}/change/"

    page = browser.get(address).content.decode()
    stale = browser.post(address, {"approve": "1", "sha256": "0" * 64}, follow=True).content.decode()
    browser.post(address, {"approve": "1", "sha256": asked.sha256, "note": "Seen."})

    assert "Sun Farm" in page
    assert "<s>11</s>" in page
    assert "The content has changed" in stale
    asked.refresh_from_db()
    assert (asked.state, asked.approved_by, asked.note) == ("APPROVED", bob.uid, "Seen.")
    trainee = sign_in_operator(make_operator("billing.view_approval", name="trainee"))
    assert trainee.post(address, {"reject": "1", "note": "No."}).status_code == 403


def test_an_operator_approves_by_rest(ann: Actor, bob: Actor, now: datetime) -> None:
    asked = ask(ann)
    assert bob.user is not None
    client = use_second_factor(bob.user)
    address = f"/api/operator/approvals/{asked.uid}"

    (listed,) = client.get("/api/operator/approvals?state=PENDING").json()["results"]
    wrong = client.post(f"{address}/approve", {"sha256": "0" * 64}, format="json")
    done = client.post(f"{address}/approve", {"sha256": listed["sha256"]}, format="json")
    late = client.post(f"{address}/reject", {"note": "No."}, format="json")

    assert listed["content"] == {"amount": "12.5", "to": "Sun Farm", "lines": [1, 2]}
    assert (wrong.status_code, wrong.json()["code"]) == (409, "content_changed")
    assert (done.status_code, done.json()["state"]) == (200, "APPROVED")
    assert (late.status_code, late.json()["code"]) == (409, "already_decided")
