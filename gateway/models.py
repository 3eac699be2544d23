"""`/v1/models` and `/v1/providers`: what is on offer now, at what price and by whom, from the book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from core.quantities import format_plain
from gateway.errors import ApiError
from gateway.keys import Key
from marketplace.book import Book
from marketplace.listings import CHAT, COMPLETIONS, EMBEDDINGS, Listing, NodePresence, int_to_text
from marketplace.matching import Match

OWNER = "jouleport"
ONE = 10**18
ADDRESSES = {CHAT: "/v1/chat/completions", COMPLETIONS: "/v1/completions", EMBEDDINGS: "/v1/embeddings"}


class Purse(NamedTuple):
    """
    What prices are compared in: the currency of a key's first wallet, and what one of each currency that the
    key can pay is worth in it, in 1e-18 (nothing where it needs no rate).
    """

    currency: str = ""
    rates: tuple[tuple[str, int], ...] = ()

    @classmethod
    def from_key(cls, key: Key) -> Purse:
        """That of a key."""
        return cls(key.currencies[0] if key.currencies else "", key.rates)

    def find_rate(self, currency: str) -> int | None:
        """What one is worth, in 1e-18; None for what the key cannot pay."""
        return ONE if currency == self.currency else dict(self.rates).get(currency)

    def rank(self, listing: Listing) -> tuple[bool, int, str, str]:
        """Sorts by input and output price together; what cannot be compared comes last, by its currency."""
        rate, price = self.find_rate(listing.currency), listing.input_price + listing.output_price
        if rate is None:
            return True, price, listing.currency, str(listing.offer_uid)
        return False, price * rate // ONE, "", str(listing.offer_uid)


def list_models(book: Book, purse: Purse) -> bytes:
    """The list of models, each with the prices of its cheapest offer."""
    data = [
        describe_model(slug, listings, purse)
        for slug in book.list_models()
        if (listings := book.list_priced(slug))
    ]
    return msgspec.json.encode({"object": "list", "data": data})


def get_model(book: Book, slug: str, purse: Purse, *, test: bool = False) -> bytes:
    """
    One model.

    :param test: whether a test key asks
    :raises ApiError: 404 for a model that nobody offers
    """
    listings = book.list_priced(slug)
    if not listings:
        raise refuse_model(slug, test=test)
    return msgspec.json.encode(describe_model(slug, listings, purse))


def refuse_model(slug: str, *, test: bool = False) -> ApiError:
    """The answer to a model that is not on offer, or not to such a key."""
    where = "to test keys, which reach simulated models only" if test else "here"
    message = f"The model {slug[:200]!r} is not on offer {where}. GET /v1/models lists those that are."
    return ApiError(404, "model_not_found", message, param="model", retry=False)


def refuse_endpoint(match: Match, *, details: Mapping[str, Any]) -> ApiError:
    """The answer to a model that is on offer, but not for this."""
    request = match.request
    served = list_endpoints(one for slug in request.models for one in match.book.list_listings(slug))
    name, asked = request.models[0], ADDRESSES[request.endpoint]
    message = f"The model {name!r} is not served at {asked}; it is at {', '.join(served)}."
    return ApiError(
        400, "wrong_endpoint", message, param="model", retry=False, details={**details, "endpoints": served}
    )


def list_endpoints(listings: Iterable[Listing]) -> list[str]:
    """The addresses at which any of these offers can be asked."""
    served = {endpoint for listing in listings for endpoint in listing.endpoints}
    return [address for endpoint, address in ADDRESSES.items() if endpoint in served]


def describe_model(slug: str, listings: tuple[Listing, ...], purse: Purse) -> dict[str, Any]:
    """
    A model as OpenAI's SDKs and OpenRouter's clients read it.

    `pricing` holds decimal strings per token; they are of the offer that is cheapest by input and output
    price together, in the currency named beside them. `wallet_pricing` says what they come to in the currency
    of the key's first wallet, and at which rate; null where none is needed or known.
    """
    cheapest = min(listings, key=purse.rank)
    served = {endpoint for listing in listings for endpoint in listing.endpoints}
    outputs = [
        name
        for name, endpoints in (("text", {CHAT, COMPLETIONS}), ("embeddings", {EMBEDDINGS}))
        if served & endpoints
    ]
    return {
        "id": slug,
        "object": "model",
        "created": 0,
        "owned_by": OWNER,
        "canonical_slug": slug,
        "name": slug,
        "context_length": cheapest.context_length,
        "architecture": {
            "modality": f"text->{'+'.join(outputs)}",
            "input_modalities": ["text"],
            "output_modalities": outputs,
            "tokenizer": cheapest.tokenizer,
            "instruct_type": None,
        },
        "pricing": _describe_pricing(cheapest),
        "wallet_pricing": _convert_pricing(cheapest, purse),
        "top_provider": {
            "context_length": cheapest.context_length,
            "max_completion_tokens": max(listing.max_output_cap for listing in listings),
            "is_moderated": False,
        },
        "per_request_limits": None,
        "endpoints": list_endpoints(listings),
        "offers": len(listings),
        "currencies": sorted({listing.currency for listing in listings}),
    }


def _describe_pricing(listing: Listing) -> dict[str, str]:
    return {
        "prompt": int_to_text(listing.input_price),
        "completion": int_to_text(listing.output_price),
        "input_cache_read": int_to_text(listing.cached_input_price),
        "request": "0",
        "image": "0",
        "currency": listing.currency,
    }


def _convert_pricing(listing: Listing, purse: Purse) -> dict[str, str] | None:
    rate = purse.find_rate(listing.currency)
    if rate is None or listing.currency == purse.currency:
        return None
    prices = {
        "prompt": listing.input_price,
        "completion": listing.output_price,
        "input_cache_read": listing.cached_input_price,
    }
    # Half up: to be read, not to be charged; what is charged is rounded once, as a whole.
    told = {name: int_to_text((price * rate + ONE // 2) // ONE) for name, price in prices.items()}
    return {**told, "currency": purse.currency, "rate": int_to_text(rate)}


def describe_endpoints(book: Book, slug: str, purse: Purse) -> bytes:
    """
    Every offer of a model, cheapest first by input and output price together.

    :raises ApiError: 404 for a model that nobody offers
    """
    listings = book.list_priced(slug)
    if not listings:
        raise refuse_model(slug)
    model = describe_model(slug, listings, purse)
    data = {name: model[name] for name in ("id", "name", "created", "architecture")}
    data["endpoints"] = [
        _describe_offer(listing, book.presence.get(listing.node_uid), purse)
        for listing in sorted(listings, key=purse.rank)
    ]
    return msgspec.json.encode({"data": data})


def _describe_offer(listing: Listing, node: NodePresence | None, purse: Purse) -> dict[str, Any]:
    """
    One offer. `status` is 0 when it takes requests now, -1 when all its slots are taken, -2 when its node is
    not connected or does not serve the model. What is not measured yet is null.
    """
    if node is None or (node.models is not None and listing.upstream_model not in node.models):
        status = -2
    else:
        status = 0 if node.busy < node.slots else -1
    return {
        "name": f"{listing.provider_name} | {listing.model_slug}",
        "model_id": listing.model_slug,
        "model_name": listing.model_slug,
        "provider_name": listing.provider_name,
        "tag": listing.provider_slug,
        "offer_id": str(listing.offer_uid),
        "context_length": listing.context_length,
        "max_completion_tokens": listing.max_output_cap,
        "max_prompt_tokens": listing.context_length,
        "pricing": _describe_pricing(listing),
        "wallet_pricing": _convert_pricing(listing, purse),
        "quantization": None,
        "supported_parameters": [],
        "endpoints": list_endpoints([listing]),
        "site": {"id": str(listing.site_uid), "country": listing.country, "region": listing.region},
        "grid": listing.grid_zone,
        "intensity": format_plain(listing.gco2_per_kwh),
        "status": status,
        "supports_implicit_caching": listing.cached_input_price < listing.input_price,
        "uptime_last_30m": None,
        "latency_last_30m": None,
        "throughput_last_30m": None,
    }


def list_providers(book: Book) -> bytes:
    """Everybody who offers something now, and in which countries."""
    countries: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for slug in book.list_models():
        for listing in book.list_listings(slug):
            names[listing.provider_slug] = listing.provider_name
            countries.setdefault(listing.provider_slug, set()).add(listing.country)
    data = [
        {
            "name": names[slug],
            "slug": slug,
            "headquarters": None,
            "datacenters": sorted(countries[slug]),
            "privacy_policy_url": None,
            "terms_of_service_url": None,
            "status_page_url": None,
        }
        for slug in sorted(names)
    ]
    return msgspec.json.encode({"data": data})
