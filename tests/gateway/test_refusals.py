"""Whatever is wrong with a request: the right status and shape, nothing held, nothing charged."""

from dataclasses import replace
from typing import Any

import httpx
import openai
import pytest

from accounts import revocations, tokens
from gateway.app import create_app
from gateway.settings import Settings
from tests.billing import exchange
from tests.gateway.conftest import Market, make_key, serve

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]
FINE: dict[str, Any] = {"model": "small", "messages": HELLO}


def assert_error(answer: httpx.Response, status: int, code: str, *, retry: str | None = "false") -> Any:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    assert set(error) >= {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"]
    assert answer.headers.get("x-should-retry") == retry
    return error


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b'{"model":"small"', b"\xff\xfe", b'{"a":' * 5000 + b"1" + b"}" * 5000],
)
async def test_malformed_json(http: httpx.AsyncClient, market: Market, body: bytes) -> None:
    assert_error(await http.post(CHAT, content=body), 400, "invalid_json")
    market.assert_nothing_happened()


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": "hello"}, "messages"),
        ({"messages": None}, "messages"),
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"n": "two"}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": "9"}, "max_completion_tokens"),
        ({"provider": {"zdr": True}}, "provider.zdr"),
        ({"provider": {"energy": {"clean_only": True}}}, "provider.energy"),
        ({"service_tier": "flex"}, "service_tier"),
    ],
)
async def test_a_field_that_cannot_be(
    http: httpx.AsyncClient, market: Market, change: dict[str, Any], param: str
) -> None:
    answer = await http.post(CHAT, json=FINE | change)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    market.assert_nothing_happened()


@pytest.mark.parametrize("limit", [2049, 10**6, 2**31, 2**63, 10**30])
async def test_absurd_max_tokens(http: httpx.AsyncClient, market: Market, limit: int) -> None:
    for field in ("max_tokens", "max_completion_tokens"):
        answer = await http.post(CHAT, json=FINE | {field: limit})

        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == field
    market.assert_nothing_happened()


async def test_a_field_given_twice(http: httpx.AsyncClient, market: Market) -> None:
    body = b'{"model":"small","max_tokens":1,"messages":[{}],"max_tokens":900}'

    error = assert_error(await http.post(CHAT, content=body), 400, "invalid_request")

    assert error["param"] == "max_tokens"
    market.assert_nothing_happened()


async def test_a_prompt_beyond_the_context(http: httpx.AsyncClient, market: Market) -> None:
    body = FINE | {"messages": [{"role": "user", "content": "x" * 20_000}]}

    assert_error(await http.post(CHAT, json=body), 400, "context_length_exceeded")
    market.assert_nothing_happened()


async def test_an_unknown_model(http: httpx.AsyncClient, market: Market) -> None:
    assert_error(await http.post(CHAT, json=FINE | {"model": "huge"}), 404, "model_not_found")
    assert_error(await http.get("/v1/models/huge"), 404, "model_not_found")
    market.assert_nothing_happened()


async def test_a_body_that_is_too_large(market: Market, settings: Settings) -> None:
    async with serve(create_app(replace(settings, body_bytes_max=10_000))) as url:
        headers = {"authorization": f"Bearer {market.token}"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as http:
            declared = await http.post(CHAT, content=b" " * 10_001)

            async def pieces() -> Any:
                for _ in range(20):
                    yield b" " * 1000

            grown = await http.post(CHAT, content=pieces())

    assert_error(declared, 413, "body_too_large")
    assert_error(grown, 413, "body_too_large")
    market.assert_nothing_happened()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "missing_api_key"),
        ("Basic abc", "missing_api_key"),
        ("Bearer sk-123", "invalid_api_key"),
        ("Bearer " + tokens.make_token(tokens.TokenKind.LIVE).text, "invalid_api_key"),
        ("Bearer " + tokens.make_token(tokens.TokenKind.NODE).text, "invalid_api_key"),
    ],
    ids=["none", "another scheme", "of no form", "unknown", "a node's"],
)
async def test_a_key_that_is_none(url: str, market: Market, header: str, code: str) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"authorization": header}) as http:
        assert_error(await http.post(CHAT, json=FINE), 401, code)
        assert_error(await http.get("/v1/models"), 401, code)
    market.assert_nothing_happened()


async def test_a_revoked_key_is_refused_at_once(http: httpx.AsyncClient, market: Market) -> None:
    await http.post(CHAT, json=FINE)
    used = market.read_usage()
    market.connection.execute("UPDATE accounts_apikey SET revoked_at = now() WHERE id = %s", [market.key_id])

    # The cache still knows the key; admission does not let it through.
    assert_error(await http.post(CHAT, json=FINE), 401, "invalid_api_key")
    assert market.read_usage() == used


async def test_a_revocation_empties_the_cache(http: httpx.AsyncClient, market: Market) -> None:
    assert (await http.get("/v1/models")).status_code == 200
    digest = tokens.digest_token(market.token)
    with market.connection.transaction():
        market.connection.execute(
            "UPDATE accounts_apikey SET revoked_at = now() WHERE id = %s", [market.key_id]
        )
        market.connection.execute("SELECT pg_notify(%s, %s)", [revocations.CHANNEL, digest.hex()])
    for _ in range(50):
        answer = await http.get("/v1/models")
        if answer.status_code == 401:
            break

    assert answer.status_code == 401


async def test_an_empty_wallet(url: str, market: Market) -> None:
    poor = exchange.make_buyer(market.connection, "Poor", funds="0.0001")
    _, token = make_key(market.connection, poor.organization_id)
    async with httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {token}"}) as http:
        assert_error(await http.post(CHAT, json=FINE), 402, "insufficient_funds")
    assert exchange.read_scope(market.connection, poor.wallet_id)[1] == 0
    market.assert_nothing_happened()


async def test_no_wallet_and_a_wallet_in_another_currency(url: str, market: Market) -> None:
    organization = exchange.make_organization(market.connection, "Bare")
    _, bare = make_key(market.connection, organization)
    yuan = exchange.make_buyer(market.connection, "Yuan", currency="CNY")
    _, other = make_key(market.connection, yuan.organization_id)
    async with httpx.AsyncClient(base_url=url) as http:
        answers = [
            await http.post(CHAT, json=FINE, headers={"authorization": f"Bearer {token}"})
            for token in (bare, other)
        ]

    assert_error(answers[0], 402, "no_wallet")
    assert_error(answers[1], 402, "currency_mismatch")
    market.assert_nothing_happened()


async def test_preferences_nobody_fits(http: httpx.AsyncClient, market: Market) -> None:
    error = assert_error(
        await http.post(CHAT, json=FINE | {"provider": {"only": ["nobody"]}}), 404, "no_endpoints"
    )

    assert error["excluded"] == {"allowed_providers": 2}
    market.assert_nothing_happened()


async def test_a_repeat_of_an_idempotency_key(http: httpx.AsyncClient, market: Market) -> None:
    headers = {"idempotency-key": "order-1"}
    first = await http.post(CHAT, json=FINE, headers=headers)

    repeat = assert_error(await http.post(CHAT, json=FINE, headers=headers), 409, "duplicate_request")
    other = await http.post(CHAT, json=FINE | {"seed": 1}, headers=headers)

    assert repeat["job_id"] == first.headers["x-jouleport-job"]
    assert_error(other, 409, "idempotency_key_reused")
    assert len(market.read_usage()) == 1


async def test_addresses_and_methods_that_are_not_served(http: httpx.AsyncClient) -> None:
    assert_error(await http.get(CHAT), 405, "wrong_method")
    assert_error(await http.post("/v1/models"), 405, "wrong_method")
    assert_error(await http.post("/v1/audio/speech"), 404, "unknown_address")


async def test_the_sdk_raises_what_it_should(market: Market, url: str) -> None:
    async with openai.AsyncOpenAI(base_url=url + "/v1", api_key=market.token) as client:
        with pytest.raises(openai.NotFoundError) as refused:
            await client.chat.completions.create(model="huge", messages=[{"role": "user", "content": "x"}])

    assert refused.value.code == "model_not_found"
    assert refused.value.request_id


async def test_health(http: httpx.AsyncClient) -> None:
    ready = await http.get("/readyz")

    assert (await http.get("/healthz")).status_code == 200
    assert (ready.status_code, set(ready.json().values())) == (200, {"ok"})


async def test_keeps_a_request_id_that_was_given(http: httpx.AsyncClient) -> None:
    answer = await http.post(CHAT, json=FINE, headers={"x-request-id": "mine-1"})

    assert answer.headers["x-request-id"] == "mine-1"
