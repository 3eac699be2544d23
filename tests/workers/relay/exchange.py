"""A relay, its database and Redis, agents and model servers as real processes with real sockets."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from websockets.asyncio.client import ClientConnection, connect

from accounts import agent_tokens, audit
from accounts.models import AgentToken, Organization
from agent import protocol
from agent.protocol import Kind
from core import ids
from marketplace.models import Site
from tests.databases import Database
from workers import tickets
from workers.models import Node

SECRET = b"known to every relay test"
ROOT = Path(__file__).parents[3]
NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)
HEARTBEAT_SECONDS = "0.5"
QUESTION = {"messages": [{"role": "user", "content": "How much energy is this?"}]}

_attempt_ids = itertools.count(1000)


@dataclass(frozen=True, slots=True)
class Registered:
    """A node in the database and the token its agent signs in with."""

    node: Node
    token: AgentToken
    text: str


@dataclass(slots=True)
class Answer:
    """What a gateway got from the relay."""

    status: int
    headers: httpx.Headers
    body: bytes
    meter: dict[str, Any] | None

    @property
    def code(self) -> str:
        """The relay's own error code."""
        return str(json.loads(self.body)["error"]["code"])


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], *, what: str, seconds: float = 15) -> None:
    """Look again and again until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


@dataclass
class Exchange:
    """Everything a test of the relay needs; `close` ends all processes."""

    db: Database
    redis_url: str
    folder: Path
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    relay: subprocess.Popen[bytes] | None = None
    # What the relay is told beyond what it needs.
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The relay's address."""
        return f"http://127.0.0.1:{self.port}"

    def _spawn(self, name: str, arguments: list[str], **environment: str) -> subprocess.Popen[bytes]:
        number = len(self.processes)
        with (self.folder / f"{number}-{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                stderr=log,
                stdout=log,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment},
            )
        self.processes.append(process)
        return process

    def logs(self, name: str) -> str:
        """What processes of this name have logged."""
        return "".join(file.read_text() for file in sorted(self.folder.glob(f"*-{name}.log")))

    def start_relay(self, *options: str) -> subprocess.Popen[bytes]:
        """Start the relay and wait until it answers."""
        self.relay = self._spawn(
            "relay",
            ["workers.relay", "--heartbeat-seconds", HEARTBEAT_SECONDS, *options],
            DATABASE_URL=self.db.dsn,
            REDIS_URL=self.redis_url,
            JOULEPORT_TICKET_SECRET=SECRET.decode(),
            JOULEPORT_RELAY_ADDRESS=f"127.0.0.1:{self.port}",
            **self.environment,
        )
        wait_until(self.is_up, what="the relay answers")
        return self.relay

    def is_up(self) -> bool:
        """Whether the relay answers."""
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def ready(self) -> dict[str, Any]:
        """What /readyz says."""
        answer = httpx.get(f"{self.url}/readyz", trust_env=False)
        return dict(answer.json())

    def start_upstream(self, *options: str) -> str:
        """Start a simulated model server; gives its address."""
        port = free_port()
        self._spawn("upstream", ["workers.simulated", "--port", str(port), *options])
        url = f"http://127.0.0.1:{port}/v1"

        def answers() -> bool:
            try:
                return httpx.get(f"{url}/models", trust_env=False).status_code == 200
            except httpx.HTTPError:
                return False

        wait_until(answers, what="the model server answers")
        return url

    def register(self, *, name: str = "rack", chips: int = 2) -> Registered:
        """Write a provider, a site and a node into the database."""
        organization, _ = Organization.objects.get_or_create(name="Farm", defaults={"country": "CN"})
        site, _ = Site.objects.get_or_create(
            name="Dam",
            defaults={
                "uid": ids.make_uid(),
                "organization": organization,
                "country": "CN",
                "region": "Guizhou",
                "grid_zone": "CN-GZ",
                "time_zone": "Asia/Shanghai",
                "currency": "USD",
                "energy_price": Decimal("0.05"),
                "pue": Decimal("1.2"),
                "gco2_per_kwh": Decimal(500),
                "carbon_source": "test",
                "created_at": NOW,
            },
        )
        issued = agent_tokens.issue_agent_token(
            organization=organization, name=name, actor=audit.SYSTEM, now=NOW
        )
        node = Node.objects.create(
            organization=organization,
            site=site,
            agent_token=issued.agent_token,
            name=name,
            chips=chips,
            declared_watts_idle=Decimal(40),
            declared_watts_busy=Decimal(200),
        )
        return Registered(node, issued.agent_token, issued.text)

    def start_agent(
        self,
        registered: Registered,
        upstream: str,
        *options: str,
        state: str | None = None,
        wait: bool = True,
    ) -> subprocess.Popen[bytes]:
        """Start a real agent and wait until the relay holds it."""
        known = self.ready()["nodes"] if wait else 0
        agent = self._spawn(
            "agent",
            [
                "agent",
                *("--market", self.url, "--upstream", upstream, "--energy", "declared"),
                *("--state", str(self.folder / (state or registered.node.name))),
                *("--watts-idle", "40", "--watts-busy", "200", "--upstream-wait-seconds", "1"),
                *options,
            ],
            JOULEPORT_AGENT_TOKEN=registered.text,
        )
        if wait:
            wait_until(lambda: self.ready()["nodes"] == known + 1, what="the agent is connected")
        return agent

    def ticket(self, node: Node, **changed: Any) -> str:
        """A ticket for a new attempt on a node."""
        facts: dict[str, Any] = {
            "attempt_id": next(_attempt_ids),
            "attempt_uid": ids.make_uid(),
            "receipt_uid": ids.make_uid(),
            "card_uid": ids.make_uid(),
            "node_uid": node.uid,
            "expires_at": time.time() + 60,
        }
        return tickets.issue(SECRET, **(facts | changed))

    def path(self, node_uid: UUID) -> str:
        """Where a node's chat completions are."""
        return f"{self.url}/nodes/{node_uid}/v1/chat/completions"

    @asynccontextmanager
    async def open(
        self,
        node: Node,
        *,
        stream: bool = True,
        model: str = "simulated-small",
        ticket: str | None = None,
        trace: str = "",
        **body: Any,
    ) -> AsyncIterator[httpx.Response]:
        """Send a request as a gateway does, the answer still to be read."""
        content = json.dumps({"model": model, "stream": stream, **QUESTION, **body}).encode()
        headers = {
            "x-jouleport-ticket": self.ticket(node) if ticket is None else ticket,
            "content-type": "application/json",
            **({"traceparent": trace} if trace else {}),
        }
        async with (
            httpx.AsyncClient(trust_env=False, timeout=30) as client,
            client.stream("POST", self.path(node.uid), content=content, headers=headers) as response,
        ):
            yield response

    async def ask(self, node: Node, **options: Any) -> Answer:
        """Send a request and read all of the answer."""
        async with self.open(node, **options) as response:
            raw = await response.aread()
        body, separator, meter = raw.partition(b"\x1e")
        return Answer(response.status_code, response.headers, body, json.loads(meter) if separator else None)

    @asynccontextmanager
    async def pose(self, registered: Registered, **hello: Any) -> AsyncIterator[ClientConnection]:
        """Connect as an agent that a test plays, past its hello if there is one."""
        async with connect(
            self.url.replace("http", "ws") + "/agent",
            additional_headers={"authorization": f"Bearer {registered.text}"},
            compression=None,
            proxy=None,
            max_size=None,
        ) as agent_end:
            await agent_end.send(protocol.encode_control(Kind.HELLO, make_hello(**hello)))
            yield agent_end

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with self.db.connect() as connection:
            return connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        """End every process."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


def make_hello(**changed: Any) -> dict[str, Any]:
    """What an agent of one slot says first."""
    return {
        "protocol": 1,
        "agent_version": "test",
        "instance": ids.make_uid().hex,
        "models": ["simulated-small"],
        "chips": 1,
        "slots": 1,
        "machine_id": None,
        "watts_idle": 10.0,
        "watts_busy": 100.0,
        "public_key": b"k" * 32,
        "energy": {"microjoules": 0, "tier": "declared", "span_ms": 0},
    } | changed


async def hear(agent_end: ClientConnection) -> tuple[Kind, dict[str, Any]]:
    """Read one control frame."""
    frame = protocol.decode(await agent_end.recv())
    return frame.kind, protocol.decode_control(frame.payload)
