"""What a relay asks of PostgreSQL and writes into it. No Django."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from workers.relay.nodes import Known, Machine, Session
from workers.relay.receipts import Checked

CONNECTIONS_MAX = 4
WAIT_SECONDS_MAX = 5.0
STATEMENT_MILLISECONDS_MAX = 5_000
REVOKED_CHANNEL = "jouleport_revoked"
NODE_CHANNEL = "jouleport_node"
# Relays of the version before do not listen to it, and leave the earlier connection alone.
TAKEOVER_CHANNEL = "jouleport_takeover"
# Renewed with every look at the connections; a relay that died keeps a machine from others so long.
MACHINE_LEASE_SECONDS = 40

_SLOTS = """
    (SELECT sum(o.slots) FROM endpoint e JOIN offer o ON o.id = e.offer_id
      WHERE e.node_id = n.id AND o.state = 'LIVE')
"""
_FIND = f"""
    SELECT n.id, n.uid, t.id, t.revoked_at IS NOT NULL, n.state, n.chips, n.declared_watts_idle::float8,
           {_SLOTS}, t.public_key, n.organization_id,
           (SELECT array_agg(other.public_key)
              FROM node_token given JOIN accounts_agenttoken other ON other.id = given.agent_token_id
             WHERE given.node_id = n.id AND other.public_key IS NOT NULL)
      FROM accounts_agenttoken t
      JOIN node_token mine ON mine.agent_token_id = t.id
      JOIN node n ON n.id = mine.node_id
     WHERE t.digest = %s AND (mine.ends_at IS NULL OR mine.ends_at > now())
"""  # noqa: S608 - the inserted text is a constant above
_REFRESH = f"""
    SELECT t.id, t.revoked_at IS NOT NULL, n.state, {_SLOTS}, coalesce(mine.ends_at <= now(), false)
      FROM node_token mine
      JOIN accounts_agenttoken t ON t.id = mine.agent_token_id
      JOIN node n ON n.id = mine.node_id
     WHERE t.id = ANY(%s)
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
# One statement, so that two relays cannot both come first.
_LEASE_MACHINE = f"""
    INSERT INTO machine_lease (organization_id, machine_id, relay, until)
    SELECT n.organization_id, %(machine_id)s, %(relay)s, now() + interval '{MACHINE_LEASE_SECONDS} s'
      FROM node n WHERE n.id = %(node_id)s
    ON CONFLICT (organization_id, machine_id) DO UPDATE SET relay = EXCLUDED.relay, until = EXCLUDED.until
     WHERE machine_lease.relay = EXCLUDED.relay OR machine_lease.until < now()
    RETURNING relay
"""  # noqa: S608 - the inserted text is a constant above
_RENEW_MACHINES = f"""
    INSERT INTO machine_lease (organization_id, machine_id, relay, until)
    SELECT *, %s, now() + interval '{MACHINE_LEASE_SECONDS} s' FROM unnest(%s::bigint[], %s::text[])
    ON CONFLICT (organization_id, machine_id) DO UPDATE SET relay = EXCLUDED.relay, until = EXCLUDED.until
     WHERE machine_lease.relay = EXCLUDED.relay OR machine_lease.until < now()
    RETURNING organization_id, machine_id
"""  # noqa: S608 - the inserted text is a constant above
# One that is new may belong to an agent that connects at this moment, and is not among the connections yet.
_LEAVE_MACHINES = f"""
    DELETE FROM machine_lease
     WHERE relay = %s AND until < now() + interval '{MACHINE_LEASE_SECONDS - 5} s'
       AND (organization_id, machine_id) NOT IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
"""  # noqa: S608 - the inserted text is a constant above
_LEAVE_ALL_MACHINES = "DELETE FROM machine_lease WHERE relay = %s"
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
    ended: bool


class MachineElsewhere(Exception):
    """Another relay shares out this machine's joules."""


class Store:
    """A small pool of connections. Every method raises psycopg.Error or PoolTimeout while they fail."""

    def __init__(self, *, url: str, relay: str = "") -> None:
        self._url = url
        self._relay = relay
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
        await connection.execute(f"LISTEN {TAKEOVER_CHANNEL}")
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
        node_id, uid, token_id, _, state, chips, watts, slots, key, organization_id, keys = row
        return Known(
            node_id,
            uid,
            token_id,
            digest,
            state,
            chips,
            watts,
            slots,
            key,
            organization_id,
            tuple(keys or ()),
        )

    async def pin_key(self, *, node_id: int, token_id: int, public_key: bytes) -> bool:
        """Pin the key if none is pinned, and note that; say whether this key is the pinned one."""
        async with self._pool.connection() as connection:
            await connection.execute(
                _PIN, {"key": public_key, "token_id": token_id, "node_id": node_id, "hex": public_key.hex()}
            )
            row = await (await connection.execute(_PINNED, [token_id])).fetchone()
        return row is not None and row[0] == public_key

    async def begin_connection(
        self, *, node_id: int, version: str, protocol: int, machine_id: str | None, takeover: bool = False
    ) -> int:
        """
        Give this connection's epoch and tell every relay of it.

        :raises MachineElsewhere: another agent of this machine is at another relay
        """
        facts = {
            "node_id": node_id,
            "version": version[:32],
            "protocol": protocol,
            "machine_id": machine_id,
            "channel": TAKEOVER_CHANNEL if takeover else NODE_CHANNEL,
            "relay": self._relay,
        }
        async with self._pool.connection() as connection:
            if machine_id and await (await connection.execute(_LEASE_MACHINE, facts)).fetchone() is None:
                raise MachineElsewhere
            row = await (await connection.execute(_CONNECT, facts)).fetchone()
        if row is None:
            raise LookupError(f"node {node_id} is gone")
        return int(row[0])

    async def refresh(self, *, sessions: Sequence[Session]) -> tuple[Mapping[int, Standing], set[Machine]]:
        """
        Say that these are connected.

        Gives what may have changed about each, by their tokens, and which of their machines are this relay's.
        """
        machines = sorted({machine for one in sessions if (machine := one.machine) is not None})
        owners, names = [owner for owner, _ in machines], [name for _, name in machines]
        async with self._pool.connection() as connection:
            await connection.execute(_SEEN, [[one.known.node_id for one in sessions]])
            renewed = await connection.execute(_RENEW_MACHINES, [self._relay, owners, names])
            held = {(owner, name) for owner, name in await renewed.fetchall()}
            await connection.execute(_LEAVE_MACHINES, [self._relay, owners, names])
            tokens = [one.known.token_id for one in sessions]
            rows = await (await connection.execute(_REFRESH, [tokens])).fetchall()
        return {row[0]: Standing(*row[1:]) for row in rows}, held

    async def leave_machines(self) -> None:
        """Let other relays have every machine that was here."""
        async with self._pool.connection() as connection:
            await connection.execute(_LEAVE_ALL_MACHINES, [self._relay])

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
