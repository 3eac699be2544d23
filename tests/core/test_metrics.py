"""Metrics: right in their form, served where only we can ask, and never in one another's way."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from core import exposition, metrics
from core.environment import BadEnvironment
from core.exposition import Exposition, Place

TOKEN = "a long enough token"


def ask(port: int, path: str = "/metrics", *, token: str = "") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
        assert answer.headers["content-type"].startswith("text/plain; version=")
        return str(answer.read().decode())


def refusal(port: int, path: str = "/metrics", *, token: str = "") -> int:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(port, path, token=token)
    refused.value.close()
    return refused.value.code


@contextmanager
def served(place: Place, registry: CollectorRegistry | None = None) -> Iterator[Exposition]:
    exposition = Exposition(place, registry or CollectorRegistry())
    exposition.open()
    try:
        assert exposition.listening.wait(5)
        yield exposition
    finally:
        exposition.close()


def taken_port() -> socket.socket:
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen()
    return holder


def test_what_is_counted_reads_as_prometheus_reads_it() -> None:
    counts, histogram = metrics.Counts(), metrics.Histogram((1, 5))
    counts.add(("chat", "200"))
    counts.add(("chat", "200"), 2)
    for figure in (0.5, 1, 3, 100):
        histogram.add(figure)
    told = metrics.Told(
        lambda: [
            metrics.write_counter("jouleport_asked", "Asked.", ["route", "status"], counts),
            metrics.write_histograms("jouleport_size", "Size.", ["call"], [(["admit"], histogram)]),
            metrics.write_gauge("jouleport_age_seconds", "Age.", None),
        ]
    )
    registry = CollectorRegistry()
    registry.register(told)

    with served(Place("127.0.0.1", 0, 0), registry) as exposition:
        families = {family.name: family for family in text_string_to_metric_families(ask(exposition.port))}

    asked = families["jouleport_asked"].samples
    assert [(sample.name, sample.labels, sample.value) for sample in asked] == [
        ("jouleport_asked_total", {"route": "chat", "status": "200"}, 3.0)
    ]
    buckets = {
        sample.labels["le"]: sample.value
        for sample in families["jouleport_size"].samples
        if sample.name.endswith("_bucket")
    }
    assert buckets == {"1.0": 2.0, "5.0": 3.0, "+Inf": 4.0}
    assert families["jouleport_age_seconds"].samples == []


def test_only_metrics_are_there() -> None:
    with served(Place("127.0.0.1", 0, 0)) as exposition:
        assert refusal(exposition.port, "/") == 404


def test_a_token_is_asked_for() -> None:
    with served(Place("127.0.0.1", 0, 0, TOKEN)) as exposition:
        assert refusal(exposition.port) == 401
        assert refusal(exposition.port, token="another token altogether") == 401
        ask(exposition.port, token=TOKEN)


def test_processes_of_one_environment_take_one_port_each() -> None:
    with taken_port() as first:
        port = first.getsockname()[1]
        with (
            served(Place("127.0.0.1", port, port + 8)) as one,
            served(Place("127.0.0.1", port, port + 8)) as two,
        ):
            assert len({port, one.port, two.port}) == 3


def test_a_port_that_is_taken_is_had_once_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "RETRY_SECONDS", 0.05)
    holder = taken_port()
    port = holder.getsockname()[1]
    waiting = Exposition(Place("127.0.0.1", port, port), CollectorRegistry())
    waiting.open()
    try:
        assert not waiting.listening.wait(0.3)
        holder.close()
        assert waiting.listening.wait(5)
        ask(port)
    finally:
        waiting.close()


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({}, None),
        ({exposition.ADDRESS: "127.0.0.1:9400"}, Place("127.0.0.1", 9400, 9400)),
        ({exposition.ADDRESS: "localhost:9400-9407"}, Place("localhost", 9400, 9407)),
        ({exposition.ADDRESS: "[::1]:9400"}, Place("::1", 9400, 9400)),
        (
            {exposition.ADDRESS: "10.1.2.3:9400", exposition.TOKEN: TOKEN},
            Place("10.1.2.3", 9400, 9400, TOKEN),
        ),
    ],
    ids=["unset", "loopback", "range", "ipv6", "guarded"],
)
def test_reads_where_to_serve(environ: dict[str, str], place: Place | None) -> None:
    assert exposition.read_place(environ) == place


@pytest.mark.parametrize(
    "environ",
    [
        {exposition.ADDRESS: "[::]:9400"},
        {exposition.ADDRESS: "10.0.0.1:9400"},
        {exposition.ADDRESS: "9400"},
        {exposition.ADDRESS: "127.0.0.1:94000"},
        {exposition.ADDRESS: "127.0.0.1:9407-9400"},
        {exposition.ADDRESS: "127.0.0.1:9400-"},
        {exposition.ADDRESS: "127.0.0.1:1-60000"},
        {exposition.ADDRESS: "127.0.0.1:9400", exposition.TOKEN: "short"},
    ],
    ids=["everywhere", "network", "no-host", "no-port", "backwards", "half", "too-many", "weak-token"],
)
def test_refuses_what_others_could_read_or_nobody_understands(environ: dict[str, str]) -> None:
    with pytest.raises(BadEnvironment, match=exposition.ADDRESS.rpartition("_")[0]):
        exposition.read_place(environ)


def test_the_token_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    environ = {exposition.ADDRESS: "10.1.2.3:1", f"{exposition.TOKEN}_FILE": str(file)}

    assert exposition.read_place(environ) == Place("10.1.2.3", 1, 1, TOKEN)
