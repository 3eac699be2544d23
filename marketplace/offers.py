"""Offers: what a provider sells at a site, from draft to withdrawal."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, transaction
from django.db.models import QuerySet

from accounts import access, audit
from accounts.audit import Actor
from accounts.models import Organization
from core import ids
from core.errors import DomainError, Invalid, NotFound
from marketplace.contracts import Contract
from marketplace.models import Model, Offer, ServingProfile, Site
from marketplace.offer_terms import read_terms
from marketplace.reference import DECLARED


class OfferInvalid(Invalid):
    """A figure of the offer is out of range."""

    code = "invalid_offer"


class OfferNotPriced(DomainError):
    """An offer without a price card cannot be bought."""

    code = "offer_not_priced"
    message = "Publish a price card first."


class OfferWithdrawn(DomainError):
    """A withdrawn offer stays withdrawn."""

    code = "offer_withdrawn"
    message = "The offer was withdrawn for good; make a new one."


@dataclass(frozen=True, slots=True)
class Serving:
    """
    How an offer is served and what its node costs; figures are of the whole node, money in the site's
    currency.

    `joules_per_output_token` is chip energy: measured elsewhere (reference.find_token_energy gives figure and
    source) or the provider's own word, labelled `declared`. Rates and shares are fractions, not per cent;
    `residual` is the share of the capital left in the end, `embodied_g` grams CO2e of making the node.
    """

    joules_per_output_token: Decimal
    tokens_per_second: Decimal
    utilisation: Decimal
    watts_idle: Decimal
    capital: Decimal
    margin: Decimal
    chips: int = 1
    joules_source: str = DECLARED
    host_factor: Decimal = Decimal(1)
    input_ratio: Decimal = Decimal("0.45")
    cached_ratio: Decimal = Decimal(0)
    capital_years: int = 4
    capital_rate: Decimal = Decimal("0.10")
    operations_rate: Decimal = Decimal(0)
    residual: Decimal = Decimal(0)
    embodied_g: Decimal = Decimal(0)


def create_offer(
    *,
    organization: Organization,
    site: Site,
    model: Model,
    serving: Serving,
    slots: int,
    max_output_default: int,
    max_output_cap: int,
    actor: Actor,
    now: datetime,
    unit: Offer.Unit = Offer.Unit.TOKEN,
    endpoints: Collection[str] | None = None,
) -> Offer:
    """
    Draft an offer of `model` at `site`, in the site's currency; nobody can buy it before it is put live.

    :param slots: how many requests it takes at once
    :param max_output_default: output tokens of a request that names no limit
    :param max_output_cap: output tokens of any request
    :param endpoints: what it serves of what its model can be asked for; without, all of that
    :raises core.errors.NotFound: if the site is another organization's
    :raises OfferInvalid: if a figure is out of range, or the model cannot be asked for an endpoint
    """
    if endpoints is not None and not set(endpoints) <= set(model.endpoints):
        raise OfferInvalid(f"The model {model.slug} can be asked for: {', '.join(model.endpoints)}.")
    if site.organization_id != organization.pk:
        raise NotFound
    with _refuse_what_the_database_refuses(), transaction.atomic():
        offer = Offer.objects.create(
            uid=ids.make_uid(),
            organization=organization,
            site=site,
            model=model,
            currency=site.currency,
            unit=unit,
            slots=slots,
            max_output_default=max_output_default,
            max_output_cap=max_output_cap,
            endpoints=None if endpoints is None else sorted(endpoints),
            created_at=now,
        )
        ServingProfile.objects.create(offer=offer, updated_at=now, **asdict(serving))
        details = {"model": model.slug, "site": str(site.uid), "slots": slots, "unit": unit.value}
        _record(offer, actor=actor, action="offer.create", now=now, details=details)
    return offer


def change_serving(*, offer: Offer, serving: Serving, actor: Actor, now: datetime) -> None:
    """
    Describe anew how the offer is served. Published cards keep their prices and the figures they came from.

    :raises OfferInvalid: if a figure is out of range
    """
    with _refuse_what_the_database_refuses(), transaction.atomic():
        ServingProfile.objects.filter(offer=offer).update(updated_at=now, **asdict(serving))
        details = {name: str(value) for name, value in asdict(serving).items()}
        _record(offer, actor=actor, action="offer.change_serving", now=now, details=details)


def change_slots(*, offer: Offer, slots: int, actor: Actor, now: datetime) -> None:
    """
    Change how many requests the offer takes at once.

    :raises OfferInvalid: if there would be none
    """
    with _refuse_what_the_database_refuses(), transaction.atomic():
        Offer.objects.filter(pk=offer.pk).update(slots=slots)
        _record(offer, actor=actor, action="offer.change_slots", now=now, details={"slots": slots})
    offer.refresh_from_db()


def put_live(*, offer: Offer, actor: Actor, now: datetime) -> None:
    """
    Let buyers find the offer; a live one stays live. One that is sold only while there is surplus gets its
    cards when there is some.

    :raises OfferNotPriced: if it has no price card
    :raises OfferWithdrawn: if it was withdrawn
    """
    is_by_surplus = read_terms(offer=offer).contract is Contract.SURPLUS
    if not is_by_surplus and not offer.price_cards.exists():
        raise OfferNotPriced
    _change_state(offer, to=Offer.State.LIVE, action="offer.put_live", actor=actor, now=now)


def pause(*, offer: Offer, actor: Actor, now: datetime) -> None:
    """
    Take the offer back to draft; what runs goes on.

    :raises OfferWithdrawn: if it was withdrawn
    """
    _change_state(offer, to=Offer.State.DRAFT, action="offer.pause", actor=actor, now=now)


def withdraw(*, offer: Offer, actor: Actor, now: datetime) -> None:
    """
    End the offer for good; what runs goes on.

    :raises OfferWithdrawn: if it was withdrawn already
    """
    _change_state(offer, to=Offer.State.WITHDRAWN, action="offer.withdraw", actor=actor, now=now)


def find_offer(*, organization: Organization, uid: UUID | str) -> Offer:
    """
    The organization's offer with this uid.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    return access.find_owned(_with_places(), organization=organization, uid=uid)


def list_offers(*, organization: Organization) -> QuerySet[Offer]:
    """The organization's offers with their sites and models, oldest first."""
    return _with_places().filter(organization=organization).order_by("id")


def _with_places() -> QuerySet[Offer]:
    return Offer.objects.select_related("site", "model", "organization")


def _change_state(offer: Offer, *, to: Offer.State, action: str, actor: Actor, now: datetime) -> None:
    with transaction.atomic():
        # A guarded update: of a withdrawal and a return at once, the withdrawal wins in either order.
        changed = Offer.objects.filter(pk=offer.pk).exclude(state=Offer.State.WITHDRAWN).update(state=to)
        if not changed:
            raise OfferWithdrawn
        _record(offer, actor=actor, action=action, now=now, details={})
    offer.refresh_from_db(fields=["state"])


def _record(offer: Offer, *, actor: Actor, action: str, now: datetime, details: dict[str, Any]) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="offer",
        subject_uid=offer.uid,
        organization=offer.organization,
        now=now,
        details=details,
    )


@contextmanager
def _refuse_what_the_database_refuses() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise OfferInvalid("One of the offer's figures is out of range.") from error
