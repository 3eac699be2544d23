"""
An exchange to measure: a durable PostgreSQL of its own, with one provider, one offer and many buyers.

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
from decimal import Decimal
from pathlib import Path

import psycopg

from config import processes
from config.embedded import postgres

REPOSITORY = Path(__file__).resolve().parent.parent
# Static tools need an environment; nothing here leaves this process and its children.
SECRETS = {
    "JOULEPORT_SECRET_KEY": "known to benchmarks only",
    "JOULEPORT_TICKET_SECRET": "known to benchmarks only",
    "JOULEPORT_BLOB_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "JOULEPORT_CREDENTIAL_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}
WALLET_AMOUNT = Decimal(1_000_000_000)
BUSINESS = Path(__file__).with_name("business.sql")
BUYER = "SELECT * FROM pg_temp.add_buyer(%s, %s, %s, %s, %s)"
IDS = """
SELECT (SELECT id FROM model), (SELECT id FROM offer), (SELECT id FROM price_card), (SELECT id FROM node)
"""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Addresses and ids of what was made. `buyers` are (organization, key) pairs, `tokens` their keys."""

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
        urls = {"DATABASE_URL": self.app_url, "DATABASE_OWNER_URL": self.owner_url}
        return {**os.environ, **SECRETS, **urls}


@contextmanager
def open_exchange(*, buyers: int = 8) -> Iterator[Exchange]:
    """Start PostgreSQL with its usual safety, migrate, write the business; remove everything afterwards."""
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

    node_uid = uuid.uuid4()
    pairs: list[tuple[int, int]] = []
    keys: list[str] = []
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(
            BUSINESS.read_text(encoding="utf-8").replace(":node_uid", f"'{node_uid}'").encode()
        )
        for number in range(buyers):
            token = tokens.make_token(tokens.TokenKind.LIVE)
            row = connection.execute(
                BUYER, (f"buyer {number}", token.digest, token.last4, f"topup:{number}", WALLET_AMOUNT)
            ).fetchone()
            pairs.append((row[0], row[1]) if row else (0, 0))
            keys.append(token.text)
        ids = connection.execute(IDS).fetchone() or ()
        connection.execute("ANALYZE")
    model, offer, card, node = ids
    return Exchange(cluster, app_url, owner_url, home, pairs, keys, model, offer, card, node, node_uid)
