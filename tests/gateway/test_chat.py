"""A buyer's unmodified SDK gets answers, and pays for what it got."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import openai
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam

from gateway.app import Gateway
from tests.billing import exchange
from tests.gateway.conftest import Market, reload_book

HELLO: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What makes electricity cheap at noon?"}
]


async def test_answers_plainly_and_charges_what_it_prints(buyer: openai.AsyncOpenAI, market: Market) -> None:
    answer = await buyer.chat.completions.create(model="small", messages=HELLO)

    [used] = market.read_usage()
    usage: Any = answer.usage
    assert answer.model == "small"
    assert (answer.choices[0].message.content or "").startswith("Simulated answer")
    assert (
        (usage.prompt_tokens, usage.completion_tokens) == (used["billed_in"], used["billed_out"]) == (14, 24)
    )
    assert Decimal(usage.cost_amount) == used["amount"] == Decimal("0.0062")
    assert (usage.currency, usage.energy["attribution"], usage.carbon["grid"]) == (
        "USD",
        "estimated",
        "CN-GZ",
    )
    assert market.read_jobs() == [("SUCCEEDED", None)]


async def test_streams_and_puts_usage_into_the_last_chunk(buyer: openai.AsyncOpenAI, market: Market) -> None:
    stream = await buyer.chat.completions.create(
        model="small", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    [used] = market.read_usage()
    usage: Any = chunks[-1].usage
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("Simulated answer, no model was asked:")
    assert {chunk.model for chunk in chunks} == {"small"}
    assert chunks[-1].choices == []
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert (usage.completion_tokens, Decimal(usage.cost_amount)) == (24, used["amount"])
    assert (used["count_method"], used["ended_how"]) == ("claim", "complete")


async def test_streams_no_usage_to_a_buyer_who_did_not_ask(http: httpx.AsyncClient, market: Market) -> None:
    body = {"model": "small", "messages": HELLO, "stream": True}
    answer = await http.post("/v1/chat/completions", json=body)

    events = answer.text.removesuffix("\n\n").split("\n\n")
    assert "usage" not in answer.text
    assert '"finish_reason":"stop"' in events[-2]
    assert events[-1] == "data: [DONE]"
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (answer.headers["content-encoding"], answer.headers["x-accel-buffering"]) == ("identity", "no")
    assert market.read_usage()[0]["claim_out"] == 24


def ask_in_a_thread(url: str, token: str) -> tuple[str, str]:
    with openai.OpenAI(base_url=url + "/v1", api_key=token, max_retries=0) as client:
        plain = client.chat.completions.create(model="small", messages=HELLO)
        stream = client.chat.completions.create(model="small", messages=HELLO, stream=True)
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        return plain.choices[0].message.content or "", streamed


async def test_works_through_the_synchronous_sdk(url: str, market: Market) -> None:
    plain, streamed = await asyncio.to_thread(ask_in_a_thread, url, market.token)

    assert plain == streamed
    assert [used["billed_out"] for used in market.read_usage()] == [24, 24]


async def test_passes_tools_and_every_other_field_untouched(
    buyer: openai.AsyncOpenAI, http: httpx.AsyncClient, market: Market
) -> None:
    parameters: dict[str, object] = {"type": "object", "properties": {"place": {"type": "string"}}}
    tool: ChatCompletionFunctionToolParam = {
        "type": "function",
        "function": {"name": "weather", "parameters": parameters},
    }
    answer = await buyer.chat.completions.create(model="small", messages=HELLO, tools=[tool])
    raw = (
        b'{"model":"small","temperature":1e0,"messages" : [ {"role":"user","content":"\\u00e9  x"} ],'
        b'"strange":{"a":[1.10,null]},"user":"alice","metadata":{"who":"bob"},"seed":7}'
    )
    await http.post("/v1/chat/completions", content=raw)

    sent = market.upstream.bodies[-1]
    call: Any = (answer.choices[0].message.tool_calls or [])[0]
    assert (call.function.name, answer.choices[0].finish_reason) == ("weather", "tool_calls")
    assert sent == (
        b'{"model":"simulated-small","temperature":1e0,"messages":[ {"role":"user","content":"\\u00e9  x"} ],'
        b'"strange":{"a":[1.10,null]},"seed":7,"max_tokens":256}'
    )


async def test_streams_tool_calls_and_several_choices(buyer: openai.AsyncOpenAI, market: Market) -> None:
    tool: ChatCompletionFunctionToolParam = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object"}},
    }
    calls = await buyer.chat.completions.create(model="small", messages=HELLO, tools=[tool], stream=True)
    names = [
        call.function.name
        async for chunk in calls
        for call in chunk.choices[0].delta.tool_calls or []
        if call.function and call.function.name
    ]
    many = await buyer.chat.completions.create(model="small", messages=HELLO, n=3, stream=True, max_tokens=5)
    seen = [chunk.choices[0].index async for chunk in many if chunk.choices[0].delta.content]

    assert names == ["weather"]
    assert sorted(seen) == [0] * 5 + [1] * 5 + [2] * 5
    assert market.read_usage()[-1]["billed_out"] == 15


async def test_goes_to_the_cheapest_and_says_why(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    market.connect("dear")
    await reload_book(gateway)
    headers = {"x-jouleport-metadata": "enabled"}
    answer = await http.post(
        "/v1/chat/completions", json={"model": "small", "messages": HELLO}, headers=headers
    )

    told = answer.json()["jouleport"]
    assert (answer.headers["x-jouleport-provider"], told["chosen"]["provider"]) == ("dear-farm", "Dear Farm")
    assert [(one["provider"], one["excluded_by"]) for one in told["candidates"]] == [
        ("Dear Farm", None),
        ("Cheap Farm", "not_connected"),
    ]


async def test_falls_back_before_the_first_byte(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    market.name_upstream("cheap", "simulated-small+drop")
    await reload_book(gateway)
    for stream in (False, True):
        body = {"model": "small", "messages": HELLO, "stream": stream}
        answer = await http.post("/v1/chat/completions", json=body)

        assert (answer.status_code, answer.headers["x-jouleport-provider"]) == (200, "dear-farm")
    rows = market.connection.execute("SELECT number, state, error_code FROM attempt ORDER BY id").fetchall()
    assert rows == [(1, "FENCED", "upstream_broken"), (2, "RECORDED", None)] * 2
    assert market.read_usage()[0]["amount"] == Decimal("0.062")


async def test_reports_models_with_prices(buyer: openai.AsyncOpenAI) -> None:
    listed = await buyer.models.list()
    one: Any = await buyer.models.retrieve("small")

    assert [model.id for model in listed.data] == ["small"]
    assert one.pricing == {
        "prompt": "0.0001",
        "completion": "0.0002",
        "input_cache_read": "0.00005",
        "request": "0",
        "image": "0",
        "currency": "USD",
    }


async def test_two_hundred_at_once_share_calls_and_add_up(http: httpx.AsyncClient, market: Market) -> None:
    body = {"model": "small", "messages": HELLO}
    exchange.top_up(market.connection, market.buyer, "1000")
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(
        base_url=http.base_url, headers=http.headers, limits=limits, timeout=30
    ) as many:
        answers = await asyncio.gather(*(many.post("/v1/chat/completions", json=body) for _ in range(200)))

    used = market.read_usage()
    assert {answer.status_code for answer in answers} == {200}
    assert len(used) == 200
    assert sum(row["amount"] for row in used) == 200 * Decimal("0.0062")
