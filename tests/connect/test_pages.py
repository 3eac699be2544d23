"""The page of a provider's account at Stripe, from opening it to being ready."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organization
from billing.connect import accounts
from billing.connect.pages import words
from billing.models import ConnectAccount, PayoutMethod
from tests.databases import Database
from tests.settlement.test_pages import open_console
from tests.stand_ins.fixtures import StripeStandIn
from tests.stand_ins.test_stripe_payments import press


@pytest.fixture
def at_stripe(stripe_stand_in: StripeStandIn) -> Iterator[StripeStandIn]:
    """Our client speaks to the stand-in."""
    with override_settings(STRIPE_KEY=stripe_stand_in.secret_key, STRIPE_URL=stripe_stand_in.url):
        yield stripe_stand_in


def go_to_stripe(browser: Client, address: str) -> str:
    """The page at Stripe to which the button leads."""
    return browser.get(f"{address}onboarding/").headers["Location"]


def test_a_provider_opens_an_account_and_is_told_what_is_missing(
    db: Database, farm: Organization, at_stripe: StripeStandIn
) -> None:
    browser, address = open_console(farm), f"/console/{farm.uid}/stripe-account/"
    nowhere = browser.post(address, {"country": ""})
    refused = browser.post(address, {"country": "CN"})
    opened = browser.post(address, {"country": "US"})
    pending = browser.get(address).content.decode()
    back = press(go_to_stripe(browser, address), state="later")[1]
    press(go_to_stripe(browser, address), state="no_bank")
    lacking = browser.get(back).content.decode()
    press(go_to_stripe(browser, address), state="verifying")
    checking = browser.get(back).content.decode()
    nothing_to_do = go_to_stripe(browser, address)
    at_stripe.control("accounts/move", account=ConnectAccount.objects.get().account_id, state="enabled")
    ready = browser.get(back).content.decode()

    assert (nowhere.status_code, refused.status_code, opened.headers["Location"]) == (422, 422, address)
    assert "no accounts in this country" in refused.content.decode()
    assert ">pending</span>" in pending
    assert ">restricted</span>" in lacking
    assert "Your bank account" in lacking
    assert ">being checked by Stripe</span>" in checking
    assert nothing_to_do == address
    assert ">enabled</span>" in ready
    assert ConnectAccount.objects.get().state == "READY"
    assert PayoutMethod.objects.get().state == "PENDING"


def test_a_link_that_expired_leads_to_a_new_one(
    db: Database, farm: Organization, at_stripe: StripeStandIn
) -> None:
    browser, address = open_console(farm), f"/console/{farm.uid}/stripe-account/"
    not_yet = go_to_stripe(browser, address)
    browser.post(address, {"country": "US"})
    link = go_to_stripe(browser, address)
    at_stripe.control("advance", seconds=600)
    status, again, _page = press(link)
    new = browser.get(again).headers["Location"]
    opened = press(new)[0]
    at_stripe.control("accounts/move", account=ConnectAccount.objects.get().account_id, state="rejected")
    used = browser.get(press(new)[1])
    disabled = browser.get(used.headers["Location"]).content.decode()

    assert not_yet == address
    assert (status, opened) == (303, 200)
    assert new != link
    # Stripe would only send somebody back who is rejected, and back again.
    assert used.headers["Location"] == address
    assert ">disabled</span>" in disabled
    assert "Stripe suspects fraud." in disabled


def test_an_account_that_is_restricted_later_says_so_where_payouts_are(
    db: Database, farm: Organization, at_stripe: StripeStandIn, outbox: list[Any]
) -> None:
    asked, now = at_stripe.make_client(), timezone.now()
    identity = str(accounts.open_account(organization=farm, country="US", asked=asked, now=now).account_id)
    browser, console = open_console(farm), f"/console/{farm.uid}/"
    for state in ("enabled", "restricted", "restricted"):
        at_stripe.control("accounts/move", account=identity, state=state)
        accounts.follow(account_id=identity, asked=asked, now=timezone.now())
    assert [one.subject for one in outbox] == ["[Jouleport] Stripe does not pay your account any more"]
    for page in ("payouts/", "payout-methods/"):
        told = browser.get(console + page).content.decode()

        assert "Account at Stripe: restricted" in told
        assert "A document that proves who somebody is" in told
        assert "individual.verification.document" in told
        assert f'href="{console}stripe-account/onboarding/"' in told
    assert (
        "Stripe does not pay this account at the moment" in browser.get(f"{console}checks/").content.decode()
    )


def test_a_method_that_was_removed_comes_back_only_when_its_owner_asks(
    db: Database, farm: Organization, at_stripe: StripeStandIn
) -> None:
    asked, now = at_stripe.make_client(), timezone.now()
    identity = str(accounts.open_account(organization=farm, country="US", asked=asked, now=now).account_id)
    browser, address = open_console(farm), f"/console/{farm.uid}/stripe-account/"
    early = browser.post(address, {"list": "1"})
    at_stripe.control("accounts/move", account=identity, state="enabled")
    browser.get(address)
    known = browser.post(address, {"list": "1"})
    first = PayoutMethod.objects.get()
    browser.post(f"/console/{farm.uid}/payout-methods/{first.uid}/remove/")
    told = browser.get(address).content.decode()
    after_word_from_stripe = PayoutMethod.objects.exclude(state="RETIRED").count()
    again = browser.post(address, {"list": "1"})

    assert "Stripe does not pay this account yet." in early.content.decode()
    assert (early.status_code, known.status_code) == (409, 409)
    assert "It is not among your payout methods" in told
    assert after_word_from_stripe == 0
    assert again.headers["Location"] == f"/console/{farm.uid}/payout-methods/"
    assert PayoutMethod.objects.get(state="PENDING").pk != first.pk


def test_what_stripe_asks_for_is_told_once_in_plain_words() -> None:
    names = [
        "person_1a.dob.day",
        "person_1a.dob.month",
        "company.owners_provided",
        "external_account",
        "new.x",
    ]

    assert [(str(word), len(names)) for word, names in words.name_wants(names)] == [
        ("Details of a person", 2),
        ("Who owns and directs the company", 1),
        ("Your bank account", 1),
        ("Something else, which Stripe’s page tells", 1),
    ]


def test_without_stripe_the_page_says_so(db: Database, farm: Organization) -> None:
    browser, address = open_console(farm), f"/console/{farm.uid}/stripe-account/"

    assert browser.get(address).status_code == 200
    assert browser.post(address, {"country": "US"}).status_code == 503


def test_every_page_says_that_a_stand_in_is_in_use(db: Database) -> None:
    notice = "Payments go to a stand-in for Stripe"
    with override_settings(STRIPE_KEY="", STRIPE_URL="http://127.0.0.1:9"):
        with_stand_in = Client(SERVER_NAME="localhost").get(reverse("account_login")).content.decode()
    with override_settings(STRIPE_KEY="sk_live_1", STRIPE_URL=""):
        without = Client(SERVER_NAME="localhost").get(reverse("account_login")).content.decode()

    assert notice in with_stand_in
    assert notice not in without
