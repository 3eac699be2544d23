"""
Which addresses of providers are called, and how their names become connections.

The rules are those of `core.addresses`, for a client that keeps its connections: https only, no password in
the address, few ports; a name is resolved once for a while, refused if any of its addresses is not public,
and connections are opened to the very addresses that were checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.addresses import (
    AddressRefused,
    HostUnknown,
    Resolver,
    check_host,
    find_addresses,
    resolve_by_system,
)
from workers.upstream.client import Origin
from workers.upstream.connection import Unreachable

HTTPS_PORT = 443
PORTS = frozenset({HTTPS_PORT, 8443})
URL_LENGTH_MAX = 500
# How long addresses are believed before the name is resolved again, and a refusal before it is tried again.
PIN_SECONDS = 30.0
REFUSAL_SECONDS = 2.0
# The system's resolver knows no deadline of its own.
RESOLVE_SECONDS = 5.0
RESOLVING_MAX = 16


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What may be called. Everything but the defaults is for tests, which have servers of their own.

    `certificates` is a file of authorities to trust instead of the system's.
    """

    ports: frozenset[int] = PORTS
    allowed_addresses: frozenset[str] = frozenset()
    certificates: str | None = None
    resolve: Resolver = resolve_by_system


def read_address(url: str, *, ports: frozenset[int] = PORTS) -> tuple[Origin, str]:
    """
    Split a provider's address into its origin and its path, which ends without a slash.

    :raises AddressRefused: no https address of a public host at a port that is called
    """
    try:
        parts = urlsplit(url)
        port = parts.port or HTTPS_PORT
        host = parts.hostname or ""
    except ValueError:
        raise AddressRefused from None
    plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
    if not plain or len(url) > URL_LENGTH_MAX or parts.scheme != "https" or port not in ports:
        raise AddressRefused
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise AddressRefused
    check_host(host)
    return Origin(host, port, True), parts.path.rstrip("/")


class Guard:
    """Pins origins to addresses that may be called. Use it inside one running loop."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self._pins: dict[Origin, tuple[float, Origin | Exception]] = {}
        self._pinning: dict[Origin, asyncio.Task[Origin]] = {}

    async def pin(self, origin: Origin) -> Origin:
        """
        The origin with the addresses to connect to.

        :raises Unreachable: it has none, or one of them is none that may be called
        """
        kept = self._pins.get(origin)
        if kept is not None and kept[0] > asyncio.get_running_loop().time():
            if isinstance(kept[1], Exception):
                raise Unreachable(str(kept[1]))
            return kept[1]
        task = self._pinning.get(origin)
        if task is None:
            if len(self._pinning) >= RESOLVING_MAX:
                raise Unreachable("too many names are being resolved")
            task = self._pinning[origin] = asyncio.create_task(self._resolve(origin))
            task.add_done_callback(lambda done: self._forget(origin, done))
        # Whoever leaves does not take the answer from the others.
        return await asyncio.shield(task)

    def _forget(self, origin: Origin, done: asyncio.Task[Origin]) -> None:
        del self._pinning[origin]
        if not done.cancelled():
            # Looked at, also when everybody who asked has left.
            done.exception()

    async def _resolve(self, origin: Origin) -> Origin:
        loop = asyncio.get_running_loop()
        try:
            found = await asyncio.wait_for(self._ask(origin), RESOLVE_SECONDS)
        except (AddressRefused, HostUnknown, TimeoutError) as error:
            reason = Unreachable(f"the upstream's host cannot be called: {type(error).__name__}")
            self._pins[origin] = (loop.time() + REFUSAL_SECONDS, reason)
            raise reason from error
        # In one order, so that the same addresses share their connections.
        pinned = origin._replace(addresses=tuple(sorted(found)))
        self._pins[origin] = (loop.time() + PIN_SECONDS, pinned)
        return pinned

    async def _ask(self, origin: Origin) -> list[str]:
        """Resolve in a thread that may be left behind."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()

        def settle(outcome: list[str] | Exception) -> None:
            if answer.done():
                return
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        def find() -> None:
            outcome: list[str] | Exception
            try:
                addresses = find_addresses(
                    origin.host,
                    origin.port,
                    resolve=self.policy.resolve,
                    allowed=self.policy.allowed_addresses,
                )
                outcome = [str(address) for address in addresses]
            except Exception as error:  # noqa: BLE001 - it is raised again in the loop
                outcome = error
            # The loop may have ended meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, outcome)

        threading.Thread(target=find, name="upstream-resolve", daemon=True).start()
        return await answer
