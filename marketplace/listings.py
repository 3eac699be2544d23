"""What the book of offers lists, and what relays say of the nodes behind it. Pure; imports no Django."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.money import PRICE_PLACES, fit
from core.quantities import EXACT, format_plain

# What a model can be asked for, each at an address of its own.
CHAT = "chat"
COMPLETIONS = "completions"
EMBEDDINGS = "embeddings"
ENDPOINTS = (CHAT, COMPLETIONS, EMBEDDINGS)
# Every server of a model that writes has both.
WRITING = frozenset({CHAT, COMPLETIONS})

# Start of a card that does not exist, and end of one that has no successor.
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Listing:
    """
    One offer of the book with its price card; prices are integers of 1e-18 `currency` for one unit.

    `endpoints` are those of `ENDPOINTS` that it serves.
    `provider_slug` and `region_key` are the forms in which buyers' preferences are compared. An offer that is
    sold only while there is surplus has no card when there is none: `card_id` and `card_uid` are None, the
    card never starts, and `next_starts_at` is when the next one does.
    """

    offer_id: int
    offer_uid: UUID
    model_id: int
    model_slug: str
    context_length: int
    tokenizer: str
    provider_org_id: int
    provider_name: str
    provider_slug: str
    site_uid: UUID
    site_name: str
    country: str
    region: str
    region_key: str
    grid_zone: str
    pue: Decimal
    gco2_per_kwh: Decimal
    currency: str
    unit: str
    slots: int
    max_output_default: int
    max_output_cap: int
    card_id: int | None
    card_uid: UUID | None
    card_starts_at: datetime
    next_starts_at: datetime
    input_price: int
    cached_input_price: int
    output_price: int
    chip_second_price: int
    node_id: int
    node_uid: str
    chips: int
    watts_idle: Decimal | None
    watts_busy: Decimal | None
    upstream_model: str
    endpoints: frozenset[str] = WRITING

    def expected_cost(self, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> int:
        """
        Cost of a token mix in 1e-18 of `currency`; `cached_tokens` are the part of the input served from
        cache.
        """
        return (
            (input_tokens - cached_tokens) * self.input_price
            + cached_tokens * self.cached_input_price
            + output_tokens * self.output_price
        )


@dataclass(frozen=True, slots=True)
class NodePresence:
    """
    What a relay says of a node it holds: slots in all, slots taken, and the models its server names.

    `models` is None when the relay does not know them; then the offer's own word is taken.
    """

    relay_url: str
    slots: int
    busy: int
    models: frozenset[str] | None = None
    epoch: int = 0
    tier: str = "declared"


def make_provider_slug(name: str) -> str:
    """Name a provider the way buyers write it in preferences: lower case, words joined by hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.casefold()).split())


def price_to_int(price: Decimal | None) -> int:
    """
    Turn a unit price into an integer of 1e-18; no price (None) is 0.

    :raises core.money.NotAnAmount: if it has more than 18 places
    """
    return 0 if price is None else int(EXACT.scaleb(fit(price, PRICE_PLACES), PRICE_PLACES))


def int_to_text(amount: int) -> str:
    """Decimal literal of an integer of 1e-18, without an exponent and without trailing zeros."""
    return format_plain(EXACT.scaleb(Decimal(amount), -PRICE_PLACES))


def read_listing(row: Mapping[str, Any]) -> Listing:
    """
    Read one row of `book_v2`; columns that a row does not have keep a neutral value (`unit`: TOKEN;
    `endpoints`: WRITING).

    :raises KeyError: if a column of the contract is missing
    :raises core.money.NotAnAmount: if a price has more than 18 places
    """
    return Listing(
        offer_id=row["offer_id"],
        offer_uid=row["offer_uid"],
        model_id=row["model_id"],
        model_slug=row["model_slug"],
        context_length=row["context_length"],
        tokenizer=row["tokenizer"],
        provider_org_id=row["provider_org_id"],
        provider_name=row["provider_name"],
        provider_slug=make_provider_slug(row["provider_name"]),
        site_uid=row["site_uid"],
        site_name=row["site_name"],
        country=row["country"],
        region=row["region"],
        region_key=row["region"].casefold(),
        grid_zone=row["grid_zone"],
        pue=row["pue"],
        gco2_per_kwh=row["gco2_per_kwh"],
        currency=row["currency"],
        unit=row.get("unit", "TOKEN"),
        slots=row["slots"],
        max_output_default=row["max_output_default"],
        max_output_cap=row["max_output_cap"],
        card_id=row["card_id"],
        card_uid=row["card_uid"],
        card_starts_at=row["card_starts_at"] or NEVER,
        next_starts_at=row["next_starts_at"] or NEVER,
        input_price=price_to_int(row["input_price"]),
        cached_input_price=price_to_int(row["cached_input_price"]),
        output_price=price_to_int(row["output_price"]),
        chip_second_price=price_to_int(row["chip_second_price"]),
        node_id=row["node_id"],
        node_uid=str(row["node_uid"]),
        chips=row["chips"],
        watts_idle=row["watts_idle"],
        watts_busy=row["watts_busy"],
        upstream_model=row["upstream_model"],
        endpoints=frozenset(row["endpoints"]) if "endpoints" in row else WRITING,
    )
