"""Spans that are sent to a collector, in batches, by OpenTelemetry's own thread."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from typing import Self
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from core.tracing import Fact, Span

EXPORT_SECONDS_MAX = 5

_propagator = TraceContextTextMapPropagator()


class SentSpan(Span):
    """A span that goes to the collector when it ends."""

    __slots__ = ("_failed", "_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token: Token[Context] | None = None
        self._failed = False

    def __enter__(self) -> Self:
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._token is not None:
            context.detach(self._token)
            self._token = None
        if kind is not None:
            self.fail(kind.__name__)
        self.end()

    @property
    def header(self) -> bytes:  # type: ignore[override]
        """The line that names this span as the parent of what another program does."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, trace.set_span_in_context(self._span, Context()))
        return b"".join(f"{name}: {value}\r\n".encode() for name, value in carrier.items())

    def note(self, name: str, fact: Fact) -> None:
        """Write a fact down."""
        self._span.set_attribute(_expand(name), _write(fact))

    def fail(self, code: str) -> None:
        """It failed, for a reason that we have a word for. The first word stays."""
        if self._span.is_recording() and not self._failed:
            self._failed = True
            self._span.set_status(Status(StatusCode.ERROR, code))

    def end(self) -> None:
        """It is over."""
        if self._span.is_recording():
            self._span.end()


class Exporter:
    """Makes spans of one process and sends them."""

    def __init__(self, endpoint: str, *, service: str, ratio: float, is_edge: bool) -> None:
        ours = TraceIdRatioBased(ratio)
        # A stranger may name the trace, and not decide whether we keep it.
        strangers = {"remote_parent_sampled": ours, "remote_parent_not_sampled": ours} if is_edge else {}
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": f"jouleport-{service}"}),
            sampler=ParentBased(ours, **strangers),
        )
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS_MAX)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("jouleport")

    def begin(self, name: str, *, serves: bool, parent: str, facts: Mapping[str, Fact]) -> Span:
        """Begin a span."""
        above = _propagator.extract({"traceparent": parent}, Context()) if parent else None
        span = self._tracer.start_span(
            name,
            context=above,
            kind=SpanKind.SERVER if serves else SpanKind.INTERNAL,
            attributes={_expand(key): _write(fact) for key, fact in facts.items()},
            record_exception=False,
            set_status_on_exception=False,
        )
        return SentSpan(span)

    def close(self) -> None:
        """Send what was gathered."""
        self._provider.shutdown()


def _write(fact: Fact) -> str | int | float | bool:
    return str(fact) if isinstance(fact, UUID) else fact


def _expand(name: str) -> str:
    # Names with a dot are OpenTelemetry's own.
    return name if "." in name else f"jouleport.{name}"
