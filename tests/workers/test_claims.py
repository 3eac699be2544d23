"""Claims about answers: opened by buyers, answered by providers, decided by operators."""

import threading
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts import audit
from accounts.audit import Actor
from accounts.models import AuditEvent, Organization, User
from billing import approvals, verification, wallets
from billing.bookings import Bearer
from billing.models import Approval
from billing.tasks import post_charges
from core.errors import DomainError, NotFound
from core.money import round_amount
from tests.api.conftest import Farm, estate, make_operator, make_user, now, sign_in, store, use_second_factor  # noqa: F401
from tests.api.running import run_job
from tests.cast import NOW
from tests.databases import Database
from tests.market import small, stand  # noqa: F401
from tests.signing_in import sign_in_operator
from workers import claim_decisions, claims
from workers.models import AnswerClaim

AGAIN = (
    "INSERT INTO answer_claim (uid, job_id, organization_id, provider_id, reason, text, evidence, state,"
    " opened_at, answer, currency, borne_by, decision) SELECT gen_random_uuid(), job_id, organization_id,"
    " provider_id, reason, text, '', 'OPEN', now(), '', currency, '', '' FROM answer_claim"
)


@pytest.fixture
def answered(db: Database, estate: Farm) -> Farm:  # noqa: F811
    """The farm bought an answer of its own machine, and paid for it."""
    run_job(db, estate.job, estate, tokens_out=20)
    post_charges()
    return estate


def claim(farm: Farm, *, text: str = "It named another capital.") -> AnswerClaim:
    return claims.open_claim(
        organization=farm.organization,
        wish=claims.Wish(job=farm.job.uid, reason="WRONG", text=text, evidence="Q: ... A: Lyon"),
        actor=Actor.from_user(farm.owner),
        now=farm.job.submitted_at,
    )


def decide(opened: AnswerClaim, credit: str, operator: User) -> AnswerClaim:
    return claim_decisions.decide_claim(
        claim=opened,
        credit=Decimal(credit),
        borne_by=Bearer.PROVIDER,
        reason="The capital is Paris.",
        actor=Actor.from_user(operator),
        now=NOW,
    )


def read_wallet(farm: Farm) -> Decimal:
    return wallets.find_wallet(organization_id=farm.organization.pk, currency="USD").available.amount


def test_buyer_provider_and_operator_come_to_a_partial_credit(answered: Farm) -> None:
    buyer = sign_in(answered.owner)
    body = {"job": str(answered.job.uid), "reason": "WRONG", "text": "It named another capital."}
    before = read_wallet(answered)

    opened = buyer.post("/api/claims", body, format="json")
    again = buyer.post("/api/claims", body, format="json")
    uid = opened.json()["uid"]
    reply = buyer.post(f"/api/received-claims/{uid}/answer", {"answer": "So it did."}, format="json")
    left = claims.find_credit_max(claim=AnswerClaim.objects.get()).amount
    half = round_amount(left / 2)
    operator = use_second_factor(make_operator("workers.view_answerclaim", "workers.change_answerclaim"))
    address = f"/api/operator/claims/{uid}/decide"
    much = operator.post(address, {"credit": f"{left * 2:f}", "reason": "All."}, format="json")
    done = operator.post(address, {"credit": f"{half:f}", "reason": "Half."}, format="json")
    late = operator.post(address, {"credit": "0", "reason": "No."}, format="json")

    assert (opened.status_code, again.status_code, again.json()["code"]) == (201, 409, "claim_exists")
    assert (reply.status_code, reply.json()["state"]) == (200, "ANSWERED")
    assert (much.status_code, much.json()["code"]) == (422, "credit_too_much")
    assert (done.status_code, Decimal(done.json()["credit"])) == (200, half)
    assert (late.status_code, late.json()["code"]) == (409, "claim_closed")
    assert read_wallet(answered) - before == half
    assert claims.find_credit_max(claim=AnswerClaim.objects.get()).amount == left - half
    assert buyer.get(f"/api/claims/{uid}").json()["decision"] == "Half."
    assert buyer.get(f"/api/received-claims/{uid}").json()["credit"] == done.json()["credit"]
    actions = AuditEvent.objects.filter(action__startswith="claim.").order_by("id")
    assert [one.action for one in actions] == ["claim.open", "claim.answer", "claim.decide"]
    assert verification.verify() == []


def test_of_two_operators_one_decides(answered: Farm) -> None:
    opened, outcomes = claim(answered), []
    before = read_wallet(answered)
    people = [make_operator(name=f"operator-{number}") for number in range(2)]
    together = threading.Barrier(2)

    def act(operator: User) -> None:
        together.wait()
        try:
            decide(opened, "0.000000001", operator)
            outcomes.append("decided")
        except DomainError as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(one,)) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["claim_closed", "decided"]
    assert read_wallet(answered) - before == Decimal("0.000000001")


def test_nobody_claims_of_what_is_not_theirs_or_cost_nothing(answered: Farm, db: Database) -> None:
    other = Organization.objects.create(
        uid="00000000-0000-7000-8000-000000000001", name="Other", country="SE"
    )
    wish = claims.Wish(job=answered.job.uid, reason="WRONG", text="Mine!")

    with pytest.raises(NotFound):
        claims.open_claim(organization=other, wish=wish, actor=audit.SYSTEM, now=NOW)
    with pytest.raises(claims.ClaimRefused):
        claims.open_claim(
            organization=answered.organization,
            wish=wish,
            actor=audit.SYSTEM,
            now=answered.job.submitted_at + claims.CLAIM_FOR * 2,
        )
    with pytest.raises(DomainError):
        claim(answered, text=" ")
    assert not AnswerClaim.objects.exists()


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE answer_claim SET text = 'other'",
        "UPDATE answer_claim SET state = 'DECIDED', credit = 1",
        "UPDATE answer_claim SET answer = 'said'",
        "DELETE FROM answer_claim",
        AGAIN,
    ],
)
def test_the_database_keeps_what_was_said(answered: Farm, db: Database, harm: str) -> None:
    claim(answered)
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner, pytest.raises(psycopg.Error):
        owner.execute(harm.encode())


def test_a_buyer_claims_on_a_page(answered: Farm) -> None:
    client = Client(SERVER_NAME="localhost")
    client.force_login(answered.owner)
    console = f"/console/{answered.organization.uid}/"
    page = f"{console}charges/{answered.job.uid}/claim/"

    assert page.encode() in client.get(f"{console}charges/{answered.job.uid}/").content
    assert client.get(page).status_code == 200
    assert client.post(page, {"reason": "WRONG", "text": ""}).status_code == 422
    done = client.post(page, {"reason": "WRONG", "text": "It named another capital."}, follow=True)

    assert b"The provider is asked" in done.content
    listed = client.get(f"{console}claims/").content
    assert str(AnswerClaim.objects.get().uid).encode() in listed


def test_a_withdrawn_claim_stays_withdrawn(answered: Farm) -> None:
    opened = claim(answered)
    page = f"/console/{answered.organization.uid}/claims/{opened.uid}/"
    client = Client(SERVER_NAME="localhost")
    client.force_login(answered.owner)

    assert b"It named another capital." in client.get(page).content
    assert client.post(page).status_code == 302
    assert AnswerClaim.objects.get().state == "WITHDRAWN"
    with pytest.raises(claims.ClaimClosed):
        decide(opened, "0", make_operator())


def test_an_operator_decides_on_a_page(answered: Farm) -> None:
    opened = claim(answered)
    client = sign_in_operator(User.objects.create_superuser("ops@example.org", "a long password"))
    page = f"/admin/workers/answerclaim/decide/{opened.pk}/"

    assert b"It named another capital." in client.get(page).content
    refused = client.post(page, {"credit": "5000", "borne_by": "PLATFORM", "reason": "All."}, follow=True)
    decided = client.post(page, {"credit": "0", "borne_by": "PLATFORM", "reason": "It is right."})

    assert b"at most" in refused.content
    assert decided.status_code == 302
    assert AnswerClaim.objects.get().state == "DECIDED"
    assert client.get("/admin/workers/answerclaim/").status_code == 200


def approve(asked: Approval, second: User) -> Approval:
    return approvals.approve(approval=asked, sha256=asked.sha256, actor=Actor.from_user(second), now=NOW)


def test_a_large_credit_takes_a_second_operator(answered: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CLAIM_CREDIT_ALONE", {"USD": Decimal("0.000000001")})
    opened, before = claim(answered), read_wallet(answered)
    first = make_operator("billing.change_approval", name="first")
    second = make_operator("billing.change_approval", name="second")

    asked = decide(opened, "0.000000002", first)
    boss = sign_in_operator(User.objects.create_superuser("ops@example.org", "a long password"))
    page = boss.get(f"/admin/workers/answerclaim/decide/{opened.pk}/").content
    told = boss.get(f"/api/operator/claims/{opened.uid}").json()
    [proposal] = claim_decisions.find_proposals(shown=[opened]).values()
    with pytest.raises(approvals.SamePerson):
        approve(proposal, first)
    untouched = read_wallet(answered)
    approve(proposal, second)

    done = AnswerClaim.objects.get()
    assert (asked.state, untouched) == ("OPEN", before)
    assert f"/admin/billing/approval/{proposal.pk}/change/".encode() in page
    assert told["approval"] == str(proposal.uid)
    about = boss.get(f"/admin/billing/approval/{proposal.pk}/change/").content
    assert f"/admin/workers/answerclaim/{opened.pk}/change/".encode() in about
    assert (done.state, done.credit) == ("DECIDED", Decimal("0.000000002"))
    assert (done.decided_by, done.approved_by, done.alone_max) == (first, second, Decimal("0.000000001"))
    assert read_wallet(answered) - before == Decimal("0.000000002")
    assert verification.verify() == []


def test_what_was_withdrawn_or_decided_otherwise_is_not_approved(
    answered: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CLAIM_CREDIT_ALONE", {})
    opened, before = claim(answered), read_wallet(answered)
    first, second = make_operator(name="first"), make_operator("billing.change_approval", name="second")
    proposals: list[Approval] = []
    for credit in ("0.000000002", "0.000000003"):
        decide(opened, credit, first)
        proposals += claim_decisions.find_proposals(shown=[opened]).values()
    claims.withdraw_claim(claim=opened, actor=Actor.from_user(answered.owner), now=NOW)

    for proposal in proposals:
        with pytest.raises(approvals.AlreadyDecided):
            approve(proposal, second)
    assert [one.state for one in Approval.objects.order_by("id")] == ["VOID", "VOID"]
    assert read_wallet(answered) == before
