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
    assert tell(browser, body, secret="whsec_of_somebody", at=now - 301) == (400, "bad_signature")
    assert tell(browser, body, at=now - 301) == (400, "signed_long_ago")
    assert tell(browser, "[]") == (400, "not_an_event")
    assert tell(browser, json.dumps(EVENT | {"created": 10**18})) == (400, "not_an_event")
    assert tell(browser, "x" * (inbox.BODY_BYTES_MAX + 1)) == (413, "too_large")
    assert browser.post("/api/stripe/webhook", b"{}", content_type="application/json").status_code == 400
    assert browser.get("/api/stripe/webhook").status_code == 405
    assert not StripeEvent.objects.exists()


def test_a_body_of_an_untold_length_is_bounded_too(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DATA_UPLOAD_MAX_MEMORY_SIZE", 100)

    assert tell(browser, json.dumps(EVENT) + " " * 200) == (413, "too_large")
    with pytest.raises(inbox.TooLarge):
        inbox.receive(body=b"x" * (inbox.BODY_BYTES_MAX + 1), signature="", now=NOW)
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize(
    ("key", "livemode", "state"),
    [("", False, "NEW"), ("", True, "LEFT"), ("sk_live_x", False, "LEFT"), ("rk_live_x", True, "NEW")],
)
def test_an_event_of_the_other_mode_is_kept_and_left(
    browser: Client, monkeypatch: pytest.MonkeyPatch, key: str, livemode: bool, state: str
) -> None:
    monkeypatch.setattr(settings, "STRIPE_KEY", key)

    assert tell(browser, json.dumps(EVENT | {"livemode": livemode})) == (200, "")

    event = StripeEvent.objects.get()
    assert (event.state, event.error != "") == (state, state == "LEFT")


def test_either_endpoint_is_heard_by_its_own_secret(browser: Client) -> None:
    connected = EVENT | {"id": "evt_2", "account": "acct_1"}

    assert tell(browser, json.dumps(connected), secret="whsec_of_connected_accounts") == (200, "")
    assert tell(browser, json.dumps(EVENT)) == (200, "")
    assert dict(StripeEvent.objects.values_list("event_id", "account")) == {"evt_1": "", "evt_2": "acct_1"}


def test_an_event_of_another_version_is_acted_on_by_asking(bank: Bank) -> None:
    """Its words are not read, only what it is about: a dispute that Stripe knows not of is asked for."""
    about = {"id": "dp_1", "balance_transactions": [{"not": "read"}]}
    told = EVENT | {
        "type": "charge.dispute.created",
        "api_version": "2031-01-01.next",
        "data": {"object": about},
    }
    inbox.store(payload=told, now=NOW)

    inbox.handle_due(asked=bank.client, now=NOW)

    event = StripeEvent.objects.get()
    assert (event.state, event.api_version) == ("NEW", "2031-01-01.next")
    assert "No such dispute" in event.error


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
