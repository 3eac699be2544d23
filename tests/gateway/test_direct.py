"""Providers' own addresses behind the gateway: called once admitted, metered by us, believed little."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from accounts.models import User
from core.credentials import Vault
from gateway.app import Gateway, create_app
from gateway.settings import Settings
from tests.billing import exchange
from tests.gateway.conftest import Market, reload_book, serve
from tests.gateway.test_faults import CHAT, FINE, read_events
from tests.workers.upstream.authority import Authority, Handler
from workers.models import DirectUpstream
from workers.simulated import server
from workers.upstream.guard import Policy
from workers.upstream.targets import name_purpose

HOST = "models.example"
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
SECRET = "sk-canary-of-the-cheap-farm"
METER = (
    b'\x1e{"chip_seconds":"900","joules":"900000","tier":"attested","attribution":"measured","complete":true}'
)


@dataclass
class Own:
    """The cheap seller's own address: a TLS server, and the row that names it."""

    market: Market
    authority: Authority
    settings: Settings
    operator_id: int
    stack: contextlib.AsyncExitStack
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def policy(self) -> Policy:
        return Policy(
            ports=frozenset({self.port}),
            allowed_addresses=frozenset({"127.0.0.1"}),
            certificates=str(self.authority.file),
            resolve=lambda host, port: ["127.0.0.1"],
        )

    async def listen(self, make: Callable[[], asyncio.Protocol], **certificate: Any) -> None:
        """Listen with TLS."""
        context = self.authority.make_context(HOST, **certificate)
        listening = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=context)
        self.stack.callback(listening.close)
        self.port = listening.sockets[0].getsockname()[1]

    async def simulate(self) -> None:
        """Be the simulated upstream."""
        await self.listen(lambda: server.Connection(self.market.upstream))

    async def answer(self, handler: Handler, **certificate: Any) -> None:
        """Be a server that does as the handler says, after each request's head and body."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.heads.append(head)
                    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    await reader.readexactly(length)
                    await handler(reader, writer)
                    await writer.drain()
            writer.transport.abort()

        def make() -> asyncio.Protocol:
            reader = asyncio.StreamReader()
            return asyncio.StreamReaderProtocol(reader, handle)

        await self.listen(make, **certificate)

    def submit(self, state: str = "ADMITTED", *, key: str = OLD, slots: int = 4) -> None:
        """Write the row as the web and an operator would."""
        node = self.market.sellers["cheap"].node_id
        row = DirectUpstream(node_id=node, url=f"https://{HOST}:{self.port}/v1", slots=slots)
        sealed = Vault([key]).seal(SECRET, purpose=name_purpose(row.uid, row.url))
        decided = (None, None) if state == "PENDING" else (datetime.now(UTC), self.operator_id)
        self.market.connection.execute(
            "INSERT INTO direct_upstream (uid, node_id, url, slots, state, credential, key_id, decided_at,"
            " decided_by_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [row.uid, node, row.url, slots, state, sealed.token, sealed.key_id, *decided],
        )

    async def open(self, *keys: str, **changed: Any) -> tuple[httpx.AsyncClient, Gateway]:
        """A gateway with these keys, and a buyer at it; only the dear seller has an agent."""
        self.market.connect("dear")
        settings = replace(self.settings, credential_keys=keys or (OLD,), upstreams=self.policy(), **changed)
        gateway = create_app(settings)
        url = await self.stack.enter_async_context(serve(gateway))
        headers = {"authorization": f"Bearer {self.market.token}"}
        client = httpx.AsyncClient(base_url=url, headers=headers, timeout=20)
        return await self.stack.enter_async_context(client), gateway


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def operator(db: object) -> User:
    return User.objects.create_superuser("operator@example.org", "a long password")


@pytest.fixture
async def own(operator: User, market: Market, settings: Settings, authority: Authority) -> AsyncIterator[Own]:
    async with contextlib.AsyncExitStack() as stack:
        yield Own(market, authority, settings, operator.pk, stack)


def write_json(status: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n%s\r\n%s" % (status, len(body), lines, body)


def say(answer: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return handle


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
    writer.close()


async def test_a_direct_upstream_is_called_metered_and_charged(own: Own) -> None:
    await own.simulate()
    own.submit()
    http, _ = await own.open()

    plain = await http.post(CHAT, json=FINE)
    async with http.stream(
        "POST", CHAT, json=FINE | {"stream": True, "stream_options": {"include_usage": True}}
    ) as stream:
        events = read_events((await stream.aread()).decode())

    assert (plain.status_code, plain.headers["x-jouleport-provider"]) == (200, "cheap-farm")
    usages = [plain.json()["usage"], events[-2]["usage"]]
    records = own.market.read_usage()
    for usage, record in zip(usages, records, strict=True):
        assert usage["receipt_id"] is None
        assert (usage["energy"]["tier"], usage["energy"]["attribution"]) == ("declared", "estimated")
        assert Decimal(usage["cost_amount"]) == record["amount"] > 0
        assert record["chip_seconds"] > 0
        assert record["joules"] > 0
    assert own.market.read_wallet()[0] == 10  # what is charged is posted later
    assert own.market.upstream.requests == 2


@pytest.mark.parametrize("state", ["PENDING", "REFUSED"])
async def test_one_that_no_operator_admitted_is_never_called(own: Own, state: str) -> None:
    await own.answer(say(write_json(b"200 OK", b"{}")))
    own.submit(state)
    http, _ = await own.open()

    answer = await http.post(CHAT, json=FINE)

    assert (answer.status_code, answer.headers["x-jouleport-provider"]) == (200, "dear-farm")
    assert own.connections == 0


async def test_an_operators_word_is_heard_at_once(own: Own) -> None:
    await own.simulate()
    own.submit()
    http, gateway = await own.open()
    assert (await http.post(CHAT, json=FINE)).headers["x-jouleport-provider"] == "cheap-farm"

    own.market.connection.execute("UPDATE direct_upstream SET state = 'REFUSED'")
    await reload_book(gateway)

    assert (await http.post(CHAT, json=FINE)).headers["x-jouleport-provider"] == "dear-farm"


@pytest.mark.parametrize(
    "handler",
    [
        say(b"\x00\xffgarbage\r\n\r\n"),
        say(write_json(b"200 OK", b"no JSON")),
        say(write_json(b"302 Found", b"", b"location: https://127.0.0.1/v1/chat/completions")),
        say(write_json(b"401 Unauthorized", b'{"error":{"message":"no such key"}}')),
        say(write_json(b"429 Too Many Requests", b"{}", b"retry-after: 7")),
        say(write_json(b"500 Oops", b"{}")),
        say(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00"),
        silence,
        break_off,
    ],
    ids=["garbage", "no-json", "redirect", "wrong-key", "busy", "fault", "packed", "silent", "broken"],
)
async def test_what_fails_before_the_first_byte_is_tried_elsewhere(own: Own, handler: Handler) -> None:
    await own.answer(handler)
    own.submit()
    http, _ = await own.open()

    answer = await http.post(CHAT, json=FINE)

    assert (answer.status_code, answer.headers["x-jouleport-provider"]) == (200, "dear-farm")
    assert answer.json()["usage"]["receipt_id"] is not None
    assert len(own.heads) == 1
    assert len(own.market.read_usage()) == 1


@pytest.mark.parametrize("status", [b"401 Unauthorized", b"403 Forbidden"])
async def test_a_provider_is_told_once_that_the_credential_is_refused(own: Own, status: bytes) -> None:
    await own.answer(say(write_json(status, b"{}")))
    own.submit()
    http, gateway = await own.open()

    assert gateway.runtime is not None

    answers = [await http.post(CHAT, json=FINE) for _ in range(3)]
    await gateway.runtime.complaints.flush()
    # Another gateway, or the same one a minute later.
    gateway.runtime.complaints._told.clear()
    answers.append(await http.post(CHAT, json=FINE))
    await gateway.runtime.complaints.flush()

    assert {answer.headers["x-jouleport-provider"] for answer in answers} == {"dear-farm"}
    node = own.market.sellers["cheap"].node_id
    [(node_id, kind, details)] = own.market.connection.execute(
        "SELECT node_id, kind, details FROM node_event"
    ).fetchall()
    failed = own.market.connection.execute(
        "SELECT uid::text FROM attempt WHERE error_code = 'credential_refused' ORDER BY id"
    ).fetchall()
    assert (node_id, kind, details) == (node, "CREDENTIAL_REFUSED", {"attempt": failed[0][0]})
    assert len(failed) == 4


async def test_an_expired_certificate_is_no_upstream(own: Own) -> None:
    await own.answer(say(write_json(b"200 OK", b"{}")), expired=True)
    own.submit()
    http, _ = await own.open()

    answer = await http.post(CHAT, json=FINE)

    assert (answer.status_code, answer.headers["x-jouleport-provider"]) == (200, "dear-farm")
    assert own.heads == []


async def test_a_name_that_leads_inside_is_no_upstream(own: Own) -> None:
    await own.answer(say(write_json(b"200 OK", b"{}")))
    own.submit()
    inside = replace(own.policy(), allowed_addresses=frozenset())
    own.policy = lambda: inside  # type: ignore[method-assign]
    http, _ = await own.open()

    answer = await http.post(CHAT, json=FINE)

    assert answer.headers["x-jouleport-provider"] == "dear-farm"
    assert own.connections == 0


async def test_a_meter_of_its_own_is_not_believed(own: Own) -> None:
    body = json.dumps(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "simulated-small",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14},
        }
    ).encode()
    forged = [b"jouleport-framing: 1", b"x-jouleport-relay: 1"]
    answers = [write_json(b"200 OK", body, *forged), write_json(b"200 OK", body + METER, *forged)]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers[len(own.heads) - 1])

    await own.answer(handle)
    own.submit()
    http, _ = await own.open()

    honest = await http.post(CHAT, json=FINE)
    # With a meter behind it the answer is no JSON any more.
    lying = await http.post(CHAT, json=FINE)

    assert honest.headers["x-jouleport-provider"] == "cheap-farm"
    assert honest.json()["usage"]["energy"]["tier"] == "declared"
    assert Decimal(honest.json()["usage"]["energy"]["joules"]) < 1000
    assert lying.headers["x-jouleport-provider"] == "dear-farm"


async def test_no_credential_is_said_anywhere(
    own: Own, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    message = f"key {SECRET} may not do this: " + "x" * 470 + SECRET
    echo = write_json(b"400 Bad Request", json.dumps({"error": {"message": message}}).encode())
    await own.answer(say(echo))
    own.submit()
    http, gateway = await own.open(log_requests=True)

    answers = [await http.post(CHAT, json=FINE | {"stream": stream}) for stream in (False, True)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert "key [credential] may not do this" in answers[0].json()["error"]["message"]
    assert f"authorization: Bearer {SECRET}".encode() in own.heads[0]
    assert gateway.runtime is not None
    gateway.runtime.log.flush()
    rows = exchange.fetch(own.market.connection, "SELECT row_to_json(d)::text AS t FROM direct_upstream d")
    rows += exchange.fetch(own.market.connection, "SELECT row_to_json(j)::text AS t FROM job j")
    rows += exchange.fetch(own.market.connection, "SELECT row_to_json(a)::text AS t FROM attempt a")
    said = [
        *(answer.text + str(answer.headers) for answer in answers),
        caplog.text,
        *capfd.readouterr(),
        *(row["t"] for row in rows),
        repr(gateway.settings),
        repr(gateway.runtime.keeper.targets),
    ]
    for secret in (SECRET, SECRET[:12], OLD):
        assert [text for text in said if secret in text or secret.encode().hex() in text] == []


async def test_keys_change_while_everything_runs(own: Own) -> None:
    await own.simulate()
    own.submit(key=OLD)
    before, _ = await own.open(OLD)
    both, both_gateway = await own.open(NEW, OLD)
    new_only, new_gateway = await own.open(NEW)

    async def ask() -> list[str]:
        clients = (before, both, new_only)
        answers = [await client.post(CHAT, json=FINE) for client in clients]
        return [answer.headers["x-jouleport-provider"] for answer in answers]

    assert await ask() == ["cheap-farm", "cheap-farm", "dear-farm"]
    [row] = exchange.fetch(own.market.connection, "SELECT credential FROM direct_upstream")
    sealed = Vault([NEW, OLD]).reseal(bytes(row["credential"]))
    own.market.connection.execute(
        "UPDATE direct_upstream SET credential = %s, key_id = %s", [sealed.token, sealed.key_id]
    )
    for gateway in (both_gateway, new_gateway):
        await reload_book(gateway)

    assert (await ask())[1:] == ["cheap-farm", "cheap-farm"]


async def test_a_credential_that_was_moved_to_another_address_is_not_sent(own: Own) -> None:
    await own.answer(say(write_json(b"200 OK", b"{}")))
    own.submit("PENDING")
    own.market.connection.execute(
        "UPDATE direct_upstream SET url = replace(url, '/v1', '/elsewhere')",
    )
    own.market.connection.execute(
        "UPDATE direct_upstream SET state = 'ADMITTED', decided_at = now(), decided_by_id = %s",
        [own.operator_id],
    )
    http, _ = await own.open()

    answer = await http.post(CHAT, json=FINE)

    assert answer.headers["x-jouleport-provider"] == "dear-farm"
    assert own.connections == 0


async def test_no_more_run_there_than_it_takes(own: Own) -> None:
    await own.simulate()
    own.market.name_upstream("cheap", "simulated-small+rate=20+tokens=20")
    own.market.name_upstream("dear", "simulated-small+rate=20+tokens=20")
    own.submit(slots=2)
    http, _ = await own.open()

    answers = await asyncio.gather(*(http.post(CHAT, json=FINE | {"stream": True}) for _ in range(6)))

    providers = sorted(answer.headers["x-jouleport-provider"] for answer in answers)
    assert providers == ["cheap-farm"] * 2 + ["dear-farm"] * 4
