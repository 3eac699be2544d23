"""What a relay asks of PostgreSQL and writes into it. No Django."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from workers.relay.nodes import Known
from workers.relay.receipts import Checked

CONNECTIONS_MAX = 4
WAIT_SECONDS_MAX = 5.0
STATEMENT_MILLISECONDS_MAX = 5_000
REVOKED_CHANNEL = "jouleport_revoked"
NODE_CHANNEL = "jouleport_node"

_SLOTS = """
    (SELECT sum(o.slots) FROM endpoint e JOIN offer o ON o.id = e.offer_id
      WHERE e.node_id = n.id AND o.state = 'LIVE')
"""
_FIND = f"""
    SELECT n.id, n.uid, t.id, t.revoked_at IS NOT NULL, n.state, n.chips, n.declared_watts_idle::float8,
           {_SLOTS}, t.public_key, n.organization_id
      FROM accounts_agenttoken t JOIN node n ON n.agent_token_id = t.id
     WHERE t.digest = %s
"""  # noqa: S608 - the inserted text is a constant above
_REFRESH = f"""
    SELECT n.id, t.revoked_at IS NOT NULL, n.state, {_SLOTS}
      FROM accounts_agenttoken t JOIN node n ON n.agent_token_id = t.id
     WHERE n.id = ANY(%s)
"""  # noqa: S608 - the inserted text is a constant above
_PIN = """
    WITH pinned AS (
        UPDATE accounts_agenttoken SET public_key = %(key)s
         WHERE id = %(token_id)s AND public_key IS NULL RETURNING 1
    )
    INSERT INTO node_event (node_id, kind, details)
    SELECT %(node_id)s, 'KEY_PINNED', jsonb_build_object('public_key', %(hex)s::text) FROM pinned
"""
_PINNED = "SELECT public_key FROM accounts_agenttoken WHERE id = %s"
# Telling the other relays is part of the statement, so that no epoch is given out unannounced.
_CONNECT = """
    WITH connected AS (
        UPDATE node SET epoch = epoch + 1, connected_at = now(), last_seen_at = now(),
               agent_version = %(version)s, protocol = %(protocol)s, machine_id = %(machine_id)s
         WHERE id = %(node_id)s
     RETURNING uid, epoch
    )
    SELECT epoch, pg_notify(%(channel)s, uid::text || ':' || epoch) FROM connected
"""
_SEEN = "UPDATE node SET last_seen_at = now() WHERE id = ANY(%s)"
_EVENT = "INSERT INTO node_event (node_id, kind, details) VALUES (%s, %s, %s::jsonb)"
_RECEIPTS = """
    INSERT INTO receipt (attempt_uid, node_id, body, signature, key_id, previous_hash, nonce,
                         claim_in, claim_cached, claim_out, joules, tier, started_at, ended_at)
    SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[], %s::bytea[], %s::text[], %s::bytea[],
                         %s::bytea[], %s::bigint[], %s::bigint[], %s::bigint[], %s::numeric[],
                         %s::text[], %s::timestamptz[], %s::timestamptz[])
    ON CONFLICT (attempt_uid) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What may have changed about a connected node."""

    revoked: bool
    state: str
    offer_slots: int | None


class Store:
    """A small pool of connections. Every method raises psycopg.Error or PoolTimeout while they fail."""

    def __init__(self, *, url: str) -> None:
        self._url = url
        self._pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            url,
            min_size=0,
            max_size=CONNECTIONS_MAX,
            timeout=WAIT_SECONDS_MAX,
            open=False,
            # A proxy that pools by transaction has no room for prepared statements or session settings.
            kwargs={"autocommit": True, "prepare_threshold": None},
            check=AsyncConnectionPool.check_connection,
        )

    async def open(self) -> None:
        """Open the pool without waiting for the server."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close(timeout=2)

    async def connect_listener(self) -> AsyncConnection[TupleRow]:
        """Give a connection of its own that listens to revocations and to connections elsewhere."""
        connection = await AsyncConnection.connect(self._url, autocommit=True, connect_timeout=5)
        await connection.execute(f"LISTEN {REVOKED_CHANNEL}")
        await connection.execute(f"LISTEN {NODE_CHANNEL}")
        return connection

    async def ping(self) -> None:
        """Ask whether PostgreSQL answers."""
        async with self._pool.connection(timeout=1) as connection:
            await connection.execute("SELECT 1")

    async def find_node(self, *, digest: bytes) -> Known | None:
        """Give the node whose agent has this token; None if there is none or it is revoked."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_FIND, [digest])).fetchone()
        if row is None or row[3]:
            return None
        node_id, uid, token_id, _, state, chips, watts, slots, key, organization_id = row
        return Known(node_id, uid, token_id, digest, state, chips, watts, slots, key, organization_id)

    async def pin_key(self, *, node_id: int, token_id: int, public_key: bytes) -> bool:
        """Pin the key if none is pinned, and note that; say whether this key is the pinned one."""
        async with self._pool.connection() as connection:
            await connection.execute(
                _PIN, {"key": public_key, "token_id": token_id, "node_id": node_id, "hex": public_key.hex()}
            )
            row = await (await connection.execute(_PINNED, [token_id])).fetchone()
        return row is not None and row[0] == public_key

    async def begin_connection(
        self, *, node_id: int, version: str, protocol: int, machine_id: str | None
    ) -> int:
        """Give this connection's epoch and tell every relay of it."""
        facts = {
            "node_id": node_id,
            "version": version[:32],
            "protocol": protocol,
            "machine_id": machine_id[:128] if machine_id else None,
            "channel": NODE_CHANNEL,
        }
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_CONNECT, facts)).fetchone()
        if row is None:
            raise LookupError(f"node {node_id} is gone")
        return int(row[0])

    async def refresh(self, *, node_ids: Sequence[int]) -> Mapping[int, Standing]:
        """Say that these nodes are connected, and give what may have changed about them."""
        async with self._pool.connection() as connection:
            await connection.execute(_SEEN, [list(node_ids)])
            rows = await (await connection.execute(_REFRESH, [list(node_ids)])).fetchall()
        return {row[0]: Standing(*row[1:]) for row in rows}

    async def add_event(self, *, node_id: int, kind: str, details: Mapping[str, Any]) -> None:
        """Write down something odd about a node."""
        async with self._pool.connection() as connection:
            await connection.execute(_EVENT, [node_id, kind, json.dumps(dict(details))])

    async def add_receipts(self, receipts: Sequence[Checked]) -> None:
        """Store receipts; one that is there already stays as it is."""
        rows = [
            (
                receipt.attempt_uid,
                receipt.node_id,
                receipt.body,
                receipt.signature,
                receipt.key_id,
                receipt.previous_hash,
                receipt.nonce,
                receipt.claim_in,
                receipt.claim_cached,
                receipt.claim_out,
                receipt.joules,
                receipt.tier,
                receipt.started_at,
                receipt.ended_at,
            )
            for receipt in receipts
        ]
        async with self._pool.connection() as connection:
            await connection.execute(_RECEIPTS, [list(column) for column in zip(*rows, strict=True)])
