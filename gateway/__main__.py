"""A gateway as a process: `python -m gateway --host 0.0.0.0 --port 8000 --workers 4`."""

from __future__ import annotations

from argparse import ArgumentParser

import uvicorn

KEEP_ALIVE_SECONDS = 5
# What has not ended by then is settled by the sweeper from its last checkpoint.
DRAIN_SECONDS_MAX = 30


def main() -> None:
    """Serve until told to stop."""
    parser = ArgumentParser(prog="python -m gateway", description="The data plane: everything under /v1.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1, help="processes that share the port")
    parser.add_argument(
        "--drain-seconds", type=int, default=DRAIN_SECONDS_MAX, help="how long running answers may go on"
    )
    options = parser.parse_args()
    uvicorn.run(
        "gateway.asgi:app",
        host=options.host,
        port=options.port,
        workers=options.workers,
        loop="uvloop",
        http="gateway.deadlines:Protocol",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        # Nothing here asks where a request came from.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=options.drain_seconds,
    )


if __name__ == "__main__":
    main()
