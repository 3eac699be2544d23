"""
A small exchange in the database: buyers with wallets, sellers with offers, and the calls of the data plane.

Everything is set up and called with plain SQL as the application's role, as the processes do it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from core import ids

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
JUST_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


def _marks(types: str) -> str:
    return ", ".join(f"%s::{name}[]" for name in types.split())


ADMIT_TYPES = _marks("bigint " * 8 + "uuid uuid uuid text bytea jsonb")
RECORD_TYPES = _marks("bigint int bool " + "bigint " * 6 + "text numeric numeric text text text text")


@dataclass(frozen=True, slots=True)
class Buyer:
    """An organization with a key and, if it was funded, a wallet."""

    organization_id: int
    key_id: int
    wallet_id: int
    account_id: int


@dataclass(frozen=True, slots=True)
class Seller:
    """An organization with a site, a node and a live offer."""

    organization_id: int
    offer_id: int
    card_id: int
    node_id: int
    model_id: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """One admitted job."""

    job_id: int
    attempt_id: int
    job_uid: str
    hold: Decimal


def fetch(connection: psycopg.Connection[Any], query: str, *values: Any) -> list[Row]:
    """Run a query and give its rows as dicts."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(query.encode(), values or None)
        return cursor.fetchall()


def fetch_value(connection: psycopg.Connection[Any], query: str, *values: Any) -> Any:
    """The one value of a query's one row."""
    [row] = fetch(connection, query, *values)
    [value] = row.values()
    return value


def insert(connection: psycopg.Connection[Any], table: str, **columns: Any) -> int:
    """Insert a row and give its id."""
    names = ", ".join(columns)
    marks = ", ".join(["%s"] * len(columns))
    query = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id"
    return int(fetch_value(connection, query, *columns.values()))


def make_organization(connection: psycopg.Connection[Any], name: str) -> int:
    """An organization without anything."""
    return insert(
        connection,
        "accounts_organization",
        uid=ids.make_uid(),
        name=name,
        country="CN",
        created_at=JUST_BEFORE,
    )


def make_key(connection: psycopg.Connection[Any], organization_id: int) -> int:
    """A key of an organization."""
    uid = ids.make_uid()
    return insert(
        connection,
        "accounts_apikey",
        uid=uid,
        organization_id=organization_id,
        name="key",
        mode="LIVE",
        digest=hashlib.sha256(uid.bytes).digest(),
        last4="abcd",
        created_at=JUST_BEFORE,
    )


def make_buyer(
    connection: psycopg.Connection[Any], name: str, *, funds: str = "10", currency: str = "USD"
) -> Buyer:
    """An organization with a key and a wallet."""
    organization = make_organization(connection, name)
    account = fetch_value(connection, "SELECT account_v1('WALLET', %s, %s)", organization, currency)
    wallet = fetch_value(connection, "SELECT id FROM scope WHERE account_id = %s", account)
    buyer = Buyer(organization, make_key(connection, organization), wallet, account)
    if Decimal(funds):
        top_up(connection, buyer, funds, currency=currency)
    return buyer


def top_up(
    connection: psycopg.Connection[Any],
    buyer: Buyer,
    amount: str,
    *,
    currency: str = "USD",
    key: str | None = None,
) -> int:
    """Fund a wallet from the bank; gives the entry's id."""
    bank = fetch_value(connection, "SELECT account_v1('CLEARING_BANK', NULL, %s)", currency)
    lines = [bank, buyer.account_id], [Decimal(amount), -Decimal(amount)]
    return post(connection, *lines, key=key or f"topup:bank:{ids.make_uid()}")


def post(
    connection: psycopg.Connection[Any],
    accounts: Sequence[int],
    amounts: Sequence[Decimal],
    *,
    key: str | None = None,
    kind: str = "TOPUP",
) -> int:
    """Post an entry; gives its id."""
    [row] = fetch(
        connection,
        "SELECT entry_id FROM post_v1(%s, %s, 'test', '', %s, %s::bigint[], %s::numeric[])",
        *(key or f"test:{ids.make_uid()}", kind, NOW, list(accounts), list(amounts)),
    )
    return int(row["entry_id"])


def make_model(connection: psycopg.Connection[Any]) -> int:
    """The one model of the catalogue."""
    found = fetch(connection, "SELECT id FROM model WHERE slug = 'small'")
    return (
        found[0]["id"]
        if found
        else insert(
            connection,
            "model",
            slug="small",
            name="Small",
            context_length=2048,
            tokenizer="byte-level",
            max_output_default=256,
            created_at=JUST_BEFORE,
        )
    )


def make_seller(
    connection: psycopg.Connection[Any],
    name: str,
    *,
    input_price: str = "0.001",
    output_price: str = "0.002",
    chip_second_price: str = "0",
    fee_bps: int = 500,
    currency: str = "USD",
) -> Seller:
    """An organization with a site, a node and a live offer; prices are for one token."""
    organization = make_organization(connection, name)
    model = make_model(connection)
    site = insert(
        connection,
        "site",
        uid=ids.make_uid(),
        organization_id=organization,
        name=name,
        country="CN",
        region="Guizhou",
        grid_zone="CN-GZ",
        time_zone="Asia/Shanghai",
        currency=currency,
        energy_price=Decimal("0.05"),
        pue=Decimal("1.2"),
        gco2_per_kwh=Decimal("568.3"),
        carbon_source="test",
        created_at=JUST_BEFORE,
    )
    token = insert(
        connection,
        "accounts_agenttoken",
        uid=ids.make_uid(),
        organization_id=organization,
        name=name,
        digest=hashlib.sha256(ids.make_uid().bytes).digest(),
        last4="abcd",
        created_at=JUST_BEFORE,
    )
    node = insert(
        connection,
        "node",
        uid=ids.make_uid(),
        organization_id=organization,
        site_id=site,
        agent_token_id=token,
        name=name,
        chips=2,
        chip_slug="",
        declared_watts_idle=Decimal(20),
        declared_watts_busy=Decimal(65),
        state="ACTIVE",
    )
    by_time = Decimal(chip_second_price) > 0
    offer = insert(
        connection,
        "offer",
        uid=ids.make_uid(),
        organization_id=organization,
        site_id=site,
        model_id=model,
        currency=currency,
        unit="CHIP_SECOND" if by_time else "TOKEN",
        slots=4,
        max_output_default=256,
        max_output_cap=1024,
        state="LIVE",
        supported="[]",
        created_at=JUST_BEFORE,
    )
    insert(connection, "endpoint", offer_id=offer, node_id=node, upstream_model="small.gguf")
    card = insert(
        connection,
        "price_card",
        uid=ids.make_uid(),
        offer_id=offer,
        number=1,
        currency=currency,
        starts_at=JUST_BEFORE,
        input_price=Decimal(input_price),
        cached_input_price=Decimal(input_price) / 2,
        output_price=Decimal(output_price),
        chip_second_price=Decimal(chip_second_price),
        fee_bps=fee_bps,
        breakdown="{}",
        created_at=JUST_BEFORE,
    )
    return Seller(organization, offer, card, node, model)


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
    """Call `record_usage_v1` with the same usage for every attempt; its rows, in their order."""
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
        f"SELECT * FROM record_usage_v1({RECORD_TYPES})",
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


def post_charges(connection: psycopg.Connection[Any], usages: list[int] | None = None) -> int:
    """Post queued charges; gives how many."""
    return int(fetch_value(connection, "SELECT charges FROM post_charges_v1(5000, %s::bigint[])", usages))


def read_scope(connection: psycopg.Connection[Any], scope_id: int) -> tuple[Decimal, Decimal]:
    """What is posted and what is held."""
    [row] = fetch(connection, "SELECT posted, held FROM scope WHERE id = %s", scope_id)
    return row["posted"], row["held"]


def account(connection: psycopg.Connection[Any], purpose: str, organization: int | None = None) -> int:
    """Find or open an account in USD."""
    return int(fetch_value(connection, "SELECT account_v1(%s, %s, 'USD')", purpose, organization))
