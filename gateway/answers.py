"""What we add to an answer: usage with cost, energy and carbon, headers, and who else could have run it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from msgspec import Raw

from core.quantities import EXACT, format_plain
from gateway.recording import Billed
from marketplace.listings import Listing

NONE = Decimal(0)
METADATA_HEADER = b"x-jouleport-metadata"
JSON = (b"content-type", b"application/json")
EVENTS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    # Nothing on the way may collect, compress or hold back what is sent as it comes.
    (b"content-encoding", b"identity"),
    (b"x-accel-buffering", b"no"),
]


# Sites and offers are few; writing one of their ids costs as much as a small JSON object.
text_of: Callable[[UUID], str] = lru_cache(maxsize=4096)(str)


def write_usage(
    billed: Billed,
    *,
    receipt_uid: UUID | None,
    job_uid: str,
    chip_seconds: Decimal,
    tier: str,
    attribution: str,
    currency: str,
    writes: bool = True,
) -> bytes:
    """
    The usage object. `cost` is a decimal literal; the string beside it rules. Where a model writes no tokens
    (`writes` False) nothing is said of them.

    Energy and carbon are ours at this moment; the signed final figures are at the receipt. Where nobody signs
    one (None) its id is null.
    """
    tokens_in, cached, tokens_out = billed.tokens_in or 0, billed.cached or 0, billed.tokens_out or 0
    cost, paid_on = _plain(billed.amount), _plain(billed.provider_amount)
    kwh, it_kwh, cooling = billed.kwh or NONE, billed.it_kwh or NONE, billed.cooling_kwh or NONE
    loss = EXACT.subtract(EXACT.subtract(kwh, it_kwh), cooling)
    conversion = ""
    if billed.price_currency is not None:
        sold, rate = _plain(billed.price_amount), _plain(billed.rate)
        conversion = (
            f'"conversion":{{"currency":"{billed.price_currency}","amount":"{sold}","rate":"{rate}"}},'
        )
    market = "null"
    if billed.market_gco2e is not None:
        grams, contracted = _plain(billed.market_gco2e), _plain(billed.market_intensity)
        market = f'{{"gco2e":"{grams}","intensity":"{contracted}"}}'
    grid = msgspec.json.encode(billed.grid or "").decode()
    receipt = "null" if receipt_uid is None else f'"{receipt_uid}"'
    written = f'"completion_tokens":{tokens_out},' if writes else ""
    return (
        f'{{"prompt_tokens":{tokens_in},{written}'
        f'"total_tokens":{tokens_in + tokens_out},"prompt_tokens_details":{{"cached_tokens":{cached}}},'
        f'"cost":{cost},"cost_amount":"{cost}","currency":"{billed.currency or currency}",'
        f'{conversion}"cost_details":{{"upstream_inference_cost":{paid_on}}},'
        f'"energy":{{"joules":"{_plain(billed.joules)}","kwh":"{_plain(kwh)}","it_kwh":"{_plain(it_kwh)}",'
        f'"cooling_kwh":"{_plain(cooling)}","loss_kwh":"{_plain(loss)}","heat_kwh":"{_plain(billed.heat_kwh)}",'
        f'"method":"{attribution}","tier":"{tier}","attribution":"{attribution}"}},'
        f'"carbon":{{"gco2e":"{_plain(billed.gco2e)}","grid":{grid},"intensity":"{_plain(billed.intensity)}",'
        f'"market":{market}}},'
        f'"chip_seconds":"{_plain(chip_seconds)}","receipt_id":{receipt},"job_id":"{job_uid}"}}'
    ).encode()


def _plain(figure: Decimal | None) -> str:
    return "0" if figure is None else format_plain(figure)


def write_completion(fields: dict[str, Raw], *, model: str, usage: bytes, metadata: bytes | None) -> bytes:
    """The upstream's answer with our name of the model and our usage; every other field as it came."""
    fields["model"] = Raw(msgspec.json.encode(model))
    fields["usage"] = Raw(usage)
    if metadata is not None:
        fields["jouleport"] = Raw(metadata)
    return msgspec.json.encode(fields)


def write_last_chunk(
    first: dict[str, Raw], *, kind: str, model: str, usage: bytes | None, metadata: bytes | None
) -> bytes:
    """The chunk after all content: no choices, but usage if the buyer asked for it, and metadata likewise."""
    chunk: dict[str, Any] = {
        "id": first.get("id", Raw(b'""')),
        "object": kind,
        "created": first.get("created", Raw(b"0")),
        "model": model,
        "choices": [],
    }
    if usage is not None:
        chunk["usage"] = Raw(usage)
    if metadata is not None:
        chunk["jouleport"] = Raw(metadata)
    return b"data: %s\n\n" % msgspec.json.encode(chunk)


def write_limit_chunk(
    first: dict[str, Raw], *, kind: str, model: str, endings: list[dict[str, Any]]
) -> bytes:
    """The chunk that ends choices we stopped because their hold is used up."""
    chunk = {
        "id": first.get("id", Raw(b'""')),
        "object": kind,
        "created": first.get("created", Raw(b"0")),
        "model": model,
        "choices": endings,
    }
    return b"data: %s\n\n" % msgspec.json.encode(chunk)


def make_headers(*, job_uid: str, listing: Listing) -> list[tuple[bytes, bytes]]:
    """Headers that say who ran it."""
    return [
        (b"x-jouleport-job", job_uid.encode()),
        (b"x-generation-id", b"gen-" + job_uid.encode()),
        # Providers may have names that no header may carry.
        (b"x-jouleport-provider", quote(listing.provider_slug).encode()),
        (b"x-jouleport-site", text_of(listing.site_uid).encode()),
    ]
