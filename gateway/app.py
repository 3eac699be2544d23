"""
The gateway as one ASGI application: the data plane's addresses, and its life with the server's.

`create_app()` reads the environment; tests give settings of their own.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from redis.exceptions import RedisError

from core import exposition, tracing
from core.request_ids import accept_request_id
from gateway import doors, metrics, models, reads
from gateway.database import DatabaseAway, DatabaseBusy
from gateway.errors import ApiError
from gateway.keys import Key
from gateway.passages import Passage
from gateway.runtime import Runtime
from gateway.settings import Settings, SettingsRefused, read_settings
from gateway.visits import Headers, Visit
from marketplace.book import Book

MODELS = "/v1/models"
# A request leaves few circles behind; looking for them after every dozen requests costs a twentieth of all.
GARBAGE_MIN = 50_000
# As many are kept ready as there are currencies and rates to compare in.
LISTS_MAX = 64
JSON = (b"content-type", b"application/json")

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger(__name__)


class Gateway:
    """The application. `runtime` exists between startup and shutdown of the lifespan."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings
        self.runtime: Runtime | None = None
        # Of the book's present version, by whether tests ask and what prices are compared in.
        self._models: dict[tuple[bool, models.Purse], bytes] = {}
        self._models_version = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.open()
                except (SettingsRefused, DatabaseAway, DatabaseBusy, RedisError, OSError) as error:
                    reason = f"The gateway cannot start: {error}"
                    await send({"type": "lifespan.startup.failed", "message": reason})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def open(self) -> None:
        """
        Connect to everything.

        :raises SettingsRefused: the environment does not say what is needed
        :raises DatabaseAway: PostgreSQL cannot be reached
        :raises RedisError: Redis cannot be reached
        """
        runtime = Runtime(self.settings or read_settings())
        try:
            await runtime.open()
        except BaseException:
            await runtime.close()
            raise
        self.runtime = runtime
        if self.settings is None:
            exposition.serve()
            tracing.configure("gateway", is_edge=True)
            # What was loaded to begin with stays to the end, and need not be looked at again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(GARBAGE_MIN, *gc.get_threshold()[1:])

    async def close(self) -> None:
        """Disconnect from everything."""
        if self.runtime is not None:
            await self.runtime.close()
            self.runtime = None
            if self.settings is None:
                tracing.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        given = headers.get(b"x-request-id")
        request_id = accept_request_id(given.decode("latin-1") if given else None)
        begun = False
        # Who leaves before an answer begins is counted like this.
        status = 499
        passage = Passage()

        async def send_once(message: Message) -> None:
            nonlocal begun, status
            if not begun:
                begun, status = True, message["status"]
                self._say_limits(scope, headers, passage, message)
            await send(message)

        try:
            await self._route(scope, headers, receive, send_once, request_id, passage)
        except ApiError as error:
            self._count_refusal(error.code)
            await _answer(send_once, error.status, error.render(), request_id, extra=error.headers())
        except Exception:
            logger.exception("A request failed", extra={"request_id": request_id})
            if begun:
                # The server closes the connection, so that nobody takes a part for the whole.
                raise
            fault = ApiError(500, "internal_error", "Something of ours failed.", retry=True)
            self._count_refusal(fault.code)
            await _answer(send_once, fault.status, fault.render(), request_id, extra=fault.headers())
        finally:
            if self.runtime is not None:
                self.runtime.meters.requests.add((metrics.name_route(scope["path"]), str(status)))

    def _count_refusal(self, code: str) -> None:
        if self.runtime is not None:
            self.runtime.meters.refusals.add(code)

    def _say_limits(self, scope: Scope, headers: Headers, passage: Passage, message: Message) -> None:
        """Add to the head of an answer under /v1 what the key's limits are, wherever it was written."""
        if scope["path"].startswith("/v1/"):
            runtime = self.runtime
            if not passage.is_known and runtime is not None:
                key = runtime.keys.recall(headers.get(b"authorization", b""))
                if key is not None:
                    passage.know(runtime.limiter, key)
            message["headers"] = [*message["headers"], *passage.make_headers()]

    async def _route(
        self,
        scope: Scope,
        headers: Headers,
        receive: Receive,
        send: Send,
        request_id: str,
        passage: Passage,
    ) -> None:
        path, method, runtime = scope["path"], scope["method"], self.runtime
        if path == "/healthz":
            return await _answer(send, 200, b'{"status":"ok"}', request_id)
        if runtime is None:
            raise ApiError(503, "starting", "The gateway is starting.", retry=True, retry_after=1)
        if (door := doors.BY_PATH.get(path)) is not None:
            _expect(method, "POST")
            return await self._ask_model(runtime, door, headers, receive, send, request_id, passage)
        if path.startswith("/v1/"):
            # What only reads counts as well, from the moment on at which its key is known here.
            key = runtime.keys.recall(headers.get(b"authorization", b""))
            if key is not None:
                await passage.read(runtime.limiter, key)
        if path == "/readyz":
            state = await runtime.check_ready()
            status = 200 if all(word == "ok" for name, word in state.items() if name != "redis") else 503
            return await _answer(send, status, msgspec.json.encode(state), request_id)
        if reads.is_read(path):
            _expect(method, "GET")
            key = await runtime.keys.find(headers.get(b"authorization", b""))
            body = await reads.read(runtime, key, path, scope["query_string"])
            return await _answer(send, 200, body, request_id)
        if path == MODELS or path.startswith(MODELS + "/"):
            _expect(method, "GET")
            key = await runtime.keys.find(headers.get(b"authorization", b""))
            slug = path.removeprefix(MODELS).removeprefix("/")
            book = runtime.keeper.book.get_side(test=key.is_test)
            if slug:
                body = models.get_model(book, slug, models.Purse.from_key(key), test=key.is_test)
            else:
                body = self._list_models(runtime.keeper.version, book, key)
            return await _answer(send, 200, body, request_id)
        raise ApiError(404, "unknown_address", f"There is nothing at {method} {path[:200]}.", retry=False)

    async def _ask_model(
        self,
        runtime: Runtime,
        door: doors.Door,
        headers: Headers,
        receive: Receive,
        send: Send,
        request_id: str,
        passage: Passage,
    ) -> None:
        if runtime.requests >= runtime.settings.requests_max:
            raise ApiError(503, "overloaded", "This gateway is full.", retry=True, retry_after=1)
        runtime.requests += 1
        try:
            visit = Visit(runtime, door, headers, receive, send, request_id=request_id, passage=passage)
            await visit.run()
        finally:
            runtime.requests -= 1

    def _list_models(self, version: int, book: Book, key: Key) -> bytes:
        if version != self._models_version or len(self._models) >= LISTS_MAX:
            self._models, self._models_version = {}, version
        asked = (key.is_test, models.Purse.from_key(key))
        body = self._models.get(asked)
        if body is None:
            body = self._models[asked] = models.list_models(book, asked[1])
        return body


def create_app(settings: Settings | None = None) -> Gateway:
    """Make the application. Without settings the environment is read at startup."""
    return Gateway(settings)


def _expect(method: str, wanted: str) -> None:
    if method != wanted:
        raise ApiError(405, "wrong_method", f"Only {wanted} is served here.", retry=False)


async def _answer(
    send: Send, status: int, body: bytes, request_id: str, *, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [JSON, (b"content-length", b"%d" % len(body)), (b"x-request-id", request_id.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers + (extra or [])})
    await send({"type": "http.response.body", "body": body})
