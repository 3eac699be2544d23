"""
A small exchange in the database: the calls of the data plane between the people of `tests.billing.people`.

Everything is called with plain SQL, as the processes do it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from core import ids
from tests.billing.people import (
    NOW,
    Buyer,
    Row,
    Seller,
    account,
    fetch,
    fetch_value,
    make_buyer,
    make_organization,
    make_person,
    make_project,
    make_seller,
    open_wallet,
    post,
    set_limit,
    top_up,
)

__all__ = [
    "NOW",
    "Admitted",
    "Buyer",
    "Row",
    "Seller",
    "account",
    "admit",
    "admit_items",
    "cancel",
    "end_periods",
    "expire_leases",
    "fail",
    "fetch",
    "fetch_value",
    "make_buyer",
    "make_organization",
    "make_person",
    "make_project",
    "make_seller",
    "open_wallet",
    "post",
    "post_charges",
    "read_scope",
    "reattempt",
    "record",
    "record_items",
    "renew",
    "set_limit",
    "set_rate",
    "sweep",
    "top_up",
]


def _marks(types: str) -> str:
    return ", ".join(f"%s::{name}[]" for name in types.split())


ADMIT_TYPES = _marks("bigint " * 8 + "uuid uuid uuid text bytea jsonb")
RECORD_TYPES = _marks("bigint int bool " + "bigint " * 6 + "text numeric numeric text text text text")


@dataclass(frozen=True, slots=True)
class Admitted:
    """One admitted job."""

    job_id: int
    attempt_id: int
    job_uid: str
    hold: Decimal


def admit_items(
    connection: psycopg.Connection[Any],
    items: Sequence[tuple[Buyer, Seller]],
    *,
    out_bound: int = 1000,
    in_bound: int = 0,
    keys: Sequence[str | None] | None = None,
    bodies: Sequence[bytes] | None = None,
    deferred: bool = False,
    wait: bool = True,
) -> list[Row]:
    """Call `admit_v1`; its rows, each with the `job_uid` that was asked for."""
    count = len(items)
    uids = [ids.make_uid() for _ in items]
    hashes = [hashlib.sha256(body).digest() for body in bodies or [b""] * count]
    rows = fetch(
        connection,
        f"SELECT * FROM admit_v1({ADMIT_TYPES}, %s)",
        [buyer.key_id for buyer, _ in items],
        [buyer.organization_id for buyer, _ in items],
        [seller.model_id for _, seller in items],
        [seller.offer_id for _, seller in items],
        [seller.card_id for _, seller in items],
        [None if deferred else seller.node_id for _, seller in items],
        [in_bound] * count,
        [out_bound] * count,
        uids,
        [ids.make_uid() for _ in items],
        [ids.make_uid() for _ in items],
        list(keys or [None] * count),
        hashes,
        [json.dumps({})] * count,
        wait,
    )
    assert [row["idx"] for row in rows] == list(range(1, count + 1))
    return [row | {"job_uid": str(uids[row["idx"] - 1])} for row in rows]


def admit(connection: psycopg.Connection[Any], buyer: Buyer, seller: Seller, **options: Any) -> Admitted:
    """Admit one job that must be admitted."""
    [row] = admit_items(connection, [(buyer, seller)], **options)
    assert row["verdict"] == "ok", row
    return Admitted(row["job_id"], row["attempt_id"], row["job_uid"], row["hold_amount"])


def record_items(
    connection: psycopg.Connection[Any],
    attempts: Sequence[int],
    *,
    out: int = 100,
    tokens_in: int = 0,
    claim_out: int | None = None,
    seq: int = 1,
    final: bool = True,
    method: str = "deltas",
    state: str = "SUCCEEDED",
    chip_seconds: str = "1.5",
) -> list[Row]:
    """Call `record_usage_v3` with the same usage for every attempt; its rows, in their order."""
    count = len(attempts)
    one_each = (
        *([seq], [final], [tokens_in], [0], [out]),
        *(
            [None if claim_out is None else tokens_in],
            [None if claim_out is None else 0],
            [claim_out],
            [method],
        ),
        *([Decimal(chip_seconds)], [Decimal("12.345")], ["declared"], ["apportioned"], ["stop"], [state]),
    )
    rows = fetch(
        connection,
        f"SELECT * FROM record_usage_v3({RECORD_TYPES})",
        list(attempts),
        *(values * count for values in one_each),
    )
    return sorted(rows, key=lambda row: row["idx"])


def record(connection: psycopg.Connection[Any], attempt_id: int, **options: Any) -> Row:
    """Record one attempt's usage."""
    [row] = record_items(connection, [attempt_id], **options)
    return row


def fail(connection: psycopg.Connection[Any], attempt_id: int, state: str = "FAILED") -> str:
    """End one attempt with nothing delivered; gives the verdict."""
    query = "SELECT verdict FROM fail_v1(%s::bigint[], ARRAY['broken'], %s::text[])"
    return str(fetch_value(connection, query, [attempt_id], [state]))


def reattempt(
    connection: psycopg.Connection[Any], job: Admitted, seller: Seller, *, first: bool = False
) -> Row:
    """Open the next attempt of a job on another offer (`first`: the first of a queued job)."""
    [row] = fetch(
        connection,
        "SELECT * FROM reattempt_v1(%s::bigint[], %s::bigint[], ARRAY['refused'], %s::bigint[], %s::bigint[],"
        " %s::bigint[], %s::uuid[], %s::uuid[])",
        *(
            [job.job_id],
            [None if first else job.attempt_id],
            [seller.offer_id],
            [seller.card_id],
            [seller.node_id],
        ),
        *([ids.make_uid()], [ids.make_uid()]),
    )
    return row


def set_rate(
    owner: psycopg.Connection[Any], base: str, quote: str, *, mid: str, rate: str, seconds: int = 300
) -> int:
    """Have a quote stand: `rate` of `base` for one of `quote`, `mid` without its spread; gives its id."""
    quote_id = int(
        fetch_value(
            owner,
            "INSERT INTO fx_quote"
            " (uid, base, quote, mid, spread_bps, rate, source, rate_at, made_at, expires_at)"
            " VALUES (%s, %s, %s, %s, 50, %s, 'test', now() - interval '1 hour',"
            " now() - interval '10 minutes', now() + make_interval(secs => %s)) RETURNING id",
            *(ids.make_uid(), base, quote, Decimal(mid), Decimal(rate), seconds),
        )
    )
    owner.execute(
        "INSERT INTO fx_standing_quote (base, quote, quote_id) VALUES (%s, %s, %s)"
        " ON CONFLICT (base, quote) DO UPDATE SET quote_id = EXCLUDED.quote_id",
        [base, quote, quote_id],
    )
    return quote_id


def renew(connection: psycopg.Connection[Any], attempts: Sequence[int], *, out: int = 0) -> list[int]:
    """Renew leases and write checkpoints; gives the attempts that are still held."""
    zeros, outs = [0] * len(attempts), [out] * len(attempts)
    query = "SELECT attempt_id FROM renew_v1(%s::bigint[], %s::bigint[], %s::bigint[])"
    return [row["attempt_id"] for row in fetch(connection, query, list(attempts), zeros, outs)]


def cancel(connection: psycopg.Connection[Any], buyer: Buyer, job: Admitted) -> str:
    """Cancel a deferred job; gives its state."""
    return str(fetch_value(connection, "SELECT cancel_job_v1(%s, %s)", buyer.organization_id, job.job_uid))


def sweep(connection: psycopg.Connection[Any]) -> int:
    """Settle attempts whose lease ran out."""
    return int(fetch_value(connection, "SELECT sweep_v1(64)"))


def expire_leases(owner: psycopg.Connection[Any]) -> None:
    """Let every lease run out, as if its gateway had died a minute ago."""
    owner.execute("UPDATE attempt SET lease_until = now() - interval '1 minute' WHERE state = 'RUNNING'")


def end_periods(owner: psycopg.Connection[Any]) -> None:
    """Let every limit's running period be one that ended long ago, with what was spent and held in it."""
    owner.execute(
        "UPDATE scope s SET period_start = period_start_v1(l.period, s.period_start - interval '40 days')"
        " FROM spending_limit l WHERE l.scope_id = s.id AND s.period_start IS NOT NULL"
    )
    owner.execute(
        "UPDATE spending_limit l SET turns_at = period_end_v1(l.period, s.period_start)"
        " FROM scope s WHERE s.id = l.scope_id AND s.period_start IS NOT NULL"
    )
    owner.execute(
        "UPDATE hold SET opened_at = opened_at - interval '40 days' WHERE scopes && ARRAY("
        "SELECT id FROM scope WHERE period_start < now() - interval '35 days')"
    )


def post_charges(connection: psycopg.Connection[Any], usages: list[int] | None = None) -> int:
    """Post queued charges; gives how many."""
    return int(fetch_value(connection, "SELECT charges FROM post_charges_v1(5000, %s::bigint[])", usages))


def read_scope(connection: psycopg.Connection[Any], scope_id: int) -> tuple[Decimal, Decimal]:
    """What is posted and what is held."""
    [row] = fetch(connection, "SELECT posted, held FROM scope WHERE id = %s", scope_id)
    return row["posted"], row["held"]
