"""The price board: for every model and region the cheapest live offer, and what is behind its price."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.brief import recall
from core.money import TEST_CURRENCY
from core.quantities import ROUNDING
from marketplace.caveats import Caveat, list_caveats
from marketplace.models import Offer, PriceCard

# Lines of a card's breakdown, as the board groups them.
# Cards of the first version had `energy` (cooling and losses among it) and `heat`.
ELECTRICITY = (
    *("electricity", "idle", "cooling_and_losses", "demand", "demand_response", "heat_credit", "carbon"),
    *("energy", "heat"),
)
MACHINES = ("hardware", "facility", "operations", "network", "licence")
MILLION = 1_000_000
FRESH_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where an offer is: its region is the country's part that the provider named."""

    provider: str
    site: str
    country: str
    region: str


@dataclass(frozen=True, slots=True)
class Footprint:
    """
    What a million output tokens use, idle time included: kWh at the meter, grams CO2e by the grid and by
    contract; `location_g` and `market_g` are grams per kWh. Nothing is told by contract where none is.
    """

    kwh: Decimal | None
    location_g: Decimal
    market_g: Decimal | None
    location_g_per_million: Decimal | None
    market_g_per_million: Decimal | None


@dataclass(frozen=True, slots=True)
class Row:
    """
    A model's cheapest offer of a region by the price of an output token; prices are per one token.

    `energy_price` is what a kilowatt-hour costs at the site, in the same currency. Shares are what of an
    output token's price is electricity, machines, and margin with fee.
    """

    slug: str
    name: str
    context_length: int
    offers: int
    place: Place
    currency: str
    input_price: Decimal
    cached_input_price: Decimal
    output_price: Decimal
    energy_price: Decimal
    footprint: Footprint
    electricity: Decimal
    machines: Decimal
    rest: Decimal
    since: datetime
    until: datetime | None
    card: UUID
    offer: UUID
    breakdown: Mapping[str, Any]
    caveats: frozenset[Caveat]

    @property
    def shares(self) -> tuple[Decimal, Decimal, Decimal]:
        """Parts of an output token's price; a credit for heat is no part."""
        return max(self.electricity, Decimal(0)), self.machines, self.rest

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What there is one row of; rows are in this order."""
        return self.slug, self.place.country, self.place.region, self.currency


def list_rows(*, now: datetime) -> list[Row]:
    """A row for every model and region where it can be bought by the token now; three queries."""
    cards = (
        PriceCard.objects.filter(offer__state=Offer.State.LIVE, offer__unit=Offer.Unit.TOKEN)
        # Test money buys from books of its own.
        .exclude(currency=TEST_CURRENCY)
        .in_force(now)
        .order_by("offer_id")
        .select_related("basis", "offer__site__energy", "offer__organization", "offer__model")
    )
    # Offers in another currency cannot be compared.
    found: dict[tuple[str, str, str, str], list[PriceCard]] = {}
    for card in cards:
        site = card.offer.site
        key = (card.offer.model.slug, site.country, site.region, card.currency)
        found.setdefault(key, []).append(card)
    cheapest = [
        (min(mine, key=lambda card: (card.output_price, card.pk)), len(mine))
        for _, mine in sorted(found.items())
    ]
    caveats = list_caveats(sites={card.offer.site_id for card, _ in cheapest}) if cheapest else {}
    return [
        _make_row(card, offers, caveats.get(card.offer.site_id, frozenset())) for card, offers in cheapest
    ]


def recall_rows(*, now: datetime) -> list[Row]:
    """The same as a moment ago, for whoever may look at it."""
    return recall("board", seconds=FRESH_SECONDS, now=now, find=lambda: list_rows(now=now))


def read_footprint(card: PriceCard) -> Footprint:
    """What a million output tokens of a card use, by its breakdown."""
    breakdown, site = card.explained, card.offer.site
    kwh = _read(breakdown, "kwh_per_million_output")
    location = _read(breakdown, "gco2e_per_million_output")
    energy = getattr(site, "energy", None)
    contracted = energy.market_gco2_per_kwh if energy else None
    market = None if contracted is None else _read(breakdown, "market_gco2e_per_million_output")
    # The grid's grams of that time, where the card knows them; those of the site else.
    grams = ROUNDING.divide(location, kwh).quantize(Decimal("0.1")) if kwh and location is not None else None
    return Footprint(
        kwh=kwh,
        location_g=site.gco2_per_kwh if grams is None else grams,
        market_g=contracted,
        location_g_per_million=location,
        market_g_per_million=market,
    )


def _read(breakdown: Mapping[str, Any], name: str) -> Decimal | None:
    return Decimal(breakdown[name]) if name in breakdown else None


def _make_row(card: PriceCard, offers: int, caveats: frozenset[Caveat]) -> Row:
    offer, breakdown = card.offer, card.explained
    electricity = _add_lines(breakdown, ELECTRICITY)
    machines = _add_lines(breakdown, MACHINES)
    return Row(
        slug=offer.model.slug,
        name=offer.model.name,
        context_length=offer.model.context_length,
        offers=offers,
        place=Place(offer.organization.name, offer.site.name, offer.site.country, offer.site.region),
        currency=card.currency,
        input_price=card.input_price,
        cached_input_price=card.cached_input_price,
        output_price=card.output_price,
        energy_price=_read_energy_price(card),
        footprint=read_footprint(card),
        electricity=electricity,
        machines=machines,
        rest=card.output_price * MILLION - electricity - machines,
        since=card.starts_at,
        until=card.valid_until,
        card=card.uid,
        offer=offer.uid,
        breakdown=breakdown,
        caveats=caveats,
    )


def _add_lines(breakdown: Mapping[str, Any], names: tuple[str, ...]) -> Decimal:
    parts = [
        Decimal(line["per_million_tokens"]["output"]) for line in breakdown["lines"] if line["line"] in names
    ]
    return sum(parts, Decimal(0))


def _read_energy_price(card: PriceCard) -> Decimal:
    # What the card was built from, which the site may have changed since.
    for line in card.explained["lines"]:
        for name in ("per_kwh", "price_per_kwh"):
            if line["line"] in ("electricity", "energy") and name in line["inputs"]:
                return Decimal(line["inputs"][name])
    return card.offer.site.energy_price
