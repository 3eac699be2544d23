"""`/v1/credits` and `/v1/key`: what a key's organization has, and what the key has spent and may spend."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw
from psycopg.rows import TupleRow

from core.quantities import format_plain
from gateway.database import Links
from gateway.errors import ApiError
from gateway.keys import Key

CREDITS_QUERY = "SELECT currency, credits, used, held FROM credits_v1(%s, %s)"
SPEND_QUERY = "SELECT currency, total, daily, weekly, monthly FROM key_spend_v1(%s, %s)"
LIMITS_QUERY = """
    SELECT label, expires_at, kind, limit_uid, limit_currency, period, ceiling, spent, held, resets_at
      FROM key_limits_v1(%s)
"""
PERIODS = {"DAILY": "daily", "WEEKLY": "weekly", "MONTHLY": "monthly", "LIFETIME": None}
USAGES = ("usage", "usage_daily", "usage_weekly", "usage_monthly")
ZERO = Decimal(0)


async def read_credits(links: Links, key: Key) -> bytes:
    """
    What came into each wallet and what was used of it.

    `total_credits` and `total_usage` are decimal literals of the wallet that was opened first, in `currency`;
    the strings under `wallets` rule.

    :raises DatabaseAway: PostgreSQL does not answer
    """
    rows = await links.fetch(CREDITS_QUERY, [key.organization_id, key.is_test])
    currency, paid_in, used, _ = rows[0] if rows else (None, ZERO, ZERO, ZERO)
    data = {
        "total_credits": _literal(paid_in),
        "total_usage": _literal(used),
        "currency": currency,
        "wallets": [
            {
                "currency": currency,
                "total_credits": format_plain(paid_in),
                "total_usage": format_plain(used),
                "balance": format_plain(paid_in - used),
                "held": format_plain(held),
                "available": format_plain(paid_in - used - held),
            }
            for currency, paid_in, used, held in rows
        ],
    }
    return msgspec.json.encode({"data": data})


async def read_key(links: Links, key: Key, *, now: datetime) -> bytes:
    """
    The key, its limits and what it has spent; days, weeks (from Monday) and months are UTC's.

    `limit`, `limit_remaining` and `limit_reset` are of the limit that leaves least, of all that apply to the
    key in `currency`; null without one. The strings under `limits` and `spending` rule.

    :raises DatabaseAway: PostgreSQL does not answer
    :raises ApiError: the key is gone
    """
    rows = await links.fetch(LIMITS_QUERY, [key.key_id])
    if not rows:
        raise ApiError(401, "invalid_api_key", "This API key is not valid.", retry=False)
    spent = {row[0]: row[1:] for row in await links.fetch(SPEND_QUERY, [key.key_id, now])}
    limits = [_describe_limit(row) for row in rows if row[2] is not None]
    currency = key.currencies[0] if key.currencies else None
    tightest = min(
        (limit for limit in limits if limit["currency"] == currency),
        key=lambda limit: Decimal(limit["remaining"]),
        default=None,
    )
    total, daily, weekly, monthly = spent.get(currency, (ZERO, ZERO, ZERO, ZERO))
    data: dict[str, Any] = {
        "label": rows[0][0],
        "currency": currency,
        "limit": None if tightest is None else Raw(tightest["limit"].encode()),
        "limit_remaining": None if tightest is None else Raw(tightest["remaining"].encode()),
        "limit_reset": None if tightest is None else tightest["limit_reset"],
        "include_byok_in_limit": False,
        "usage": _literal(total),
        "usage_daily": _literal(daily),
        "usage_weekly": _literal(weekly),
        "usage_monthly": _literal(monthly),
        "byok_usage": 0,
        "is_free_tier": False,
        "is_management_key": False,
        "is_test": key.is_test,
        "expires_at": rows[0][1],
        "creator_user_id": None,
        "limits": limits,
        "spending": [
            {"currency": each, **dict(zip(USAGES, map(format_plain, figures), strict=True))}
            for each, figures in sorted(spent.items())
        ],
    }
    return msgspec.json.encode({"data": data})


def _describe_limit(row: TupleRow) -> dict[str, Any]:
    _, _, kind, uid, currency, period, ceiling, spent, held, resets_at = row
    return {
        "id": str(uid),
        "of": kind,
        "currency": currency,
        "limit": format_plain(ceiling),
        "spent": format_plain(spent),
        "held": format_plain(held),
        "remaining": format_plain(max(ceiling - spent - held, ZERO)),
        "limit_reset": PERIODS[period],
        "resets_at": resets_at,
    }


def _literal(amount: Decimal) -> Raw:
    return Raw(format_plain(amount).encode())
