"""The price board: for every model the cheapest live offer, and the electricity behind its price."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.money import TEST_CURRENCY
from marketplace.models import Offer, PriceCard

# Lines of a card's breakdown, as the board groups them.
# Cards of the first version had `energy` (cooling and losses among it) and `heat`.
ELECTRICITY = (
    *("electricity", "idle", "cooling_and_losses", "demand", "demand_response", "heat_credit", "carbon"),
    *("energy", "heat"),
)
MACHINES = ("hardware", "facility", "operations")


@dataclass(frozen=True, slots=True)
class Row:
    """
    A model's cheapest offer by the price of an output token; prices are per one token in `currency`.

    `energy_price` is what a kilowatt-hour costs at the site, in the same currency. Shares are what of an
    output token's price is electricity, machines, and margin with fee.
    """

    slug: str
    name: str
    context_length: int
    offers: int
    provider: str
    site: str
    country: str
    currency: str
    input_price: Decimal
    output_price: Decimal
    energy_price: Decimal
    gco2_per_kwh: Decimal
    electricity: Decimal
    machines: Decimal
    rest: Decimal
    since: datetime

    @property
    def shares(self) -> tuple[Decimal, Decimal, Decimal]:
        """Parts of an output token's price; a credit for heat is no part."""
        return max(self.electricity, Decimal(0)), self.machines, self.rest


def list_rows(*, now: datetime) -> list[Row]:
    """A row for every model that can be bought by the token now, by slug."""
    cards = (
        PriceCard.objects.filter(offer__state=Offer.State.LIVE, offer__unit=Offer.Unit.TOKEN)
        # Test money buys from books of its own.
        .exclude(currency=TEST_CURRENCY)
        .in_force(now)
        .order_by("offer_id")
        .select_related("basis", "offer__site", "offer__organization", "offer__model")
    )
    found: dict[str, list[PriceCard]] = {}
    for card in cards:
        found.setdefault(card.offer.model.slug, []).append(card)
    # Offers in another currency cannot be compared; the one with the smallest code leads.
    return [
        _make_row(min(mine, key=lambda card: (card.currency, card.output_price, card.pk)), len(mine))
        for _, mine in sorted(found.items())
    ]


def _make_row(card: PriceCard, offers: int) -> Row:
    offer = card.offer
    electricity = _add_lines(card.explained, ELECTRICITY)
    machines = _add_lines(card.explained, MACHINES)
    return Row(
        slug=offer.model.slug,
        name=offer.model.name,
        context_length=offer.model.context_length,
        offers=offers,
        provider=offer.organization.name,
        site=offer.site.name,
        country=offer.site.country,
        currency=card.currency,
        input_price=card.input_price,
        output_price=card.output_price,
        energy_price=_read_energy_price(card),
        gco2_per_kwh=offer.site.gco2_per_kwh,
        electricity=electricity,
        machines=machines,
        rest=card.output_price * 1_000_000 - electricity - machines,
        since=card.starts_at,
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
