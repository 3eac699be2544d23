"""
`/metrics`: what a process counts, at an address of its own that is never the public one.

A thread serves it, so that no event loop and no worker pool takes part. It needs the machine's own loopback,
or a token. Processes that share an environment share a range of ports: each takes the first that is free, and
one that finds none looks again, because the process before it may still be ending.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from core.environment import BadEnvironment
from core.metrics import REGISTRY

ADDRESS = "JOULEPORT_METRICS_ADDRESS"
TOKEN = "JOULEPORT_METRICS_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_LENGTH_MIN = 16
PORTS_MAX = 64
RETRY_SECONDS = 2.0
READ_SECONDS_MAX = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to serve: the first free port from `first` to `last`; `token` is asked for unless it is empty."""

    host: str
    first: int
    last: int
    token: str = field(default="", repr=False)


def read_place(environ: Mapping[str, str] = os.environ) -> Place | None:
    """
    Read JOULEPORT_METRICS_ADDRESS (`host:port` or `host:first-last`); None where it is not set.

    :raises BadEnvironment: no address, or one that others can reach while no token guards it
    """
    text = environ.get(ADDRESS, "")
    if not text:
        return None
    host, _, ports = text.rpartition(":")
    first, dash, last = ports.partition("-")
    host = host.strip("[]")
    numbers = [int(part) for part in (first, last or first) if part.isascii() and part.isdecimal()]
    right = host and len(numbers) == 2 and numbers[0] <= numbers[1] <= 65_535 and bool(dash) == bool(last)
    if not right or numbers[1] - numbers[0] >= PORTS_MAX:
        raise BadEnvironment(f"{ADDRESS} must be host:port or host:first-last, not {text!r}")
    token = _read_token(environ)
    if not token and not _is_loopback(host):
        raise BadEnvironment(f"{ADDRESS}: {host} can be reached from elsewhere, so {TOKEN} must be set")
    return Place(host, numbers[0], numbers[1], token)


def _read_token(environ: Mapping[str, str]) -> str:
    token, path = environ.get(TOKEN, ""), environ.get(f"{TOKEN}_FILE", "")
    if token and path:
        raise BadEnvironment(f"{TOKEN} and {TOKEN}_FILE are both set")
    if path:
        try:
            token = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadEnvironment(f"{TOKEN}_FILE: {error}") from error
    if (token or path) and len(token) < TOKEN_LENGTH_MIN:
        raise BadEnvironment(f"{TOKEN} must have at least {TOKEN_LENGTH_MIN} characters")
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Exposition:
    """Serves a registry from a thread of its own until closed."""

    def __init__(self, place: Place, registry: CollectorRegistry = REGISTRY) -> None:
        self._place = place
        self._registry = registry
        self._ended = threading.Event()
        self._server: _Server | None = None
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self.listening = threading.Event()

    def open(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._ended.set()
        if self._server is not None:
            self._server.shutdown()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port that was taken."""
        if self._server is None:
            raise RuntimeError("metrics are not served yet")
        return int(self._server.server_address[1])

    def _run(self) -> None:
        said = False
        while not self._ended.is_set():
            self._server = self._bind()
            if self._server is not None:
                logger.info("Metrics are served on port %s", self.port)
                self.listening.set()
                with self._server:
                    self._server.serve_forever(poll_interval=0.2)
                return
            if not said:
                logger.warning("Metrics wait: no port is free at %s", self._place)
                said = True
            self._ended.wait(RETRY_SECONDS)

    def _bind(self) -> _Server | None:
        for port in range(self._place.first, self._place.last + 1):
            try:
                return _Server((self._place.host, port), registry=self._registry, token=self._place.token)
            except OSError:
                continue
        return None


class _Server(ThreadingHTTPServer):
    # Two processes must not share a port: each scrape would be answered by another one.
    allow_reuse_port = False
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], *, registry: CollectorRegistry, token: str) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.registry = registry
        self.token = token
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # The library's own asks for the host's name, and waits where nobody answers that.
        socketserver.TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = READ_SECONDS_MAX
    server_version = "jouleport"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self._answer(404, b"Only /metrics is here.\n")
        elif not self._may_read():
            self._answer(401, b"Send the token: Authorization: Bearer ...\n")
        else:
            self._answer(200, generate_latest(self.server.registry), CONTENT_TYPE_LATEST)

    def _may_read(self) -> bool:
        token = self.server.token
        given = self.headers.get("authorization", "").encode()
        return not token or hmac.compare_digest(given, b"Bearer " + token.encode())

    def _answer(self, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        if status == 401:
            self.send_header("www-authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: a line for every scrape is no news."""


_open: Exposition | None = None
_lock = threading.Lock()


def serve(environ: Mapping[str, str] = os.environ) -> None:
    """
    Serve this process's metrics if the environment says where; asking again changes nothing.

    :raises BadEnvironment: the address or the token makes no sense
    """
    global _open
    place = read_place(environ)
    with _lock:
        if place is not None and _open is None:
            _open = Exposition(place)
            _open.open()
