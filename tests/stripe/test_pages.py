"""A buyer pays in on pages: from the form to Stripe's page and back, and some of it goes back."""

import re
from urllib.error import HTTPError

import pytest
from django.test import Client

from accounts.models import Membership, Organization, Role, User
from billing.models import StripeRecharge, StripeTopUp
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


def test_a_card_that_was_kept_serves_a_rule_set_later_until_it_is_forgotten(
    buyer: Client, bank: Bank, lab: Organization
) -> None:
    pages = f"/console/{lab.uid}/money/"
    buyer.post(pages, {"amount": "40", "currency": "USD", "method": "CARD", "saves_method": "on"})
    top_up = StripeTopUp.objects.get()
    bank.control("pay", session=top_up.session_id)
    paid = buyer.get(f"{pages}{top_up.uid}/").content.decode()
    rule = {"threshold": "20", "amount": "50", "day_most": "100", "month_most": "300"}

    buyer.post(f"{pages}recharge/USD/", rule)
    first = StripeRecharge.objects.get()
    buyer.post(f"{pages}recharge/USD/", {"stop": "on"})
    buyer.post(f"{pages}recharge/USD/", rule)
    second = StripeRecharge.objects.get()

    assert f"{pages}recharge/USD/" in paid
    assert (first.state, first.reason, first.method_name[-4:]) == ("ACTIVE", "", "4242")
    assert (second.state, second.reason, second.payment_method_id) == ("PAUSED", "CARD", None)


def test_a_declined_card_is_told_in_words_and_the_page_takes_another(
    buyer: Client, bank: Bank, lab: Organization
) -> None:
    buyer.post(f"/console/{lab.uid}/money/", {"amount": "40", "currency": "USD", "method": "CARD"})
    top_up = StripeTopUp.objects.get()
    with pytest.raises(HTTPError):
        bank.control("pay", session=top_up.session_id, number="4000000000000002")

    shown = buyer.get(f"/console/{lab.uid}/money/{top_up.uid}/").content.decode()

    assert "The card was declined." in shown
    assert f'href="{bank.base}/c/pay/' in shown
