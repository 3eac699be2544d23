"""What the stand-in refuses, and how: as Stripe does, seen through its SDK."""

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from tests.stand_ins.fixtures import StripeStandIn
from tests.stand_ins.test_stripe_payments import make_session

type Client = stripe.StripeClient


@pytest.fixture
def client(stripe_stand_in: StripeStandIn) -> Client:
    """The SDK."""
    return stripe_stand_in.make_client()


def refuse(call: Any, params: Any, options: Any = None) -> tuple[int | None, str | None, str | None]:
    """Status, code and parameter of a refusal; every one names its request, and its code's page."""
    with pytest.raises(stripe.StripeError) as refused:
        call(params, options)
    error: Any = refused.value
    assert error.request_id.startswith("req_")
    if error.code:
        assert error.error.doc_url.endswith("/error-codes/" + error.code.replace("_", "-"))
    return error.http_status, error.code, getattr(error, "param", None)


def pay(amount: int, currency: str, **more: Any) -> dict[str, Any]:
    """Parameters of a payment."""
    return {"amount": amount, "currency": currency, **more}


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (pay(100, "usd", colour="red"), ("parameter_unknown", "colour")),
        ({"amount": 100}, ("parameter_missing", "currency")),
        (pay(100, ""), ("parameter_invalid_empty", "currency")),
        (pay(0, "usd"), ("parameter_invalid_integer", "amount")),
        (pay(100, "usd", payment_method_types=["gold"]), (None, "payment_method_types")),
        (pay(10_000, "krw", payment_method_types=["alipay"]), ("invalid_currency", "payment_method_types")),
        (
            pay(10_000, "nzd", payment_method_types=["wechat_pay"]),
            ("invalid_currency", "payment_method_types"),
        ),
        (pay(100, "usd", metadata={"k" * 41: "v"}), (None, "metadata")),
        (pay(100, "usd", metadata={"k": "v" * 501}), (None, "metadata[k]")),
        (pay(100, "usd", metadata={f"k{n}": "v" for n in range(51)}), (None, "metadata")),
        (pay(100, "usd", expand=["description"]), (None, "expand")),
        (pay(100, "usd", expand=["customer.metadata.a.b.c"]), (None, "expand")),
        # The least that is settled in this currency, or in dollars after it was exchanged.
        (pay(49, "usd"), ("amount_too_small", "amount")),
        (pay(29, "gbp"), ("amount_too_small", "amount")),
        (pay(399, "hkd"), ("amount_too_small", "amount")),
        (pay(600, "krw"), ("amount_too_small", "amount")),
        (pay(100_000_000, "usd"), ("amount_too_large", "amount")),
        # No part of a krona or shilling, and of a dinar no thousandth.
        (pay(50_050, "isk"), ("parameter_invalid_integer", "amount")),
        (pay(1_000_050, "ugx"), ("parameter_invalid_integer", "amount")),
        (pay(5_001, "kwd"), ("parameter_invalid_integer", "amount")),
    ],
)
def test_a_payment_is_refused_by_name(client: Client, params: Any, told: tuple[str, str]) -> None:
    assert refuse(client.v1.payment_intents.create, params) == (400, *told)
    assert client.v1.payment_intents.list().data == []


@pytest.mark.parametrize(
    "params",
    [
        pay(50, "usd", metadata={f"{n:040}": "v" * 500 for n in range(50)}),
        pay(30, "gbp"),
        pay(400, "hkd"),
        pay(700, "krw"),
        pay(1_000_000_000, "idr"),
        pay(50_000, "isk"),
        pay(5_010, "kwd"),
        pay(20_001, "huf"),
    ],
)
def test_what_lies_on_the_bound_is_taken(client: Client, params: Any) -> None:
    assert client.v1.payment_intents.create(params).amount == params["amount"]


def test_parameters_inside_others_are_refused_by_their_whole_name(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        make_session(client, payment_intent_data={"colour": "red"})
    item = {"currency": "usd", "unit_amount": 100, "product_data": {"description": "red"}}
    with pytest.raises(stripe.InvalidRequestError) as nameless:
        make_session(client, line_items=[{"price_data": item}])
    with pytest.raises(stripe.InvalidRequestError) as unlike:
        make_session(client, "wechat_pay", currency="nzd")

    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "payment_intent_data[colour]")
    assert nameless.value.param == "line_items[0][price_data][product_data][name]"
    assert unlike.value.code == "invalid_currency"


def test_payouts_of_some_currencies_are_whole(client: Client) -> None:
    for currency in ("huf", "twd", "isk", "ugx"):
        told = refuse(client.v1.payouts.create, {"amount": 1045, "currency": currency})
        assert told == (400, "parameter_invalid_integer", "amount")
        told = refuse(client.v1.payouts.create, {"amount": 1000, "currency": currency})
        assert told == (400, "balance_insufficient", None)


def test_pages_of_lists_have_bounds(client: Client) -> None:
    made = [client.v1.customers.create({"email": "a@example.com"}).id for _ in range(3)]
    listed = client.v1.customers.list
    bad: tuple[Any, ...] = ({"limit": 0}, {"limit": 101}, {"limit": "x"})
    both: Any = {"starting_after": made[0], "ending_before": made[1]}
    newest = listed({"ending_before": made[0], "limit": 1})
    rest = listed({"starting_after": made[1], "email": "a@example.com", "limit": 100})

    assert [refuse(listed, params)[1:] for params in bad] == [("parameter_invalid_integer", "limit")] * 3
    assert refuse(listed, both) == (400, None, "ending_before")
    assert refuse(listed, {"starting_after": "cus_none"}) == (400, "resource_missing", "starting_after")
    assert refuse(listed, {"created": {"about": 1}}) == (400, "parameter_unknown", "created[about]")
    assert ([row.id for row in newest.data], newest.has_more) == ([made[1]], True)
    assert ([row.id for row in rest.data], rest.has_more) == ([made[0]], False)


def test_fields_are_expanded_by_path_and_no_others(client: Client) -> None:
    buyer = client.v1.customers.create()
    wish: Any = pay(100, "usd", customer=buyer.id, payment_method="pm_card_visa", confirm=True)
    made = client.v1.payment_intents.create(wish | {"expand": ["latest_charge.balance_transaction"]})
    listed: Any = client.v1.charges.list({"expand": ["data.customer", "data.payment_intent.customer"]})

    assert made.latest_charge.balance_transaction.amount == 100  # type: ignore[union-attr]
    assert (listed.data[0].customer.id, listed.data[0].payment_intent.customer.id) == (buyer.id, buyer.id)
    for path in ("customer", "data.metadata", "data.nothing", "data.customer.email", "data"):
        assert refuse(client.v1.charges.list, {"expand": [path]}) == (400, None, "expand"), path
    assert refuse(client.v1.customers.create, {"expand": ["colour"]}) == (400, None, "expand")
    assert len(client.v1.customers.list().data) == 1


def test_a_repeat_is_told_the_same_unless_nothing_was_begun(client: Client) -> None:
    once: Any = {"idempotency_key": "k"}
    create = client.v1.payment_intents.create
    declined = pay(100, "usd", payment_method="pm_card_chargeDeclined", confirm=True)

    # What its parameters alone refuse is no first time: the same key serves the corrected call.
    assert refuse(create, {"amount": 100}, once) == (400, "parameter_missing", "currency")
    assert refuse(create, declined, once) == (402, "card_declined", None)
    assert refuse(create, declined, once) == (402, "card_declined", None)
    assert len(client.v1.charges.list().data) == 1
    assert refuse(create, declined | {"amount": 101}, once)[0] == 400
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({}, once)


def test_a_repeat_of_what_is_under_way_is_refused(stripe_stand_in: StripeStandIn, client: Client) -> None:
    stripe_stand_in.control("faults", faults=[{"path": "/v1/customers", "seconds": 0.3, "times": 1}])

    def create() -> str:
        try:
            return client.v1.customers.create({}, {"idempotency_key": "k"}).object
        except stripe.APIError as error:
            return f"{error.http_status} {error.error.code if error.error else ''}"

    with ThreadPoolExecutor(2) as pool:
        told = sorted(future.result() for future in [pool.submit(create), pool.submit(create)])

    assert told == ["409 idempotency_key_in_use", "customer"]
    # The SDK asks again by itself, and is told what the first one made.
    made = stripe_stand_in.make_client(retries=2).v1.customers.create({}, {"idempotency_key": "k"})
    assert [row.id for row in client.v1.customers.list().data] == [made.id]


def test_a_card_that_is_declined_says_why(client: Client) -> None:
    wish: Any = pay(100, "usd", payment_method="pm_card_chargeDeclinedInsufficientFunds", confirm=True)
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_intents.create(wish)
    error: Any = refused.value.error

    assert (refused.value.http_status, error.type, error.code) == (402, "card_error", "card_declined")
    assert error.decline_code == "insufficient_funds"
    assert error.payment_intent.last_payment_error.charge == error.charge


def test_what_is_missing_unknown_or_too_much_says_so(stripe_stand_in: StripeStandIn, client: Client) -> None:
    stripe_stand_in.control("faults", faults=[{"path": "/v1/balance", "status": 429}])
    with pytest.raises(stripe.RateLimitError) as hurried:
        client.v1.balance.retrieve()

    assert hurried.value.error.code == "rate_limit"  # type: ignore[union-attr]
    assert refuse(lambda *_: client.v1.charges.retrieve("ch_none"), {}) == (404, "resource_missing", "id")
    assert (
        refuse(lambda *_: stripe_stand_in.make_client(key="sk_test_no").v1.balance.retrieve(), {})[0] == 401
    )
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.raw_request("get", "/v1/colours")
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        client.v1.balance.retrieve({}, {"stripe_version": "2020-08-27"})


def test_headers_name_the_request_and_who_asked(stripe_stand_in: StripeStandIn) -> None:
    headers = {"Authorization": "Basic %%%", "Idempotency-Key": "k"}
    request = urllib.request.Request(f"{stripe_stand_in.url}/v1/customers", data=b"", headers=headers)  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310 - our own address
    with refused.value as answer:
        told = json.loads(answer.read())["error"]
        kept = dict(answer.headers)

    assert (answer.code, told["type"]) == (401, "invalid_request_error")
    assert kept["Request-Id"].startswith("req_")
    assert (kept["Idempotency-Key"], kept["Stripe-Version"]) == ("k", stripe.api_version)
    assert kept["WWW-Authenticate"].startswith("Bearer")
