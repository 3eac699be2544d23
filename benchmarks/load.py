"""
Many buyers at once, as cheaply as possible: one request after another on each connection.

    python -m benchmarks.load PORT CONNECTIONS SECONDS plain|stream TOKENS-FILE

Prints one JSON object: requests, failures, seconds, and latencies in milliseconds.
"""

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from typing import cast

BODY = {
    "model": "simulated-small",
    "messages": [{"role": "user", "content": "Write fifty words about electricity, please."}],
    "max_tokens": 64,
}


def make_request(token: str, *, stream: bool) -> bytes:
    """One whole HTTP request."""
    content = BODY | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})
    body = json.dumps(content).encode()
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


class Buyer(asyncio.Protocol):
    """Sends the next request when the answer to the last one is complete."""

    def __init__(self, request: bytes, until: float, latencies: list[float], failures: list[bytes]) -> None:
        self._request, self._until = request, until
        self._latencies, self._failures = latencies, failures
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Look for the end of the answer."""
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        complete = len(body) >= int(length) if length else body.endswith(b"0\r\n\r\n")
        if not complete:
            return
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._failures.append(self._data[:300])
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The end, whether wanted or not."""
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._data = b""
        self._sent = time.perf_counter()
        self._transport.write(self._request)


async def run(
    port: int, connections: int, seconds: float, stream: bool, tokens: list[str]
) -> dict[str, object]:
    """Load the gateway for a while."""
    latencies: list[float] = []
    failures: list[bytes] = []
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    buyers = []
    for number in range(connections):
        request = make_request(tokens[number % len(tokens)], stream=stream)
        _, buyer = await loop.create_connection(
            lambda request=request: Buyer(request, started + seconds, latencies, failures), "127.0.0.1", port
        )
        buyers.append(buyer)
    await asyncio.gather(*(buyer.done for buyer in buyers))
    spent = time.perf_counter() - started
    quantiles = statistics.quantiles(latencies, n=100)
    return {
        "requests": len(latencies),
        "failures": len(failures),
        "first_failure": failures[0].decode(errors="replace") if failures else "",
        "seconds": spent,
        "p50_ms": quantiles[49] * 1000,
        "p99_ms": quantiles[98] * 1000,
    }


if __name__ == "__main__":
    import uvloop

    _, port, connections, seconds, kind, file = sys.argv
    tokens = Path(file).read_text(encoding="utf-8").split()
    print(json.dumps(uvloop.run(run(int(port), int(connections), float(seconds), kind == "stream", tokens))))
