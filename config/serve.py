"""
One port for everything a person at a desk needs: `python -m config.serve`.

/v1 goes to the gateway, the rest to Django. In a cluster each has processes of its own.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import uvicorn

from config import env

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[Mapping[str, Any]]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]
# The two state the types of ASGI's messages differently.
type Application = Callable[[Any, Any, Any], Awaitable[None]]

WEB_ADDRESS = "127.0.0.1:8000"
KEEP_ALIVE_SECONDS = 5
# What has not ended by then is settled by the sweeper from its last checkpoint.
DRAIN_SECONDS_MAX = 30


def divide(*, gateway: Application, web: Application) -> Application:
    """One ASGI application of two: the gateway has the lifespan, /v1 and /healthz."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        to_gateway = (
            scope["type"] == "lifespan" or path == "/healthz" or path == "/v1" or path.startswith("/v1/")
        )
        await (gateway if to_gateway else web)(scope, receive, send)

    return application


def create_application() -> Application:
    """Gateway and control plane, reading the environment."""
    from config.asgi import application as web
    from gateway.app import create_app

    return divide(gateway=create_app(), web=web)


def main() -> None:
    """Serve until told to stop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    host, port = env.address("JOULEPORT_WEB_ADDRESS", WEB_ADDRESS)
    uvicorn.run(
        create_application,
        factory=True,
        host=host,
        port=port,
        loop="uvloop",
        # With deadlines for slow senders and readers, which uvicorn's own has not.
        http="gateway.deadlines:Protocol",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # Nothing here asks where a request came from.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
    )


if __name__ == "__main__":
    main()
