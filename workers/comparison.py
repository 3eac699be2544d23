"""
Receipts compared with our own records. What differs is flagged for people; no receipt ever raises a bill.

A receipt is looked at once its attempt has ended and the receipt before it in its agent's chain has come, or
after CHAIN_PATIENCE without it.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

BATCH_MAX = 500
# A receipt that had to wait is found again until this many later ones were compared.
LOOK_BACK = 50_000
CHAIN_PATIENCE = timedelta(minutes=5)

# An upstream may count the marks around an answer that a claim in the stream leaves out.
TOKENS_TOLERANCE = 2
TOKENS_TOLERANCE_SHARE = Decimal("0.02")
# idle x t x 0.8 <= E <= busy x t x 1.05: an instrument's error. Meters are read in steps of about a second,
# so a second's power more or less proves nothing.
IDLE_SHARE_MIN = Decimal("0.8")
BUSY_SHARE_MAX = Decimal("1.05")
READING_SECONDS = Decimal(1)

TOKENS_DIFFER = "receipt_tokens_differ"
JOULES_IMPLAUSIBLE = "receipt_joules_implausible"
CHAIN_BROKEN = "receipt_chain_broken"
OTHER_NODE = "receipt_other_node"
ATTEMPT_UNKNOWN = "receipt_unknown_attempt"


class Pending(NamedTuple):
    """A receipt with our record of the same attempt; figures are None where there is no record."""

    receipt_id: int
    attempt_uid: UUID
    node_id: int
    received_at: datetime
    receipt_in: int | None
    receipt_out: int | None
    joules: Decimal
    seconds: Decimal
    attempt_id: int | None
    attempt_node_id: int | None
    attempt_state: str | None
    slots: int | None
    watts_idle: Decimal | None
    watts_busy: Decimal | None
    claim_in: int | None
    claim_out: int | None
    ended_how: str | None
    is_linked: bool
    is_fork: bool


QUERY = """
SELECT r.id, r.attempt_uid, r.node_id, r.received_at, r.claim_in, r.claim_out, r.joules,
       extract(epoch FROM r.ended_at - r.started_at)::numeric, a.id, a.node_id, a.state, o.slots::int,
       n.declared_watts_idle, n.declared_watts_busy, u.claim_in, u.claim_out, u.ended_how,
       r.previous_hash IS NULL OR EXISTS (
           SELECT 1 FROM receipt p WHERE p.node_id = r.node_id AND sha256(p.body) = r.previous_hash),
       EXISTS (SELECT 1 FROM receipt p WHERE p.node_id = r.node_id AND p.key_id = r.key_id AND p.id < r.id
                  AND p.previous_hash IS NOT DISTINCT FROM r.previous_hash)
  FROM receipt r
  LEFT JOIN receipt_comparison c ON c.receipt_id = r.id
  LEFT JOIN attempt a ON a.uid = r.attempt_uid
  LEFT JOIN LATERAL (SELECT sum(offer.slots) AS slots FROM endpoint e JOIN offer ON offer.id = e.offer_id
                      WHERE e.node_id = r.node_id) o ON true
  LEFT JOIN node n ON n.id = r.node_id
  LEFT JOIN LATERAL (SELECT sum(claim_in)::bigint AS claim_in, sum(claim_out)::bigint AS claim_out,
                            max(ended_how) AS ended_how
                       FROM usage_record WHERE attempt_id = a.id HAVING count(*) > 0) u ON true
 WHERE c.receipt_id IS NULL AND a.state IS DISTINCT FROM 'RUNNING'
   AND r.id > (SELECT coalesce(max(receipt_id), 0) FROM receipt_comparison) - %(look_back)s
 ORDER BY r.id LIMIT %(limit)s
"""


def compare_receipts(*, now: datetime, limit: int = BATCH_MAX) -> int:
    """
    Compare the receipts that wait, at most `limit`; gives how many were compared.

    Two at once are harmless: what one has compared, the other leaves alone.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(QUERY, {"limit": limit, "look_back": LOOK_BACK})
        ready = [
            receipt
            for receipt in map(Pending._make, cursor.fetchall())
            if receipt.is_linked or receipt.received_at < now - CHAIN_PATIENCE
        ]
        for receipt in ready:
            _mark(cursor, receipt)
    return len(ready)


def find_differences(receipt: Pending) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is odd about a receipt, as kinds of flags with their details."""
    if receipt.attempt_node_id != receipt.node_id:
        yield OTHER_NODE, {"receipt_node": receipt.node_id, "attempt_node": receipt.attempt_node_id}
        return
    if not receipt.is_linked or receipt.is_fork:
        yield CHAIN_BROKEN, {"previous_found": receipt.is_linked, "previous_used_before": receipt.is_fork}
    # An answer that was cut short on the way was counted at another place by each side.
    if receipt.ended_how == "complete":
        pairs = {
            "in": (receipt.receipt_in, receipt.claim_in),
            "out": (receipt.receipt_out, receipt.claim_out),
        }
        wrong = {
            name: {"receipt": one, "claim": other}
            for name, (one, other) in pairs.items()
            if _differ(one, other)
        }
        if wrong:
            yield TOKENS_DIFFER, wrong
    bounds = bound_joules(receipt)
    if bounds is not None and not bounds[0] <= receipt.joules <= bounds[1]:
        low, high = (str(bound) for bound in bounds)
        yield JOULES_IMPLAUSIBLE, {"joules": str(receipt.joules), "low": low, "high": high}


def bound_joules(receipt: Pending) -> tuple[Decimal, Decimal] | None:
    """
    What an attempt may have drawn: at least its slot's part of the idle power, at most all of the busy power.

    None if the node is unknown.
    """
    if receipt.watts_idle is None or receipt.watts_busy is None:
        return None
    low = IDLE_SHARE_MIN * receipt.watts_idle / (receipt.slots or 1) * (receipt.seconds - READING_SECONDS)
    high = BUSY_SHARE_MAX * receipt.watts_busy * (receipt.seconds + READING_SECONDS)
    return max(low, Decimal(0)), high


def _differ(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return False
    tolerance = max(Decimal(TOKENS_TOLERANCE), TOKENS_TOLERANCE_SHARE * max(one, other))
    return abs(one - other) > tolerance


def _mark(cursor: CursorWrapper, receipt: Pending) -> None:
    cursor.execute(
        "INSERT INTO receipt_comparison (receipt_id) VALUES (%s) ON CONFLICT DO NOTHING", [receipt.receipt_id]
    )
    if cursor.rowcount == 0:
        return
    if receipt.attempt_id is None:
        # There is no attempt to hang a flag on.
        details = {"attempt_uid": str(receipt.attempt_uid), "receipt": receipt.receipt_id}
        cursor.execute(
            "INSERT INTO node_event (node_id, kind, details) VALUES (%s, %s, %s)",
            [receipt.node_id, ATTEMPT_UNKNOWN, json.dumps(details)],
        )
        return
    for kind, details in find_differences(receipt):
        cursor.execute(
            "INSERT INTO meter_flag (attempt_id, kind, details) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [receipt.attempt_id, kind, json.dumps(details)],
        )
