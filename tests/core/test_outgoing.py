"""Calls on somebody's behalf reach the checked address or nothing."""

import datetime as dt
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core import outgoing
from core.addresses import AddressRefused, HostUnknown
from core.outgoing import GuardedTransport, Policy
from tests.core.servers import Server

HOST = "upstream.example"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*args: Any, **kwargs: Any) -> Server:
        servers.append(Server(*args, **kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def make_transport(server: Server, *, resolve: Any = to_loopback, **changes: Any) -> GuardedTransport:
    """A transport that may reach this one server: the exception exists for tests only."""
    chosen: dict[str, Any] = {
        "schemes": frozenset({"http"}),
        "ports": frozenset({server.port}),
        "allowed_addresses": frozenset({"127.0.0.1"}),
        "deadline_seconds": 5.0,
    }
    return GuardedTransport(Policy(**{**chosen, **changes}), resolve=resolve)


def get(server: Server, path: str = "/", **changes: Any) -> outgoing.Answer:
    return outgoing.call(
        method="GET", url=f"http://{HOST}:{server.port}{path}", transport=make_transport(server, **changes)
    )


class Recorder(httpcore.NetworkBackend):
    """Stands for the sockets: notes where connections would go, and opens none."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        raise httpcore.ConnectError


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://10.0.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://localhost/",
        "https://127.0.0.1./",
        "https://１２７.0.0.1/",
        "https://user@8.8.8.8/",
        "https://user:password@example.com/",
        "https://8.8.8.8:22/",
        "https://8.8.8.8:8443/",
        "http://8.8.8.8/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "unix:///run/docker.sock",
        "//8.8.8.8/",
        "https://",
        "8.8.8.8",
        "",
        "https://exa mple.com/",
        "https://8.8.8.8/" + "x" * 2_048,
    ],
)
def test_an_address_that_is_not_public_https_is_refused_before_any_connection(url: str) -> None:
    recorder = Recorder()

    with pytest.raises(AddressRefused) as refusal:
        outgoing.call(method="POST", url=url, transport=GuardedTransport(backend=recorder))

    assert refusal.value.status == 422
    assert recorder.connected == []


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    recorder = Recorder()
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    transport = GuardedTransport(backend=recorder, resolve=lambda host, port: next(answers))

    with pytest.raises(outgoing.CallFailed):
        outgoing.call(method="GET", url="https://rebinding.example/", transport=transport)

    assert recorder.connected == [("8.8.8.8", 443)]


def test_a_name_that_turns_private_between_two_calls_is_refused_at_the_second() -> None:
    recorder = Recorder()
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    transport = GuardedTransport(backend=recorder, resolve=lambda host, port: next(answers))
    with pytest.raises(outgoing.CallFailed):
        outgoing.call(method="GET", url="https://rebinding.example/", transport=transport)

    with pytest.raises(AddressRefused):
        outgoing.call(method="GET", url="https://rebinding.example/", transport=transport)

    assert recorder.connected == [("8.8.8.8", 443)]


def test_the_next_checked_address_is_tried_when_one_does_not_answer() -> None:
    recorder = Recorder()
    transport = GuardedTransport(backend=recorder, resolve=lambda host, port: ["8.8.8.8", "1.1.1.1"])

    with pytest.raises(outgoing.CallFailed):
        outgoing.call(method="GET", url="https://example.com/", transport=transport)

    assert recorder.connected == [("8.8.8.8", 443), ("1.1.1.1", 443)]


def test_a_host_that_does_not_resolve_is_unknown() -> None:
    transport = GuardedTransport(resolve=lambda host, port: [])

    with pytest.raises(HostUnknown):
        outgoing.call(method="GET", url="https://example.com/", transport=transport)


def test_a_call_to_a_real_server_brings_its_answer(serve: Callable[..., Server]) -> None:
    server = serve(OK)

    answer = get(server, "/a?b=c")

    assert (answer.status, answer.body) == (200, b"ok")
    assert server.requests[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")


def test_a_server_on_loopback_is_not_reached_without_the_exception(serve: Callable[..., Server]) -> None:
    server = serve(OK)

    with pytest.raises(AddressRefused):
        get(server, allowed_addresses=frozenset())

    assert server.requests == []


def test_the_host_header_follows_the_address_whatever_the_caller_set(serve: Callable[..., Server]) -> None:
    server = serve(OK)
    url = f"http://{HOST}:{server.port}/"

    outgoing.call(method="GET", url=url, headers={"Host": "other"}, transport=make_transport(server))

    lines = server.requests[0].lower().split(b"\r\n")
    assert [line for line in lines if line.startswith(b"host:")] == [f"host: {HOST}:{server.port}".encode()]


def test_the_body_of_a_call_is_sent(serve: Callable[..., Server]) -> None:
    server = serve(OK)
    url = f"http://{HOST}:{server.port}/"

    outgoing.call(method="POST", url=url, content=b"hello", transport=make_transport(server))

    assert b"content-length: 5" in server.requests[0].lower()


def test_tls_asks_for_and_verifies_the_name_and_not_the_address(
    serve: Callable[..., Server], certificate: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = serve(OK, context=context)
    policy = Policy(ports=frozenset({server.port}), allowed_addresses=frozenset({"127.0.0.1"}))
    trust = ssl.create_default_context(cafile=str(certificate))
    transport = GuardedTransport(policy, resolve=to_loopback, ssl_context=trust)

    answer = outgoing.call(method="GET", url=f"https://{HOST}:{server.port}/", transport=transport)
    with pytest.raises(outgoing.CallFailed):
        outgoing.call(method="GET", url=f"https://other.example:{server.port}/", transport=transport)

    assert answer.body == b"ok"
    assert server.names == [HOST, "other.example"]


def test_a_caller_cannot_choose_another_name_for_tls(serve: Callable[..., Server], certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = serve(OK, context=context)
    policy = Policy(ports=frozenset({server.port}), allowed_addresses=frozenset({"127.0.0.1"}))
    trust = ssl.create_default_context(cafile=str(certificate))

    with (
        httpx.Client(transport=GuardedTransport(policy, resolve=to_loopback, ssl_context=trust)) as client,
        pytest.raises(outgoing.CallFailed),
    ):
        client.get(f"https://other.example:{server.port}/", extensions={"sni_hostname": HOST})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_not_followed(serve: Callable[..., Server], status: int) -> None:
    target = serve(OK)
    location = f"http://127.0.0.1:{target.port}/"
    server = serve(f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
    transport = make_transport(server, ports=frozenset({server.port, target.port}))

    client = httpx.Client(transport=transport, follow_redirects=True)
    with client, pytest.raises(outgoing.RedirectRefused):
        client.get(f"http://{HOST}:{server.port}/")

    assert target.requests == []


def test_a_server_that_dribbles_is_cut_off_at_the_deadline(serve: Callable[..., Server]) -> None:
    def dribble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(40):
            connection.sendall(b"x")
            time.sleep(0.05)

    server = serve(dribble)
    start = time.monotonic()

    with pytest.raises(outgoing.DeadlinePassed) as refusal:
        get(server, deadline_seconds=0.3)

    assert time.monotonic() - start < 1.5
    assert refusal.value.status == 504


def test_a_silent_server_is_cut_off_at_the_deadline(serve: Callable[..., Server]) -> None:
    server = serve(lambda connection: time.sleep(1))

    with pytest.raises(outgoing.DeadlinePassed):
        get(server, deadline_seconds=0.2)


def test_a_resolver_that_hangs_is_left_behind_at_the_deadline() -> None:
    def hang(host: str, port: int) -> list[str]:
        time.sleep(1)
        return ["8.8.8.8"]

    transport = GuardedTransport(Policy(deadline_seconds=0.1), resolve=hang)

    with pytest.raises(outgoing.DeadlinePassed):
        outgoing.call(method="GET", url="https://example.com/", transport=transport)


def test_an_answer_announced_as_too_large_is_not_read(serve: Callable[..., Server]) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n")

    with pytest.raises(outgoing.AnswerTooLarge):
        get(server, answer_bytes_max=100)


def test_an_answer_that_turns_out_too_large_is_cut_off(serve: Callable[..., Server]) -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1_000):
            connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")

    server = serve(flood)

    with pytest.raises(outgoing.AnswerTooLarge):
        get(server, answer_bytes_max=10_000)


def test_an_answer_of_the_largest_size_is_read(serve: Callable[..., Server]) -> None:
    server = serve(OK)

    assert get(server, answer_bytes_max=2).body == b"ok"


def test_a_packed_answer_is_refused_because_it_could_unpack_to_any_size(serve: Callable[..., Server]) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx")

    with pytest.raises(outgoing.CallFailed):
        get(server)

    assert b"accept-encoding: identity" in server.requests[0].lower()


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"]
)
def test_a_broken_answer_is_a_failed_call(serve: Callable[..., Server], answer: bytes) -> None:
    server = serve(answer)

    with pytest.raises(outgoing.CallFailed) as refusal:
        get(server)

    assert refusal.value.status == 502


def test_a_proxy_from_the_environment_is_not_used(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = serve(OK), serve(OK)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

    get(server)

    assert (len(proxy.requests), len(server.requests)) == (0, 1)


def test_a_unix_socket_is_never_opened() -> None:
    backend = outgoing._PinningBackend(
        policy=Policy(), resolve=to_loopback, plain=Recorder(), deadline=outgoing._Deadline(1)
    )

    with pytest.raises(AddressRefused):
        backend.connect_unix_socket("/run/docker.sock")


def test_by_default_nothing_but_public_https_is_reached() -> None:
    assert Policy().allowed_addresses == frozenset()
    assert Policy().schemes == {"https"}
