"""Connected accounts at the stand-in, through the SDK that Stripe publishes."""

from typing import Any

import pytest
import stripe

from tests.stand_ins.fixtures import StripeStandIn
from tests.stand_ins.test_stripe_payments import make_session, press

Client = stripe.StripeClient


@pytest.fixture
def client(stripe_stand_in: StripeStandIn) -> Client:
    return stripe_stand_in.make_client()


def make_account(client: Client) -> str:
    params: Any = {
        "type": "express",
        "country": "US",
        "capabilities": {"transfers": {"requested": True}},
        "settings": {"payouts": {"schedule": {"interval": "manual"}}},
    }
    return client.v1.accounts.create(params).id


def fund(client: Client, stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.control("pay", session=make_session(client).id)
    stripe_stand_in.control("advance", seconds=2 * 86_400)


def test_the_platforms_own_account_is_ready(client: Client) -> None:
    home = client.v1.accounts.retrieve_current()

    assert (home.id, home.charges_enabled, home.payouts_enabled) == ("acct_home", True, True)


def make_link(client: Client, account: str) -> str:
    params: Any = {"account": account, "type": "account_onboarding"}
    back = {"return_url": "http://127.0.0.1:9/done", "refresh_url": "http://127.0.0.1:9/again"}
    return client.v1.account_links.create(params | back).url


def test_an_account_is_onboarded_on_a_page(client: Client) -> None:
    account = make_account(client)
    before = client.v1.accounts.retrieve(account)
    link = make_link(client, account)
    page = press(link)
    half = press(link, state="no_bank")
    between = client.v1.accounts.retrieve(account)
    press(make_link(client, account), state="enabled")
    after = client.v1.accounts.retrieve(account)

    assert (before.details_submitted, before.payouts_enabled) == (False, False)
    assert "external_account" in (before.requirements.currently_due or [])  # type: ignore[union-attr]
    assert "STAND-IN FOR STRIPE" in page[2]
    assert half[1] == "http://127.0.0.1:9/done"
    assert between.requirements.currently_due == ["external_account"]  # type: ignore[union-attr]
    assert (after.payouts_enabled, after.capabilities.transfers) == (True, "active")  # type: ignore[union-attr]


def test_a_link_serves_once_and_not_for_long(client: Client, stripe_stand_in: StripeStandIn) -> None:
    account = make_account(client)
    used, late, last = (make_link(client, account) for _ in range(3))
    visits = [press(used)[0], press(used)[1]]
    answers = [press(used, state="verifying")[1], press(used, state="enabled")[1]]
    stripe_stand_in.control("advance", seconds=300)
    expired = press(late)[1]
    stripe_stand_in.control("accounts/move", account=account, state="rejected")

    assert visits == [200, "http://127.0.0.1:9/again"]
    assert answers == ["http://127.0.0.1:9/done", "http://127.0.0.1:9/again"]
    assert expired == press(last, state="enabled")[1] == "http://127.0.0.1:9/again"
    assert not client.v1.accounts.retrieve(account).payouts_enabled


def test_transfers_need_an_account_and_the_money(client: Client, stripe_stand_in: StripeStandIn) -> None:
    account = make_account(client)
    params: Any = {"amount": 4_000, "currency": "usd", "destination": account, "transfer_group": "g"}
    with pytest.raises(stripe.InvalidRequestError) as closed:
        client.v1.transfers.create(params)
    stripe_stand_in.control("accounts/move", account=account, state="enabled")
    with pytest.raises(stripe.InvalidRequestError) as poor:
        client.v1.transfers.create(params)
    fund(client, stripe_stand_in)
    transfer = client.v1.transfers.create(params)
    there = client.v1.balance.retrieve({}, {"stripe_account": account})

    assert closed.value.code == "insufficient_capabilities_for_transfer"
    assert poor.value.code == "balance_insufficient"
    assert [row.id for row in client.v1.transfers.list({"transfer_group": "g"}).data] == [transfer.id]
    assert there.available[0].amount == 4_000
    assert client.v1.balance.retrieve().available[0].amount == 5_680


def test_a_payout_that_fails_can_be_taken_back(client: Client, stripe_stand_in: StripeStandIn) -> None:
    account = make_account(client)
    stripe_stand_in.control("accounts/move", account=account, state="enabled")
    fund(client, stripe_stand_in)
    transfer = client.v1.transfers.create({"amount": 4_000, "currency": "usd", "destination": account})
    there: Any = {"stripe_account": account}
    payout = client.v1.payouts.create({"amount": 4_000, "currency": "usd"}, there)
    with pytest.raises(stripe.InvalidRequestError) as gone:
        client.v1.transfers.reversals.create(transfer.id)
    stripe_stand_in.control("payouts/end", payout=payout.id, paid=False)
    reversal = client.v1.transfers.reversals.create(transfer.id)
    failed = client.v1.payouts.retrieve(payout.id, {}, there)
    events = [(row.type, row.account) for row in client.v1.events.list({"types": ["payout.failed"]}).data]

    assert gone.value.code == "balance_insufficient"
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert events == [("payout.failed", account)]
    assert reversal.amount == 4_000
    assert client.v1.transfers.retrieve(transfer.id).reversed
    assert client.v1.balance.retrieve().available[0].amount == 9_680


def test_a_payout_arrives_by_the_clock(client: Client, stripe_stand_in: StripeStandIn) -> None:
    fund(client, stripe_stand_in)
    payout = client.v1.payouts.create({"amount": 9_000, "currency": "usd"})
    stripe_stand_in.control("advance", seconds=2 * 86_400)

    assert (payout.status, client.v1.payouts.retrieve(payout.id).status) == ("pending", "paid")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.create({"amount": 700, "currency": "usd"})
