"""
Traces for OpenTelemetry, behind a switch. Imports no Django, and nothing of OpenTelemetry while it is off.

Code that is traced says `with tracing.span("admit"):` or `begin`s a span and ends it. While no collector is
named both give NOTHING, which does nothing. A span holds ids, names and figures of ours: never a prompt, an
answer, a key, or the text of an exception, which may quote any of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Protocol, Self
from uuid import UUID

from core.environment import BadEnvironment

OURS = "JOULEPORT_OTEL_ENDPOINT"
THEIRS = "OTEL_EXPORTER_OTLP_ENDPOINT"
THEIRS_FOR_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
RATIO = "OTEL_TRACES_SAMPLER_ARG"
PARENT_HEADER = b"traceparent"

# An id is written out only where a span is kept.
type Fact = str | int | float | bool | UUID


class Span:
    """One step of some work; this one is nothing at all, and what is on derives from it."""

    __slots__ = ()
    # The line that tells another program of ours which trace it takes part in.
    header = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        return None

    def note(self, name: str, fact: Fact) -> None:
        """Write a fact down."""

    def fail(self, code: str) -> None:
        """It failed, for a reason that we have a word for."""

    def end(self) -> None:
        """It is over; a second time changes nothing."""


class Maker(Protocol):
    """Makes spans that are sent somewhere."""

    def begin(self, name: str, *, serves: bool, parent: str, facts: Mapping[str, Fact]) -> Span:
        """Begin a span, under the one that is entered in this task unless a parent is named."""

    def close(self) -> None:
        """Send what was gathered."""


NOTHING = Span()
_maker: Maker | None = None


def span(name: str, **facts: Fact) -> Span:
    """A step: spans that begin while it is entered are its children."""
    if _maker is None:
        return NOTHING
    return _maker.begin(name, serves=False, parent="", facts=facts)


# The same, for a step that is not entered: whoever began it ends it.
begin = span


def serve(name: str, headers: Iterable[tuple[bytes, bytes]], **facts: Fact) -> Span:
    """A request that somebody else made, who may have told their trace in its headers."""
    if _maker is None:
        return NOTHING
    parent = next((value for given, value in headers if given == PARENT_HEADER), b"")
    return _maker.begin(name, serves=True, parent=parent.decode("latin-1"), facts=facts)


def is_on() -> bool:
    """Whether spans go anywhere."""
    return _maker is not None


def read_endpoint(environ: Mapping[str, str] = os.environ) -> str | None:
    """Where traces go (OTLP over HTTP), if anywhere."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if environ.get(THEIRS_FOR_TRACES) and not environ.get(OURS):
        return environ[THEIRS_FOR_TRACES]
    base = environ.get(OURS) or environ.get(THEIRS)
    return base.rstrip("/") + "/v1/traces" if base else None


def configure(service: str, *, is_edge: bool = False, environ: Mapping[str, str] = os.environ) -> None:
    """
    Send the spans of this process to the collector that the environment names; if none is, do nothing.

    `is_edge`: whoever calls is not one of us, and does not decide what we keep.

    :raises BadEnvironment: the share of traces to keep is no number from 0 to 1
    """
    global _maker
    endpoint = read_endpoint(environ)
    if endpoint is None or _maker is not None:
        return
    from core.tracing_export import Exporter

    ratio = _read_ratio(environ)
    _maker = Exporter(endpoint, service=service, ratio=ratio, is_edge=is_edge)


def _read_ratio(environ: Mapping[str, str]) -> float:
    text = environ.get(RATIO) or "1"
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise BadEnvironment(f"{RATIO} must be a number from 0 to 1, not {text!r}")
    return ratio


def close() -> None:
    """Send what was gathered, and trace nothing more."""
    global _maker
    if _maker is not None:
        maker, _maker = _maker, None
        maker.close()
