"""A buyer pays in on pages: from the form to Stripe's page and back, and some of it goes back."""

import re

import pytest
from django.test import Client

from accounts.models import Membership, Organization, Role, User
from billing.models import StripeTopUp
from tests.stripe.bank import Bank
from tests.stripe.scene import available

pytestmark = pytest.mark.sql


@pytest.fixture
def buyer(bank: Bank, lab: Organization) -> Client:
    """The browser of the lab's owner."""
    owner = User.objects.create_user("owner@lab.example", "a long password")
    Membership.objects.create(organization=lab, user=owner, role=Role.OWNER)
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(owner)
    return browser


def test_a_buyer_pays_on_stripes_page_and_takes_some_of_it_back(
    buyer: Client, bank: Bank, lab: Organization
) -> None:
    pages = f"/console/{lab.uid}/money/"
    asked = buyer.post(pages, {"amount": "40", "currency": "USD", "method": "CARD"}, follow=True)
    top_up = StripeTopUp.objects.get()
    assert re.search(rf'<a class="button" href="{re.escape(bank.base)}/c/pay/', asked.content.decode())

    bank.control("pay", session=top_up.session_id)
    back = buyer.get(f"{pages}?paid={top_up.uid}", follow=True)
    assert "The money is in the wallet." in back.content.decode()
    assert available(lab) == 40

    refused = buyer.post(f"{pages}{top_up.uid}/", {"amount": "41"})
    sent = buyer.post(f"{pages}{top_up.uid}/", {"amount": "15"}, follow=True)

    assert (refused.status_code, sent.status_code, available(lab)) == (422, 200, 25)
    assert "Sent back" in sent.content.decode()
    assert "/money/" in buyer.get(pages).content.decode()


def test_a_form_that_cannot_be_paid_says_why(buyer: Client, lab: Organization) -> None:
    pages = f"/console/{lab.uid}/money/"

    little = buyer.post(pages, {"amount": "1", "currency": "USD", "method": "CARD"})
    coin = buyer.post(pages, {"amount": "40", "currency": "EUR", "method": "STABLECOIN"})

    assert (little.status_code, coin.status_code) == (422, 422)
    assert "5.00 USD to 5,000.00 USD" in little.content.decode()
    assert not StripeTopUp.objects.exists()


def test_automatic_payments_are_set_and_stopped(buyer: Client, lab: Organization) -> None:
    page = f"/console/{lab.uid}/money/recharge/USD/"
    rule = {"threshold": "20", "amount": "50", "day_most": "100", "month_most": "300"}

    wrong = buyer.post(page, rule | {"day_most": "40"})
    saved = buyer.post(page, rule, follow=True)
    stopped = buyer.post(page, {"stop": "on"}, follow=True)

    assert (wrong.status_code, saved.status_code, stopped.status_code) == (422, 200, 200)
    assert "It waits for a card" in saved.content.decode()
    assert buyer.get(f"/console/{lab.uid}/money/recharge/XTS/").status_code == 404
