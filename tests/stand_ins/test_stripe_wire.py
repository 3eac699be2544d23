"""How the stand-in speaks: keys, repeats, pages, faults, webhooks, and what it remembers."""

import json
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.stand_ins.description import read_description
from tests.stand_ins.fixtures import Mailbox, StripeStandIn, start_stand_in, stop_stand_in
from tests.stand_ins.test_stripe_payments import make_session


def test_only_its_key_opens_it(stripe_stand_in: StripeStandIn) -> None:
    with pytest.raises(stripe.AuthenticationError):
        stripe_stand_in.make_client(key="sk_test_other").v1.balance.retrieve()


def test_a_key_repeats_its_first_answer_for_a_day(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.make_client()
    once: Any = {"idempotency_key": "k"}
    first: Any = client.v1.customers.create({"name": "A"}, once)
    again: Any = client.v1.customers.create({"name": "A"}, once)
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"name": "B"}, once)
    stripe_stand_in.control("advance", seconds=86_400)
    later = client.v1.customers.create({"name": "B"}, once)

    assert first.last_response.body == again.last_response.body
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert later.id != first.id


def test_lists_are_read_page_by_page(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.make_client()
    made = [client.v1.customers.create({"email": f"{number}@example.com"}).id for number in range(5)]
    first = client.v1.customers.list({"limit": 2})
    read = [row.id for row in client.v1.customers.list({"limit": 2}).auto_paging_iter()]
    back = client.v1.customers.list({"ending_before": made[0], "limit": 2}).data

    assert ([row.id for row in first.data], first.has_more) == ([made[4], made[3]], True)
    assert read == made[::-1]
    assert [row.id for row in back] == [made[2], made[1]]
    assert client.v1.customers.list({"created": {"gt": 4_000_000_000}}).data == []
    assert client.v1.customers.list({"email": "3@example.com"}).data[0].id == made[3]


def test_what_is_not_understood_is_refused(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.make_client()
    wrong: list[tuple[Any, str]] = [
        ({"amount": 100, "currency": "xyz"}, "invalid_currency"),
        ({"amount": 10, "currency": "usd"}, "amount_too_small"),
        ({"currency": "usd"}, "parameter_missing"),
        ({"amount": "many", "currency": "usd"}, "parameter_invalid_integer"),
        ({"amount": 100, "currency": "usd", "colour": "red"}, "parameter_unknown"),
        ({"amount": 100, "currency": "usd", "customer": "cus_none"}, "resource_missing"),
    ]
    for params, code in wrong:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.payment_intents.create(params)
        assert refused.value.code == code
    with pytest.raises(stripe.InvalidRequestError) as nothing:
        client.v1.charges.retrieve("ch_none")
    assert (nothing.value.http_status, nothing.value.code) == (404, "resource_missing")


def test_faults_strike_before_or_after_the_call_had_its_effect(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.make_client()
    kinds = [(429, stripe.RateLimitError), (500, stripe.APIError), (0, stripe.APIConnectionError)]
    for status, kind in kinds:
        stripe_stand_in.control("faults", faults=[{"path": "/v1/customers", "status": status}])
        with pytest.raises(kind):
            client.v1.customers.create({}, {"idempotency_key": f"before-{status}"})
    none = client.v1.customers.list().data
    stripe_stand_in.control("faults", faults=[{"path": "/v1/customers", "status": 0, "acted": True}])
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create({}, {"idempotency_key": "after"})
    made = client.v1.customers.create({}, {"idempotency_key": "after"}).id

    assert none == []
    assert [row.id for row in client.v1.customers.list().data] == [made]


def test_the_sdk_carries_on_after_a_fault(stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.control("faults", faults=[{"path": "/v1/balance", "status": 0}])

    assert stripe_stand_in.make_client(retries=1).v1.balance.retrieve().object == "balance"


def test_webhooks_are_signed_and_told_again_until_answered(
    stripe_stand_in: StripeStandIn, mailbox: Mailbox
) -> None:
    stripe_stand_in.send_webhooks_to(mailbox.url)
    mailbox.status = 503
    client = stripe_stand_in.make_client()
    client.v1.customers.create()
    body, signature = mailbox.wait_for(2)[1]
    mailbox.status = 200
    event = stripe.Webhook.construct_event(body, signature, stripe_stand_in.webhook_secret)

    assert (event.type, event.api_version) == ("customer.created", stripe.api_version)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, stripe_stand_in.webhook_secret)


def test_webhooks_misbehave_on_request(stripe_stand_in: StripeStandIn, mailbox: Mailbox) -> None:
    stripe_stand_in.send_webhooks_to(mailbox.url)
    client = stripe_stand_in.make_client()
    stripe_stand_in.control("deliveries", lose=True)
    client.v1.customers.create({"name": "lost"})
    stripe_stand_in.control("deliveries", hold=True, duplicates=1)
    for name in ("first", "second"):
        client.v1.customers.create({"name": name})
    stripe_stand_in.control("deliveries", reverse=True, future=3600)
    letters = mailbox.wait_for(4)
    names = [json.loads(body)["data"]["object"]["name"] for body, _ in letters]

    assert names == ["second", "second", "first", "first"]
    assert {row.data.object["name"] for row in client.v1.events.list().data} == {"lost", "first", "second"}
    assert stripe.Webhook.construct_event(*letters[0], stripe_stand_in.webhook_secret).type


def test_what_events_tell_is_described(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.make_client()
    session = make_session(client)
    stripe_stand_in.control("pay", session=session.id, number="4000000000000259")
    events = [row.to_dict() for row in client.v1.events.list({"limit": 100}).data]
    described = read_description()

    faults = [fault for event in events for fault in described.find_event_faults(event)]

    assert len(events) == 7
    assert not faults, "\n".join(faults)


def test_it_remembers_after_it_was_started_again(tmp_path: Path) -> None:
    process, running = start_stand_in(tmp_path / "state.sqlite")
    made = running.make_client().v1.customers.create({"name": "A"}, {"idempotency_key": "k"})
    stop_stand_in(process)
    process, running = start_stand_in(tmp_path / "state.sqlite")
    again = running.make_client().v1.customers.create({"name": "A"}, {"idempotency_key": "k"})
    other = running.make_client().v1.customers.create({"name": "B"})
    stop_stand_in(process)

    assert again.id == made.id
    assert other.id != made.id


def test_the_description_notices_what_is_not_stripes() -> None:
    described = read_description()
    good: dict[str, Any] = {"id": "cus_1", "object": "customer", "created": 1, "livemode": False}
    wrong = [{**good, "created": "1"}, {**good, "colour": "red"}, {"object": "customer"}, {**good, "name": 1}]

    def judge(body: dict[str, Any]) -> list[str]:
        answer: Any = {"method": "POST", "path": "/v1/customers", "status": 200, "body": json.dumps(body)}
        return list(described.find_faults(**answer))

    assert judge(good) == []
    assert all(judge(body) for body in wrong)
