"""The page of a provider's account at Stripe, from opening it to being ready."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from accounts.models import Organization
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


def test_a_provider_opens_an_account_and_is_told_what_is_missing(
    db: Database, farm: Organization, at_stripe: StripeStandIn
) -> None:
    browser, address = open_console(farm), f"/console/{farm.uid}/stripe-account/"
    nowhere = browser.post(address, {"country": ""})
    refused = browser.post(address, {"country": "CN"})
    opened = browser.post(address, {"country": "US"}).content.decode()
    link = re.search(r'href="(http://127[^"]+/c/onboard/[^"]+)"', opened)
    assert link is not None
    press(link[1], state="no_bank")
    lacking = browser.get(address).content.decode()
    again = browser.post(address).content.decode()
    press(link[1], state="enabled")
    ready = browser.get(address).content.decode()

    assert (nowhere.status_code, refused.status_code) == (422, 422)
    assert "no accounts in this country" in refused.content.decode()
    assert "external_account" in lacking
    assert "/c/onboard/" in again
    assert "Ready." in ready
    assert ConnectAccount.objects.get().state == "READY"
    assert PayoutMethod.objects.get().state == "PENDING"


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
