"""A deferred job that runs at an address of the provider's own."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from uuid import UUID

import psycopg
import pytest
from django.conf import settings

from accounts.keys import IssuedKey
from accounts.models import Organization, User
from billing.wallets import Wallet
from core.credentials import Vault
from tests.databases import Database
from tests.market import Stand
from tests.workers.upstream.authority import Authority
from workers import jobs
from workers.blobs import FolderStore
from workers.dispatcher.process import Dispatcher, Settings
from workers.models import DirectUpstream
from workers.simulated import server
from workers.upstream.guard import Policy
from workers.upstream.targets import name_purpose

HOST = "models.example"


def admit(stand: Stand, port: int) -> None:
    """What the web and an operator would write; only the port is a test's own."""
    row = DirectUpstream(node=stand.node, url=f"https://{HOST}:{port}/v1", slots=4, state="ADMITTED")
    sealed = Vault(settings.CREDENTIAL_KEYS).seal("sk-canary-1234", purpose=name_purpose(row.uid, row.url))
    row.credential, row.key_id = sealed.token, sealed.key_id
    row.decided_at = datetime.now(UTC)
    row.decided_by = User.objects.create_superuser("operator@example.org", "a long password")
    row.save()


class Refusing(asyncio.Protocol):
    """A server that takes no credential."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}")
        self.transport.close()


@dataclass(frozen=True)
class Yard:
    """A buyer's job, and the dispatcher that is to run it at the provider's own address."""

    database: psycopg.Connection
    dispatcher: Dispatcher
    listener: socket.socket
    authority: Authority
    job: UUID

    def run(self, make: Callable[[], asyncio.BaseProtocol], *, until: bytes) -> None:
        """Run the dispatcher beside a server of the provider's until a query has rows."""
        asyncio.run(self._run(make, until))

    async def _run(self, make: Callable[[], asyncio.BaseProtocol], until: bytes) -> None:
        listening = await asyncio.get_running_loop().create_server(
            make, sock=self.listener, ssl=self.authority.make_context(HOST)
        )
        running = asyncio.create_task(self.dispatcher.run())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(15):
                while not self.database.execute(until).fetchone():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        self.dispatcher.stop()
        await running
        listening.close()


@pytest.fixture
def yard(
    db: Database,
    redis_url: str,
    lab: Organization,
    lab_key: IssuedKey,
    lab_wallet: Wallet,
    stand: Stand,
    store: FolderStore,
    tmp_path: Path,
) -> Iterator[Yard]:
    authority = Authority(tmp_path)
    body = {"model": "small", "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 40}
    job = jobs.submit_job(
        organization=lab,
        api_key=lab_key.key,
        body=json.dumps(body).encode(),
        now=datetime.now(UTC),
        store=store,
    )

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    admit(stand, port)

    chosen = Settings(
        database_url=db.dsn,
        redis_url=redis_url,
        ticket_secret=b"known to every test",
        credential_keys=settings.CREDENTIAL_KEYS,
        upstreams=Policy(
            ports=frozenset({port}),
            allowed_addresses=frozenset({"127.0.0.1"}),
            certificates=str(authority.file),
            resolve=lambda host, port: ["127.0.0.1"],
        ),
    )
    with db.connect() as database:
        yield Yard(database, Dispatcher(chosen, store), listener, authority, job.uid)


def test_a_deferred_job_runs_at_an_address_of_its_own(yard: Yard, lab: Organization) -> None:
    upstream = server.Upstream()

    yard.run(lambda: server.Connection(upstream), until=b"SELECT 1 FROM usage_record")

    found = jobs.find_job(organization=lab, uid=yard.job)
    bill = jobs.find_bill(job=found)
    assert (found.state, found.error_code) == ("SUCCEEDED", None)
    assert bill is not None
    assert bill.cost.amount > 0
    used = bill.footprint
    assert (bill.receipt_uid, used.tier, used.attribution) == (None, "declared", "estimated")


def test_a_provider_is_told_that_the_credential_is_refused(yard: Yard, stand: Stand) -> None:
    yard.run(Refusing, until=b"SELECT 1 FROM node_event")

    rows = yard.database.execute("SELECT node_id, kind FROM node_event").fetchall()
    assert rows == [(stand.node.pk, "CREDENTIAL_REFUSED")]
