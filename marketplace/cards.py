"""A published price card with all that it is made of, for everybody."""

from uuid import UUID

from core.errors import NotFound
from core.money import TEST_CURRENCY
from marketplace.models import Offer, PriceCard


def find_card(*, uid: UUID) -> PriceCard:
    """
    A card by which somebody could buy, now or once.

    :raises NotFound: for what is not there, drafts and test money among it
    """
    cards = PriceCard.objects.exclude(currency=TEST_CURRENCY).exclude(offer__state=Offer.State.DRAFT)
    related = ("basis", "offer__site__energy", "offer__organization", "offer__model")
    found = cards.filter(uid=uid).select_related(*related).first()
    if found is None:
        raise NotFound
    return found


def list_slower(*, card: PriceCard) -> list[PriceCard]:
    """Its cheaper forms, for jobs that may wait: the shortest wait first; none of a form of another card."""
    if card.of_number is not None:
        return []
    forms = PriceCard.objects.filter(offer=card.offer_id, of_number=card.number).select_related("offer")
    return list(forms.order_by("slack_hours"))
