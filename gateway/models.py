"""`/v1/models`: what is on offer now, at what price, from the book."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.errors import ApiError
from marketplace.book import Book
from marketplace.listings import Listing, int_to_text

OWNER = "jouleport"


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


def describe_model(slug: str, listings: tuple[Listing, ...]) -> dict[str, Any]:
    """
    A model as OpenAI's SDKs and OpenRouter's clients read it.

    `pricing` holds decimal strings per token; they are of the offer that is cheapest by input and output
    price together, in the currency named beside them.
    """
    cheapest = min(listings, key=lambda one: (one.input_price + one.output_price, str(one.offer_uid)))
    return {
        "id": slug,
        "object": "model",
        "created": 0,
        "owned_by": OWNER,
        "canonical_slug": slug,
        "name": slug,
        "context_length": cheapest.context_length,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
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
        "offers": len(listings),
        "currencies": sorted({listing.currency for listing in listings}),
    }
