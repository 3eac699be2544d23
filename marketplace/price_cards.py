"""Price cards: publishing an offer's next price."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.audit import Actor
from core import ids
from core.errors import DomainError
from marketplace import quotes, site_tariffs
from marketplace.contracts import Contract, Terms, is_capped
from marketplace.energy.refusals import PriceNegative
from marketplace.final_prices import with_estimates
from marketplace.models import Offer, PriceCard, Site, SiteTariff
from marketplace.offer_terms import read_terms
from marketplace.outlooks import Stretch

# The platform's share of what buyers pay, in ten-thousandths.
PLATFORM_FEE_BPS = 500


class CardOutOfOrder(DomainError):
    """A card would start in the past, or not after the one in force."""

    code = "card_out_of_order"


class ElectricityUnknown(DomainError):
    """The site's tariff does not say what electricity costs then."""

    code = "electricity_unknown"


class CardBySurplus(DomainError):
    """Nobody knows by hand when there is surplus."""

    code = "card_by_surplus"
    message = "Cards of this offer are published when its site has surplus, and by nobody else."


class CardBelowNothing(DomainError):
    """Credits outweigh every cost, so that buyers would be paid."""

    code = "card_below_nothing"


def quote_offer(
    *,
    offer: Offer,
    fee_bps: int = PLATFORM_FEE_BPS,
    stretch: Stretch | None = None,
    slack_hours: int = 0,
) -> quotes.Quote:
    """
    Price of an offer as its site and its serving are described now.

    :param stretch: what a kilowatt-hour costs there; without, it is the site's one price
    :param slack_hours: how long the work may wait, in one of the offer's steps of slack; 0 if it may not
    :raises CardBelowNothing: if credits outweigh costs
    """
    try:
        return quotes.Quoter(offer=offer, fee_bps=fee_bps).quote(stretch, slack_hours=slack_hours)
    except PriceNegative as error:
        raise CardBelowNothing(str(error)) from error


@dataclass(frozen=True, slots=True)
class Consequence:
    """
    What an offer costs: by its card in force, and by the card that would be published now.

    `card` is None before its first starts, `prices` where credits outweigh costs.
    """

    offer: Offer
    card: PriceCard | None
    prices: quotes.Prices | None


def list_consequences(*, site: Site, now: datetime) -> list[Consequence]:
    """What a site's offers cost now, and would cost by their next cards; withdrawn ones are left out."""
    rows = Offer.objects.filter(site=site).exclude(state=Offer.State.WITHDRAWN)
    return [
        Consequence(offer, find_card_in_force(offer=offer, now=now), _find_prices(offer))
        for offer in rows.select_related("site", "profile", "model").order_by("id")
    ]


def _find_prices(offer: Offer) -> quotes.Prices | None:
    try:
        return quotes.keep_unit(offer, quote_offer(offer=offer).prices)
    except CardBelowNothing:
        return None


def publish_card(
    *,
    offer: Offer,
    actor: Actor,
    now: datetime,
    starts_at: datetime | None = None,
    fee_bps: int = PLATFORM_FEE_BPS,
) -> PriceCard:
    """
    Write the offer's next price card, in force from `starts_at` (now, if not given) until another starts.

    The card prices only the offer's unit; its breakdown shows what the other would cost. At a site with a
    tariff it has the price of its first moment, until cards are published ahead. Its cheaper forms, for work
    that may wait, are published with it.

    :raises CardBySurplus: if the offer is sold only while there is surplus
    :raises ElectricityUnknown: if the site's tariff has no price at `starts_at`
    :raises CardOutOfOrder: if it would start in the past, or not after the card in force
    :raises CardBelowNothing: if credits outweigh costs
    """
    starts_at = starts_at or now
    if starts_at < now:
        raise CardOutOfOrder("A price card cannot start in the past.")
    # Sites and serving change; what counts is how they are described at this moment.
    offer = Offer.objects.select_related("site", "profile", "organization", "terms").get(pk=offer.pk)
    terms = read_terms(offer=offer)
    if terms.contract is Contract.SURPLUS:
        raise CardBySurplus
    try:
        with transaction.atomic():
            card = _write_forms(offer, terms, fee_bps=fee_bps, starts_at=starts_at, now=now)
            audit.record_event(
                actor=actor,
                action="offer.publish_card",
                subject_kind="price_card",
                subject_uid=card.uid,
                organization=offer.organization,
                now=now,
                details={"offer": str(offer.uid), "number": card.number},
            )
    except IntegrityError as error:
        raise CardOutOfOrder("Another price card was published meanwhile, or started then.") from error
    return card


def _write_forms(
    offer: Offer, terms: Terms, *, fee_bps: int, starts_at: datetime, now: datetime
) -> PriceCard:
    """Write the card after its cheaper forms, so that it is in force."""
    stretch = find_stretch(site=offer.site, moment=starts_at)
    latest = offer.price_cards.order_by("-number").first()
    forms = [*(step.hours for step in terms.steps), 0]
    first = latest.number + 1 if latest else 1
    cards = []
    for number, hours in enumerate(forms, first):
        quote = quote_offer(offer=offer, fee_bps=fee_bps, stretch=stretch, slack_hours=hours)
        sold = quotes.keep_unit(offer, quote.prices)
        cards.append(
            PriceCard.objects.create(
                uid=ids.make_uid(),
                offer=offer,
                number=number,
                currency=offer.currency,
                starts_at=starts_at,
                input_price=sold.input,
                cached_input_price=sold.cached_input,
                output_price=sold.output,
                chip_second_price=sold.chip_second,
                fee_bps=fee_bps,
                breakdown=quote.breakdown,
                created_at=now,
                slack_hours=hours,
                of_number=first + len(forms) - 1 if hours else None,
                capped=stretch is not None and is_capped(terms, final=stretch.is_final),
            )
        )
    return cards[-1]


def find_stretch(*, site: Site, moment: datetime) -> Stretch | None:
    """
    What electricity costs at a site at a moment; None for a site without a tariff, which has one price.

    :raises ElectricityUnknown: if its tariff has no price then
    """
    if not SiteTariff.objects.filter(site=site).exists():
        return None
    second = moment.replace(microsecond=0)
    outlook = site_tariffs.look_at(site=site, start=second, end=second + timedelta(minutes=1))
    if not outlook.stretches:
        raise ElectricityUnknown(outlook.problem)
    first = outlook.stretches[0]
    return with_estimates(versions=[first.version], outlook=outlook).stretches[0]


def find_card_in_force(*, offer: Offer, now: datetime) -> PriceCard | None:
    """The offer's price card at a moment; None before its first starts and after its last has run out."""
    return PriceCard.objects.filter(offer=offer).in_force(now).select_related("basis").first()
