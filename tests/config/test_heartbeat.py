"""A task worker that takes nothing is noticed by what it does not do, and started again."""

import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from celery import Celery
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from config import celery, desk, heartbeat
from config.processes import Program
from config.supervisor import Supervisor
from tests.config.test_supervisor import within
from tests.core.collector import collecting
from tests.databases import Database

# A worker needs some seconds until it takes its first task, on a busy machine more.
SILENT = 15.0


@pytest.fixture
def url(db: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database, for this process and the programs it starts."""
    monkeypatch.setenv("DATABASE_URL", db.dsn)
    return db.dsn


def probing(program: Program) -> Program:
    argv = ["tests.config.heart_probe" if word == "config" else word for word in program.argv]
    return replace(program, argv=argv, stop_seconds_max=1)


@contextmanager
def supervised(folder: Path) -> Iterator[Supervisor]:
    """A task worker and beat, the worker taking tasks of every queue."""
    with Supervisor(folder, echo=False) as supervisor:
        supervisor.start_all([probing(desk.task_worker(silent=SILENT)), probing(desk.beat(silent=SILENT))])
        yield supervisor


def ages(url: str) -> dict[str, float]:
    with heartbeat.connect(url) as connection:
        return heartbeat.read_ages(connection)


def is_heard(url: str) -> bool:
    """Whether tasks of every queue ran in the last seconds."""
    found = ages(url)
    return set(found) == set(heartbeat.QUEUES) and max(found.values()) < 4


def test_what_never_ran_is_silent_and_what_cannot_be_asked_is_not(url: str) -> None:
    assert heartbeat.is_silent(url)
    assert not heartbeat.is_silent("postgresql://nobody@127.0.0.1:1/none")


def test_every_queue_must_be_heard(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for queue in heartbeat.QUEUES:
            assert heartbeat.is_silent(url)
            connection.execute(heartbeat.BEAT, [queue, "tasks@here"])
        assert not heartbeat.is_silent(url)
        connection.execute("UPDATE heartbeat SET beaten_at = now() - interval '61 s' WHERE queue = 'billing'")
    assert heartbeat.is_silent(url)


def test_ready_says_whether_tasks_run_and_stays_ready(db: Database, redis_url: str) -> None:
    browser = Client(headers={"host": "localhost"})
    before = browser.get("/readyz")
    with psycopg.connect(db.dsn, autocommit=True) as connection:
        for queue in heartbeat.QUEUES:
            connection.execute(heartbeat.BEAT, [queue, "tasks@here"])
    after = browser.get("/readyz")

    assert (before.status_code, before.json()["checks"]["tasks"]) == (200, "late")
    assert (after.status_code, after.json()["checks"]["tasks"]) == (200, "ok")


@pytest.mark.fault
@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", ["frozen", "deaf"])
def test_a_worker_that_takes_nothing_is_started_again(url: str, tmp_path: Path, how: str) -> None:
    with supervised(tmp_path) as supervisor:
        supervisor.watch(until=lambda: is_heard(url))
        first = supervisor.pid("tasks")
        if how == "frozen":
            os.killpg(first, signal.SIGSTOP)
        else:
            make_deaf()

        supervisor.watch(until=lambda: supervisor.pid("tasks") != first)
        supervisor.watch(until=lambda: is_heard(url))

    assert "tasks is stuck" in (tmp_path / "supervisor.log").read_text()


def make_deaf() -> None:
    """Have the worker live and answer, and take nothing."""
    broker = celery.broker_url(os.environ["REDIS_URL"])
    with Celery(broker=broker, set_as_current=False) as sender:
        for queue in heartbeat.QUEUES:
            answers = sender.control.cancel_consumer(queue, reply=True, timeout=5)
            assert answers
            assert "ok" in next(iter(answers[0].values()))
        assert sender.control.ping(timeout=5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


BEATS = "jouleport_task_runs_total succeeded config.tasks.beat_heart"


@pytest.mark.timeout(150)
def test_a_worker_tells_what_it_ran_and_traces_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("JOULEPORT_METRICS_ADDRESS", f"127.0.0.1:{port}")

    def read() -> dict[str, float]:
        address = f"http://127.0.0.1:{port}/metrics"
        with urllib.request.urlopen(address, timeout=5) as answer:
            text = answer.read().decode()
        return {
            sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    with collecting() as collector:
        monkeypatch.setenv("JOULEPORT_OTEL_ENDPOINT", collector.url)
        with supervised(tmp_path):
            assert within(60, lambda: is_heard(url))
            # A beat is heard before it is counted.
            assert within(10, lambda: read()[BEATS] >= len(heartbeat.QUEUES))
            told = read()
            (span, *_) = collector.wait("config.tasks.beat_heart", seconds=30)

    assert told["jouleport_task_runs_total failed config.tasks.beat_heart"] == 0
    assert told["jouleport_task_run_seconds_total config.tasks.beat_heart"] > 0
    assert told["jouleport_books_readable"] == 1
    assert told["jouleport_heartbeat_age_seconds billing"] < 20
    assert told["process_resident_memory_bytes"] > 1e6
    assert span.service == "jouleport-tasks"
