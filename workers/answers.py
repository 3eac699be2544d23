"""What we add to an answer: usage with cost, energy and carbon. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw

from core.money import Money
from core.quantities import format_plain
from workers import footprints
from workers.footprints import Footprint


@dataclass(frozen=True, slots=True)
class Slack:
    """What a job was cheaper by, because it might wait so many hours."""

    hours: int
    saved: Decimal


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was sold, in the currency of its price, and what a unit of that cost in the wallet's."""

    sold: Money
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """
    What a job came to: billed tokens (`cached` are among the input), its cost, what the provider is paid.

    `receipt_uid` is None where nobody signs for the work, `given_back` until its price is final. Where the
    wallet has another currency than the price, `conversion` says what it paid for; all else is in its own.
    """

    tokens_in: int
    cached: int
    tokens_out: int
    cost: Money
    provider_amount: Decimal
    chip_seconds: Decimal
    footprint: Footprint
    receipt_uid: UUID | None
    job_uid: UUID
    slack: Slack | None = None
    given_back: Decimal | None = None
    conversion: Conversion | None = None


def write_usage(bill: Bill) -> bytes:
    """The usage object as buyers see it; `cost` is a decimal literal, and the string beside it rules."""
    converted = {} if bill.conversion is None else {"conversion": _describe_conversion(bill.conversion)}
    return msgspec.json.encode(
        {
            "prompt_tokens": bill.tokens_in,
            "completion_tokens": bill.tokens_out,
            "total_tokens": bill.tokens_in + bill.tokens_out,
            "prompt_tokens_details": {"cached_tokens": bill.cached},
            "cost": Raw(bill.cost.literal.encode()),
            "cost_amount": bill.cost.literal,
            "currency": bill.cost.currency,
            **converted,
            "cost_details": _describe_cost(bill),
            "energy": footprints.describe_energy(bill.footprint),
            "carbon": footprints.describe_carbon(bill.footprint),
            "chip_seconds": format_plain(bill.chip_seconds),
            "receipt_id": None if bill.receipt_uid is None else str(bill.receipt_uid),
            "job_id": str(bill.job_uid),
        }
    )


def _describe_conversion(conversion: Conversion) -> dict[str, str]:
    sold = conversion.sold
    return {"currency": sold.currency, "amount": sold.literal, "rate": format_plain(conversion.rate)}


def _describe_cost(bill: Bill) -> dict[str, Any]:
    said: dict[str, Any] = {"upstream_inference_cost": Raw(format_plain(bill.provider_amount).encode())}
    if bill.slack is not None:
        said["slack_discount"] = {"hours": bill.slack.hours, "amount": format_plain(bill.slack.saved)}
    if bill.given_back is not None:
        said["given_back"] = format_plain(bill.given_back)
    return said


def write_completion(answer: bytes, *, model: str, usage: bytes) -> bytes:
    """
    The upstream's answer with our name of the model and our usage; every other field as it came.

    :raises msgspec.DecodeError: if the answer is no JSON object
    """
    fields = msgspec.json.decode(answer, type=dict[str, Raw])
    fields["model"] = Raw(msgspec.json.encode(model))
    fields["usage"] = Raw(usage)
    return msgspec.json.encode(fields)
