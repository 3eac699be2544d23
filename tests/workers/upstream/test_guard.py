"""Direct upstreams over real TLS: which addresses are called, and what is believed of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from core.addresses import AddressRefused
from tests.workers.upstream.authority import Authority, Handler
from workers.upstream import guard, targets
from workers.upstream.client import Client, Origin, Timeouts
from workers.upstream.connection import Broken, Response, TimedOut, TooLarge, Unreachable, UpstreamError
from workers.upstream.targets import Target

HOST = "models.example"
QUICK = Timeouts(connect=1.0, head=0.5, idle=0.5, total=2.0)
SECRET = "sk-canary-of-a-provider"
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


def answer_with(*parts: bytes, seconds: float = 0.0) -> Handler:
    """A server that answers every request of a connection with these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(seconds)
        writer.close()

    return handle


@dataclass
class Server:
    """A TLS server on loopback, what it was sent, and the names it was asked for."""

    port: int
    heads: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    connections: int = 0


@dataclass
class Desk:
    """Serves and calls, with an authority that only these tests trust."""

    authority: Authority
    stack: contextlib.AsyncExitStack
    resolved: list[str] = field(default_factory=list)

    async def serve(
        self, handler: Handler, *names: str, expired: bool = False, address: str = "127.0.0.1"
    ) -> Server:
        server = Server(0)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server.connections += 1
            read = reader.readuntil

            async def read_and_keep(separator: bytes = b"\r\n\r\n") -> bytes:
                head = await read(separator)
                server.heads.append(head)
                return head

            reader.readuntil = read_and_keep  # type: ignore[method-assign, assignment]
            await handler(reader, writer)

        context = self.authority.make_context(*(names or (HOST,)), expired=expired)
        context.sni_callback = lambda _, name, __: server.names.append(name)
        listening = await asyncio.start_server(handle, address, 0, ssl=context)
        self.stack.callback(listening.close)
        server.port = listening.sockets[0].getsockname()[1]
        return server

    def guard(self, *ports: int, resolve: Callable[[str, int], list[str]] | None = None) -> guard.Guard:
        def find(host: str, port: int) -> list[str]:
            self.resolved.append(host)
            return ["127.0.0.1"]

        return guard.Guard(
            guard.Policy(
                ports=frozenset(ports),
                allowed_addresses=frozenset({"127.0.0.1"}),
                certificates=str(self.authority.file),
                resolve=resolve or find,
            )
        )

    async def client(self) -> Client:
        client = Client(timeouts=QUICK, certificates=str(self.authority.file))
        self.stack.push_async_callback(client.close)
        return client


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def desk(authority: Authority) -> AsyncIterator[Desk]:
    async with contextlib.AsyncExitStack() as stack:
        yield Desk(authority, stack)


def aim(server: Server, host: str = HOST) -> Target:
    return Target(Origin(host, server.port, True), "/api/v1", True, SECRET, slots=4)


async def ask(client: Client, guarded: guard.Guard, target: Target) -> Response:
    def refuse_ticket() -> str:
        raise AssertionError("a provider's own address gets no ticket")

    return await targets.call(
        client,
        guarded,
        target,
        path="/v1/chat/completions",
        body=b'{"model":"m"}',
        issue_ticket=refuse_ticket,
        request_id="what the buyer said",
        attempt_uid=uuid4(),
    )


async def test_calls_the_checked_address_by_its_name_and_keeps_the_connection(desk: Desk) -> None:
    server = await desk.serve(answer_with(OK))
    client, guarded = await desk.client(), desk.guard(server.port)

    for _ in range(3):
        response = await ask(client, guarded, aim(server))
        assert (response.status, await response.read(limit=100)) == (200, b"{}")

    assert desk.resolved == [HOST]
    assert (server.connections, server.names) == (1, [HOST])
    head = server.heads[0].decode()
    assert head.startswith(f"POST /api/v1/chat/completions HTTP/1.1\r\nhost: {HOST}:{server.port}\r\n")
    assert f"authorization: Bearer {SECRET}\r\n" in head
    assert "what the buyer said" not in head
    assert "ticket" not in head


async def test_a_name_that_turns_to_a_private_address_is_not_followed(desk: Desk) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "10.0.0.8"]])
    server = await desk.serve(answer_with(OK))
    client = await desk.client()
    guarded = desk.guard(server.port, resolve=lambda host, port: next(answers))

    first = await ask(client, guarded, aim(server))
    # Asked again at once: the address that was checked is still the one.
    second = await ask(client, guarded, aim(server))
    assert (first.status, second.status) == (200, 200)

    for _ in range(2):
        guarded._pins.clear()
        with pytest.raises(Unreachable, match="AddressRefused"):
            await ask(client, guarded, aim(server))
    assert server.connections <= 2


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "100.64.0.1", "10.1.2.3", "192.168.0.1"),
        *(
            "172.16.0.1",
            "0.0.0.1",
            "fe80::1",
            "fc00::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "255.255.255.255",
        ),
    ],
)
async def test_a_name_of_an_address_that_is_not_public_is_refused(address: str) -> None:
    guarded = guard.Guard(guard.Policy(resolve=lambda host, port: [address]))

    with pytest.raises(Unreachable, match="AddressRefused"):
        await guarded.pin(Origin(HOST, 443, True))


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example/v1",
        "ftp://models.example/v1",
        "https://models.example:22/v1",
        "https://models.example:99999/v1",
        "https://user:secret@models.example/v1",
        "https://models.example/v1?key=1",
        "https://models.example/v1#part",
        "https://127.1/v1",
        "https://2130706433/v1",
        "https://0x7f000001/v1",
        "https://0177.0.0.1/v1",
        "https://127.0.0.1.nip.0x1/v1",
        "https:///v1",
        "https://models.example/v1\r\nhost: other",
        "https://models.example\\@127.0.0.1/v1",
        "https://mödels.example/v1",
        "https://models.example/" + "a" * 500,
        "models.example/v1",
        "",
    ],
    ids=lambda url: url[:40].encode("ascii", "replace").decode().strip() or "empty",
)
def test_an_address_that_is_not_called_is_refused_as_written(url: str) -> None:
    with pytest.raises(AddressRefused):
        guard.read_address(url)


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/v1", "https://[::1]/v1", "https://[::ffff:127.0.0.1]/v1", "https://10.0.0.1:8443/v1"],
)
async def test_a_spelt_out_private_address_is_never_connected_to(url: str) -> None:
    origin, _ = guard.read_address(url)

    with pytest.raises(Unreachable, match="AddressRefused"):
        await guard.Guard().pin(origin)


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://models.example", Origin(HOST, 443, True), ""),
        ("https://models.example/v1/", Origin(HOST, 443, True), "/v1"),
        ("https://MODELS.example:8443/openai/v1", Origin(HOST, 8443, True), "/openai/v1"),
        ("https://[2606:4700::1111]/v1", Origin("2606:4700::1111", 443, True), "/v1"),
    ],
)
def test_an_address_is_read(url: str, origin: Origin, path: str) -> None:
    assert guard.read_address(url) == (origin, path)


@pytest.mark.parametrize(
    ("names", "expired"), [((HOST,), True), (("other.example",), False)], ids=["expired", "other-name"]
)
async def test_a_certificate_that_is_wrong_ends_the_call(
    desk: Desk, names: tuple[str, ...], expired: bool
) -> None:
    server = await desk.serve(answer_with(OK), *names, expired=expired)

    with pytest.raises(Unreachable, match="SSLCertVerificationError"):
        await ask(await desk.client(), desk.guard(server.port), aim(server))
    assert server.heads == []


async def test_an_authority_that_nobody_trusts_ends_the_call(desk: Desk, tmp_path: Path) -> None:
    server = await desk.serve(answer_with(OK))
    client = Client(timeouts=QUICK, certificates=str(Authority(tmp_path).file))
    desk.stack.push_async_callback(client.close)

    with pytest.raises(Unreachable, match="SSLCertVerificationError"):
        await ask(client, desk.guard(server.port), aim(server))
    assert server.heads == []


async def test_a_redirect_is_an_answer_and_not_followed(desk: Desk) -> None:
    other = await desk.serve(answer_with(OK), "127.0.0.1")
    location = f"location: https://127.0.0.1:{other.port}/v1/chat/completions\r\n".encode()
    server = await desk.serve(
        answer_with(b"HTTP/1.1 307 Temporary Redirect\r\n" + location + b"content-length: 0\r\n\r\n")
    )

    response = await ask(await desk.client(), desk.guard(server.port, other.port), aim(server))

    assert response.status == 307
    assert other.connections == 0


@pytest.mark.parametrize(
    ("parts", "seconds", "error"),
    [
        ((b"\x00\x01garbage\r\n\r\n",), 0.0, Broken),
        ((b"HTTP/1.1 200 OK\r\nx: " + b"a" * 40_000 + b"\r\n\r\n",), 0.0, TooLarge),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",), 0.0, TimedOut),
        ((b"HTTP/1.1 200 OK\r\n", *[b"x: a\r\n"] * 50), 0.1, TimedOut),
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" + b"a" * 900,), 0.0, TooLarge),
    ],
    ids=["garbage", "huge-head", "stalls", "drips", "huge-body"],
)
async def test_what_is_no_answer_ends_in_time(
    desk: Desk, parts: tuple[bytes, ...], seconds: float, error: type[UpstreamError]
) -> None:
    server = await desk.serve(answer_with(*parts, seconds=seconds))

    async def read() -> bytes:
        response = await ask(await desk.client(), desk.guard(server.port), aim(server))
        return await response.read(limit=500)

    with pytest.raises(error):
        await asyncio.wait_for(read(), 3)


async def test_a_provider_cannot_pass_for_a_relay(desk: Desk) -> None:
    forged = b"HTTP/1.1 200 OK\r\nJoulePort-Framing: 1\r\nX-Jouleport-Relay: 1\r\ncontent-length: 2\r\n\r\n{}"
    server = await desk.serve(answer_with(forged))

    response = await ask(await desk.client(), desk.guard(server.port), aim(server))

    assert not {b"jouleport-framing", b"x-jouleport-relay"} & response.headers.keys()


async def test_another_address_is_tried_where_one_does_not_answer(desk: Desk) -> None:
    server = await desk.serve(answer_with(OK))
    origin = Origin(HOST, server.port, True, ("127.0.0.1", "127.0.0.9"))
    client = await desk.client()

    for _ in range(6):
        response = await client.post(origin=origin, path="/", headers=b"connection: close\r\n", body=b"{}")
        assert response.status == 200
        response.abort()


async def test_a_resolver_that_hangs_stops_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "RESOLVE_SECONDS", 0.2)
    forever = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(host: str, port: int) -> list[str]:
        if host == "slow.example":
            asyncio.run_coroutine_threadsafe(forever.wait(), loop).result()
        return ["93.184.216.34"]

    guarded = guard.Guard(guard.Policy(resolve=hang))
    slow = [asyncio.create_task(guarded.pin(Origin("slow.example", 443, True))) for _ in range(3)]

    assert (await guarded.pin(Origin(HOST, 443, True))).addresses == ("93.184.216.34",)
    for task in slow:
        with pytest.raises(Unreachable, match="TimeoutError"):
            await task
    forever.set()


def test_a_target_shows_no_credential() -> None:
    target = Target(Origin(HOST, 443, True), "/v1", True, SECRET)

    assert SECRET not in repr(target)
    assert target.hide(f"wrong key {SECRET}!") == "wrong key [credential]!"
