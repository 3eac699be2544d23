"""Embeddings: only what is read is charged, and a model answers only at the addresses it is sold for."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from gateway.app import Gateway
from tests.billing import exchange
from tests.gateway.conftest import Market, reload_book
from tests.gateway.test_faults import IN_PRICE, break_upstream
from workers.simulated import text

PATH = "/v1/embeddings"
TEXTS = ["Electricity is cheap at noon.", "Wind at night: 夜里的风"]
FINE: dict[str, Any] = {"model": "small", "input": TEXTS}
# As the simulated upstream counts: bytes by four each; and as we do without a claim: all bytes by six.
TOKENS, TOKENS_LOW = 8 + 7, 10


@pytest.fixture(autouse=True)
async def sold(market: Market, gateway: Gateway) -> None:
    """The model is sold for embeddings and chats."""
    sell(market, ["chat", "embeddings"])
    await reload_book(gateway)


def sell(market: Market, endpoints: list[str]) -> None:
    """Say at which addresses every offer is to be had."""
    ids = [seller.offer_id for seller in market.sellers.values()]
    market.connection.execute("UPDATE offer SET endpoints = %s WHERE id = ANY (%s)", [endpoints, ids])


async def test_answers_and_charges_the_prompt_alone(buyer: openai.AsyncOpenAI, market: Market) -> None:
    # The SDK asks for base64 by itself and gives numbers.
    answer = await buyer.embeddings.create(model="small", input=TEXTS, dimensions=8)

    [used] = market.read_usage()
    usage: Any = answer.usage
    assert answer.model == "small"
    assert [vector.index for vector in answer.data] == [0, 1]
    assert answer.data[0].embedding == pytest.approx(text.embed(TEXTS[0], dimensions=8), abs=1e-6)
    assert b'"encoding_format":"base64"' in market.upstream.bodies[-1]
    assert b"max_tokens" not in market.upstream.bodies[-1]
    assert (usage.prompt_tokens, usage.total_tokens) == (TOKENS, TOKENS)
    assert "completion_tokens" not in usage.model_extra
    assert Decimal(usage.cost_amount) == used["amount"] == TOKENS * IN_PRICE
    assert (used["billed_out"], used["count_method"]) == (0, "claim")
    assert (usage.currency, usage.carbon["grid"], bool(usage.receipt_id)) == ("USD", "CN-GZ", True)
    assert market.read_jobs() == [("SUCCEEDED", None)]


async def test_passes_numbers_as_they_come(http: httpx.AsyncClient) -> None:
    answer = await http.post(PATH, json={"model": "small", "input": "noon", "encoding_format": "float"})

    [vector] = answer.json()["data"]
    assert vector["embedding"] == text.embed("noon", dimensions=text.EMBEDDING_DIMENSIONS)


def ask_in_a_thread(url: str, token: str) -> int:
    with openai.OpenAI(base_url=url + "/v1", api_key=token, max_retries=0) as client:
        return len(client.embeddings.create(model="small", input="noon").data[0].embedding)


async def test_works_through_the_synchronous_sdk(url: str, market: Market) -> None:
    assert await asyncio.to_thread(ask_in_a_thread, url, market.token) == text.EMBEDDING_DIMENSIONS


@pytest.mark.parametrize("given", [[5, 6, 7], [[5], [6, 7]]])
async def test_token_ids_are_counted_exactly(buyer: openai.AsyncOpenAI, market: Market, given: Any) -> None:
    answer = await buyer.embeddings.create(model="small", input=given)

    [used] = market.read_usage()
    [job] = exchange.fetch(market.connection, "SELECT in_bound, out_bound FROM job")
    assert len(answer.data) == (1 if isinstance(given[0], int) else 2)
    assert used["billed_in"] == 3
    assert job == {"in_bound": 3 + 8 * len(answer.data), "out_bound": 0}


@pytest.mark.parametrize(
    ("changed", "param", "code"),
    [
        ({"input": None}, "input", "invalid_request"),
        ({"input": ""}, "input", "invalid_request"),
        ({"input": []}, "input", "invalid_request"),
        ({"input": ["a", ""]}, "input", "invalid_request"),
        ({"input": [[]]}, "input", "invalid_request"),
        ({"input": ["a", 1]}, "input", "invalid_request"),
        ({"input": ["a"] * 2049}, "input", "invalid_request"),
        ({"input": [1], "models": ["other"]}, "input", "unsupported_value"),
        ({"input": "x " * 30_000}, "input", "context_length_exceeded"),
        ({"stream": True}, "stream", "unsupported_value"),
    ],
    ids=str,
)
async def test_refuses_what_cannot_be_served(
    http: httpx.AsyncClient, market: Market, changed: dict[str, Any], param: str, code: str
) -> None:
    answer = await http.post(PATH, json=FINE | changed)

    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)
    market.assert_nothing_happened()


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("drop", 502, "upstream_broken"),
        ("error500", 502, "upstream_failed"),
        ("garbage_body", 502, "upstream_garbage"),
        ("bad_json", 502, "upstream_garbage"),
        ("truncate", 502, "upstream_broken"),
        ("stall_body", 504, "upstream_timeout"),
        # A vector is missing.
        ("empty", 502, "upstream_garbage"),
    ],
)
async def test_a_failure_costs_nothing(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, fault: str, status: int, code: str
) -> None:
    await break_upstream(market, gateway, fault)
    answer = await http.post(PATH, json=FINE)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    market.assert_nothing_happened()


async def test_another_provider_takes_over(http: httpx.AsyncClient, market: Market, gateway: Gateway) -> None:
    market.name_upstream("cheap", "simulated-small+bad_json")
    await reload_book(gateway)
    answer = await http.post(PATH, json=FINE)

    assert (answer.status_code, answer.headers["x-jouleport-provider"]) == (200, "dear-farm")
    assert len(market.read_usage()) == 1


@pytest.mark.parametrize(
    ("fault", "ours", "billed"),
    [
        ("no_usage", TOKENS_LOW, TOKENS_LOW),
        ("zero_usage", TOKENS_LOW, 0),
        ("over_report+factor=100", TOKENS_LOW, TOKENS_LOW),
    ],
)
async def test_a_claim_out_of_bounds_is_not_believed(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, fault: str, ours: int, billed: int
) -> None:
    await break_upstream(market, gateway, fault)
    answer = await http.post(PATH, json=FINE)

    [used] = market.read_usage()
    assert (used["ours_in"], used["billed_in"], used["billed_out"]) == (ours, billed, 0)
    assert used["count_method"] == "bytes"
    assert answer.json()["usage"]["prompt_tokens"] == billed


async def test_a_buyer_who_leaves_before_the_answer_pays_nothing(
    url: str, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "stall_body+seconds=0.5")
    headers = {"authorization": f"Bearer {market.token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=0.2) as client:
        with pytest.raises(httpx.TimeoutException):
            await client.post(PATH, json=FINE)
    for _ in range(100):
        if market.read_jobs() == [("CANCELLED", "buyer_gone")]:
            break
        await asyncio.sleep(0.05)

    assert market.read_jobs() == [("CANCELLED", "buyer_gone")]
    market.assert_nothing_happened()


async def test_a_model_answers_only_where_it_is_sold(
    buyer: openai.AsyncOpenAI, market: Market, gateway: Gateway
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await buyer.completions.create(model="small", prompt="noon")
    sell(market, ["chat"])
    await reload_book(gateway)
    with pytest.raises(openai.BadRequestError, match="it is at /v1/chat/completions") as again:
        await buyer.embeddings.create(model="small", input="noon")

    body: Any = again.value.body
    assert (refused.value.code, again.value.code, again.value.param) == (
        "wrong_endpoint",
        "wrong_endpoint",
        "model",
    )
    assert (body["endpoints"], body["excluded"]) == (["/v1/chat/completions"], {"wrong_endpoint": 2})
    market.assert_nothing_happened()


async def test_an_offer_without_the_endpoint_is_passed_over_with_a_reason(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    market.connection.execute(
        "UPDATE offer SET endpoints = '{chat}' WHERE id = %s", [market.sellers["cheap"].offer_id]
    )
    await reload_book(gateway)
    answer = await http.post(PATH, json=FINE, headers={"x-jouleport-metadata": "enabled"})

    told = answer.json()["jouleport"]
    assert [(one["provider"], one["excluded_by"]) for one in told["candidates"]] == [
        ("Dear Farm", None),
        ("Cheap Farm", "wrong_endpoint"),
    ]


async def test_the_list_of_models_says_what_each_is_for(buyer: openai.AsyncOpenAI) -> None:
    one: Any = await buyer.models.retrieve("small")

    assert one.endpoints == ["/v1/chat/completions", "/v1/embeddings"]
    assert one.architecture["output_modalities"] == ["text", "embeddings"]
