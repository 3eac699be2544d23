"""The door for what Stripe tells: signed or refused, stored once, whatever is in it."""

import json
import time

import pytest
import stripe
from django.conf import settings
from django.test import Client

from billing.models import StripeEvent
from billing.stripe import inbox
from tests.cast import NOW
from tests.databases import Database
from tests.stripe.bank import Bank

pytestmark = pytest.mark.sql
SECRET = "whsec_known_to_every_test"
EVENT = {"id": "evt_1", "object": "event", "type": "x.y", "created": 1, "data": {"object": {"id": "x_1"}}}


@pytest.fixture
def browser(db: Database, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Stripe, with our secret beside another."""
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRETS", ["whsec_of_connected_accounts", SECRET])
    return Client(SERVER_NAME="localhost")


def tell(client: Client, body: str, *, secret: str = SECRET, at: int | None = None) -> tuple[int, str]:
    header = stripe.WebhookSignature.generate_signature_header(body, secret, at)
    answer = client.post(
        "/api/stripe/webhook", body, content_type="application/json", headers={"Stripe-Signature": header}
    )
    return answer.status_code, answer.json().get("code", "")


def test_an_event_is_stored_once(browser: Client) -> None:
    said = [tell(browser, json.dumps(EVENT)) for _ in range(2)]

    assert said == [(200, ""), (200, "")]
    assert StripeEvent.objects.get().object_id == "x_1"


def test_what_is_wrong_is_refused_and_not_stored(browser: Client) -> None:
    body, now = json.dumps(EVENT), int(time.time())

    assert tell(browser, body, secret="whsec_of_somebody") == (400, "bad_signature")
    assert tell(browser, body, at=now - 301) == (400, "bad_signature")
    assert tell(browser, "[]") == (400, "not_an_event")
    assert tell(browser, json.dumps(EVENT | {"created": 10**18})) == (400, "not_an_event")
    assert tell(browser, "x" * (inbox.BODY_BYTES_MAX + 1)) == (413, "too_large")
    assert browser.post("/api/stripe/webhook", b"{}", content_type="application/json").status_code == 400
    assert browser.get("/api/stripe/webhook").status_code == 405
    assert not StripeEvent.objects.exists()


def test_an_event_from_the_future_is_taken(browser: Client) -> None:
    assert tell(browser, json.dumps(EVENT), at=int(time.time()) + 3600) == (200, "")


def test_without_a_secret_nobody_is_heard(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "STRIPE_WEBHOOK_SECRETS", [""])

    assert tell(browser, json.dumps(EVENT)) == (503, "payments_unavailable")


def test_what_nobody_acts_on_is_left_and_what_fails_is_tried_again(bank: Bank) -> None:
    inbox.store(payload=EVENT, now=NOW)
    inbox.store(payload=EVENT | {"id": "evt_2", "type": "payment_intent.succeeded"}, now=NOW)

    inbox.handle_due(asked=bank.client, now=NOW)

    left, failed = StripeEvent.objects.order_by("event_id")
    assert (left.state, failed.state, failed.attempts) == ("LEFT", "NEW", 1)
    assert "resource_missing" in failed.error or "No such" in failed.error
    assert failed.next_at > NOW
