"""`python -m workers.relay`: one relay process."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
from dataclasses import replace
from types import FrameType

import uvicorn

from core import exposition, tracing
from core.deadlines import DeadlinesRefused, Protocol, read_deadlines
from core.metrics import REGISTRY
from workers import protocol
from workers.relay import logs
from workers.relay.app import Relay
from workers.relay.settings import SettingRefused, Settings, read_settings


class RelayServer(uvicorn.Server):
    """
    A server that lets running attempts finish before it closes the agents' connections.

    uvicorn closes WebSockets at once when it is told to stop, so the first signal drains, and only then
    is it told; a second signal stops it at once.
    """

    def __init__(self, config: uvicorn.Config, relay: Relay) -> None:
        super().__init__(config)
        self._relay = relay
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, stop at the second."""
        if self._draining is not None or not self.started:
            super().handle_exit(sig, frame)
            return
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        await self._relay.drain()
        self.should_exit = True

    async def run_relay(self) -> None:
        """Serve until told to stop."""
        loop = asyncio.get_running_loop()
        await self._relay.start()
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.handle_exit, number, None)
            await self._serve(None)
        finally:
            await self._relay.stop()


class RelayProtocol(Protocol):
    """
    A connection of a gateway, or of an agent until it is a WebSocket.

    The forwarder knows how long a body may take. No reader is cut off here: a gateway that stops reading has
    a slow buyer, whom it judges itself.
    """


def make_server(settings: Settings) -> RelayServer:
    """
    Give a server for these settings, not yet listening.

    :raises DeadlinesRefused: a deadline of the environment is none
    """
    RelayProtocol.deadlines = replace(
        read_deadlines(), body_seconds=settings.body_seconds, stall_seconds=math.inf
    )
    relay = Relay(settings)
    REGISTRY.register(relay.source)
    config = uvicorn.Config(
        relay,
        host=settings.host,
        port=settings.port,
        http=RelayProtocol,
        ws="websockets-sansio",
        ws_max_size=protocol.FRAME_BYTES_MAX,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    return RelayServer(config, relay)


def main() -> int:
    """Run a relay; gives its exit code."""
    try:
        settings = read_settings(sys.argv[1:], os.environ)
        server = make_server(settings)
    except (SettingRefused, DeadlinesRefused) as error:
        sys.stderr.write(f"relay: {error}\n")
        return 2
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    exposition.serve()
    tracing.configure("relay")
    with asyncio.Runner(loop_factory=_make_loop) as runner:
        runner.run(server.run_relay())
    tracing.close()
    return 0


def _make_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


if __name__ == "__main__":
    sys.exit(main())
