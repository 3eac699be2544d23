"""
Many buyers at once, as cheaply as possible: one request after another on each connection.

    python -m benchmarks.load PORT CONNECTIONS SECONDS plain|stream|paced TOKENS-FILE [HEADER ...]
    python -m benchmarks.load PORT CONNECTIONS SECONDS idle TOKENS-FILE

Prints one JSON object: requests, failures, seconds, and latencies in milliseconds, to the end of an answer
and to the first byte of its content. `idle` opens a stream on each connection that stays silent after its
first chunk, prints when all are open, and keeps them until standard input ends.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from benchmarks.mock_relay import IDLE, PACED

PROMPT = "Write fifty words about electricity, please"
ENDINGS = {"plain": "", "stream": "", "paced": PACED, "idle": IDLE}
OPEN_AT_ONCE = 50


def make_request(token: str, *, kind: str, headers: Sequence[str] = ()) -> bytes:
    """One whole HTTP request."""
    content: dict[str, Any] = {
        "model": "simulated-small",
        "messages": [{"role": "user", "content": f"{PROMPT}, {ENDINGS[kind]}"}],
        "max_tokens": 64,
    }
    if kind != "plain":
        content |= {"stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(content).encode()
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "host: 127.0.0.1",
        f"authorization: Bearer {token}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *headers,
    ]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


class Tally:
    """What all buyers saw."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.firsts: list[float] = []
        self.failures: list[bytes] = []


class Buyer(asyncio.Protocol):
    """Sends the next request when the answer to the last one is complete."""

    def __init__(self, request: bytes, until: float, tally: Tally) -> None:
        self._request, self._until, self._tally = request, until, tally
        self._data = b""
        self._sent = self._first = 0.0
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Look for the beginning and the end of the answer."""
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        if not self._first and body:
            self._first = time.perf_counter()
            self._tally.firsts.append(self._first - self._sent)
            if not self.begun.done():
                self.begun.set_result(None)
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        complete = len(body) >= int(length) if length else body.endswith(b"0\r\n\r\n")
        if complete:
            self._finish(head)

    def _finish(self, head: bytes) -> None:
        now = time.perf_counter()
        self._tally.latencies.append(now - self._sent)
        # An error may come inside a stream that has begun.
        if not head.startswith(b"HTTP/1.1 200") or b'"error"' in self._data[-2000:]:
            self._tally.failures.append(self._data[:600])
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The end, whether wanted or not."""
        for future in (self.begun, self.done):
            if not future.done():
                future.set_result(None)

    def _send(self) -> None:
        self._data = b""
        self._first = 0.0
        self._sent = time.perf_counter()
        self._transport.write(self._request)


async def open_buyers(port: int, requests: Sequence[bytes], until: float, tally: Tally) -> list[Buyer]:
    """Connect a buyer for each request."""
    loop = asyncio.get_running_loop()
    buyers: list[Buyer] = []
    for request in requests:
        buyer = Buyer(request, until, tally)
        await loop.create_connection(partial(_give, buyer), "127.0.0.1", port)
        buyers.append(buyer)
    return buyers


def _give(buyer: Buyer) -> Buyer:
    return buyer


async def load(port: int, seconds: float, requests: Sequence[bytes]) -> dict[str, object]:
    """Load a server for a while."""
    tally = Tally()
    started = time.perf_counter()
    buyers = await open_buyers(port, requests, started + seconds, tally)
    await asyncio.gather(*(buyer.done for buyer in buyers))
    spent = time.perf_counter() - started
    return {
        "requests": len(tally.latencies),
        "failures": len(tally.failures),
        "first_failure": tally.failures[0].decode(errors="replace") if tally.failures else "",
        "seconds": spent,
        "p50_ms": quantile(tally.latencies, 50),
        "p99_ms": quantile(tally.latencies, 99),
        "first_p50_ms": quantile(tally.firsts, 50),
    }


def quantile(seconds: list[float], percent: int) -> float:
    """A percentile in milliseconds; of fewer than two figures none can be told."""
    return statistics.quantiles(seconds, n=100)[percent - 1] * 1000 if len(seconds) > 1 else float("nan")


async def idle(port: int, requests: Sequence[bytes]) -> None:
    """Open streams, say so, and keep them until standard input ends."""
    tally = Tally()
    buyers: list[Buyer] = []
    for first in range(0, len(requests), OPEN_AT_ONCE):
        more = await open_buyers(port, requests[first : first + OPEN_AT_ONCE], 0, tally)
        await asyncio.gather(*(buyer.begun for buyer in more))
        buyers += more
    lost = sum(buyer.done.done() for buyer in buyers)
    print(json.dumps({"open": len(buyers) - lost, "lost": lost}), flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Run what the command line says."""
    import uvloop

    port, connections, seconds, kind, file, *headers = sys.argv[1:]
    tokens = Path(file).read_text(encoding="utf-8").split()
    requests = [
        make_request(tokens[number % len(tokens)], kind=kind, headers=headers)
        for number in range(int(connections))
    ]
    if kind == "idle":
        uvloop.run(idle(int(port), requests))
    else:
        print(json.dumps(uvloop.run(load(int(port), float(seconds), requests))))


if __name__ == "__main__":
    main()
