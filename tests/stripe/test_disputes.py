"""An operator follows disputes: what is frozen, until when evidence is taken, and how each ends."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.test import Client

from accounts.models import AuditEvent, Organization, User
from billing import verification
from billing.models import StripeDispute
from tests.signing_in import sign_in_operator
from tests.stripe import scene
from tests.stripe.bank import Bank
from tests.stripe.scene import available, balance
from tests.stripe.test_stand_in import begin

pytestmark = pytest.mark.sql
PAGES = "/admin/billing/stripedispute/"


@pytest.fixture
def operator(lab: Organization) -> Client:
    """The browser of a signed-in operator."""
    return sign_in_operator(User.objects.create_superuser("operator@example.org", "a long password"))


def contest(bank: Bank, organization: Organization, paid: str, **wish: Any) -> StripeDispute:
    """Somebody pays with a card, spends, and contests it."""
    top_up = begin(bank, organization, paid)
    bank.control("pay", session=top_up.session_id)
    bank.heal()
    top_up.refresh_from_db()
    scene.spend(organization, "70")
    bank.control("disputes/open", charge=top_up.charge_id, **wish)
    bank.heal()
    return StripeDispute.objects.get(top_up=top_up)


def read(operator: Client, dispute: StripeDispute) -> str:
    answer = operator.get(f"{PAGES}{quote(dispute.pk)}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def hand_in(operator: Client, dispute: StripeDispute, text: str) -> str:
    given = {"hand_in": "1", "evidence": text}
    return operator.post(f"{PAGES}{quote(dispute.pk)}/change/", given, follow=True).content.decode()


@pytest.mark.parametrize(("text", "state"), [("winning_evidence", "WON"), ("losing_evidence", "LOST")])
def test_evidence_is_handed_in_and_the_end_is_followed(
    bank: Bank, lab: Organization, operator: Client, text: str, state: str
) -> None:
    dispute = contest(bank, lab, "100")

    listed = operator.get(PAGES, {"evidence": "wanted"}).content.decode()
    open_page = read(operator, dispute)
    said = hand_in(operator, dispute, text)
    again = hand_in(operator, dispute, text)
    bank.heal()
    dispute.refresh_from_db()
    end_page = read(operator, dispute)

    assert dispute.due_by is not None
    deadline = f"{dispute.due_by:%Y-%m-%d %H:%M} UTC, "
    assert deadline in listed
    assert "Disputes (1)" in listed
    for part in (
        f"{deadline}",
        "days left",
        f"/admin/accounts/organization/{lab.pk}/change/",
        "100 USD, all of the payment",
        f"charge {dispute.top_up.charge_id}",
        f"/admin/billing/stripetopup/{dispute.top_up_id}/change/",
        f"/admin/billing/entry/{dispute.freeze_entry_id}/change/",
        "70 USD: the platform",
        "100 USD were paid on",
    ):
        assert part in open_page, part
    assert "The evidence is at Stripe." in said
    assert "takes no evidence" in again
    assert (dispute.state, dispute.submissions, dispute.evidence) == (state, 1, text)
    assert f"/admin/billing/entry/{dispute.end_entry_id}/change/" in end_page
    assert "operator@example.org" in end_page
    assert AuditEvent.objects.get(action="dispute.evidence").details["dispute"] == dispute.pk
    assert available(lab) == (30 if state == "WON" else 0)
    assert (balance("FROZEN", organization=lab), balance("DISPUTE_RECEIVABLE")) == (0, 0)
    assert balance("DISPUTE_LOSS") == (0 if state == "WON" else 70)
    assert verification.verify() == []


def test_a_part_of_a_payment_is_contested_and_lost_without_a_word(
    bank: Bank, lab: Organization, operator: Client
) -> None:
    dispute = contest(bank, lab, "100", amount=2000)
    page = read(operator, dispute)
    bank.control("disputes/settle", dispute=dispute.pk, status="lost")
    refused = hand_in(operator, dispute, "Too late.")
    asked = operator.post(f"{PAGES}{quote(dispute.pk)}/change/", {"ask": "1"}, follow=True).content.decode()

    assert "20 USD, a part of the payment" in page
    assert "spent before" not in page
    assert "takes no evidence" in refused
    assert "how it stands at Stripe" in asked
    dispute.refresh_from_db()
    assert (dispute.state, available(lab), balance("DISPUTE_LOSS")) == ("LOST", Decimal(10), 0)


def test_evidence_of_which_stripe_said_nothing_is_handed_in_once_more(
    bank: Bank, lab: Organization, operator: Client
) -> None:
    dispute = contest(bank, lab, "100")
    lost = {"path": "/v1/disputes", "method": "POST", "status": 0, "acted": True, "times": 2}
    bank.control("faults", faults=[lost])

    silent = hand_in(operator, dispute, "They used it.")
    page = read(operator, dispute)
    other = hand_in(operator, dispute, "Something else.")
    told = hand_in(operator, dispute, "They used it.")

    dispute.refresh_from_db()
    assert "cannot be taken at the moment" in silent
    assert "Stripe has not said that it came" in page
    assert "only the same may be handed in again" in other
    assert "The evidence is at Stripe." in told
    assert (dispute.submissions, dispute.status) == (1, "under_review")
