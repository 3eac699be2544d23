"""What a relay tells operators, as they read it."""

from __future__ import annotations

import asyncio

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.core.collector import collecting
from tests.workers.relay.exchange import Exchange, Registered, free_port, wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Reader:
    """Reads a relay's metrics from the port that it was told."""

    def __init__(self, exchange: Exchange) -> None:
        self.port = free_port()
        exchange.environment["JOULEPORT_METRICS_ADDRESS"] = f"127.0.0.1:{self.port}"

    def __call__(self) -> dict[str, float]:
        answer = httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False).raise_for_status()
        return {
            " ".join([sample.name.removeprefix("jouleport_relay_"), *sample.labels.values()]): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }


async def test_counts_what_passes_and_who_comes(stopped_exchange: Exchange, rack: Registered) -> None:
    read = Reader(stopped_exchange)
    stopped_exchange.start_relay()
    stopped_exchange.start_agent(rack, stopped_exchange.start_upstream())

    assert (await stopped_exchange.ask(rack.node)).status == 200
    assert (await stopped_exchange.ask(rack.node, ticket="forged")).status == 401
    wait_until(lambda: read().get("receipts_total stored") == 1, what="the receipt is stored")

    told = read()
    assert told["nodes_connected"] == 1
    assert told["slots"] >= 1
    assert told["agents_total connected"] == 1
    assert told["attempts_total complete"] == 1
    assert told["attempts_total ticket_refused"] == 1
    assert told["attempts_running"] == told["receipts_pending"] == told["draining"] == 0
    assert told["frames_total HEAD"] == told["frames_total END"] == 1
    assert told["frames_total CHUNK"] >= 1


async def test_counts_agents_that_a_slow_buyer_stops(stopped_exchange: Exchange, rack: Registered) -> None:
    read = Reader(stopped_exchange)
    stopped_exchange.start_relay()
    stopped_exchange.start_agent(rack, stopped_exchange.start_upstream("--tokens", "2000000"))

    async with stopped_exchange.open(rack.node, max_tokens=2_000_000) as answer:
        # Nobody reads: the sockets between fill up, then the credit is used up.
        async with asyncio.timeout(30):
            while not read()["credit_stalls_total"]:  # noqa: ASYNC110 - another process counts
                await asyncio.sleep(0.1)
        assert answer.status_code == 200


async def test_takes_part_in_the_trace_of_its_caller(stopped_exchange: Exchange, rack: Registered) -> None:
    with collecting() as collector:
        stopped_exchange.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        stopped_exchange.start_relay()
        stopped_exchange.start_agent(rack, stopped_exchange.start_upstream())

        await stopped_exchange.ask(rack.node, trace=f"00-{TRACE}-00f067aa0ba902b7-01")
        collector.wait("relay")
        # What is not sent yet is sent at the end.
        await stopped_exchange.ask(rack.node, stream=False, trace=f"00-{TRACE}-00f067aa0ba902b8-01")
        assert stopped_exchange.relay is not None
        stopped_exchange.relay.terminate()
        await asyncio.to_thread(stopped_exchange.relay.wait, 30)

    assert [span.parent_id for span in collector.spans] == ["00f067aa0ba902b7", "00f067aa0ba902b8"]
    assert {(span.service, span.trace_id) for span in collector.spans} == {("jouleport-relay", TRACE)}
    assert {span.facts["jouleport.node"] for span in collector.spans} == {str(rack.node.uid)}
