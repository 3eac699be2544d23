"""
An exchange to measure: a durable PostgreSQL of its own, migrated, with one provider, one offer and many buyers.

Rows are written as the owner of the schema, because what is measured is the data plane, not how it is set up.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from config import processes
from config.embedded import postgres

REPOSITORY = Path(__file__).resolve().parent.parent
# Static tools need an environment; nothing here leaves this process and its children.
SECRETS = {
    "JOULEPORT_SECRET_KEY": "benchmarks",
    "JOULEPORT_TICKET_SECRET": "benchmarks",
    "JOULEPORT_BLOB_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}
WALLET_AMOUNT = "1000000000"


@dataclass(frozen=True, slots=True)
class Exchange:
    """Addresses and ids of what was made. `buyers` are (organization, key) pairs, `digests` their keys' digests."""

    cluster: postgres.Cluster
    app_url: str
    owner_url: str
    home: Path
    buyers: list[tuple[int, int]]
    tokens: list[str]
    model: int
    offer: int
    card: int
    node: int
    node_uid: uuid.UUID

    def connect(self) -> psycopg.Connection:
        """A connection as the application, without server-side prepared statements."""
        return psycopg.connect(self.app_url, autocommit=True, prepare_threshold=None)

    @property
    def environ(self) -> dict[str, str]:
        """What the product's programs need."""
        return {**os.environ, **SECRETS, "DATABASE_URL": self.app_url, "DATABASE_OWNER_URL": self.owner_url}


@contextmanager
def open_exchange(*, buyers: int = 8) -> Iterator[Exchange]:
    """Start PostgreSQL with its usual safety, migrate, write the business, and remove everything afterwards."""
    home = Path(tempfile.mkdtemp(prefix="jouleport-bench-"))
    cluster = postgres.make_cluster(home / "pg")
    cluster.prepare()
    program = cluster.program()
    with (home / "postgres.log").open("wb") as log:
        server = processes.start(program, output=log)
    try:
        processes.wait_ready(program, server)
        cluster.make_roles()
        app_url, owner_url = cluster.url(postgres.APP_ROLE), cluster.url(postgres.OWNER_ROLE)
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--database", "owner", "--verbosity", "0"],
            check=True,
            cwd=REPOSITORY,
            env={
                **os.environ,
                **SECRETS,
                "DATABASE_URL": app_url,
                "DATABASE_OWNER_URL": owner_url,
                "REDIS_URL": "redis://127.0.0.1:1/0",
            },
        )
        yield _write_business(cluster, app_url, owner_url, home, buyers)
    finally:
        processes.stop(program, server)
        shutil.rmtree(home, ignore_errors=True)


def _write_business(
    cluster: postgres.Cluster, app_url: str, owner_url: str, home: Path, buyers: int
) -> Exchange:
    from accounts import tokens

    def one(query: str, *values: object) -> int:
        row = connection.execute(query, values).fetchone()
        assert row is not None
        return int(row[0])

    with psycopg.connect(owner_url, autocommit=True) as connection:
        organization = (
            "INSERT INTO accounts_organization (uid, name, country) VALUES (gen_random_uuid(), %s, 'US') RETURNING id"
        )
        farm = one(organization, "farm")
        token = one(
            "INSERT INTO accounts_agenttoken (uid, name, digest, last4, organization_id) "
            "VALUES (gen_random_uuid(), 'agent', sha256('agent'), 'gent', %s) RETURNING id",
            farm,
        )
        site = one(
            "INSERT INTO site (uid, name, country, region, grid_zone, time_zone, currency, energy_price, pue, "
            "gco2_per_kwh, carbon_source, created_at, organization_id) VALUES (gen_random_uuid(), 'hall', 'CN', 'qinghai', "
            "'CN-QH', 'Asia/Shanghai', 'USD', 0.05, 1.2, 180, 'benchmark', now(), %s) RETURNING id",
            farm,
        )
        model = one(
            "INSERT INTO model (slug, name, context_length, tokenizer, max_output_default, created_at) "
            "VALUES ('simulated-small', 'Simulated', 8192, 'byte-level', 256, now()) RETURNING id"
        )
        offer = one(
            "INSERT INTO offer (uid, currency, unit, slots, max_output_default, max_output_cap, state, supported, created_at, "
            "model_id, organization_id, site_id) VALUES (gen_random_uuid(), 'USD', 'TOKEN', 512, 256, 4096, 'LIVE', '[]', "
            "now(), %s, %s, %s) RETURNING id",
            model,
            farm,
            site,
        )
        card = one(
            "INSERT INTO price_card (uid, offer_id, number, currency, starts_at, input_price, cached_input_price, "
            "output_price, chip_second_price, fee_bps, breakdown, created_at) VALUES (gen_random_uuid(), %s, 1, 'USD', "
            "now() - interval '1 minute', 0.00000015, 0, 0.0000006, 0, 500, '{}', now()) RETURNING id",
            offer,
        )
        node_uid = uuid.uuid4()
        node = one(
            "INSERT INTO node (uid, organization_id, site_id, agent_token_id, name, chips, chip_slug, declared_watts_idle, "
            "declared_watts_busy, state) VALUES (%s, %s, %s, %s, 'node', 1, '', 10, 50, 'ACTIVE') RETURNING id",
            node_uid,
            farm,
            site,
            token,
        )
        one(
            "INSERT INTO endpoint (offer_id, node_id, upstream_model) VALUES (%s, %s, 'simulated-small') RETURNING id",
            offer,
            node,
        )
        bank = one("SELECT account_v1('CLEARING_BANK', NULL, 'USD')")
        pairs, keys = [], []
        for number in range(buyers):
            buyer = one(organization, f"buyer {number}")
            secret = tokens.make_token(tokens.TokenKind.LIVE)
            keys.append(secret.text)
            key = one(
                "INSERT INTO accounts_apikey (uid, name, mode, digest, last4, organization_id) "
                "VALUES (gen_random_uuid(), 'key', 'LIVE', %s, %s, %s) RETURNING id",
                secret.digest,
                secret.last4,
                buyer,
            )
            wallet = one("SELECT account_v1('WALLET', %s, 'USD')", buyer)
            connection.execute(
                "SELECT post_v1(%s, 'TOP_UP', 'benchmark', '', now(), %s, %s)",
                (f"topup:{number}", [bank, wallet], [WALLET_AMOUNT, f"-{WALLET_AMOUNT}"]),
            )
            pairs.append((buyer, key))
        connection.execute("ANALYZE")
    return Exchange(cluster, app_url, owner_url, home, pairs, keys, model, offer, card, node, node_uid)
