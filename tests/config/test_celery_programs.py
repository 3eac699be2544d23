"""Celery's real programs on our Redis: nothing is lost with a process, and two beats are as good as one."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis
from celery import Celery

from config import celery, desk, processes
from config.processes import Program


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@contextmanager
def running(program: Program, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = processes.start(program, output=output)
    try:
        yield process
    finally:
        process.kill()
        processes.stop(program, process)


def probe(name: str, *arguments: str) -> Program:
    return desk.python(name, "-m", "celery", "--app", "tests.config.celery_probe", "--quiet", *arguments)


def worker() -> Program:
    return probe("tasks", "worker", "--concurrency", "2")


def beat() -> Program:
    return probe("beat", "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile=")


def wait(seconds: float, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.timeout(150)
def test_two_beats_do_each_piece_of_work_once(client: redis.Redis, tmp_path: Path) -> None:
    pieces = [str(number) for number in range(50)]
    client.rpush("waiting", *pieces)

    with ExitStack() as stack:
        for program in (worker(), beat(), beat()):
            stack.enter_context(running(program, tmp_path / program.name))
        wait(60, lambda: int(client.get("wake-ups") or 0) >= 6)

    assert sorted(client.lrange("done", 0, -1), key=int) == pieces


@pytest.mark.fault
@pytest.mark.timeout(150)
def test_work_of_a_killed_process_is_done_by_the_next(
    redis_url: str, client: redis.Redis, tmp_path: Path
) -> None:
    with running(worker(), tmp_path / "first") as first:
        with Celery(broker=celery.broker_url(redis_url), set_as_current=False) as sender:
            sender.send_task("probe.linger", queue="default")
        wait(60, lambda: client.get("tries") == "1")
        os.killpg(first.pid, signal.SIGKILL)

    with running(worker(), tmp_path / "second"):
        wait(60, lambda: client.get("finished"))

    # Redelivery is at least once: a slow machine may see more.
    assert int(client.get("tries") or 0) >= 2
