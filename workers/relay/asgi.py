"""The ASGI types a relay uses, and plain answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Tells a gateway that an error is the relay's own and not the model server's.
OWN_HEADER = (b"x-jouleport-relay", b"1")


def find_header(scope: Scope, name: bytes) -> str | None:
    """Give a header's value, if it is there."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return None


async def answer(send: Send, status: int, content: object) -> None:
    """Send a whole JSON answer."""
    body = msgspec.json.encode(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        OWN_HEADER,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, status: int, code: str, message: str) -> None:
    """Send one of the relay's own errors."""
    await answer(send, status, {"error": {"code": code, "message": message}})
