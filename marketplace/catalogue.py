"""The models that can be bought, and who sells them at what price."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import DataError, IntegrityError, transaction

from accounts import access, audit
from accounts.audit import Actor
from core.errors import DomainError, Invalid
from marketplace.listings import WRITING
from marketplace.models import Model, Offer, PriceCard


class ModelExists(DomainError):
    """The slug is taken."""

    code = "model_exists"


class ModelInvalid(Invalid):
    """A slug that is none, or lengths that cannot be."""

    code = "invalid_model"


@dataclass(frozen=True, slots=True)
class OfferEntry:
    """A live offer as anybody may see it; prices are per one token or chip-second in `currency`."""

    uid: UUID
    provider: str
    site: str
    country: str
    region: str
    unit: str
    currency: str
    card_uid: UUID
    input_price: Decimal
    cached_input_price: Decimal
    output_price: Decimal
    chip_second_price: Decimal
    max_output_cap: int
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model of the catalogue with its live offers, oldest first; lengths are tokens."""

    slug: str
    name: str
    context_length: int
    max_output_default: int
    endpoints: tuple[str, ...]
    created_at: datetime
    offers: tuple[OfferEntry, ...]


def create_model(
    *,
    slug: str,
    name: str,
    context_length: int,
    max_output_default: int,
    actor: Actor,
    now: datetime,
    tokenizer: str = "byte-level",
    endpoints: Collection[str] = WRITING,
) -> Model:
    """
    Add a model to the catalogue.

    :param endpoints: what it can be asked for, of `listings.ENDPOINTS`

    :raises ModelExists: if the slug is taken
    :raises ModelInvalid: if the slug has other signs than a-z 0-9 . _ - /, a length is out of range, or an
        endpoint is unknown
    """
    try:
        with transaction.atomic():
            model = Model.objects.create(
                slug=slug,
                name=name,
                context_length=context_length,
                max_output_default=max_output_default,
                tokenizer=tokenizer,
                endpoints=sorted(endpoints),
                created_at=now,
            )
            audit.record_event(
                actor=actor,
                action="model.create",
                subject_kind="model",
                subject_uid=None,
                organization=None,
                now=now,
                details={"slug": slug, "endpoints": sorted(endpoints)},
            )
    except (IntegrityError, DataError) as error:
        if Model.objects.filter(slug=slug).exists():
            raise ModelExists(f"There is a model {slug} already.") from error
        raise ModelInvalid("The slug, one of the lengths or an endpoint cannot be.") from error
    return model


def find_model(*, slug: str) -> Model:
    """
    The model with this slug.

    :raises core.errors.NotFound: if there is none
    """
    return access.get_or_refuse(Model.objects.all(), slug=slug)


def list_catalogue(*, now: datetime) -> list[ModelEntry]:
    """Every model by slug, with its live offers at the prices in force."""
    cards = (
        PriceCard.objects.filter(offer__state=Offer.State.LIVE)
        .in_force(now)
        .order_by("offer_id")
        .select_related("offer__site", "offer__organization", "offer__model")
    )
    offers: dict[int, list[OfferEntry]] = {}
    for card in cards:
        offers.setdefault(card.offer.model_id, []).append(_make_entry(card))
    return [
        ModelEntry(
            slug=model.slug,
            name=model.name,
            context_length=model.context_length,
            max_output_default=model.max_output_default,
            endpoints=tuple(model.endpoints),
            created_at=model.created_at,
            offers=tuple(offers.get(model.pk, ())),
        )
        for model in Model.objects.order_by("slug")
    ]


def _make_entry(card: PriceCard) -> OfferEntry:
    offer = card.offer
    return OfferEntry(
        uid=offer.uid,
        provider=offer.organization.name,
        site=offer.site.name,
        country=offer.site.country,
        region=offer.site.region,
        unit=offer.unit,
        currency=card.currency,
        card_uid=card.uid,
        input_price=card.input_price,
        cached_input_price=card.cached_input_price,
        output_price=card.output_price,
        chip_second_price=card.chip_second_price,
        max_output_cap=offer.max_output_cap,
        endpoints=tuple(offer.served_endpoints),
    )
