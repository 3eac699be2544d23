"""The gateway for a server: `uvicorn gateway.asgi:app --http httptools --loop uvloop`."""

from gateway.app import create_app

app = create_app()
