"""A gateway's request through relay and agent to a model server, and back."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import httpx
import pytest

from tests.workers.relay.exchange import Exchange, Registered, wait_until


async def test_streams_the_model_servers_bytes_and_ends_with_the_meter(
    exchange: Exchange, rack: Registered
) -> None:
    upstream = exchange.start_upstream("--tokens-per-second", "100")
    exchange.start_agent(rack, upstream)

    answer = await exchange.ask(rack.node, stream_options={"include_usage": True})

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["jouleport-framing"] == "1"
    assert "x-jouleport-relay" not in answer.headers
    assert answer.body.startswith(b"data: ")
    assert answer.body.rstrip().endswith(b"data: [DONE]")
    assert answer.meter is not None
    assert answer.meter["complete"] is True
    assert answer.meter["tier"] == "declared"
    assert answer.meter["attribution"] == "apportioned"
    # 24 tokens at 100 a second on two chips, alone on the node.
    assert Decimal("0.4") < Decimal(answer.meter["chip_seconds"]) < Decimal(4)
    assert Decimal(answer.meter["joules"]) > 20


async def test_relays_a_plain_answer_and_keeps_the_receipt(exchange: Exchange, rack: Registered) -> None:
    exchange.start_agent(rack, exchange.start_upstream())

    answer = await exchange.ask(rack.node, stream=False)

    usage = json.loads(answer.body)["usage"]
    wait_until(lambda: exchange.rows("SELECT 1 FROM receipt"), what="the receipt is stored")
    ((node_id, claim_in, claim_out, tier),) = exchange.rows(
        "SELECT node_id, claim_in, claim_out, tier FROM receipt"
    )
    assert (node_id, claim_in, claim_out, tier) == (
        rack.node.pk,
        usage["prompt_tokens"],
        usage["completion_tokens"],
        "declared",
    )


async def test_passes_the_model_servers_own_refusals_on(exchange: Exchange, rack: Registered) -> None:
    exchange.start_agent(rack, exchange.start_upstream())

    answer = await exchange.ask(rack.node, stream=False, model="simulated-small+busy")

    assert answer.status == 429
    assert "x-jouleport-relay" not in answer.headers
    assert answer.meter is not None
    assert answer.meter["complete"] is True


async def test_says_that_a_stream_broke_in_the_middle(exchange: Exchange, rack: Registered) -> None:
    exchange.start_agent(rack, exchange.start_upstream())

    answer = await exchange.ask(rack.node, model="simulated-small+truncate")

    assert answer.status == 200
    assert b"data: " in answer.body
    assert answer.meter is not None
    assert answer.meter["complete"] is False


async def test_answers_502_when_the_model_server_is_gone(exchange: Exchange, rack: Registered) -> None:
    upstream = exchange.start_upstream()
    exchange.start_agent(rack, upstream)
    exchange.processes[-2].kill()
    exchange.processes[-2].wait()

    answer = await exchange.ask(rack.node)

    assert (answer.status, answer.code) == (502, "upstream_unreachable")
    assert answer.headers["x-jouleport-relay"] == "1"


async def test_answers_504_when_the_model_server_says_nothing(
    stopped_exchange: Exchange, rack: Registered
) -> None:
    stopped_exchange.start_relay("--head-seconds", "0.5")
    stopped_exchange.start_agent(rack, stopped_exchange.start_upstream())

    answer = await stopped_exchange.ask(rack.node, model="simulated-small+stall_head")

    assert (answer.status, answer.code) == (504, "upstream_timeout")
    wait_until(lambda: stopped_exchange.ready()["running"] == 0, what="the agent confirmed")


async def test_ends_a_stream_that_pauses_too_long_as_incomplete(
    stopped_exchange: Exchange, rack: Registered
) -> None:
    stopped_exchange.start_relay("--idle-seconds", "0.5")
    stopped_exchange.start_agent(rack, stopped_exchange.start_upstream())

    answer = await stopped_exchange.ask(rack.node, model="simulated-small+stall_stream")

    assert answer.status == 200
    assert answer.meter is not None
    assert answer.meter["complete"] is False


async def test_refuses_more_than_the_agent_has_slots_for(exchange: Exchange, rack: Registered) -> None:
    upstream = exchange.start_upstream("--tokens-per-second", "20")
    exchange.start_agent(rack, upstream, "--slots", "2")

    async with exchange.open(rack.node) as one, exchange.open(rack.node) as other:
        third = await exchange.ask(rack.node)

        assert (one.status_code, other.status_code) == (200, 200)
        assert (third.status, third.code) == (429, "node_full")


async def test_cancels_at_the_model_server_and_frees_the_slot(exchange: Exchange, rack: Registered) -> None:
    upstream = exchange.start_upstream("--tokens-per-second", "5", "--tokens", "500")
    exchange.start_agent(rack, upstream, "--slots", "1")

    async with exchange.open(rack.node) as response:
        async for _ in response.aiter_raw():
            break

    wait_until(lambda: exchange.ready()["running"] == 0, what="the slot is free")
    wait_until(lambda: count(upstream, "cancelled") == 1, what="the model server saw it")
    assert count(upstream, "running") == 0
    wait_until(lambda: exchange.rows("SELECT 1 FROM receipt"), what="a receipt says what was done")


def count(upstream: str, name: str) -> int:
    return int(httpx.get(f"{upstream.removesuffix('/v1')}/requests", trust_env=False).json()[name])


@pytest.mark.parametrize("readers", [3])
async def test_a_buyer_who_reads_nothing_stalls_nobody(
    exchange: Exchange, rack: Registered, readers: int
) -> None:
    exchange.start_agent(rack, exchange.start_upstream("--tokens", "40000"), "--slots", "8")

    async with exchange.open(rack.node, max_tokens=40_000):
        await asyncio.sleep(0.5)
        answers = await asyncio.gather(*(exchange.ask(rack.node, max_tokens=50) for _ in range(readers)))

    assert all(answer.meter is not None and answer.meter["complete"] for answer in answers)
    assert all(b"[DONE]" in answer.body for answer in answers)


async def test_takes_long_prompts_in_pieces(exchange: Exchange, rack: Registered) -> None:
    exchange.start_agent(rack, exchange.start_upstream())
    long = [{"role": "user", "content": "word " * 60_000}]

    answer = await exchange.ask(rack.node, stream=False, messages=long)

    assert answer.status == 200
