"""Traces: nothing at all while off; whole, nested and free of private words while on."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from core import tracing
from core.environment import BadEnvironment
from tests.core.collector import Collector, collecting

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector
        tracing.close()


def test_off_does_nothing_and_loads_nothing() -> None:
    script = """
import sys
from core import tracing
tracing.configure("gateway", environ={})
with tracing.span("match", offers=3) as span:
    span.note("more", 1)
assert span is tracing.NOTHING and span.header == b"" and not tracing.is_on()
assert not any(name.startswith("opentelemetry") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_steps_lie_inside_what_they_are_steps_of(collector: Collector) -> None:
    tracing.configure("gateway", is_edge=True, environ={tracing.OURS: collector.url})

    with tracing.serve("POST /v1", [(b"traceparent", PARENT.encode())], request_id="r-1"):
        with tracing.span("admit", offers=3):
            pass
        upstream = tracing.begin("upstream")
        with tracing.span("record"):
            upstream.end()
    tracing.close()

    outer = collector.named("POST /v1")
    assert (outer.service, outer.trace_id, outer.parent_id) == (
        "jouleport-gateway",
        TRACE,
        "00f067aa0ba902b7",
    )
    assert outer.facts == {"jouleport.request_id": "r-1"}
    for name in ("admit", "upstream", "record"):
        assert (collector.named(name).trace_id, collector.named(name).parent_id) == (TRACE, outer.span_id)


def test_another_program_takes_part_in_the_same_trace(collector: Collector) -> None:
    tracing.configure("gateway", environ={tracing.THEIRS: collector.url + "/"})
    upstream = tracing.begin("upstream")
    name, _, value = upstream.header.rstrip(b"\r\n").partition(b": ")
    upstream.end()

    with tracing.serve("relay", [(b"accept", b"*/*"), (name, value)]):
        pass
    tracing.close()

    upstream_span, relay = collector.named("upstream"), collector.named("relay")
    assert (relay.trace_id, relay.parent_id) == (upstream_span.trace_id, upstream_span.span_id)


def test_a_failure_is_told_without_what_it_quotes(collector: Collector) -> None:
    tracing.configure("gateway", environ={tracing.OURS: collector.url})

    with pytest.raises(ValueError, match="my diary"), tracing.span("match"):
        raise ValueError("my diary")
    tracing.close()

    assert collector.named("match").failed == "ValueError"
    assert "diary" not in collector.named("match").raw


def test_a_stranger_does_not_decide_what_is_kept(collector: Collector) -> None:
    environ = {tracing.OURS: collector.url, tracing.RATIO: "0"}
    tracing.configure("gateway", is_edge=True, environ=environ)

    with tracing.serve("POST /v1", [(b"traceparent", PARENT.encode())]):
        pass
    tracing.close()

    assert collector.spans == []


def test_nonsense_from_a_stranger_begins_a_trace_of_our_own(collector: Collector) -> None:
    tracing.configure("gateway", is_edge=True, environ={tracing.OURS: collector.url})

    with tracing.serve("POST /v1", [(b"traceparent", b"\xff" * 300)]):
        pass
    tracing.close()

    assert collector.named("POST /v1").parent_id == ""


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, None),
        ({tracing.OURS: "http://one:4318"}, "http://one:4318/v1/traces"),
        ({tracing.THEIRS: "http://two:4318/"}, "http://two:4318/v1/traces"),
        ({tracing.OURS: "http://one:4318", tracing.THEIRS: "http://two"}, "http://one:4318/v1/traces"),
        ({tracing.THEIRS_FOR_TRACES: "http://three/x", tracing.THEIRS: "http://two"}, "http://three/x"),
        ({tracing.OURS: "http://one", "OTEL_SDK_DISABLED": "true"}, None),
    ],
    ids=["nowhere", "ours", "standard", "ours-first", "traces-only", "disabled"],
)
def test_reads_where_traces_go(environ: dict[str, str], endpoint: str | None) -> None:
    assert tracing.read_endpoint(environ) == endpoint


@pytest.mark.parametrize("ratio", ["most", "1.5", "nan"])
def test_refuses_a_share_that_is_none(ratio: str) -> None:
    with pytest.raises(BadEnvironment, match=tracing.RATIO):
        tracing.configure("gateway", environ={tracing.OURS: "http://one", tracing.RATIO: ratio})
