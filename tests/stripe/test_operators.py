"""Operators see what Stripe told and what was done about it, and may have it done again."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.models import AuditEvent, Organization, User
from billing.models import StripeDispute, StripeEvent, StripeRefund, StripeTerms, StripeTopUp
from billing.stripe import disputes, inbox, refunds
from tests.cast import NOW
from tests.signing_in import sign_in_operator
from tests.stripe import scene

pytestmark = pytest.mark.sql


@pytest.fixture
def operator(lab: Organization) -> Client:
    """The browser of a signed-in operator."""
    return sign_in_operator(User.objects.create_superuser("operator@example.org", "a long password"))


def open_pages(operator: Client, name: str, key: object) -> str:
    listed = operator.get(reverse(f"admin:billing_{name}_changelist"))
    page = operator.get(reverse(f"admin:billing_{name}_change", args=[key]))
    assert (listed.status_code, page.status_code) == (200, 200)
    return str(page.content.decode())


def test_everything_about_a_payment_is_one_click_away(lab: Organization, operator: Client) -> None:
    top_up = scene.pay(lab, "100")
    scene.book_charge(top_up, "100", "3.20")
    refund = refunds.request(top_up=top_up, amount=Decimal(10), reason="", actor=audit.SYSTEM, now=NOW)
    disputes.apply(top_up=top_up, found=scene.contest(top_up, "needs_response", amount="5"), now=NOW)

    page = open_pages(operator, "stripetopup", top_up.pk)

    assert "3.200000000" in page
    assert f"/admin/billing/entry/{top_up.entry_id}/" in page
    assert "dp_1" in open_pages(operator, "stripedispute", StripeDispute.objects.get().pk)
    assert "10.000000000" in open_pages(operator, "striperefund", StripeRefund.objects.get().pk)
    assert refund.top_up_id == StripeTopUp.objects.get().pk
    open_pages(operator, "stripebalancetransaction", "txn_1")


def test_an_event_is_acted_on_again_under_the_operators_name(lab: Organization, operator: Client) -> None:
    told = {"id": "evt_1", "type": "x.y", "created": 1, "data": {"object": {"id": "x_1"}}}
    inbox.store(payload=told, now=NOW)
    StripeEvent.objects.update(state="LEFT", handled_at=NOW)
    event = StripeEvent.objects.get()
    assert "x_1" in open_pages(operator, "stripeevent", event.pk)

    chosen = {"action": "resend", "_selected_action": [event.pk]}
    operator.post(reverse("admin:billing_stripeevent_changelist"), chosen)

    event.refresh_from_db()
    assert (event.state, event.handled_at) == ("NEW", None)
    assert AuditEvent.objects.get(action="stripe_event.resend").actor_kind == "USER"


def test_terms_are_changed_within_reason(lab: Organization, operator: Client) -> None:
    page = reverse("admin:billing_stripeterms_change", args=["SEK"])
    given = {
        "methods": ["CARD"],
        "least": "50",
        "most": "50000",
        "day_most": "100000",
        "new_day_most": "5000",
        "reserve_bps": "0",
        "elevated_reserve_bps": "5000",
        "reserve_days": "7",
    }

    refused = operator.post(page, given | {"most": "40"})
    operator.post(page, given | {"least": "60"})

    assert refused.status_code == 200
    assert StripeTerms.objects.get(currency="SEK").least == 60
    assert AuditEvent.objects.get(action="stripe_terms.change").details["least"] == "60"
