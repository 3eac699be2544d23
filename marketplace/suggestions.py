"""Which model somebody new is told to ask."""

from datetime import datetime

from accounts.models import KeyMode
from core.money import TEST_CURRENCY
from marketplace import catalogue
from marketplace.listings import CHAT
from marketplace.models import Offer


def suggest_model(*, mode: KeyMode, currencies: frozenset[str], now: datetime) -> str | None:
    """
    The slug of a model that a key reaches, with a live offer for chats; None if nothing is on offer.

    :param mode: test keys reach what is sold for test money, other keys the rest
    :param currencies: in which there is a wallet; what is sold in them comes first, then the cheapest
    """
    found = [
        (offer.currency not in currencies, offer.currency, offer.output_price, model.slug)
        for model in catalogue.list_catalogue(now=now)
        for offer in model.offers
        if (offer.currency == TEST_CURRENCY) == (mode == KeyMode.TEST)
        and offer.unit == Offer.Unit.TOKEN
        and CHAT in offer.endpoints
    ]
    return min(found)[-1] if found else None
