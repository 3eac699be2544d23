"""What we add to an answer: usage with cost, energy and carbon. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import msgspec
from msgspec import Raw

from core.money import Money
from core.quantities import format_plain


@dataclass(frozen=True, slots=True)
class Bill:
    """
    What a job came to: billed tokens (`cached` are among the input), its cost, what the provider is paid.

    `joules` are those of the machine, `kwh` those at the site's meter; `intensity` is in grams a kWh.
    `receipt_uid` is None where nobody signs for the work.
    """

    tokens_in: int
    cached: int
    tokens_out: int
    cost: Money
    provider_amount: Decimal
    chip_seconds: Decimal
    joules: Decimal
    kwh: Decimal
    tier: str
    attribution: str
    gco2e: Decimal
    intensity: Decimal
    grid: str
    receipt_uid: UUID | None
    job_uid: UUID


def write_usage(bill: Bill) -> bytes:
    """The usage object as buyers see it; `cost` is a decimal literal, and the string beside it rules."""
    return msgspec.json.encode(
        {
            "prompt_tokens": bill.tokens_in,
            "completion_tokens": bill.tokens_out,
            "total_tokens": bill.tokens_in + bill.tokens_out,
            "prompt_tokens_details": {"cached_tokens": bill.cached},
            "cost": Raw(bill.cost.literal.encode()),
            "cost_amount": bill.cost.literal,
            "currency": bill.cost.currency,
            "cost_details": {"upstream_inference_cost": Raw(format_plain(bill.provider_amount).encode())},
            "energy": {
                "joules": format_plain(bill.joules),
                "kwh": format_plain(bill.kwh),
                "method": bill.attribution,
                "tier": bill.tier,
                "attribution": bill.attribution,
            },
            "carbon": {
                "gco2e": format_plain(bill.gco2e),
                "grid": bill.grid,
                "intensity": format_plain(bill.intensity),
            },
            "chip_seconds": format_plain(bill.chip_seconds),
            "receipt_id": None if bill.receipt_uid is None else str(bill.receipt_uid),
            "job_id": str(bill.job_uid),
        }
    )


def write_completion(answer: bytes, *, model: str, usage: bytes) -> bytes:
    """
    The upstream's answer with our name of the model and our usage; every other field as it came.

    :raises msgspec.DecodeError: if the answer is no JSON object
    """
    fields = msgspec.json.decode(answer, type=dict[str, Raw])
    fields["model"] = Raw(msgspec.json.encode(model))
    fields["usage"] = Raw(usage)
    return msgspec.json.encode(fields)
