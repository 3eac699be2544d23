"""A relay, an agent with a simulated model server, and dispatchers as real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from accounts.keys import IssuedKey
from accounts.models import Organization
from billing.wallets import Wallet
from marketplace.models import Job
from tests.databases import Database
from tests.market import Stand
from tests.workers.conftest import BLOB_KEY
from tests.workers.relay.exchange import ROOT, SECRET, Exchange, Registered, wait_until
from workers import jobs
from workers.blobs import FolderStore


@dataclass
class Yard:
    """What a test of the dispatcher works with; times are real."""

    exchange: Exchange
    lab: Organization
    key: IssuedKey
    stand: Stand
    store: FolderStore
    folder: Path
    dispatchers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    # What dispatchers are told beyond what they need.
    environment: dict[str, str] = field(default_factory=dict)

    def start_dispatcher(self, *options: str) -> subprocess.Popen[bytes]:
        """Start one more dispatcher."""
        number = len(self.dispatchers)
        with (self.folder / f"dispatcher-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run_dispatcher", *options],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.folder),
                    "DATABASE_URL": self.exchange.db.dsn,
                    "REDIS_URL": self.exchange.redis_url,
                    "JOULEPORT_SECRET_KEY": "known to every test",
                    "JOULEPORT_TICKET_SECRET": SECRET.decode(),
                    "JOULEPORT_BLOB_KEY": BLOB_KEY,
                    "JOULEPORT_CREDENTIAL_KEYS": BLOB_KEY,
                    "JOULEPORT_BLOB_DIR": str(self.folder / "blobs"),
                    "JOULEPORT_HOME": str(self.folder),
                    **self.environment,
                },
            )
        self.dispatchers.append(process)
        return process

    def start_agent(self, upstream: str, *options: str) -> subprocess.Popen[bytes]:
        """Connect the stand's node."""
        node = self.stand.node
        return self.exchange.start_agent(
            Registered(node, node.agent_token, self.stand.token), upstream, *options
        )

    def submit(self, *, model: str = "small", **body: Any) -> UUID:
        """Submit a job of the lab."""
        content = {"model": model, "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 40} | body
        return jobs.submit_job(
            organization=self.lab,
            api_key=self.key.key,
            body=json.dumps(content).encode(),
            now=datetime.now(UTC),
            store=self.store,
        ).uid

    def read(self, uid: UUID) -> Job:
        """The job as it is now."""
        return jobs.find_job(organization=self.lab, uid=uid)

    def wait(self, uid: UUID, *states: str, seconds: float = 20) -> Job:
        """Wait until the job is in one of these states."""
        try:
            wait_until(lambda: self.read(uid).state in states, what=f"the job is {states}", seconds=seconds)
        except AssertionError:
            raise AssertionError(f"{self.read(uid).state}: {self.logs()}") from None
        return self.read(uid)

    def logs(self) -> str:
        """What dispatchers have logged."""
        return "".join(file.read_text() for file in sorted(self.folder.glob("dispatcher-*.log")))

    def close(self) -> None:
        """End every dispatcher."""
        for process in self.dispatchers:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture
def yard(
    db: Database,
    redis_url: str,
    tmp_path: Path,
    lab: Organization,
    lab_key: IssuedKey,
    lab_wallet: Wallet,
    stand: Stand,
    store: FolderStore,
) -> Iterator[Yard]:
    """A relay that answers; no agent and no dispatcher yet."""
    exchange = Exchange(db=db, redis_url=redis_url, folder=tmp_path)
    yard = Yard(exchange, lab, lab_key, stand, store, tmp_path)
    try:
        exchange.start_relay()
        yield yard
    finally:
        yard.close()
        exchange.close()
