"""The REST interface of a real server process, and the people whose requests schemathesis invents."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from rest_framework.test import APIClient

from accounts.authentication import ORGANIZATION_HEADER
from accounts.models import Organization
from config import processes
from config.processes import Program
from tests.databases import Database
from tests.faults.plant import free_port

TOKEN = "a" * 32


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens."""

    url: str


@contextmanager
def serve(db: Database, folder: Path, *, stripe_url: str) -> Iterator[Server]:
    """The control plane as a process of its own, on this database, with Stripe at an address."""
    port = free_port()
    environment = {
        "DATABASE_URL": db.dsn,
        "DATABASE_OWNER_URL": db.owner_dsn,
        "JOULEPORT_BLOB_DIR": str(folder / "blobs"),
        "JOULEPORT_STRIPE_URL": stripe_url,
        "JOULEPORT_LOG_LEVEL": "ERROR",
    }
    arguments = ("--host", "127.0.0.1", "--port", str(port), "--log-level", "error", "--no-access-log")
    program = Program(
        name="web",
        argv=[sys.executable, "-m", "uvicorn", "config.asgi:application", "--interface", "asgi3", *arguments],
        environ=environment,
        is_ready=lambda: answers(f"http://127.0.0.1:{port}/healthz"),
    )
    with (folder / "web.log").open("wb") as output:
        process = processes.start(program, output=output)
    try:
        processes.wait_ready(program, process)
        yield Server(f"http://127.0.0.1:{port}")
    finally:
        processes.stop(program, process)


def answers(url: str) -> bool:
    """Whether a server is there."""
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def list_headers(client: APIClient, organization: Organization | None = None) -> list[str]:
    """What a browser sends with every request, for `st run --header`; for which organization it asks."""
    session = client.cookies["sessionid"].value
    named = [f"{ORGANIZATION_HEADER}: {organization.uid}"] if organization else []
    return [f"Cookie: sessionid={session}; csrftoken={TOKEN}", f"X-CSRFToken: {TOKEN}", *named]


def write_settings(folder: Path, things: dict[str, dict[str, str]]) -> Path:
    """
    Settings that put real things into addresses: `things` has the parameters of each path.
    """
    statuses = '["2xx", 401, 402, 403, 404, 409, 422, 429]'
    parts = [f"[checks.positive_data_acceptance]\nexpected-statuses = {statuses}\n"]
    for path, parameters in things.items():
        given = ", ".join(f'"{name}" = "{value}"' for name, value in parameters.items())
        parts.append(f'[[operations]]\ninclude-path = "{path}"\nparameters = {{ {given} }}\n')
    file = folder / "schemathesis.toml"
    file.write_text("\n".join(parts), encoding="utf-8")
    return file


def run_schemathesis(server: Server, settings: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Have it invent requests; its report is on standard output."""
    program = Path(sys.executable).with_name("st")
    command: list[str | Path] = [
        program,
        "--config-file",
        settings,
        "run",
        f"{server.url}/api/schema/?format=json",
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=settings.parent, timeout=1200)
