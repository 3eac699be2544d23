"""
The stand-in for Stripe as tests have it: one process for all, begun anew for each test.

Everything that it answered to a test is checked against Stripe's description when the test ends.
"""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.stand_ins.description import read_description

KEY = "sk_test_known_to_every_test"
SECRET = "whsec_known_to_every_test"
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class StripeStandIn:
    """A running stand-in: where it is, what it is asked with, and its control door."""

    url: str
    secret_key: str = KEY
    webhook_secret: str = SECRET

    def control(self, command: str, **wish: Any) -> dict[str, Any]:
        """Ask for something at the control door (`stand_ins.stripe.control`)."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/_control/{command}",
            data=json.dumps(wish).encode(),
            headers={"Authorization": f"Bearer {self.secret_key}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def make_client(self, *, key: str = KEY, retries: int = 0) -> stripe.StripeClient:
        """The SDK, talking to it."""
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.url},
            max_network_retries=retries,
            http_client=stripe.RequestsClient(timeout=10),
        )

    def send_webhooks_to(self, url: str) -> None:
        """Have all events delivered to an address, signed with `webhook_secret`."""
        rows = [
            {"url": url, "secret": self.webhook_secret, "connect": connected} for connected in (False, True)
        ]
        self.control("webhooks", webhooks=rows)


@dataclass(slots=True)
class Mailbox:
    """A webhook endpoint that keeps what it is sent."""

    url: str
    letters: list[tuple[bytes, str]] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)
    status: int = 200

    def wait_for(self, count: int) -> list[tuple[bytes, str]]:
        """The first letters, bodies with signatures, when so many have come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.letters) >= count, timeout=10), self.letters
            return list(self.letters)


def start_stand_in(state: Path, *options: str) -> tuple[subprocess.Popen[str], StripeStandIn]:
    """Start one that keeps its state in a file; whoever calls stops it."""
    command = [sys.executable, "-m", "stand_ins.stripe", "--port", "0", "--state", str(state)]
    process = subprocess.Popen(
        [*command, "--key", KEY, *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "JOULEPORT_STRIPE_WEBHOOK_SECRET": SECRET},
    )
    assert process.stdout is not None
    words = process.stdout.readline().split()
    url = next(word.rstrip(".") for word in words if word.startswith("http://"))
    return process, StripeStandIn(url)


def stop_stand_in(process: subprocess.Popen[str]) -> None:
    """Stop one, and wait for its end."""
    process.terminate()
    process.communicate(timeout=20)


@pytest.fixture(scope="session")
def stripe_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StripeStandIn]:
    """The process that all tests share."""
    state = tmp_path_factory.mktemp("stripe") / "state.sqlite"
    process, running = start_stand_in(state, "--keep-answers")
    yield running
    stop_stand_in(process)


@pytest.fixture
def stripe_stand_in(stripe_process: StripeStandIn) -> Iterator[StripeStandIn]:
    """A stand-in that knows nothing yet; its answers are checked when the test is over."""
    stripe_process.control("forget")
    yield stripe_process
    described = read_description()
    answers = stripe_process.control("answers")["data"]
    faults = [fault for answer in answers for fault in described.find_faults(**answer)]
    assert not faults, "\n".join(faults)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """An address that webhooks are sent to."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with found.arrived:
                found.letters.append((body, self.headers["Stripe-Signature"]))
                found.arrived.notify_all()
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Mailbox(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()
