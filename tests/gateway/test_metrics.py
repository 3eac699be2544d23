"""What a gateway tells operators: right after real requests, and never what a buyer wrote."""

import asyncio
import time
from typing import Any

import httpx
import openai
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from core import metrics, tracing
from gateway.app import Gateway
from gateway.metrics import RuntimeSource, name_route
from gateway.settings import Settings
from tests.core.collector import collecting
from tests.databases import Database
from tests.gateway.conftest import SECRET, Market, reload_book

CHAT = "/v1/chat/completions"
ASKED: dict[str, Any] = {
    "model": "small",
    "messages": [{"role": "user", "content": "my diary of Tuesday"}],
    "max_tokens": 5,
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def settings(db: Database, redis_url: str) -> Settings:
    """The usual patience: what is counted must not depend on how busy the machine is."""
    return Settings(database_url=db.dsn, redis_url=redis_url, ticket_secret=SECRET, log_requests=False)


def read(gateway: Gateway) -> CollectorRegistry:
    """The figures of one gateway, in a registry of their own."""
    assert gateway.runtime is not None
    registry = CollectorRegistry()
    registry.register(RuntimeSource(gateway.runtime))
    return registry


def value(gateway: Gateway, name: str, **labels: str) -> float | None:
    return read(gateway).get_sample_value(f"jouleport_gateway_{name}", labels)


async def test_a_plain_answer_is_counted_with_what_we_added(
    gateway: Gateway, http: httpx.AsyncClient
) -> None:
    answer = await http.post(CHAT, json=ASKED)

    assert answer.status_code == 200
    assert value(gateway, "requests_total", route=CHAT, status="200") == 1
    assert value(gateway, "answers_ended_total", route=CHAT, kind="plain", ended="complete") == 1
    assert value(gateway, "admissions_total", verdict="ok") == 1
    assert value(gateway, "tokens_total", direction="out") == answer.json()["usage"]["completion_tokens"]
    assert value(gateway, "first_byte_added_seconds_count", kind="plain") == 1
    for call in ("admission", "recording"):
        assert value(gateway, "call_items_sum", call=call) == 1
        assert (value(gateway, "database_call_seconds_sum", call=call) or 0) > 0
    assert value(gateway, "requests_running") == 0


async def test_a_stream_is_counted_with_its_length(gateway: Gateway, buyer: openai.AsyncOpenAI) -> None:
    stream = await buyer.chat.completions.create(**ASKED, stream=True)
    chunks = [chunk async for chunk in stream]

    assert len(chunks) > 1
    assert value(gateway, "answers_ended_total", route=CHAT, kind="stream", ended="complete") == 1
    assert value(gateway, "stream_tokens_sum") == 5
    added = value(gateway, "first_byte_added_seconds_sum", kind="stream")
    assert added is not None
    assert 0 < added < 5
    assert value(gateway, "stream_seconds_count") == 1


async def test_time_of_a_slow_provider_is_not_ours(
    gateway: Gateway, market: Market, http: httpx.AsyncClient
) -> None:
    market.name_upstream("cheap", "simulated-small+rate=10")
    await reload_book(gateway)

    began = time.monotonic()
    await http.post(CHAT, json=ASKED)

    elapsed = time.monotonic() - began
    added = value(gateway, "first_byte_added_seconds_sum", kind="plain")
    assert added is not None
    # Five tokens at ten a second.
    assert added < elapsed - 0.4


async def test_a_refusal_is_counted_by_its_reason(gateway: Gateway, http: httpx.AsyncClient) -> None:
    await http.post(CHAT, json={**ASKED, "model": "nobody-has-this"})
    await http.get("/v1/made/up/by-a-stranger")
    await http.get("/v1/models/nobody-has-this")

    assert value(gateway, "requests_total", route=CHAT, status="404") == 1
    assert value(gateway, "refusals_total", reason="unknown_address") == 1
    assert value(gateway, "requests_total", route="other", status="404") == 1
    assert value(gateway, "requests_total", route="/v1/models", status="404") == 1


async def test_an_attempt_that_failed_is_counted_beside_the_answer(
    gateway: Gateway, market: Market, http: httpx.AsyncClient
) -> None:
    market.name_upstream("cheap", "fault-500")
    await reload_book(gateway)

    assert (await http.post(CHAT, json=ASKED)).status_code == 200

    assert value(gateway, "attempts_failed_total", reason="upstream_failed") == 1
    # Of a request that was tried twice nobody can say what we added.
    assert value(gateway, "first_byte_added_seconds_count", kind="plain") is None


async def test_ages_are_those_of_now(gateway: Gateway) -> None:
    await asyncio.sleep(0.05)

    for name in ("book_age_seconds", "presence_age_seconds", "lease_renewal_age_seconds"):
        age = value(gateway, name)
        assert age is not None
        assert 0 <= age < 30
    assert value(gateway, "nodes_connected") == 2


async def test_nothing_that_a_buyer_wrote_becomes_a_label(gateway: Gateway, http: httpx.AsyncClient) -> None:
    await http.post(CHAT, json={**ASKED, "model": "my-diary"})
    await http.post(CHAT, json=ASKED, headers={"x-request-id": "my-diary"})
    await http.get("/v1/models/my-diary")

    text = generate_latest(read(gateway)).decode()
    assert "jouleport_gateway_refusals_total" in text
    assert "diary" not in text


def test_every_address_has_one_of_few_names() -> None:
    assert name_route(CHAT) == CHAT
    assert name_route("/v1/models/some/model/endpoints") == "/v1/models"
    assert name_route("/v1/modelsandmore") == "other"


async def test_the_process_registry_knows_a_gateway_while_it_runs(gateway: Gateway) -> None:
    assert metrics.REGISTRY.get_sample_value("jouleport_gateway_requests_running") == 0
    await gateway.close()
    assert metrics.REGISTRY.get_sample_value("jouleport_gateway_requests_running") is None


async def test_a_request_leaves_a_whole_trace_without_its_words(
    gateway: Gateway, market: Market, http: httpx.AsyncClient
) -> None:
    with collecting() as collector:
        tracing.configure("gateway", is_edge=True, environ={tracing.OURS: collector.url})
        try:
            answer = await http.post(
                CHAT,
                json=ASKED,
                headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "x-request-id": "r-17"},
            )
        finally:
            await asyncio.to_thread(tracing.close)

    assert answer.status_code == 200
    outer = collector.named(CHAT)
    assert (outer.trace_id, outer.parent_id) == (TRACE, "00f067aa0ba902b7")
    assert outer.facts["jouleport.request_id"] == "r-17"
    assert outer.facts["jouleport.job"] == answer.headers["x-jouleport-job"]
    parents = {span.name: span.parent_id for span in collector.spans}
    attempt = collector.named("attempt")
    assert parents["match"] == parents["admit"] == parents["attempt"] == outer.span_id
    assert parents["upstream"] == parents["record"] == attempt.span_id
    words = " ".join(span.raw for span in collector.spans)
    assert "diary" not in words
    assert answer.json()["choices"][0]["message"]["content"][:20] not in words
    assert market.token not in words


@pytest.mark.parametrize("ending", ["refused", "broken"])
async def test_a_request_that_fails_says_so_in_its_trace(
    gateway: Gateway, market: Market, http: httpx.AsyncClient, ending: str
) -> None:
    market.name_upstream("cheap", "fault-500")
    market.name_upstream("dear", "fault-500")
    await reload_book(gateway)
    model = "small" if ending == "broken" else "nobody-has-this"

    with collecting() as collector:
        tracing.configure("gateway", is_edge=True, environ={tracing.OURS: collector.url})
        try:
            answer = await http.post(CHAT, json={**ASKED, "model": model})
        finally:
            await asyncio.to_thread(tracing.close)

    assert collector.named(CHAT).failed == answer.json()["error"]["code"]
