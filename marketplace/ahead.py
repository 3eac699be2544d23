"""What a model will cost: every live offer's published prices, from now on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import Q

from core.brief import recall
from core.money import TEST_CURRENCY
from marketplace.asks import Ask, Lowest, cut_asks, find_lowest
from marketplace.board import FRESH_SECONDS, Footprint, Place, read_footprint
from marketplace.caveats import Caveat, list_caveats, list_surplus_parts
from marketplace.models import Offer, PriceBasis, PriceCard, SiteTariff

COLUMNS = (
    *("offer_id", "uid", "number", "starts_at", "valid_until", "input_price", "cached_input_price"),
    *("output_price", "chip_second_price", "basis_id"),
)


@dataclass(frozen=True, slots=True)
class Seller:
    """
    One live offer with its asks, in the order of time; `card` is the one in force at the start.

    There is no card where the offer cannot be bought now.
    """

    offer: UUID
    place: Place
    grid_zone: str
    currency: str
    unit: str
    asks: tuple[Ask, ...]
    card: PriceCard | None
    footprint: Footprint | None
    pue_basis: str
    caveats: frozenset[Caveat]


@dataclass(frozen=True, slots=True)
class Region:
    """Offers by the token of one region and currency, and the lowest of their prices from `start` on."""

    country: str
    region: str
    currency: str
    start: datetime
    sellers: tuple[Seller, ...]
    lowest: tuple[Lowest, ...]

    @property
    def now(self) -> Ask | None:
        """What one pays at the start; None if nothing can be bought then."""
        first = self.lowest[0]
        return first.ask if first.start == self.start else None

    @property
    def footprint(self) -> Footprint | None:
        """What tokens use at the offer that is cheapest now."""
        there = [seller for seller in self.sellers if seller.card]
        first = min(there, key=lambda seller: seller.asks[0].output, default=None)
        return first.footprint if first else None

    @property
    def best(self) -> Lowest:
        """The lowest of all, the earliest if there are several."""
        return min(self.lowest, key=lambda one: (one.ask.output, one.start))


def list_sellers(*, slug: str, start: datetime, end: datetime) -> list[Seller]:
    """The live offers of a model with their prices ahead, by offer; six queries, however many offers."""
    offers = list(
        Offer.objects.filter(model__slug=slug, state=Offer.State.LIVE)
        .exclude(currency=TEST_CURRENCY)
        .select_related("site__energy", "organization")
        .order_by("pk")
    )
    if not offers:
        return []
    asks = _read_asks(offers, start, end)
    ids = [offer.pk for offer in offers]
    cards = PriceCard.objects.filter(offer__in=ids).in_force(start).select_related("basis")
    in_force = {card.offer_id: card for card in cards}
    caveats = list_caveats(sites={offer.site_id for offer in offers})
    return [
        _make_seller(
            offer,
            tuple(asks.get(offer.pk, ())),
            in_force.get(offer.pk),
            caveats.get(offer.site_id, frozenset()),
        )
        for offer in offers
    ]


def recall_sellers(*, slug: str, start: datetime, end: datetime) -> list[Seller]:
    """The same as a moment ago, for whoever may look at it."""
    return recall(
        ("sellers", slug, end - start),
        seconds=FRESH_SECONDS,
        now=start,
        find=lambda: list_sellers(slug=slug, start=start, end=end),
    )


def group_regions(sellers: Iterable[Seller], *, start: datetime, end: datetime) -> list[Region]:
    """Regions where the model is sold by the token, the cheapest now first, within each currency."""
    by_token = [seller for seller in sellers if seller.unit == Offer.Unit.TOKEN and seller.asks]
    regions = []
    for key, group in groupby(sorted(by_token, key=_find_region), key=_find_region):
        mine = tuple(group)
        lowest = find_lowest([seller.asks for seller in mine], start=start, end=end)
        regions.append(Region(*key, start, mine, tuple(lowest)))
    return sorted(regions, key=lambda one: (one.currency, one.lowest[0].ask.output, one.country, one.region))


def _find_region(seller: Seller) -> tuple[str, str, str]:
    return seller.place.country, seller.place.region, seller.currency


def _make_seller(
    offer: Offer, asks: tuple[Ask, ...], card: PriceCard | None, caveats: frozenset[Caveat]
) -> Seller:
    site = offer.site
    if card is not None:
        # Read already, with its site.
        card.offer = offer
    energy = getattr(site, "energy", None)
    return Seller(
        offer=offer.uid,
        place=Place(offer.organization.name, site.name, site.country, site.region),
        grid_zone=site.grid_zone,
        currency=offer.currency,
        unit=offer.unit,
        asks=asks,
        card=card,
        footprint=read_footprint(card) if card else None,
        pue_basis=energy.pue_basis if energy else "DECLARED",
        caveats=caveats,
    )


def _read_asks(offers: Sequence[Offer], start: datetime, end: datetime) -> dict[int, list[Ask]]:
    ids = [offer.pk for offer in offers]
    mine = PriceCard.objects.filter(offer__in=ids)
    counting = mine.filter(
        Q(starts_at__gt=start, starts_at__lt=end) | Q(pk__in=mine.in_force(start).values("pk"))
    )
    rows = list(counting.order_by("offer_id", "starts_at", "number").values_list(*COLUMNS))
    power = _read_power({row[-1] for row in rows if row[-1]})
    surplus = _list_surplus({offer.site_id for offer in offers})
    sites = {offer.pk: offer.site_id for offer in offers}
    found: dict[int, list[Ask]] = {}
    for offer, uid, number, starts_at, valid_until, *prices, basis in rows:
        told = power.get(basis) or {}
        parts = surplus.get(sites[offer], frozenset())
        found.setdefault(offer, []).append(
            _make_ask(uid, number, starts_at, valid_until or end, prices, told, parts)
        )
    return {offer: cut_asks(asks, start=start, end=end) for offer, asks in found.items()}


def _make_ask(
    uid: UUID,
    number: int,
    start: datetime,
    end: datetime,
    prices: Sequence[Decimal],
    power: dict[str, Any],
    surplus: frozenset[str],
) -> Ask:
    per_kwh, grams = power.get("price_per_kwh"), power.get("gco2e_per_kwh")
    taken = any(Decimal(price) for name, price in power.get("components", {}).items() if name in surplus)
    input_price, cached_input, output, chip_second = prices
    return Ask(
        start=start,
        end=end,
        card=uid,
        number=number,
        input=input_price,
        cached_input=cached_input,
        output=output,
        chip_second=chip_second,
        per_kwh=None if per_kwh is None else Decimal(per_kwh),
        location_g=None if grams is None else Decimal(grams),
        forecast=bool(power.get("forecast")),
        surplus=taken or (per_kwh is not None and Decimal(per_kwh) <= 0),
    )


def _read_power(digests: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What cards say of their electricity, by what they follow from; without their many lines."""
    rows = PriceBasis.objects.filter(digest__in=list(digests))
    return dict(rows.values_list("digest", "breakdown__electricity"))


def _list_surplus(sites: Iterable[int]) -> dict[int, frozenset[str]]:
    newest = SiteTariff.objects.filter(site__in=list(sites)).order_by("site_id", "-number")
    rows = newest.distinct("site_id").values_list("site_id", "document")
    return {site: list_surplus_parts(document) for site, document in rows}
