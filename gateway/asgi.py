"""The gateway for a server; `python -m gateway` is uvicorn with the deadlines that it lacks."""

from gateway.app import create_app

app = create_app()
