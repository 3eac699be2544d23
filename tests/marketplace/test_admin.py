"""What operators see of the market, and that they edit no price."""

import pytest
from django.test import Client

from accounts.models import AuditEvent, User
from marketplace.models import Offer
from tests.signing_in import sign_in_operator


@pytest.fixture
def operator(live: Offer) -> Client:
    """Return the browser of a signed-in operator."""
    return sign_in_operator(User.objects.create_superuser("operator@example.org", "a long password"))


@pytest.mark.parametrize("table", ["site", "model", "offer", "servingprofile", "pricecard", "job"])
def test_every_table_is_listed(operator: Client, table: str) -> None:
    assert operator.get(f"/admin/marketplace/{table}/").status_code == 200


def test_a_price_card_shows_its_lines(operator: Client, live: Offer) -> None:
    page = operator.get(f"/admin/marketplace/pricecard/{live.price_cards.get().pk}/change/")

    assert b"platform_fee" in page.content
    assert b"joules.output 0.9" in page.content


@pytest.mark.parametrize("page", ["add/", "{pk}/delete/"])
def test_price_cards_are_neither_added_nor_deleted(operator: Client, live: Offer, page: str) -> None:
    path = "/admin/marketplace/pricecard/" + page.format(pk=live.price_cards.get().pk)

    assert operator.get(path).status_code == 403


def test_an_operator_withdraws_an_offer_under_their_name(operator: Client, live: Offer) -> None:
    operator.post("/admin/marketplace/offer/", {"action": "withdraw", "_selected_action": [live.pk]})

    live.refresh_from_db()
    assert live.state == "WITHDRAWN"
    event = AuditEvent.objects.get(action="offer.withdraw")
    assert event.actor_uid == User.objects.get().uid
