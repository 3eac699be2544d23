"""
The cheapest thing a gateway could call: answers at once, under /nodes/ framed as a relay does, elsewhere as a
plain model server. It is neither. A prompt that has PACED in it gets its stream chunk by chunk, and one that
has IDLE in it one chunk and then nothing.

    python -m benchmarks.mock_relay PORT
"""

import asyncio
import json
import sys
from typing import cast

CHUNKS = 50
CHUNK_SECONDS = 0.02
PACED, IDLE = "in your own time", "and then wait"
PROMPT_TOKENS, OUTPUT_TOKENS = 30, 50
USAGE = {
    "prompt_tokens": PROMPT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": PROMPT_TOKENS + OUTPUT_TOKENS,
}
METER = (
    b"\x1e"
    + json.dumps(
        {
            "chip_seconds": "0.500000",
            "joules": "12.500",
            "tier": "declared",
            "attribution": "apportioned",
            "complete": True,
        }
    ).encode()
)
WORDS = " ".join(["word"] * OUTPUT_TOKENS)
FRAMING = b"jouleport-framing: 1\r\n"
END = b"0\r\n\r\n"


def _plain(*, framed: bool) -> bytes:
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "simulated-small",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}
        ],
        "usage": USAGE,
    }
    body = json.dumps(answer).encode() + (METER if framed else b"")
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + (FRAMING if framed else b"")
    return head + f"content-length: {len(body)}\r\n\r\n".encode() + body


def _head(*, framed: bool) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + (FRAMING if framed else b"")
    return head + b"transfer-encoding: chunked\r\n\r\n"


def _piece(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _chunk(delta: dict[str, str], finish: str | None, **more: object) -> bytes:
    content = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "simulated-small",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    return _piece(b"data: " + json.dumps(content).encode() + b"\n\n")


def _tail(*, framed: bool) -> bytes:
    ends = [_chunk({}, "stop"), _chunk({}, None, choices=[], usage=USAGE), _piece(b"data: [DONE]\n\n")]
    return b"".join([*ends, _piece(METER) if framed else b"", END])


CHUNK = _chunk({"content": "word "}, None)
HEADS = {framed: _head(framed=framed) for framed in (True, False)}
TAILS = {framed: _tail(framed=framed) for framed in (True, False)}
PLAIN = {framed: _plain(framed=framed) for framed in (True, False)}
STREAM = {framed: HEADS[framed] + CHUNK * CHUNKS + TAILS[framed] for framed in (True, False)}


class Answerer(asyncio.Protocol):
    """Answers whole requests that come one after another."""

    def __init__(self) -> None:
        self._data = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Write nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer once the body is there."""
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) < length:
            return
        self._data = b""
        framed = head.startswith(b"POST /nodes/")
        if b'"stream":true' not in body and b'"stream": true' not in body:
            self._transport.write(PLAIN[framed])
        elif PACED.encode() in body:
            self._transport.write(HEADS[framed])
            self._pace(framed, CHUNKS)
        elif IDLE.encode() in body:
            self._transport.write(HEADS[framed] + CHUNK)
        else:
            self._transport.write(STREAM[framed])

    def _pace(self, framed: bool, left: int) -> None:
        if not left:
            self._transport.write(TAILS[framed])
            return
        self._transport.write(CHUNK)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(CHUNK_SECONDS, self._pace, framed, left - 1)


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
