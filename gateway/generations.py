"""`/v1/generation`: the final figures of one answer of the organization's own, and what its agent signed."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw

from core.quantities import format_plain
from core.request_ids import WELL_FORMED
from gateway.database import Links
from gateway.errors import ApiError
from gateway.keys import Key
from marketplace.listings import CHAT, make_provider_slug
from workers import footprints
from workers.footprints import Footprint

PREFIX = "gen-"
ID_LENGTH_MAX = 64
COLUMN_NAMES = (
    "job_uid kind state error_code submitted_at finished_at model key_name provider site_uid site country "
    "region attempt_uid receipt_uid attempts started_at ended_at ours_in ours_cached ours_out "
    "claim_in claim_cached claim_out billed_in billed_cached billed_out count_method ended_how chip_seconds "
    "currency amount provider_amount posted endpoint streamed "
    "finish_reason first_ms total_ms request_id receipt_body receipt_signature receipt_key_id "
    "receipt_public_key receipt_received_at"
)
COLUMNS = COLUMN_NAMES.split()
# The names are constants.
QUERY = f"""
    SELECT {", ".join(f"g.{name}" for name in COLUMNS)},
           {", ".join(f"e.{name}" for name in footprints.COLUMNS)}, n.uid
      FROM generation_v1(%s, %s, %s) g
      LEFT JOIN attempt a ON a.uid = g.attempt_uid
      LEFT JOIN LATERAL answer_energy_v1(a.id) e ON true
      LEFT JOIN node n ON n.id = a.node_id
"""  # noqa: S608
TYPES = {"chat": "chat.completions", "completions": "completions", "embeddings": "embeddings"}
# How a stream ended, where that is not for the model to say.
STOPPED = {"stopped_at_limit": "length"}


async def read_generation(links: Links, key: Key, given: str) -> bytes:
    """
    One answer by the id of its job or receipt, its X-Generation-Id, or its x-request-id.

    :raises ApiError: 404 if there is none, or it is somebody else's
    :raises DatabaseAway: PostgreSQL does not answer
    """
    request_id = given if WELL_FORMED.fullmatch(given) else None
    rows = await links.fetch(QUERY, [key.organization_id, _read_uid(given), request_id])
    if not rows:
        message = "There is no such answer of this organization."
        raise ApiError(404, "generation_not_found", message, param="id", retry=False)
    row = dict(zip(COLUMNS, rows[0][: len(COLUMNS)], strict=True))
    *used, row["node"] = rows[0][len(COLUMNS) :]
    footprint = None if row["amount"] is None else Footprint(*used)
    return msgspec.json.encode({"data": _describe(row, footprint)})


def _read_uid(given: str) -> UUID | None:
    try:
        return UUID(given.removeprefix(PREFIX))
    except ValueError:
        return None


def _describe(row: dict[str, Any], used: Footprint | None) -> dict[str, Any]:
    charged = row["amount"] is not None
    cost = row["amount"] if charged else Decimal(0)
    reason = STOPPED.get(row["ended_how"] or "", row["finish_reason"])
    return {
        "id": f"{PREFIX}{row['job_uid']}",
        "job_id": row["job_uid"],
        "receipt_id": row["receipt_uid"],
        "upstream_id": None,
        "request_id": row["request_id"] or row["job_uid"].hex,
        "model": row["model"],
        "provider_name": row["provider"],
        "api_type": TYPES[row["endpoint"] or CHAT],
        "deferred": row["kind"] == "DEFERRED",
        "key": row["key_name"],
        "created_at": row["submitted_at"],
        "finished_at": row["finished_at"],
        "state": row["state"].lower(),
        "error": row["error_code"],
        "streamed": row["streamed"],
        "cancelled": row["state"] == "CANCELLED",
        "finish_reason": reason,
        "native_finish_reason": row["finish_reason"],
        "latency": row["first_ms"],
        "generation_time": _measure(row["started_at"], row["ended_at"]),
        "total_time": row["total_ms"],
        "tokens_prompt": row["billed_in"] or 0,
        "tokens_completion": row["billed_out"] or 0,
        "native_tokens_prompt": row["claim_in"],
        "native_tokens_completion": row["claim_out"],
        "native_tokens_cached": row["claim_cached"],
        "tokens": {
            name: {part: row[f"{name}_{field}"] for part, field in PARTS}
            for name in ("ours", "claim", "billed")
        }
        | {"method": row["count_method"]},
        "ended_how": row["ended_how"],
        "total_cost": _literal(cost),
        "usage": _literal(cost),
        "cost": format_plain(cost),
        "currency": row["currency"],
        "upstream_inference_cost": _literal(row["provider_amount"] or Decimal(0)),
        "posted": row["posted"],
        "is_byok": False,
        "energy": None if used is None else footprints.describe_energy(used),
        "carbon": None if used is None else footprints.describe_carbon(used),
        "chip_seconds": _plain(row["chip_seconds"]),
        "provider": _describe_provider(row),
        "provider_responses": row["attempts"],
        "receipt": _describe_receipt(row),
    }


PARTS = (("prompt", "in"), ("cached", "cached"), ("completion", "out"))


def _describe_provider(row: dict[str, Any]) -> dict[str, Any] | None:
    if row["provider"] is None:
        return None
    return {
        "name": row["provider"],
        "slug": make_provider_slug(row["provider"]),
        "site": row["site_uid"],
        "site_name": row["site"],
        "country": row["country"],
        "region": row["region"],
    }


def _describe_receipt(row: dict[str, Any]) -> dict[str, Any] | None:
    """What the agent signed: the signature is over the bytes of `body`. None before it has come."""
    if row["receipt_body"] is None:
        return None
    key = row["receipt_public_key"]
    return {
        "node": row["node"],
        "body": b64encode(row["receipt_body"]).decode(),
        "signature": b64encode(row["receipt_signature"]).decode(),
        "algorithm": "ed25519",
        "key_id": row["receipt_key_id"],
        "public_key": None if key is None else b64encode(key).decode(),
        "received_at": row["receipt_received_at"],
    }


def _measure(began: datetime | None, ended: datetime | None) -> int | None:
    return None if began is None or ended is None else round((ended - began).total_seconds() * 1000)


def _literal(amount: Decimal) -> Raw:
    return Raw(format_plain(amount).encode())


def _plain(figure: Decimal | None) -> str | None:
    return None if figure is None else format_plain(figure)
