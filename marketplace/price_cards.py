"""Price cards: publishing an offer's next price."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.audit import Actor
from core import ids
from core.errors import DomainError
from marketplace import pricing, site_tariffs
from marketplace.models import Offer, PriceCard, Site, SiteTariff
from marketplace.outlooks import Stretch

# The platform's share of what buyers pay, in ten-thousandths.
PLATFORM_FEE_BPS = 500


class CardOutOfOrder(DomainError):
    """A card would start in the past, or not after the one in force."""

    code = "card_out_of_order"


class ElectricityUnknown(DomainError):
    """The site's tariff does not say what electricity costs then."""

    code = "electricity_unknown"


class CardBelowNothing(DomainError):
    """Credits outweigh every cost, so that buyers would be paid."""

    code = "card_below_nothing"


def make_quoter(*, offer: Offer, fee_bps: int = PLATFORM_FEE_BPS) -> pricing.Quoter:
    """What prices an offer, as its site and its serving are described now, at any price of electricity."""
    site, profile = offer.site, offer.profile
    return pricing.Quoter(
        site=pricing.SiteEnergy(
            price_per_kwh=site.energy_price,
            currency=site.currency,
            pue=site.pue,
            gco2_per_kwh=site.gco2_per_kwh,
            source=f"site:{site.uid}",
            carbon_source=site.carbon_source,
        ),
        profile=pricing.ServingProfile(
            chips=profile.chips,
            joules_per_output_token=profile.joules_per_output_token,
            joules_source=profile.joules_source,
            tokens_per_second=profile.tokens_per_second,
            utilisation=profile.utilisation,
            watts_idle=profile.watts_idle,
            host_factor=profile.host_factor,
            input_ratio=profile.input_ratio,
            cached_ratio=profile.cached_ratio,
        ),
        hardware=pricing.HardwareCost(
            capital=profile.capital,
            source=f"offer:{offer.uid}",
            years=profile.capital_years,
            rate=profile.capital_rate,
            operations_rate=profile.operations_rate,
        ),
        margin=profile.margin,
        fee_bps=fee_bps,
    )


def quote_offer(
    *, offer: Offer, fee_bps: int = PLATFORM_FEE_BPS, stretch: Stretch | None = None
) -> pricing.Quote:
    """
    Price of an offer as its site and its serving are described now.

    :param stretch: what a kilowatt-hour costs there; without, it is the site's one price
    :raises CardBelowNothing: if credits outweigh costs
    """
    price = stretch.price if stretch else offer.site.energy_price
    source = stretch.version.source if stretch else f"site:{offer.site.uid}"
    try:
        return make_quoter(offer=offer, fee_bps=fee_bps).quote(price_per_kwh=price, source=source)
    except pricing.PriceNegative as error:
        raise CardBelowNothing(str(error)) from error


@dataclass(frozen=True, slots=True)
class Consequence:
    """
    What an offer costs: by its card in force, and by the card that would be published now.

    `card` is None before its first starts, `prices` where credits outweigh costs.
    """

    offer: Offer
    card: PriceCard | None
    prices: pricing.Amounts | None


def list_consequences(*, site: Site, now: datetime) -> list[Consequence]:
    """What a site's offers cost now, and would cost by their next cards; withdrawn ones are left out."""
    rows = Offer.objects.filter(site=site).exclude(state=Offer.State.WITHDRAWN)
    return [
        Consequence(offer, find_card_in_force(offer=offer, now=now), _find_prices(offer))
        for offer in rows.select_related("site", "profile", "model").order_by("id")
    ]


def keep_unit(offer: Offer, quote: pricing.Quote) -> pricing.Amounts:
    """Of a quote's prices those of the offer's unit; the others are nothing."""
    if offer.unit == Offer.Unit.TOKEN:
        return replace(quote.prices, chip_second=pricing.NOTHING.chip_second)
    return replace(pricing.NOTHING, chip_second=quote.prices.chip_second)


def _find_prices(offer: Offer) -> pricing.Amounts | None:
    try:
        return keep_unit(offer, quote_offer(offer=offer))
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
    tariff it has the price of its first moment, until cards are published ahead.

    :raises ElectricityUnknown: if the site's tariff has no price at `starts_at`
    :raises CardOutOfOrder: if it would start in the past, or not after the card in force
    :raises CardBelowNothing: if credits outweigh costs
    """
    starts_at = starts_at or now
    if starts_at < now:
        raise CardOutOfOrder("A price card cannot start in the past.")
    # Sites and serving change; what counts is how they are described at this moment.
    offer = Offer.objects.select_related("site", "profile", "organization").get(pk=offer.pk)
    stretch = _find_stretch(offer.site, starts_at)
    quote = quote_offer(offer=offer, fee_bps=fee_bps, stretch=stretch)
    sold = keep_unit(offer, quote)
    electricity = {"electricity": stretch.described} if stretch else {}
    latest = offer.price_cards.order_by("-number").first()
    try:
        with transaction.atomic():
            card = PriceCard.objects.create(
                uid=ids.make_uid(),
                offer=offer,
                number=latest.number + 1 if latest else 1,
                currency=offer.currency,
                starts_at=starts_at,
                input_price=sold.input,
                cached_input_price=sold.cached_input,
                output_price=sold.output,
                chip_second_price=sold.chip_second,
                fee_bps=fee_bps,
                breakdown={"unit": offer.unit, **quote.describe(), **electricity},
                created_at=now,
            )
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


def _find_stretch(site: Site, moment: datetime) -> Stretch | None:
    if not SiteTariff.objects.filter(site=site).exists():
        return None
    second = moment.replace(microsecond=0)
    outlook = site_tariffs.look_at(site=site, start=second, end=second + timedelta(minutes=1))
    if not outlook.stretches:
        raise ElectricityUnknown(outlook.problem)
    return outlook.stretches[0]


def find_card_in_force(*, offer: Offer, now: datetime) -> PriceCard | None:
    """The offer's price card at a moment; None before its first starts and after its last has run out."""
    return PriceCard.objects.filter(offer=offer).in_force(now).select_related("basis").first()
