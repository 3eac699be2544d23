"""
What a gateway counts, and how it is told to Prometheus.

A request costs a few additions here; all else is read from the parts of the runtime when somebody asks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from core.metrics import (
    Counts,
    Histogram,
    write_count,
    write_counter,
    write_gauge,
    write_histograms,
)
from gateway import doors

if TYPE_CHECKING:
    from gateway.attempts import Attempt
    from gateway.recording import Billed
    from gateway.runtime import Runtime

STREAM_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
STREAM_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)
OTHER = "other"
# Addresses under which anything may stand that somebody made up.
PREFIXES = ("/v1/models", "/v1/credits", "/v1/key", "/v1/generation", "/healthz", "/readyz")
PLAIN, STREAM = "plain", "stream"


def name_route(path: str) -> str:
    """The label of an address: one of few, whatever was asked for."""
    if path in doors.BY_PATH:
        return path
    return next((prefix for prefix in PREFIXES if path == prefix or path.startswith(prefix + "/")), OTHER)


class Meters:
    """Counters of one gateway process, as plain numbers."""

    def __init__(self) -> None:
        self.requests = Counts()
        self.refusals = Counts()
        self.endings = Counts()
        self.attempt_failures = Counts()
        self.tokens = Counts()
        self.added = {PLAIN: Histogram(), STREAM: Histogram()}
        self.stream_seconds = Histogram(STREAM_SECONDS)
        self.stream_tokens = Histogram(STREAM_TOKENS)

    def note_answer(
        self,
        *,
        began: float,
        route: str,
        streamed: bool,
        ended_how: str,
        attempt: Attempt | None,
        billed: Billed,
    ) -> None:
        """
        Count a request that has been through a `Visit`; `began` in monotonic seconds.

        What we add to the first byte is the time before the node was called, and from what came first of its
        answer until that was sent on. Of a request that was tried twice nobody could say.
        """
        kind = STREAM if streamed else PLAIN
        self.endings.add((route, kind, ended_how))
        if attempt is None:
            return
        if attempt.sent_at and attempt.number == 1:
            self.added[kind].add(attempt.called_at - began + attempt.sent_at - attempt.came_at)
        if billed.tokens_out is not None:
            self.tokens.add("in", billed.tokens_in or 0)
            self.tokens.add("out", billed.tokens_out)
        if streamed and attempt.sent_at:
            self.stream_seconds.add(time.monotonic() - attempt.sent_at)
            self.stream_tokens.add(billed.tokens_out or 0)


class RuntimeSource:
    """Tells everything about a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        """Read the figures as they are now."""
        yield from _tell_requests(self._runtime.meters)
        yield from _tell_calls(self._runtime)
        yield from _tell_state(self._runtime)


def _tell_requests(meters: Meters) -> Iterator[Metric]:
    yield write_counter(
        "jouleport_gateway_requests",
        "Requests by address and HTTP status; 499 left before an answer.",
        ["route", "status"],
        meters.requests,
    )
    yield write_counter(
        "jouleport_gateway_refusals",
        "Answers that were an error of ours, by the code in them.",
        ["reason"],
        meters.refusals,
    )
    yield write_counter(
        "jouleport_gateway_answers_ended",
        "Requests to a model by how they ended: complete, a reason to stop, or the code of an error.",
        ["route", "kind", "ended"],
        meters.endings,
    )
    yield write_counter(
        "jouleport_gateway_attempts_failed",
        "Attempts that failed before the buyer saw anything of them, by reason.",
        ["reason"],
        meters.attempt_failures,
    )
    yield write_counter(
        "jouleport_gateway_tokens", "Tokens in usage records, by direction.", ["direction"], meters.tokens
    )
    yield write_histograms(
        "jouleport_gateway_first_byte_added_seconds",
        "Time to the first byte that we added to the provider's own, of requests that needed one attempt.",
        ["kind"],
        [([kind], histogram) for kind, histogram in meters.added.items()],
    )
    yield write_histograms(
        "jouleport_gateway_stream_seconds",
        "How long streams ran from their first content on.",
        [],
        [([], meters.stream_seconds)],
    )
    yield write_histograms(
        "jouleport_gateway_stream_tokens",
        "Output tokens of a stream, as they were charged.",
        [],
        [([], meters.stream_tokens)],
    )


def _tell_calls(runtime: Runtime) -> Iterator[Metric]:
    admissions, recorder = runtime.admissions, runtime.recorder
    yield write_counter(
        "jouleport_gateway_admissions",
        "Requests that asked to be admitted, by verdict; away: PostgreSQL did not answer.",
        ["verdict"],
        admissions.verdicts,
    )
    yield write_histograms(
        "jouleport_gateway_call_items",
        "How many requests shared one call to PostgreSQL.",
        ["call"],
        [
            (["admission"], admissions.sizes),
            (["waiting"], admissions.waiting_sizes),
            (["recording"], recorder.sizes),
            (["failing"], recorder.failure_sizes),
        ],
    )
    links = runtime.database.by_purpose()
    yield write_histograms(
        "jouleport_gateway_database_call_seconds",
        "How long calls to PostgreSQL took, by what they were for.",
        ["call"],
        [([purpose], link.seconds) for purpose, link in links.items()],
    )
    failures = Counts()
    for purpose, link in links.items():
        for (kind,), number in link.failures.items():
            failures.add((purpose, kind), number)
    yield write_counter(
        "jouleport_gateway_database_failures",
        "Calls to PostgreSQL that failed: away, or a lock that was not had in time.",
        ["call", "kind"],
        failures,
    )


def _tell_state(runtime: Runtime) -> Iterator[Metric]:
    now, keeper, leases = time.monotonic(), runtime.keeper, runtime.leases
    yield write_gauge(
        "jouleport_gateway_requests_running", "Requests to a model that are being served.", runtime.requests
    )
    yield write_gauge("jouleport_gateway_leases_held", "Attempts that run here.", len(leases))
    yield write_count("jouleport_gateway_lease_renewals", "Leases that were renewed.", leases.renewed)
    yield write_gauge(
        "jouleport_gateway_lease_renewal_age_seconds",
        "Time since all leases were last renewed.",
        now - leases.last_renewal,
    )
    yield write_gauge(
        "jouleport_gateway_book_age_seconds",
        "Time since the offers were last read from PostgreSQL.",
        now - keeper.loaded_at if keeper.loaded_at else None,
    )
    yield write_gauge(
        "jouleport_gateway_presence_age_seconds",
        "Time since it was last read from Redis which nodes are connected.",
        now - keeper.presence_at if keeper.presence_at else None,
    )
    yield write_gauge(
        "jouleport_gateway_nodes_connected", "Nodes that relays say are connected.", len(keeper.book.presence)
    )
    yield write_gauge(
        "jouleport_gateway_revocations_heard",
        "1 while revoked keys are announced to us; without that no key is remembered.",
        runtime.listener.connected,
    )
