"""What operators book: once, under their name, and the books stay right."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.audit import Actor
from accounts.models import AuditEvent, Organization, User
from billing import approvals, quarantine, verification, wallets
from billing.models import Approval, ChargeQuarantine, Entry, LedgerAccount
from billing.tasks import post_charges
from core.money import Money
from tests.api.conftest import Farm, make_operator, sign_in, use_second_factor
from tests.databases import Database

TRANSFER = {"amount": "250.5", "currency": "USD", "bank_reference": "RF18-5390"}


@pytest.fixture
def booker(db: Database) -> User:
    """An operator who may book."""
    return make_operator("billing.add_entry", "billing.view_entry")


@pytest.fixture
def desk(booker: User) -> APIClient:
    """The operator's browser."""
    return use_second_factor(booker)


def book(desk: APIClient, path: str, status: int = 201, /, **body: Any) -> Any:
    answer = desk.post(f"/api/operator/{path}", body, format="json")
    assert answer.status_code == status, answer.content
    assert verification.verify() == []
    return answer.json()


def approve(desk: APIClient, entry: int, reason: str) -> None:
    """Have a reversal prepared at the desk, and approved by somebody else."""
    answer = desk.post(f"/api/operator/entries/{entry}/prepare-reversal", {"reason": reason}, format="json")
    assert answer.status_code == 200, answer.content
    asked = Approval.objects.get(uid=answer.json()["approval"])
    second = make_operator("billing.change_approval", name=f"second{entry}")
    approvals.approve(approval=asked, sha256=asked.sha256, actor=Actor.from_user(second), now=timezone.now())


def post_charge(farm: Farm, operator: User, now: Any) -> int:
    """Have the farm's charge posted after all."""
    row = ChargeQuarantine.objects.get(usage_id=farm.quarantined)
    quarantine.requeue(row=row, actor=Actor.from_user(operator), now=now)
    post_charges()
    return farm.quarantined


def read_balance(farm: Farm) -> Money:
    return wallets.find_wallet(organization_id=farm.organization.pk, currency="USD").posted


def sum_lines(entry: dict[str, Any]) -> dict[str, Decimal]:
    """Of an entry, what it moved by account."""
    return {line["account"]: Decimal(line["amount"]) for line in entry["postings"]}


def test_a_transfer_is_credited_once(desk: APIClient, booker: User, lab: Organization) -> None:
    body = {"organization": str(lab.uid), **TRANSFER}

    first, again = book(desk, "top-ups", **body), book(desk, "top-ups", **body)
    other = book(desk, "top-ups", 409, **body | {"amount": "2"})

    assert (first["kind"], first["actor"], again["id"]) == ("TOPUP", f"user:{booker.uid}", first["id"])
    assert sum_lines(first) == {
        "asset:clearing_bank:USD": Decimal("250.5"),
        f"liability:wallet:{lab.pk}:USD": Decimal("-250.5"),
    }
    assert other["code"] == "key_reused"
    (event,) = AuditEvent.objects.filter(action="wallet.top_up")
    assert (event.actor_uid, event.organization, event.details["amount"]) == (booker.uid, lab, "250.5")
    listed = desk.get("/api/operator/entries?key=topup:bank:RF18-5390").json()["results"]
    assert [one["id"] for one in listed] == [first["id"]]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"amount": "0"}, 422),
        ({"amount": "-1"}, 400),
        ({"currency": "XXX"}, 422),
        ({"bank_reference": "Überweisung"}, 400),
        ({"organization": "00000000-0000-0000-0000-000000000000"}, 404),
    ],
    ids=str,
)
def test_what_is_no_transfer_is_refused(
    desk: APIClient, lab: Organization, change: dict[str, str], status: int
) -> None:
    book(desk, "top-ups", status, **{"organization": str(lab.uid), **TRANSFER, **change})

    assert not Entry.objects.exists()


def test_a_top_up_is_undone_once_and_both_stay(desk: APIClient, booker: User, lab: Organization) -> None:
    made = book(desk, "top-ups", organization=str(lab.uid), **TRANSFER)
    path = f"entries/{made['id']}/reverse"
    assert book(desk, path, 409, reason="Another's.")["code"] == "approval_missing"
    approve(desk, made["id"], "Another's.")
    assert book(desk, path, 409, reason="Mine.")["code"] == "content_changed"

    undone, again = book(desk, path, reason="Another's."), book(desk, path, reason="Another's.")

    assert again == undone
    assert (undone["kind"], undone["reverses"], undone["reason"]) == ("REVERSAL", made["id"], "Another's.")
    assert sum_lines(undone) == {account: -amount for account, amount in sum_lines(made).items()}
    (listed,) = desk.get("/api/operator/entries?kind=TOPUP").json()["results"]
    assert listed["reversed_by"] == undone["id"]
    (event,) = AuditEvent.objects.filter(action="entry.reverse")
    assert (event.actor_uid, event.organization) == (booker.uid, lab)
    assert book(desk, f"entries/{undone['id']}/reverse", 409, reason="No.")["code"] == "not_reversible"


def test_money_that_is_spent_is_not_taken_back(desk: APIClient, full_estate: Farm) -> None:
    top_up = Entry.objects.get(kind="TOPUP")

    approve(desk, top_up.pk, "Never arrived.")
    refused = book(desk, f"entries/{top_up.pk}/reverse", 402, reason="Never arrived.")

    assert refused["code"] == "insufficient_funds"
    assert not AuditEvent.objects.filter(action="entry.reverse").exists()


def test_a_charge_is_given_back_by_who_got_it(
    desk: APIClient, booker: User, full_estate: Farm, now: Any
) -> None:
    before = read_balance(full_estate)
    usage = post_charge(full_estate, booker, now)
    charge = Entry.objects.get(kind="CHARGE")
    lines = {row.account.code: row.amount for row in charge.postings.select_related("account")}

    given = book(desk, f"charges/{usage}/refund", reason="Garbage.", borne_by="PROVIDER")
    again = book(desk, f"charges/{usage}/refund", reason="Garbage.", borne_by="PROVIDER")

    assert read_balance(full_estate) == before
    assert again == given
    assert sum_lines(given) == {account: -amount for account, amount in lines.items()}
    (event,) = AuditEvent.objects.filter(action="charge.refund")
    assert (event.actor_uid, event.details["usage_id"]) == (booker.uid, usage)
    refused = book(desk, f"charges/{usage}/refund", 409, reason="Ours.", borne_by="PLATFORM")
    assert refused["code"] == "key_reused"
    assert book(desk, f"entries/{charge.pk}/reverse", 409, reason="No.")["code"] == "not_reversible"
    (row, *_) = sign_in(full_estate.owner).get("/api/wallets/USD/statement").json()["results"]
    assert (row["kind"], row["reason"]) == ("REFUND", "Garbage.")
    approve(desk, given["id"], "It was fine after all.")
    book(desk, f"entries/{given['id']}/reverse", reason="It was fine after all.")
    assert read_balance(full_estate) < before


def test_a_charge_is_given_back_at_our_own_expense(
    desk: APIClient, booker: User, full_estate: Farm, now: Any
) -> None:
    before = read_balance(full_estate)
    usage = post_charge(full_estate, booker, now)
    cost = before.amount - read_balance(full_estate).amount

    given = book(desk, f"charges/{usage}/refund", reason="Our disk.", borne_by="PLATFORM")

    wallet = LedgerAccount.objects.get(purpose="WALLET", organization=full_estate.organization)
    assert sum_lines(given) == {"expense:sla_credit:USD": cost, wallet.code: -cost}
    assert read_balance(full_estate) == before


def test_what_is_not_posted_is_not_given_back(desk: APIClient, full_estate: Farm) -> None:
    path = f"charges/{full_estate.quarantined}/refund"

    refused = book(desk, path, 409, reason="Early.", borne_by="PLATFORM")

    assert refused["code"] == "charge_not_posted"
    assert book(desk, "charges/999999999/refund", 404, reason="?", borne_by="PLATFORM")["code"] == "not_found"
    assert not Entry.objects.filter(kind="REFUND").exists()
