"""Payments at the stand-in, through the SDK that Stripe publishes."""

import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
import stripe

from tests.stand_ins.fixtures import StripeStandIn

Client = stripe.StripeClient


@pytest.fixture
def client(stripe_stand_in: StripeStandIn) -> Client:
    return stripe_stand_in.make_client()


def make_session(
    client: Client, *types: str, currency: str = "usd", amount: int = 10_000, **more: Any
) -> Any:
    item = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Wallet"}}
    params: Any = {
        "mode": "payment",
        "success_url": "http://127.0.0.1:9/done?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/back",
        "line_items": [{"price_data": item, "quantity": 1}],
        "payment_method_types": list(types or ("card",)),
        **more,
    }
    if "wechat_pay" in types:
        params["payment_method_options"] = {"wechat_pay": {"client": "web"}}
    return client.v1.checkout.sessions.create(params)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


def press(url: str, **form: str) -> tuple[int, str, str]:
    """Send a form as a browser does: status, where it leads, the page."""
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(url, urllib.parse.urlencode(form).encode() or None, timeout=10) as answer:
            return answer.status, "", answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Location", ""), error.read().decode()


def test_a_buyer_pays_by_card_at_the_hosted_page(client: Client) -> None:
    session = make_session(client, metadata={"jouleport": "7"}, payment_intent_data={"metadata": {"a": "b"}})
    page = press(session.url)
    declined = press(session.url, kind="card", number="4000 0000 0000 0002")
    paid = press(session.url, kind="card", number="4242424242424242")
    found = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    charge = found.payment_intent.latest_charge  # type: ignore[union-attr]
    moved = client.v1.balance_transactions.retrieve(charge.balance_transaction)  # type: ignore[union-attr, arg-type]

    assert "STAND-IN FOR STRIPE" in page[2]
    assert "100.00 USD" in page[2]
    assert (declined[0], "declined" in declined[2]) == (402, True)
    assert paid[:2] == (303, f"http://127.0.0.1:9/done?s={session.id}")
    assert (found.status, found.payment_status) == ("complete", "paid")
    assert (moved.amount, moved.fee, moved.net, moved.status) == (10_000, 320, 9_680, "pending")
    assert press(session.url)[0] == 410


def test_a_bank_that_asks_is_answered_on_a_page_of_its_own(client: Client) -> None:
    session = make_session(client)
    asked = press(session.url, kind="card", number="4000002500003155")
    refused = press(asked[1], decision="refuse")
    again = press(session.url, kind="card", number="4000002500003155")
    agreed = press(again[1], decision="agree")

    assert "/c/auth/pi_" in asked[1]
    assert refused[1] == session.url
    assert agreed[1].startswith("http://127.0.0.1:9/done")
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


@pytest.mark.parametrize("kind", ["alipay", "wechat_pay"])
def test_money_of_a_wallet_may_arrive_later(
    client: Client, stripe_stand_in: StripeStandIn, kind: str
) -> None:
    session = make_session(client, kind, currency="cny")
    intent = stripe_stand_in.control("pay", session=session.id, kind=kind, answer="later")
    before = client.v1.checkout.sessions.retrieve(session.id)
    stripe_stand_in.control("arrive", session=session.id, paid=True)
    after = client.v1.checkout.sessions.retrieve(session.id)
    moved = client.v1.balance_transactions.list().data[0]

    assert intent["status"] == "processing"
    assert (before.status, before.payment_status, after.payment_status) == ("complete", "unpaid", "paid")
    # Renminbi are not held: 100.00 CNY at 0.138.
    assert (moved.currency, moved.amount, moved.exchange_rate) == ("usd", 1380, 0.138)


def test_money_that_never_arrives_is_told(client: Client, stripe_stand_in: StripeStandIn) -> None:
    session = make_session(client, "alipay", currency="cny")
    stripe_stand_in.control("pay", session=session.id, kind="alipay", answer="later")
    stripe_stand_in.control("arrive", session=session.id, paid=False)
    intent = client.v1.payment_intents.retrieve(
        client.v1.checkout.sessions.retrieve(session.id).payment_intent  # type: ignore[arg-type]
    )

    assert intent.status == "requires_payment_method"
    assert "checkout.session.async_payment_failed" in [row.type for row in client.v1.events.list().data]


def test_stablecoins_settle_in_dollars_only(client: Client, stripe_stand_in: StripeStandIn) -> None:
    session = make_session(client, "crypto")
    stripe_stand_in.control("pay", session=session.id, kind="crypto", answer="agree")
    moved = client.v1.balance_transactions.list().data[0]

    assert (moved.currency, moved.amount, moved.fee) == ("usd", 10_000, 150)
    with pytest.raises(stripe.InvalidRequestError, match="takes no eur"):
        make_session(client, "crypto", currency="eur")


def test_money_becomes_available_by_the_clock(client: Client, stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.control("pay", session=make_session(client).id)
    before = client.v1.balance.retrieve()
    stripe_stand_in.control("advance", seconds=2 * 86_400)
    after = client.v1.balance.retrieve()

    assert (before.available[0].amount, before.pending[0].amount) == (0, 9_680)
    assert (after.available[0].amount, after.pending[0].amount) == (9_680, 0)


def test_a_page_closes_when_its_time_is_over(client: Client, stripe_stand_in: StripeStandIn) -> None:
    session = make_session(client)
    stripe_stand_in.control("advance", seconds=86_400)

    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert press(f"{stripe_stand_in.url}/c/pay/{session.id}", kind="card")[0] == 410


def charge_away(client: Client, customer: str, method: str, **options: Any) -> Any:
    return client.v1.payment_intents.create(
        {
            "amount": 2_000,
            "currency": "usd",
            "customer": customer,
            "payment_method": method,
            "off_session": True,
            "confirm": True,
            "metadata": {"jouleport": "8"},
        },
        options,  # type: ignore[arg-type]
    )


def test_a_saved_card_is_charged_without_its_holder(client: Client, stripe_stand_in: StripeStandIn) -> None:
    customer = client.v1.customers.create({"email": "a@example.com"}).id
    session = make_session(
        client, customer=customer, payment_intent_data={"setup_future_usage": "off_session"}
    )
    stripe_stand_in.control("pay", session=session.id, number="4000002500003155", answer="agree")
    saved = client.v1.customers.payment_methods.list(customer).data[0]

    assert charge_away(client, customer, saved.id).status == "succeeded"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_card_authenticationRequired", "authentication_required"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined"),
    ],
)
def test_a_card_that_is_declined_says_why(client: Client, token: str, code: str) -> None:
    customer = client.v1.customers.create().id
    method = client.v1.payment_methods.attach(token, {"customer": customer}).id
    with pytest.raises(stripe.CardError) as refused:
        charge_away(client, customer, method, idempotency_key="once")
    with pytest.raises(stripe.CardError) as again:
        charge_away(client, customer, method, idempotency_key="once")
    intent = client.v1.payment_intents.list().data[0]

    assert refused.value.code == code
    assert again.value.http_body == refused.value.http_body
    assert again.value.headers["Idempotent-Replayed"] == "true"  # type: ignore[index]
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", code)  # type: ignore[union-attr]
    assert refused.value.error.payment_intent.id == intent.id  # type: ignore[union-attr]


def pay(client: Client, token: str = "pm_card_visa") -> Any:
    return client.v1.payment_intents.create(
        {"amount": 5_000, "currency": "usd", "payment_method": token, "confirm": True}
    )


def test_refunds_never_exceed_what_was_paid(client: Client) -> None:
    intent = pay(client)
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 3_000})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 2_001})
    client.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as twice:
        client.v1.refunds.create({"payment_intent": intent.id})
    moved = client.v1.balance_transactions.retrieve(refund.balance_transaction)  # type: ignore[arg-type]

    assert twice.value.code == "charge_already_refunded"
    assert (moved.type, moved.net) == ("refund", -3_000)
    assert [row.amount for row in client.v1.refunds.list({"payment_intent": intent.id}).data] == [
        2_000,
        3_000,
    ]


def test_a_refund_may_come_back(client: Client, stripe_stand_in: StripeStandIn) -> None:
    refund = client.v1.refunds.create({"payment_intent": pay(client).id})
    stripe_stand_in.control("refunds/fail", refund=refund.id)
    found = client.v1.refunds.retrieve(refund.id)

    assert (found.status, found.failure_reason) == ("failed", "expired_or_canceled_card")
    assert sum(row.amount for row in client.v1.balance_transactions.list().data) == 5_000


@pytest.mark.parametrize(("end", "left"), [("won", 5_000), ("lost", 0)])
def test_a_dispute_takes_the_money_until_it_is_won(
    client: Client, stripe_stand_in: StripeStandIn, end: str, left: int
) -> None:
    charge = pay(client, "pm_card_createDispute").latest_charge
    dispute = client.v1.disputes.list({"charge": charge}).data[0]
    text = {"won": "winning_evidence", "lost": "losing_evidence"}[end]
    client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}, "submit": True})
    rows = client.v1.balance_transactions.list().data

    assert dispute.status == "needs_response"
    assert dispute.balance_transactions[0].fee == 1_500
    assert client.v1.disputes.retrieve(dispute.id).status == end
    assert sum(row.amount for row in rows) == left
    assert "charge.dispute.closed" in [row.type for row in client.v1.events.list().data]
