"""Limits of keys and organizations: counted by all gateways together, told in every answer, never leaking."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

from gateway import limits
from gateway.app import Gateway, create_app
from gateway.limits import Rates
from gateway.passages import format_span
from gateway.settings import Settings, SettingsRefused, read_settings
from tests.gateway.conftest import SECRET, Market, make_key, reload_book, serve
from tests.gateway.test_faults import CHAT, FINE, break_upstream

SLOW = FINE | {"stream": True, "max_tokens": 400}


def limit_key(market: Market, **figures: int) -> None:
    for column, figure in figures.items():
        market.connection.execute(
            f"UPDATE accounts_apikey SET {column} = %s WHERE id = %s", [figure, market.key_id]
        )


def use_up(market: Market, **levels: float) -> None:
    """Have a key's minute be used up to these levels just now."""
    seconds, micros = market.redis.time()
    mapping: dict[Any, Any] = levels | {"at": seconds * 1000 + micros // 1000}
    market.redis.hset(f"limits:key:{market.key_id}", mapping=mapping)


def read_level(market: Market, name: str) -> float:
    return float(market.redis.hget(f"limits:key:{market.key_id}", name) or 0)


def count_places(market: Market, name: str) -> int:
    """How many places are taken by gateways that are alive."""
    rows: dict[bytes, bytes] = market.redis.hgetall(f"limits:{name}")  # type: ignore[assignment]
    now = time.time() * 1000
    counts = [value.split(b":") for field, value in rows.items() if field.startswith(b"g:")]
    return sum(int(count) for count, until in counts if int(until) > now)


async def wait_for_places(market: Market, wanted: int) -> None:
    for _ in range(400):
        if count_places(market, f"key:{market.key_id}") == wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{count_places(market, f'key:{market.key_id}')} places, not {wanted}")


@asynccontextmanager
async def call(url: str, token: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token}"}
    room = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, limits=room) as client:
        yield client


RATE_HEADERS = [
    f"x-ratelimit-{what}-{unit}"
    for what in ("limit", "remaining", "reset")
    for unit in ("requests", "tokens")
]


async def test_every_answer_says_what_is_left(http: httpx.AsyncClient, market: Market) -> None:
    limit_key(market, requests_per_minute=100, tokens_per_minute=10_000)

    answers = [
        await http.post(CHAT, json=FINE | {"max_tokens": 40}),
        await http.post(CHAT, json=FINE | {"max_tokens": 40, "stream": True}),
        await http.post(CHAT, content=b"{"),
        await http.post(CHAT, json=FINE | {"model": "huge"}),
        await http.post("/v1/embeddings", json={}),
        await http.get("/v1/models"),
        await http.get(CHAT),
        await http.get("/v1/nothing"),
        await http.post(CHAT, content=b" " * 9_000_000),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 404, 400, 200, 405, 404, 413]
    for answer in answers:
        assert all(name in answer.headers for name in [*RATE_HEADERS, "x-request-id"])
        assert int(answer.headers["openai-processing-ms"]) >= 0
        assert answer.headers["x-ratelimit-limit-requests"] == "100"
        assert answer.headers["x-ratelimit-limit-tokens"] == "10000"
    first, second = answers[:2]
    assert first.headers["x-ratelimit-remaining-requests"] == "99"
    assert second.headers["x-ratelimit-remaining-requests"] == "98"
    assert first.headers["x-ratelimit-reset-requests"] == "600ms"
    assert 9_900 < int(first.headers["x-ratelimit-remaining-tokens"]) < 9_960


async def test_without_a_key_there_are_no_limits_to_tell(url: str) -> None:
    async with call(url, "jp_live_nonsense") as http:
        answer = await http.post(CHAT, json=FINE)

    assert answer.status_code == 401
    assert "x-ratelimit-limit-requests" not in answer.headers
    assert {"x-request-id", "openai-processing-ms"} <= set(answer.headers)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, b"0s"), (119.2, b"120ms"), (1000, b"1s"), (58_001, b"59s"), (360_000, b"6m0s"), (61_500, b"1m2s")],
)
def test_spans_are_written_as_by_openai(milliseconds: float, text: bytes) -> None:
    assert format_span(milliseconds) == text


async def test_too_many_requests(http: httpx.AsyncClient, market: Market) -> None:
    limit_key(market, requests_per_minute=3)
    answers = [await http.post(CHAT, json=FINE) for _ in range(4)]

    refused = answers[3]
    error = refused.json()["error"]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert (error["code"], error["type"]) == ("rate_limit_exceeded", "requests")
    assert 15_000 < int(refused.headers["retry-after-ms"]) <= 20_000
    assert 15 < int(refused.headers["retry-after"]) <= 20
    assert refused.headers["x-should-retry"] == "true"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert len(market.read_usage()) == 3


async def test_the_sdk_waits_as_long_as_it_is_told(url: str, market: Market) -> None:
    limit_key(market, requests_per_minute=60)
    use_up(market, r=60, t=0)
    began = time.monotonic()
    async with openai.AsyncOpenAI(base_url=url + "/v1", api_key=market.token, max_retries=1) as client:
        answer = await client.chat.completions.create(
            model="small", messages=[{"role": "user", "content": "Why?"}]
        )

    assert answer.usage is not None
    assert 0.8 < time.monotonic() - began < 5
    assert len(market.read_usage()) == 1


async def test_tokens_are_estimated_and_then_corrected(http: httpx.AsyncClient, market: Market) -> None:
    limit_key(market, tokens_per_minute=1000)

    answer = await http.post(CHAT, json=FINE | {"max_tokens": 900})
    await asyncio.sleep(0.05)
    used = answer.json()["usage"]["total_tokens"]
    level = read_level(market, "t")
    use_up(market, t=500)
    refused = await http.post(CHAT, json=FINE | {"max_tokens": 900})
    admitted = await http.post(CHAT, json=FINE | {"max_tokens": 90})

    assert used - 5 < level <= used
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "tokens")
    assert 10_000 < int(refused.headers["retry-after-ms"]) < 60_000
    assert admitted.status_code == 200


async def test_a_request_that_was_refused_otherwise_costs_no_tokens(
    http: httpx.AsyncClient, market: Market
) -> None:
    limit_key(market, requests_per_minute=60)
    answer = await http.post(CHAT, json=FINE | {"provider": {"only": ["nobody"]}, "max_tokens": 500})
    await asyncio.sleep(0.05)

    assert answer.status_code == 404
    assert read_level(market, "t") == 0
    assert 0.5 < read_level(market, "r") <= 1


async def test_more_than_a_minute_has_may_go_when_the_minute_is_unused(
    http: httpx.AsyncClient, market: Market
) -> None:
    limit_key(market, tokens_per_minute=100)

    assert (await http.post(CHAT, json=FINE | {"max_tokens": 900})).status_code == 200


async def crowd(clients: list[httpx.AsyncClient], size: int) -> Counter[tuple[int, str]]:
    """Ask many times at once, and hang up when all have been answered; who got what."""
    outcomes: Counter[tuple[int, str]] = Counter()
    everybody = asyncio.Barrier(size)

    async def ask(client: httpx.AsyncClient) -> None:
        async with client.stream("POST", CHAT, json=SLOW) as answer:
            code = ""
            if answer.status_code != 200:
                await answer.aread()
                code = answer.json()["error"]["limit"]
            outcomes[(answer.status_code, code)] += 1
            await everybody.wait()

    await asyncio.gather(*(ask(clients[number % len(clients)]) for number in range(size)))
    return outcomes


async def test_two_hundred_at_once_with_room_for_seven(
    market: Market, gateway: Gateway, url: str, settings: Settings
) -> None:
    limit_key(market, concurrent_requests=7)
    await break_upstream(market, gateway, "rate=20+tokens=400")
    second = create_app(settings)
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(serve(second))
        await reload_book(second)
        clients = [await stack.enter_async_context(call(place, market.token)) for place in (url, other)]

        outcomes = await crowd(clients, 200)
        await wait_for_places(market, 0)
        again = await crowd(clients, 10)

    assert outcomes == {(200, ""): 7, (429, "concurrent_requests"): 193}
    assert again == {(200, ""): 7, (429, "concurrent_requests"): 3}


async def test_an_organization_s_keys_share_its_places(market: Market, gateway: Gateway, url: str) -> None:
    query = "UPDATE accounts_organization SET concurrent_requests = 3 WHERE id = %s"
    market.connection.execute(query, [market.buyer.organization_id])
    await break_upstream(market, gateway, "rate=20+tokens=400")
    _, second = make_key(market.connection, market.buyer.organization_id)
    async with call(url, market.token) as one, call(url, second) as other:
        outcomes = await crowd([one, other], 12)

    assert outcomes[(200, "")] == 3
    assert sum(outcomes.values()) == 12


async def start_gateway(settings: Settings) -> tuple[asyncio.subprocess.Process, str]:
    """A gateway in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "JOULEPORT_TICKET_SECRET": SECRET.decode(),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "--port", str(port)),
        env=environ,
    )
    async with httpx.AsyncClient() as http:
        for _ in range(400):
            try:
                await http.get(f"http://127.0.0.1:{port}/readyz")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    return process, f"http://127.0.0.1:{port}"


async def test_a_killed_gateway_frees_its_places(
    market: Market, gateway: Gateway, url: str, settings: Settings
) -> None:
    limit_key(market, concurrent_requests=2)
    await break_upstream(market, gateway, "rate=20+tokens=400")
    process, other = await start_gateway(settings)
    async with call(other, market.token) as doomed, call(url, market.token) as http:
        async with AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(doomed.stream("POST", CHAT, json=SLOW))
            await asyncio.sleep(limits.LEASE_SECONDS + 0.5)
            full = await http.post(CHAT, json=FINE)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            killed = time.monotonic()
        for _ in range(100):
            if (await http.post(CHAT, json=FINE | {"max_tokens": 1})).status_code == 200:
                break
            await asyncio.sleep(0.1)

    # They were renewed for longer than one lease, and ended with it.
    assert full.json()["error"]["limit"] == "concurrent_requests"
    assert time.monotonic() - killed < limits.LEASE_SECONDS + 1


async def test_whatever_is_kept_expires(http: httpx.AsyncClient, market: Market) -> None:
    await http.post(CHAT, json=FINE)
    await asyncio.sleep(0.05)

    names: list[bytes] = market.redis.keys("limits:*")  # type: ignore[assignment]
    # Nothing runs any more, and of an organization nothing else is kept.
    assert names == [b"limits:key:%d" % market.key_id]
    assert 0 < market.redis.ttl(names[0]) <= 180


async def test_while_redis_does_not_answer_requests_pass_but_places_are_counted_here(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    limit_key(market, requests_per_minute=1, concurrent_requests=2)
    assert gateway.runtime is not None
    await break_upstream(market, gateway, "rate=20+tokens=400")
    pipe = gateway.runtime.limiter.pipe
    market.redis.client_pause(1000)
    paused = await http.post(CHAT, json=FINE | {"max_tokens": 1})
    pipe._options["port"] = 9
    pipe.close()
    outcomes = await crowd([http], 5)

    assert paused.status_code == 200
    assert outcomes == {(200, ""): 2, (429, "concurrent_requests"): 3}


async def test_a_restarted_redis_is_told_again(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "rate=20+tokens=400")
    async with http.stream("POST", CHAT, json=SLOW):
        market.redis.flushall()
        market.redis.script_flush()
        market.connect("cheap")
        await asyncio.sleep(0.1)
        assert (await http.get("/v1/models")).headers["x-ratelimit-remaining-requests"] == "5999"
        await wait_for_places(market, 1)
    await wait_for_places(market, 0)


async def test_who_abandons_answers_at_their_beginning_is_barred(market: Market, settings: Settings) -> None:
    application = create_app(replace(settings, rates=Rates(disconnects_per_minute=3, bar_seconds=2)))
    async with serve(application) as url, call(url, market.token) as http:
        await break_upstream(market, application, "rate=20+tokens=400")
        for _ in range(3):
            async with http.stream("POST", CHAT, json=SLOW) as answer:
                assert answer.status_code == 200
            await wait_for_places(market, 0)
        barred = await http.post(CHAT, json=FINE)
        reading = await http.get("/v1/models")
        await asyncio.sleep(2)
        free = await http.post(CHAT, json=FINE | {"max_tokens": 2})

    assert (barred.status_code, barred.json()["error"]["code"]) == (429, "early_disconnects")
    assert barred.headers["x-should-retry"] == "false"
    assert 0 < int(barred.headers["retry-after-ms"]) <= 2000
    assert (reading.status_code, free.status_code) == (200, 200)


async def test_answers_that_are_read_make_up_for_those_that_are_not(
    market: Market, settings: Settings
) -> None:
    application = create_app(replace(settings, rates=Rates(disconnects_per_minute=2)))
    async with serve(application) as url, call(url, market.token) as http:
        await break_upstream(market, application, "rate=200+tokens=400")
        statuses = []
        for _ in range(4):
            async with http.stream("POST", CHAT, json=SLOW) as answer:
                statuses.append(answer.status_code)
            await wait_for_places(market, 0)
            statuses.append((await http.post(CHAT, json=FINE | {"max_tokens": 2})).status_code)

    assert statuses == [200] * 8


def test_rates_of_the_environment() -> None:
    environ: dict[str, Any] = {
        "DATABASE_URL": "postgresql://x",
        "REDIS_URL": "redis://x",
        "JOULEPORT_TICKET_SECRET": "known to every test",
        "JOULEPORT_KEY_REQUESTS_PER_MINUTE": "7",
    }
    assert read_settings(environ).rates == Rates(requests_per_minute=7)
    with pytest.raises(SettingsRefused, match="KEY_TOKENS_PER_MINUTE"):
        read_settings(environ | {"JOULEPORT_KEY_TOKENS_PER_MINUTE": "0"})
    with pytest.raises(SettingsRefused, match="JOULEPORT_HEDGING"):
        read_settings(environ | {"JOULEPORT_HEDGING": "on"})
    assert read_settings(environ | {"JOULEPORT_HEDGING": "off"}).rates == Rates(requests_per_minute=7)
