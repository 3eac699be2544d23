"""An upstream that lies, stops, stalls or speaks nonsense: nobody is charged for what did not arrive."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from gateway.app import Gateway
from tests.billing import exchange
from tests.gateway.conftest import Market, reload_book

CHAT = "/v1/chat/completions"
HELLO: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What makes electricity cheap at noon?"}
]
FINE: dict[str, Any] = {"model": "small", "messages": HELLO}
# JSON of the messages by six, and the prices of the cheap seller.
PROMPT_LOW = 12
IN_PRICE, OUT_PRICE = Decimal("0.0001"), Decimal("0.0002")


async def break_upstream(market: Market, gateway: Gateway, fault: str) -> None:
    market.name_upstream("cheap", f"simulated-small+{fault}")
    market.connect("cheap")
    await reload_book(gateway)


def read_events(text: str) -> list[Any]:
    return [
        event.removeprefix("data: ") if event.endswith("[DONE]") else msgspec.json.decode(event[6:])
        for event in text.removesuffix("\n\n").split("\n\n")
    ]


BROKEN_EITHER_WAY = [
    ("drop", 502, "upstream_broken"),
    ("error500", 502, "upstream_failed"),
    ("busy", 429, "node_full"),
    ("refuse", 400, "upstream_refused"),
    ("stall_head", 504, "upstream_timeout"),
    ("stall_body", 504, "upstream_timeout"),
    ("garbage", 502, "upstream_broken"),
    ("garbage_body+after=0", 502, "upstream_garbage"),
    ("bad_json+after=0", 502, "upstream_garbage"),
    ("truncate+after=0", 502, "upstream_broken"),
]
BROKEN_PLAIN = [("huge_line+factor=33", 502, "upstream_broken")]
BROKEN_STREAMS = [
    ("error_chunk+after=0", 502, "upstream_failed"),
    ("end_early+after=0", 502, "upstream_truncated"),
    ("huge_line+after=0+factor=2", 502, "upstream_garbage"),
]


@pytest.mark.parametrize(
    ("fault", "status", "code", "stream"),
    [
        *((*case, False) for case in BROKEN_EITHER_WAY + BROKEN_PLAIN),
        *((*case, True) for case in BROKEN_EITHER_WAY + BROKEN_STREAMS),
    ],
)
async def test_a_failure_before_the_first_byte(
    http: httpx.AsyncClient,
    market: Market,
    gateway: Gateway,
    fault: str,
    status: int,
    code: str,
    stream: bool,
) -> None:
    await break_upstream(market, gateway, fault)

    answer = await http.post(CHAT, json=FINE | {"stream": stream})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert answer.headers["x-should-retry"] == ("false" if status == 400 else "true")
    assert status != 429 or answer.headers["retry-after"] == "2"
    market.assert_nothing_happened()
    assert market.read_jobs() == [("FAILED", code)]


async def test_a_failure_under_an_idempotency_key_is_not_to_be_repeated(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "busy")
    headers = {"idempotency-key": "order-1"}

    answer = await http.post(CHAT, json=FINE, headers=headers)
    again = await http.post(CHAT, json=FINE, headers=headers)

    assert (answer.status_code, answer.headers["x-should-retry"]) == (429, "false")
    assert "retry-after" not in answer.headers
    assert (again.status_code, again.headers["x-should-retry"]) == (409, "false")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("truncate", "upstream_broken"),
        ("end_early", "upstream_truncated"),
        ("stall_stream", "upstream_timeout"),
        ("bad_json", "upstream_garbage"),
        ("error_chunk", "upstream_failed"),
        ("garbage_body", "upstream_garbage"),
    ],
)
async def test_a_failure_in_the_middle_is_said_in_the_stream_and_bills_what_arrived(
    http: httpx.AsyncClient, market: Market, gateway: Gateway, fault: str, code: str
) -> None:
    await break_upstream(market, gateway, f"{fault}+after=5")

    answer = await http.post(CHAT, json=FINE | {"stream": True, "stream_options": {"include_usage": True}})

    events = read_events(answer.text)
    [used] = market.read_usage()
    deltas = [event for event in events if event["choices"] and event["choices"][0]["delta"].get("content")]
    assert len(deltas) == 5
    assert events[-1]["error"]["code"] == code
    assert events[-1]["choices"][0]["finish_reason"] == "error"
    assert (used["billed_in"], used["billed_out"], used["count_method"]) == (PROMPT_LOW, 5, "deltas")
    assert used["amount"] == PROMPT_LOW * IN_PRICE + 5 * OUT_PRICE
    assert market.read_jobs() == [("FAILED", code)]


async def test_the_sdk_notices_a_truncated_stream(
    buyer: openai.AsyncOpenAI, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "truncate")
    stream = await buyer.chat.completions.create(model="small", messages=HELLO, stream=True)

    with pytest.raises(openai.APIError, match="broke off"):
        async for _ in stream:
            pass


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "billed", "method"),
    [
        ("no_usage", None, "counted"),
        ("zero_usage", (0, 0), "counted"),
        ("over_report+factor=100", None, "counted"),
        ("cumulative_usage", (14, 24), "claim"),
        ("no_done", (14, 24), "claim"),
        ("close_after", (14, 24), "claim"),
        ("drip", (14, 24), "claim"),
    ],
)
async def test_lies_about_usage(
    http: httpx.AsyncClient,
    market: Market,
    gateway: Gateway,
    fault: str,
    billed: tuple[int, int] | None,
    method: str,
    stream: bool,
) -> None:
    await break_upstream(market, gateway, fault)

    answer = await http.post(CHAT, json=FINE | {"stream": stream})

    [used] = market.read_usage()
    text_bytes = len("Simulated answer, no model was asked:") + 18 * 6
    if billed is None:
        # Streams are counted by their deltas, a plain answer by the tokens its bytes surely make.
        assert used["billed_in"] == PROMPT_LOW
        assert used["billed_out"] == 24 if stream else used["billed_out"] < text_bytes / 5
    else:
        assert (used["billed_in"], used["billed_out"]) == billed
    counted = "deltas" if stream else "bytes"
    assert used["count_method"] == (counted if method == "counted" else method)
    assert answer.status_code == 200
    assert "claim" not in answer.text


async def test_an_upstream_that_goes_on_beyond_the_limit_is_stopped(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "ignore_limit+factor=1000+rate=2000")

    answer = await http.post(CHAT, json=FINE | {"stream": True, "max_tokens": 10})
    await asyncio.sleep(0.05)

    events = read_events(answer.text)
    [used] = market.read_usage()
    assert events[-1] == "[DONE]"
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    assert (used["billed_out"], used["ended_how"]) == (10, "stopped_at_limit")
    assert (market.upstream.running, market.upstream.cancelled) == (0, 1)
    assert market.read_jobs() == [("SUCCEEDED", None)]


async def test_a_plain_answer_beyond_the_limit_costs_no_more_than_was_held(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "ignore_limit+factor=100")

    await http.post(CHAT, json=FINE | {"max_tokens": 10})

    [used] = market.read_usage()
    hold = exchange.fetch_value(market.connection, "SELECT amount FROM hold")
    assert used["billed_out"] <= 10
    assert used["amount"] <= hold


async def test_an_empty_answer_is_delivered_and_costs_nothing(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "empty")

    plain = await http.post(CHAT, json=FINE)
    stream = await http.post(CHAT, json=FINE | {"stream": True, "stream_options": {"include_usage": True}})

    assert plain.json()["usage"]["cost"] == 0
    assert read_events(stream.text)[-2]["usage"]["cost_amount"] == "0"
    market.assert_nothing_happened()
    assert market.read_jobs() == [("SUCCEEDED", "empty")] * 2


async def test_a_buyer_who_leaves_pays_for_what_was_delivered(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "rate=50+tokens=500")
    body = FINE | {"stream": True, "max_tokens": 500}
    async with http.stream("POST", CHAT, json=body) as answer:
        text = b""
        async for data in answer.aiter_bytes():
            text += data
            if text.count(b'"content":" ') >= 5:
                break
    for _ in range(100):
        if used := market.read_usage():
            break
        await asyncio.sleep(0.02)

    assert 5 <= used[0]["billed_out"] <= 12
    assert used[0]["ended_how"] == "buyer_gone"
    assert market.read_jobs() == [("CANCELLED", None)]
    assert market.upstream.cancelled == 1


async def test_a_buyer_who_leaves_before_anything_came_pays_nothing(
    http: httpx.AsyncClient, market: Market, gateway: Gateway
) -> None:
    await break_upstream(market, gateway, "stall_head")
    for stream in (False, True):
        with pytest.raises(httpx.ReadTimeout):
            await http.post(CHAT, json=FINE | {"stream": stream}, timeout=0.2)
    for _ in range(100):
        if [state for state, _ in market.read_jobs()] == ["CANCELLED"] * 2:
            break
        await asyncio.sleep(0.02)

    market.assert_nothing_happened()
    assert market.read_jobs() == [("CANCELLED", "buyer_gone")] * 2
    assert market.upstream.running == 0


async def test_nobody_is_connected(http: httpx.AsyncClient, market: Market, gateway: Gateway) -> None:
    market.connect()
    await reload_book(gateway)
    away = await http.post(CHAT, json=FINE)
    market.connect("cheap", slots=0)
    await reload_book(gateway)
    full = await http.post(CHAT, json=FINE)

    assert (away.status_code, away.json()["error"]["code"]) == (503, "temporarily_unavailable")
    assert (full.status_code, full.json()["error"]["code"]) == (429, "capacity_exhausted")
    assert (away.headers["x-should-retry"], full.headers["retry-after"]) == ("true", "1")
    market.assert_nothing_happened()
