"""
The cheapest thing a gateway could call: answers at once, framed as a relay does. It is no relay.

    python -m benchmarks.mock_relay PORT
"""

import asyncio
import json
import sys
from typing import cast

CHUNKS = 50
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


def _plain() -> bytes:
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
    body = json.dumps(answer).encode() + METER
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\njouleport-framing: 1\r\n"
    return head + f"content-length: {len(body)}\r\n\r\n".encode() + body


def _stream() -> bytes:
    def chunk(delta: dict[str, str], finish: str | None, **more: object) -> bytes:
        content = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "simulated-small",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            **more,
        }
        return framed(b"data: " + json.dumps(content).encode() + b"\n\n")

    def framed(data: bytes) -> bytes:
        return f"{len(data):x}\r\n".encode() + data + b"\r\n"

    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\njouleport-framing: 1\r\n"
        b"transfer-encoding: chunked\r\n\r\n"
    )
    chunks = [chunk({"content": "word "}, None) for _ in range(CHUNKS)]
    chunks += [chunk({}, "stop"), chunk({}, None, choices=[], usage=USAGE)]
    return b"".join([head, *chunks, framed(b"data: [DONE]\n\n"), framed(METER), b"0\r\n\r\n"])


PLAIN, STREAM = _plain(), _stream()


class Answerer(asyncio.Protocol):
    """Answers whole requests that come one after another."""

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)

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
        self._transport.write(STREAM if b'"stream":true' in body else PLAIN)


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
