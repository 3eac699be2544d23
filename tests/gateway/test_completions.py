"""Completions: the same path as chats, with prompts that are bare text or token ids."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from gateway.app import Gateway
from tests.billing import exchange
from tests.gateway.conftest import Market, reload_book
from tests.gateway.test_faults import IN_PRICE, OUT_PRICE, break_upstream, read_events

PATH = "/v1/completions"
PROMPT = "Electricity is cheap at noon because"
# As the simulated upstream counts: bytes by four; and as we do without a claim: bytes by six.
PROMPT_TOKENS, PROMPT_LOW = 9, 6
FINE: dict[str, Any] = {"model": "small", "prompt": PROMPT, "max_tokens": 8}


async def test_answers_plainly_and_charges_what_it_prints(buyer: openai.AsyncOpenAI, market: Market) -> None:
    answer = await buyer.completions.create(model="small", prompt=PROMPT)

    [used] = market.read_usage()
    usage: Any = answer.usage
    assert (answer.object, answer.model, answer.choices[0].finish_reason) == (
        "text_completion",
        "small",
        "length",
    )
    assert answer.choices[0].text.startswith("Simulated answer, no model was asked:")
    # Without a limit it is OpenAI's sixteen.
    assert (usage.prompt_tokens, usage.completion_tokens) == (PROMPT_TOKENS, 16)
    assert Decimal(usage.cost_amount) == used["amount"] == PROMPT_TOKENS * IN_PRICE + 16 * OUT_PRICE
    assert (usage.currency, usage.carbon["grid"], bool(usage.receipt_id)) == ("USD", "CN-GZ", True)
    assert b'"max_tokens":16' in market.upstream.bodies[-1]


async def test_streams_with_usage_in_the_last_chunk(buyer: openai.AsyncOpenAI, market: Market) -> None:
    stream = await buyer.completions.create(
        model="small", prompt=PROMPT, max_tokens=8, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    [used] = market.read_usage()
    usage: Any = chunks[-1].usage
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert text.startswith("Simulated answer, no model was asked:")
    assert {(chunk.object, chunk.model) for chunk in chunks} == {("text_completion", "small")}
    assert chunks[-1].choices == []
    assert chunks[-2].choices[0].finish_reason == "length"
    assert (usage.completion_tokens, Decimal(usage.cost_amount)) == (8, used["amount"])
    assert (used["count_method"], used["ended_how"]) == ("claim", "complete")


def ask_in_a_thread(url: str, token: str) -> tuple[str, str]:
    with openai.OpenAI(base_url=url + "/v1", api_key=token, max_retries=0) as client:
        plain = client.completions.create(model="small", prompt=PROMPT)
        stream = client.completions.create(model="small", prompt=PROMPT, stream=True)
        return plain.choices[0].text, "".join(chunk.choices[0].text for chunk in stream)


async def test_works_through_the_synchronous_sdk(url: str, market: Market) -> None:
    plain, streamed = await asyncio.to_thread(ask_in_a_thread, url, market.token)

    assert plain == streamed
    assert [used["billed_out"] for used in market.read_usage()] == [16, 16]


@pytest.mark.parametrize("stream", [False, True])
async def test_several_prompts_with_several_choices_hold_and_cost_all_of_them(
    buyer: openai.AsyncOpenAI, market: Market, stream: bool
) -> None:
    seen: set[int] = set()
    answer: Any = await buyer.completions.create(
        model="small", prompt=[PROMPT, "At night"], n=2, best_of=2, max_tokens=5, stream=stream
    )
    if stream:
        seen = {choice.index async for chunk in answer for choice in chunk.choices}
    else:
        seen = {choice.index for choice in answer.choices}

    [used] = market.read_usage()
    [job] = exchange.fetch(market.connection, "SELECT in_bound, out_bound FROM job")
    assert seen == {0, 1, 2, 3}
    assert (used["billed_in"], used["billed_out"]) == (PROMPT_TOKENS + 2, 20)
    assert job == {"in_bound": (36 + 8) // 2 + 2 * 8, "out_bound": 20}


@pytest.mark.parametrize("prompt", [[1, 2, 3, 4, 5], [[1, 2], [3, 4, 5]]])
async def test_token_ids_are_counted_exactly(buyer: openai.AsyncOpenAI, market: Market, prompt: Any) -> None:
    await buyer.completions.create(model="small", prompt=prompt, max_tokens=2)

    [used] = market.read_usage()
    [job] = exchange.fetch(market.connection, "SELECT in_bound FROM job")
    prompts = 1 if isinstance(prompt[0], int) else 2
    assert (used["billed_in"], used["count_method"]) == (5, "claim")
    assert job["in_bound"] == 5 + 8 * prompts


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("limit", [0, 4])
async def test_an_echo_is_no_output(
    http: httpx.AsyncClient, market: Market, stream: bool, limit: int
) -> None:
    long = "Electricity is cheap at noon. " * 40
    body = {"model": "small", "prompt": long, "echo": True, "max_tokens": limit, "stream": stream}
    answer = await http.post(PATH, json=body)

    [used] = market.read_usage()
    assert answer.status_code == 200
    assert long in "".join(
        choice["text"]
        for event in (read_events(answer.text)[:-1] if stream else [answer.json()])
        for choice in event["choices"]
    )
    assert (used["billed_in"], used["ours_out"], used["billed_out"]) == (300, limit, limit)
    assert market.read_jobs() == [("SUCCEEDED", None)]


async def test_an_echo_without_usage_is_counted_by_what_follows_it(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "no_usage")
    await http.post(PATH, json=FINE | {"echo": True, "stream": True})

    [used] = market.read_usage()
    assert (used["ours_in"], used["ours_out"], used["count_method"]) == (PROMPT_LOW, 8, "deltas")


@pytest.mark.parametrize(
    ("changed", "param", "code"),
    [
        ({"prompt": None}, "prompt", "invalid_request"),
        ({"prompt": []}, "prompt", "invalid_request"),
        ({"prompt": [1, "two"]}, "prompt", "invalid_request"),
        ({"prompt": [[1], "two"]}, "prompt", "invalid_request"),
        ({"prompt": [True]}, "prompt", "invalid_request"),
        ({"prompt": [-1]}, "prompt", "invalid_request"),
        ({"prompt": {"text": "x"}}, "prompt", "invalid_request"),
        ({"prompt": ["x"] * 129}, "prompt", "invalid_request"),
        ({"prompt": ["x"] * 65, "n": 2}, "n", "invalid_request"),
        ({"prompt": [1, 2], "models": ["other"]}, "prompt", "unsupported_value"),
        ({"prompt": [1, 2], "echo": True}, "echo", "unsupported_value"),
        ({"prompt": "x " * 30_000}, "prompt", "context_length_exceeded"),
        ({"n": 0}, "n", "invalid_request"),
        ({"n": 2, "best_of": 1}, "best_of", "invalid_request"),
        ({"best_of": 3}, "best_of", "unsupported_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_request"),
        ({"max_tokens": 1_000_000}, "max_tokens", "max_tokens_exceeded"),
        ({"suffix": 7}, "suffix", "invalid_request"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_request"),
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


async def test_refuses_a_field_that_is_given_twice(http: httpx.AsyncClient) -> None:
    answer = await http.post(PATH, content=b'{"model":"small","prompt":"a","prompt":"b"}')

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prompt")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("drop", 502, "upstream_broken"),
        ("error500", 502, "upstream_failed"),
        ("busy", 429, "node_full"),
        ("garbage_body+after=0", 502, "upstream_garbage"),
        ("bad_json+after=0", 502, "upstream_garbage"),
        ("truncate+after=0", 502, "upstream_broken"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_before_the_first_byte_costs_nothing(
    http: httpx.AsyncClient,
    market: Market,
    gateway: Gateway,
    fault: str,
    status: int,
    code: str,
    stream: bool,
) -> None:
    await break_upstream(market, gateway, fault)
    answer = await http.post(PATH, json=FINE | {"stream": stream})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    market.assert_nothing_happened()


async def test_another_provider_takes_over(http: httpx.AsyncClient, market: Market, gateway: Gateway) -> None:
    market.name_upstream("cheap", "simulated-small+truncate+after=0")
    await reload_book(gateway)
    for stream in (False, True):
        answer = await http.post(PATH, json=FINE | {"stream": stream})

        assert (answer.status_code, answer.headers["x-jouleport-provider"]) == (200, "dear-farm")
    assert len(market.read_usage()) == 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("truncate+after=3", "upstream_broken"),
        ("end_early+after=3", "upstream_truncated"),
        ("bad_json+after=3", "upstream_garbage"),
        ("garbage_body+after=3", "upstream_garbage"),
        ("error_chunk+after=3", "upstream_failed"),
    ],
)
async def test_a_stream_that_breaks_is_charged_as_far_as_it_came(
    http: httpx.AsyncClient,
    buyer: openai.AsyncOpenAI,
    market: Market,
    gateway: Gateway,
    fault: str,
    code: str,
) -> None:
    await break_upstream(market, gateway, fault)
    answer = await http.post(PATH, json=FINE | {"stream": True})
    last = read_events(answer.text)[-1]
    with pytest.raises(openai.APIError):
        async for _ in await buyer.completions.create(model="small", prompt=PROMPT, stream=True):
            pass

    used = market.read_usage()[0]
    # Bytes that are no event spoil what came in the same packet, which is not passed on either.
    came = answer.text.count('"finish_reason":null') if fault.startswith("garbage") else 3
    assert (last["object"], last["error"]["code"]) == ("text_completion", code)
    assert last["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "error"}]
    assert (used["billed_in"], used["billed_out"], used["ended_how"]) == (PROMPT_LOW, came, code)
    assert used["amount"] == PROMPT_LOW * IN_PRICE + came * OUT_PRICE


async def test_a_model_that_ignores_the_limit_is_stopped(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "ignore_limit+factor=4")
    answer = await http.post(PATH, json=FINE | {"stream": True})

    events = read_events(answer.text)
    [used] = market.read_usage()
    assert events[-2]["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]
    assert (used["billed_out"], used["ended_how"]) == (8, "stopped_at_limit")


@pytest.mark.parametrize("stream", [False, True])
async def test_zero_usage_means_zero(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, stream: bool
) -> None:
    await break_upstream(market, gateway, "zero_usage")
    await http.post(PATH, json=FINE | {"stream": stream})

    [used] = market.read_usage()
    assert (used["claim_in"], used["claim_out"], used["amount"]) == (0, 0, 0)


async def test_a_buyer_who_leaves_pays_for_what_came(
    buyer: openai.AsyncOpenAI, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "none+rate=30+tokens=200")
    stream = await buyer.completions.create(model="small", prompt=PROMPT, max_tokens=200, stream=True)
    seen = 0
    async for _ in stream:
        seen += 1
        if seen == 3:
            break
    await stream.close()
    for _ in range(100):
        if market.read_usage():
            break
        await asyncio.sleep(0.05)

    [used] = market.read_usage()
    assert 3 <= used["billed_out"] < 20
    assert (used["ended_how"], market.read_wallet()[1] >= 0) == ("buyer_gone", True)
    assert market.read_jobs() == [("CANCELLED", None)]
    assert market.upstream.cancelled == 1
