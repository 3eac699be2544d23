"""The simulated upstream answers like an OpenAI server, says that it is none, and breaks when told to."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam

from workers.simulated import server
from workers.simulated.behaviour import Behaviour, BehaviourUnknown, read_behaviour

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello there"}]


@pytest.fixture
async def base_url() -> AsyncIterator[str]:
    listening = await server.serve(host="127.0.0.1", port=0, upstream=server.Upstream())
    yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    listening.close()


@pytest.fixture
async def client(base_url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=base_url + "/v1", api_key="none", max_retries=0) as client:
        yield client


async def test_answers_the_same_question_with_the_same_words(client: openai.AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model="simulated-small", messages=HELLO)
    again = await client.chat.completions.create(model="simulated-small", messages=HELLO)

    assert first.choices[0].message.content == again.choices[0].message.content
    assert (first.choices[0].message.content or "").startswith("Simulated answer, no model was asked:")
    assert first.usage is not None
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (7, 24)


async def test_streams_one_delta_a_token_and_usage_when_asked(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="simulated-small",
        messages=HELLO,
        n=2,
        max_tokens=5,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]

    deltas = [chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert len(deltas) == 10
    assert reasons == ["length", "length"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 10


async def test_calls_the_first_tool_with_arguments_its_schema_accepts(client: openai.AsyncOpenAI) -> None:
    parameters: dict[str, object] = {
        "type": "object",
        "properties": {"place": {"type": "string"}},
        "required": ["place"],
    }
    tool: ChatCompletionFunctionToolParam = {
        "type": "function",
        "function": {"name": "weather", "parameters": parameters},
    }
    answer = await client.chat.completions.create(
        model="simulated-small",
        messages=HELLO,
        tools=[tool],
    )

    calls = answer.choices[0].message.tool_calls or []
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [json.loads(call.function.arguments) for call in calls if call.type == "function"] == [
        {"place": "simulated"}
    ]


async def test_calls_a_tool_that_nobody_offered(base_url: str) -> None:
    tool = {"type": "function", "function": {"name": "weather"}}
    asked = {"model": "simulated-small+bad_call", "messages": HELLO, "tools": [tool]}
    async with httpx.AsyncClient(base_url=base_url) as http:
        answer = (await http.post("/v1/chat/completions", json=asked)).json()

    [call] = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] != "weather"
    with pytest.raises(json.JSONDecodeError):
        json.loads(call["function"]["arguments"])


async def test_embeds_texts(client: openai.AsyncOpenAI) -> None:
    answer = await client.embeddings.create(model="simulated-embedding", input=["a", "b"], dimensions=8)

    assert [len(item.embedding) for item in answer.data] == [8, 8]
    assert answer.data[0].embedding != answer.data[1].embedding


async def test_breaks_by_model_suffix_header_and_order(base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url) as http:
        plain = {"model": "simulated-small", "messages": HELLO}
        by_suffix = await http.post("/v1/chat/completions", json=plain | {"model": "simulated-small+busy"})
        by_header = await http.post(
            "/v1/chat/completions", json=plain, headers={"x-simulated-fault": "error500"}
        )
        await http.post("/faults", json={"fault": "refuse", "times": 1})
        by_order = await http.post("/v1/chat/completions", json=plain)
        healthy = await http.post("/v1/chat/completions", json=plain)

    assert (by_suffix.status_code, by_suffix.headers["retry-after"]) == (429, "2")
    assert (by_header.status_code, by_order.status_code, healthy.status_code) == (500, 400, 200)


@pytest.mark.parametrize("fault", ["drop", "garbage", "truncate"])
@pytest.mark.parametrize("stream", [False, True])
async def test_breaks_the_connection(base_url: str, fault: str, stream: bool) -> None:
    body = {"model": f"simulated-small+{fault}", "messages": HELLO, "stream": stream}
    async with httpx.AsyncClient(base_url=base_url) as http:
        with pytest.raises(httpx.TransportError):
            await http.post("/v1/chat/completions", json=body)


async def test_notices_a_client_that_leaves(base_url: str) -> None:
    body = {"model": "simulated-small+stall_stream", "messages": HELLO, "stream": True}
    async with httpx.AsyncClient(base_url=base_url) as http:
        async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
            await anext(answer.aiter_bytes())
        await asyncio.sleep(0.05)
        counts = (await http.get("/requests")).json()

    assert counts == {"requests": 1, "running": 0, "cancelled": 1}


def test_refuses_a_word_it_does_not_know() -> None:
    with pytest.raises(BehaviourUnknown, match="explode"):
        read_behaviour("explode", base=Behaviour())
