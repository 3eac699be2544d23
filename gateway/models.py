"""`/v1/models` and `/v1/providers`: what is on offer now, at what price and by whom, from the book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from core.quantities import format_plain
from gateway.errors import ApiError
from marketplace.book import Book
from marketplace.listings import CHAT, COMPLETIONS, EMBEDDINGS, Listing, NodePresence, int_to_text
from marketplace.matching import Match

OWNER = "jouleport"
ADDRESSES = {CHAT: "/v1/chat/completions", COMPLETIONS: "/v1/completions", EMBEDDINGS: "/v1/embeddings"}


def list_models(book: Book) -> bytes:
    """The list of models, each with the prices of its cheapest offer."""
    data = [
        describe_model(slug, listings) for slug in book.list_models() if (listings := book.list_priced(slug))
    ]
    return msgspec.json.encode({"object": "list", "data": data})


def get_model(book: Book, slug: str, *, test: bool = False) -> bytes:
    """
    One model.

    :param test: whether a test key asks
    :raises ApiError: 404 for a model that nobody offers
    """
    listings = book.list_priced(slug)
    if not listings:
        raise refuse_model(slug, test=test)
    return msgspec.json.encode(describe_model(slug, listings))


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


def describe_model(slug: str, listings: tuple[Listing, ...]) -> dict[str, Any]:
    """
    A model as OpenAI's SDKs and OpenRouter's clients read it.

    `pricing` holds decimal strings per token; they are of the offer that is cheapest by input and output
    price together, in the currency named beside them.
    """
    cheapest = min(listings, key=lambda one: (one.input_price + one.output_price, str(one.offer_uid)))
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


def describe_endpoints(book: Book, slug: str) -> bytes:
    """
    Every offer of a model, cheapest first by input and output price together.

    :raises ApiError: 404 for a model that nobody offers
    """
    listings = book.list_priced(slug)
    if not listings:
        raise refuse_model(slug)
    ordered = sorted(listings, key=lambda one: (one.input_price + one.output_price, str(one.offer_uid)))
    model = describe_model(slug, listings)
    data = {name: model[name] for name in ("id", "name", "created", "architecture")}
    data["endpoints"] = [_describe_offer(listing, book.presence.get(listing.node_uid)) for listing in ordered]
    return msgspec.json.encode({"data": data})


def _describe_offer(listing: Listing, node: NodePresence | None) -> dict[str, Any]:
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
