"""`/v1/models`: what is on offer now, at what price, from the book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.errors import ApiError
from marketplace.book import Book
from marketplace.listings import CHAT, COMPLETIONS, EMBEDDINGS, Listing, int_to_text
from marketplace.matching import Match

OWNER = "jouleport"
ADDRESSES = {CHAT: "/v1/chat/completions", COMPLETIONS: "/v1/completions", EMBEDDINGS: "/v1/embeddings"}


def list_models(book: Book) -> bytes:
    """The list of models, each with the prices of its cheapest offer."""
    data = [describe_model(slug, book.list_listings(slug)) for slug in book.list_models()]
    return msgspec.json.encode({"object": "list", "data": data})


def get_model(book: Book, slug: str) -> bytes:
    """
    One model.

    :raises ApiError: 404 for a model that nobody offers
    """
    listings = book.list_listings(slug)
    if not listings:
        raise refuse_model(slug)
    return msgspec.json.encode(describe_model(slug, listings))


def refuse_model(slug: str) -> ApiError:
    """The answer to a model that is not on offer."""
    message = f"The model {slug[:200]!r} is not on offer here. GET /v1/models lists those that are."
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
        "pricing": {
            "prompt": int_to_text(cheapest.input_price),
            "completion": int_to_text(cheapest.output_price),
            "input_cache_read": int_to_text(cheapest.cached_input_price),
            "request": "0",
            "image": "0",
            "currency": cheapest.currency,
        },
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
