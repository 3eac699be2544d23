"""
The one HTTP client for everything the platform calls on somebody's behalf.

Upstreams, webhooks and feeds name addresses we do not trust. Each request resolves its host once,
refuses what is not public, and connects to the very address it checked, with the host's own name in
TLS and in the `Host` header. No redirects, no proxies from the environment, one deadline for all of
it, and a bound on what is read.
"""

import functools
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httpcore
import httpx

from core.addresses import Address, AddressRefused, Resolver, find_addresses, resolve_by_system
from core.errors import DomainError

REDIRECTS = frozenset({301, 302, 303, 307, 308})
URL_LENGTH_MAX = 2_048


class CallFailed(DomainError):
    """The other side could not be reached or did not speak HTTP properly."""

    status = 502
    code = "call_failed"
    message = "The address did not answer properly."


class DeadlinePassed(CallFailed):
    """The other side took too long, all in all."""

    status = 504
    code = "call_too_slow"
    message = "The address did not answer in time."


class AnswerTooLarge(CallFailed):
    """The other side sent more than is read."""

    code = "answer_too_large"
    message = "The address sent a larger answer than is read."


class RedirectRefused(CallFailed):
    """The other side sent us elsewhere; redirects are a way around every check of an address."""

    code = "redirect_refused"
    message = "The address answered with a redirect, and redirects are not followed."


@dataclass(frozen=True, slots=True)
class Policy:
    """What a call may do. `allowed_addresses` lets tests reach a server of their own and nothing else."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({443})
    deadline_seconds: float = 10.0
    answer_bytes_max: int = 1_048_576
    allowed_addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class _Deadline:
    """A moment of the monotonic clock by which everything must be done."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        left = self._at - time.monotonic()
        if left <= 0:
            raise DeadlinePassed
        return left


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every step takes at most what is left of the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, timeout=self._deadline.left())
        return _TimedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _PinningBackend(httpcore.NetworkBackend):
    """Opens connections to addresses that were checked, never to names."""

    def __init__(
        self, *, policy: Policy, resolve: Resolver, plain: httpcore.NetworkBackend, deadline: _Deadline
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._plain = plain
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = CallFailed()
        for address in self._find_addresses(host, port):
            try:
                stream = self._plain.connect_tcp(str(address), port, timeout=self._deadline.left())
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exception:
                failure = exception
            else:
                return _TimedStream(stream, self._deadline)
        raise failure

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise AddressRefused

    def _find_addresses(self, host: str, port: int) -> list[Address]:
        # The system's resolver knows no deadline, so it works in a thread that may be left behind.
        outcome: list[list[Address] | Exception] = []

        def find() -> None:
            try:
                allowed = self._policy.allowed_addresses
                outcome.append(find_addresses(host, port, resolve=self._resolve, allowed=allowed))
            except Exception as exception:  # noqa: BLE001 - it is raised again in the caller's thread
                outcome.append(exception)

        thread = threading.Thread(target=find, name="outgoing-resolve", daemon=True)
        thread.start()
        thread.join(self._deadline.left())
        if not outcome:
            raise DeadlinePassed
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]


class _BoundedStream(httpx.SyncByteStream):
    """The body of an answer, up to the bound; closes the connection when it is closed."""

    def __init__(self, answer: httpcore.Response, pool: httpcore.ConnectionPool, bytes_max: int) -> None:
        self._answer = answer
        self._pool = pool
        self._bytes_max = bytes_max

    def __iter__(self) -> Iterator[bytes]:
        read = 0
        try:
            for chunk in cast(Iterable[bytes], self._answer.stream):
                read += len(chunk)
                if read > self._bytes_max:
                    raise AnswerTooLarge
                yield chunk
        except httpcore.TimeoutException:
            raise DeadlinePassed from None
        except (httpcore.NetworkError, httpcore.ProtocolError):
            raise CallFailed from None

    def close(self) -> None:
        self._answer.close()
        self._pool.close()


@functools.cache
def _make_ssl_context() -> ssl.SSLContext:
    # Reading the certificates takes some ten milliseconds.
    return httpx.create_ssl_context(trust_env=False)


class GuardedTransport(httpx.BaseTransport):
    """
    Transport for `httpx.Client`; each request has a connection and a deadline of its own.

    `resolve`, `backend` and `ssl_context` stand for the system's resolver, sockets and certificates.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        resolve: Resolver = resolve_by_system,
        backend: httpcore.NetworkBackend | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy or Policy()
        self._resolve = resolve
        self._plain = backend or httpcore.SyncBackend()
        self._ssl_context = ssl_context or _make_ssl_context()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """
        Make one call.

        :raises AddressRefused: if the address is not one we call
        :raises CallFailed: if there is no proper answer, in time, within bounds, from that very address
        """
        port = self._check_url(request.url)
        deadline = _Deadline(self._policy.deadline_seconds)
        pool = httpcore.ConnectionPool(
            ssl_context=self._ssl_context,
            max_connections=1,
            network_backend=_PinningBackend(
                policy=self._policy, resolve=self._resolve, plain=self._plain, deadline=deadline
            ),
        )
        try:
            answer = pool.handle_request(self._translate(request, port))
            self._check_answer(answer)
        except httpcore.TimeoutException:
            pool.close()
            raise DeadlinePassed from None
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError):
            pool.close()
            raise CallFailed from None
        except BaseException:
            pool.close()
            raise
        stream = _BoundedStream(answer, pool, self._policy.answer_bytes_max)
        return httpx.Response(answer.status, headers=answer.headers, stream=stream)

    def _check_url(self, url: httpx.URL) -> int:
        port = url.port or {"https": 443, "http": 80}.get(url.scheme, 0)
        if url.scheme not in self._policy.schemes or port not in self._policy.ports:
            raise AddressRefused
        if not url.host or url.userinfo or len(str(url)) > URL_LENGTH_MAX:
            raise AddressRefused
        return port

    @staticmethod
    def _translate(request: httpx.Request, port: int) -> httpcore.Request:
        # Host follows the address, whatever the caller set; encodings could unpack to any size.
        own = {b"host", b"accept-encoding"}
        headers = [(name, value) for name, value in request.headers.raw if name.lower() not in own]
        headers += [(b"Host", request.url.netloc), (b"Accept-Encoding", b"identity")]
        return httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=port,
                target=request.url.raw_path,
            ),
            headers=headers,
            content=cast(httpx.SyncByteStream, request.stream),
        )

    def _check_answer(self, answer: httpcore.Response) -> None:
        headers = httpx.Headers(answer.headers)
        if answer.status in REDIRECTS:
            raise RedirectRefused
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise CallFailed("The address sent an encoded answer that was not asked for.")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._policy.answer_bytes_max:
            raise AnswerTooLarge


def call(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    transport: GuardedTransport | None = None,
) -> Answer:
    """
    Make one guarded call and read the whole answer.

    :raises AddressRefused: if the address is not one we call
    :raises CallFailed: if there is no proper answer, in time, within bounds, from that very address
    """
    client = httpx.Client(transport=transport or GuardedTransport(), trust_env=False, timeout=None)  # noqa: S113
    with client:
        try:
            answer = client.request(method, url, headers=headers, content=content)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise AddressRefused from None
        except httpx.HTTPError:
            raise CallFailed from None
        return Answer(answer.status_code, dict(answer.headers), answer.content)
