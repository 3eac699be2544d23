"""
The simulated upstream's HTTP/1.1 server.

It is written on the transport, not on a web framework, because a fault is a matter of bytes: a connection
that closes before the head, a chunk that never ends, an answer that is not HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import httptools
import msgspec

from workers.simulated import answers
from workers.simulated.behaviour import FAULTS, Behaviour, BehaviourUnknown, read_behaviour

MODELS = ("simulated-small", "simulated-large", "simulated-embedding")
HEADER_FAULT = b"x-simulated-fault"
NOTICE = b"x-simulated: no model was asked\r\n"
GARBAGE = bytes(range(128, 256)) * 4
REASONS = {
    200: b"OK",
    400: b"Bad Request",
    404: b"Not Found",
    429: b"Too Many Requests",
    500: b"Server Error",
}
KINDS = {"/chat/completions": "chat", "/completions": "completion", "/embeddings": "embedding"}
MEBIBYTE = 1024 * 1024
KEEP_ALIVE = b"connection: keep-alive\r\n"


class Upstream:
    """What all connections share: models, the usual behaviour, and the behaviours ordered by POST /faults."""

    def __init__(self, *, models: tuple[str, ...] = MODELS, behaviour: Behaviour | None = None) -> None:
        self.models = list(models)
        self.behaviour = behaviour or Behaviour()
        self.ordered: list[Behaviour] = []
        self.requests = 0
        self.running = 0
        self.cancelled = 0
        # The bodies received last, so that a test can see what was really sent on.
        self.bodies: list[bytes] = []

    def order_faults(self, body: dict[str, Any]) -> None:
        """Take `{"fault": "truncate+after=3", "times": 2}`; `times` 0 forgets what was ordered."""
        behaviour = read_behaviour(str(body.get("fault", "")), base=self.behaviour)
        times = int(body.get("times", 1))
        self.ordered = self.ordered + [behaviour] * times if times else []

    def behaviour_for(self, model: str, header: str) -> Behaviour:
        """Ordered behaviours come first, then the header, then what follows the model's `+`."""
        if self.ordered:
            return self.ordered.pop(0)
        return read_behaviour(header or model.partition("+")[2], base=self.behaviour)


class Connection(asyncio.Protocol):
    """One client's connection; requests one after the other."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport
        self.parser: Any = None
        self.task: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.target = b""
        self.fault_header = ""
        self.body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.task is not None and not self.task.done():
            self.upstream.cancelled += 1
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == HEADER_FAULT:
            self.fault_header = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        # A relay has the node before /v1 in its addresses; here any prefix will do.
        path = self.target.partition(b"?")[0].decode("latin-1").rpartition("/v1")[2]
        method = self.parser.get_method()
        raw = b"".join(self.body)
        fault_header = self.fault_header
        # The parser may not be replaced inside its own callback.
        self.loop.call_soon(self._begin)
        try:
            self._route(method, path, raw, fault_header)
        except (BehaviourUnknown, ValueError, TypeError, AttributeError) as error:
            self.send_json(400, answers.write_error(str(error), code="bad_request"))

    def _route(self, method: bytes, path: str, raw: bytes, fault_header: str) -> None:
        if method == b"GET" and path in ("/models", "/health"):
            self.send_json(200, answers.write_models(self.upstream.models))
        elif method == b"GET" and path == "/faults":
            self.send_json(200, msgspec.json.encode(FAULTS))
        elif method == b"GET" and path == "/requests":
            counts = {name: getattr(self.upstream, name) for name in ("requests", "running", "cancelled")}
            self.send_json(200, msgspec.json.encode(counts))
        elif method == b"POST" and path == "/faults":
            self.upstream.order_faults(msgspec.json.decode(raw))
            self.send_json(200, b'{"simulated":true}')
        elif method == b"POST" and path in KINDS:
            self._ask(raw, fault_header, KINDS[path])
        else:
            self.send_json(404, answers.write_error(f"no such address {path}", code="not_found"))

    def _ask(self, raw: bytes, fault_header: str, kind: str) -> None:
        upstream = self.upstream
        upstream.requests += 1
        upstream.bodies = [*upstream.bodies[-15:], raw]
        question = answers.read_question(msgspec.json.decode(raw), number=upstream.requests, kind=kind)
        if question.model.partition("+")[0] not in upstream.models:
            message = answers.write_error(f"no model {question.model}", code="model_not_found")
            return self.send_json(404, message)
        behaviour = upstream.behaviour_for(question.model, fault_header)
        if not question.stream and not behaviour.fault and not behaviour.rate:
            return self.send_json(200, answers.write_answer(question, behaviour))
        self.task = self.loop.create_task(self._answer_slowly(question, behaviour))
        return None

    async def _answer_slowly(self, question: answers.Question, behaviour: Behaviour) -> None:
        self.upstream.running += 1
        try:
            if await self._fail_before_answer(behaviour):
                return
            if question.stream:
                await Stream(self, behaviour).send(question)
            else:
                await self._send_plain(question, behaviour)
            if behaviour.fault == "close_after":
                self.transport.close()
        finally:
            self.upstream.running -= 1

    async def _fail_before_answer(self, behaviour: Behaviour) -> bool:
        """Act out the faults that come before an answer. Gives True when there is nothing more to send."""
        errors: dict[str, Callable[[], None]] = {
            "drop": self.transport.abort,
            "garbage": lambda: self.transport.write(GARBAGE),
            "error500": lambda: self.send_json(
                500, answers.write_error("internal error", kind="server_error", code="internal_error")
            ),
            "busy": lambda: self.send_json(
                429,
                answers.write_error("no slot is free", kind="rate_limit", code="busy"),
                extra=b"retry-after: 2\r\n",
            ),
            "refuse": lambda: self.send_json(
                400,
                answers.write_error("this cannot be served", code="bad_request"),
            ),
        }
        if behaviour.fault in errors:
            errors[behaviour.fault]()
            return True
        if behaviour.fault == "stall_head":
            await asyncio.sleep(behaviour.seconds)
        return False

    async def _send_plain(self, question: answers.Question, behaviour: Behaviour) -> None:
        body = answers.write_answer(question, behaviour)
        # An embedding writes no tokens that would take their time.
        if behaviour.rate and question.kind != "embedding":
            limit = question.tokens_max
            tokens = behaviour.tokens if limit is None else min(behaviour.tokens, limit)
            await asyncio.sleep(tokens / behaviour.rate)
        if behaviour.fault == "garbage_body":
            body = GARBAGE
        elif behaviour.fault == "bad_json":
            body = body[:-20]
        elif behaviour.fault == "huge_line":
            body = b'{"simulated":"' + b"x" * (behaviour.factor * MEBIBYTE) + b'"}'
        head = self.head(200, b"application/json", b"content-length: %d\r\n" % len(body))
        if behaviour.fault in ("truncate", "end_early", "stall_body", "stall_stream", "drip"):
            self.transport.write(head)
            if behaviour.fault in ("stall_body", "stall_stream"):
                await asyncio.sleep(behaviour.seconds)
            if behaviour.fault == "drip":
                await self.drip(body, behaviour)
            elif behaviour.fault.startswith("stall"):
                self.transport.write(body)
            else:
                self.transport.write(body[: len(body) // 2])
                self.transport.close()
            return
        self.transport.write(head + body)

    async def drip(self, data: bytes, behaviour: Behaviour) -> None:
        """Send byte by byte, `rate` bytes a second or as fast as single writes go."""
        for at in range(len(data)):
            self.transport.write(data[at : at + 1])
            await asyncio.sleep(1 / behaviour.rate if behaviour.rate else 0)

    def head(self, status: int, content_type: bytes, framing: bytes) -> bytes:
        return b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\n%s%s%s\r\n" % (
            status,
            REASONS[status],
            content_type,
            framing,
            KEEP_ALIVE,
            NOTICE,
        )

    def send_json(self, status: int, body: bytes, *, extra: bytes = b"") -> None:
        framing = extra + b"content-length: %d\r\n" % len(body)
        self.transport.write(self.head(status, b"application/json", framing) + body)


class Stream:
    """One streamed answer: chunks of HTTP that carry server-sent events."""

    def __init__(self, connection: Connection, behaviour: Behaviour) -> None:
        self.connection = connection
        self.behaviour = behaviour

    def write(self, event: bytes) -> None:
        self.connection.transport.write(b"%x\r\n%s\r\n" % (len(event), event))

    async def send(self, question: answers.Question) -> None:
        connection, behaviour = self.connection, self.behaviour
        connection.transport.write(
            connection.head(200, b"text/event-stream", b"transfer-encoding: chunked\r\n")
        )
        if behaviour.fault == "stall_body":
            await asyncio.sleep(behaviour.seconds)
        deltas = 0
        for payload, is_delta in answers.write_chunks(question, behaviour):
            if is_delta and deltas == behaviour.after and await self._interrupt():
                return
            deltas += is_delta
            event = b"data: %s\n\n" % payload
            if behaviour.fault == "drip":
                for at in range(len(event)):
                    self.write(event[at : at + 1])
                    await asyncio.sleep(0)
            else:
                self.write(event)
            await asyncio.sleep(1 / behaviour.rate if behaviour.rate and is_delta else 0)
        end = b"" if behaviour.fault == "no_done" else b"data: [DONE]\n\n"
        if end:
            self.write(end)
        connection.transport.write(b"0\r\n\r\n")

    async def _interrupt(self) -> bool:
        """Act out the faults that come in the middle. Gives True when the stream is over."""
        match self.behaviour.fault:
            case "truncate":
                self.connection.transport.abort()
                return True
            case "end_early":
                self.connection.transport.write(b"0\r\n\r\n")
                return True
            case "stall_stream":
                await asyncio.sleep(self.behaviour.seconds)
            case "garbage_body":
                self.write(GARBAGE)
            case "bad_json":
                self.write(b'data: {"simulated": \n\n')
            case "error_chunk":
                self.write(
                    b"data: " + answers.write_error("broke down", kind="server_error", code="500") + b"\n\n"
                )
                self.connection.transport.write(b"0\r\n\r\n")
                return True
            case "huge_line":
                self.write(b"data: " + b"x" * (self.behaviour.factor * MEBIBYTE) + b"\n\n")
        return False


async def serve(*, host: str, port: int, upstream: Upstream) -> asyncio.Server:
    """Start to listen. Port 0 takes any free one; read it from the returned server's sockets."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(upstream), host, port)
