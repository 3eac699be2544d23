"""PostgreSQL's disk is full, or takes nothing for a while: nothing starts, nothing is half done or lost."""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import psycopg
import pytest

from config.embedded import postgres
from config.embedded import redis as embedded_redis
from tests.faults import small_disk
from tests.faults.books import Books
from tests.faults.buyers import Answer, Crowd, is_serving
from tests.faults.plant import Plant, django_at, wait_until
from tests.faults.small_disk import Disk, SmallCluster

DISK = "256m"
REFUSED_IN_A_ROW = 3
ASKED_MAX = 2000
# Twice what a request waits for PostgreSQL at its beginning, and the rest is a busy machine.
REFUSAL_SECONDS_MAX = 12.0
STALL_SECONDS = 12.0


@pytest.fixture(scope="module")
def small_plant() -> Iterator[tuple[Plant, Disk]]:
    """An exchange whose PostgreSQL has a small disk of its own."""
    if reason := small_disk.explain_forbidden():
        pytest.skip(f"user and mount namespaces are forbidden here: {reason}")
    home = Path(tempfile.mkdtemp(prefix="jouleport-disk-"))
    cluster = small_disk.make_cluster(home / "postgres", size=DISK)
    plant = Plant(home=home, cluster=cluster, redis_server=embedded_redis.make_server(home / "redis"))
    try:
        plant.open()
        yield plant, cluster.disks[0]
    finally:
        plant.close()
        for disk in cluster.disks:
            disk.close()


@pytest.fixture
def small(small_plant: tuple[Plant, Disk]) -> Iterator[tuple[Plant, Disk, Books, Crowd]]:
    """That exchange with its books and buyers; on failure the programs' last words are printed."""
    plant, disk = small_plant
    with django_at(plant.cluster):
        url, key = plant.url(), plant.cast.buyer.key
        wait_until(lambda: is_serving(url, key), what="the gateway knows both sellers")
        Books(plant, plant.cast.buyer).wait_settled()
        try:
            with Crowd(url, key) as crowd:
                yield plant, disk, Books(plant, plant.cast.buyer), crowd
        finally:
            for name, words in plant.tell():
                sys.stderr.write(f"--- {name}\n{words}\n")


def assert_refused(answer: Answer) -> None:
    """It was told that this passes, in time."""
    error = answer.error
    assert isinstance(error, openai.APIStatusError), error
    assert (error.status_code, error.response.headers["x-should-retry"]) == (503, "true")
    assert answer.ended_at - answer.asked_at < REFUSAL_SECONDS_MAX


def assert_ended_in_words(answers: list[Answer]) -> None:
    """Each is whole, or said itself what happened."""
    for answer in answers:
        told = answer.said_in_band and answer.code in ("lease_lost", "not_recorded")
        assert answer.whole or told, answer


def test_a_full_disk_starts_nothing_and_loses_nothing(small: tuple[Plant, Disk, Books, Crowd]) -> None:
    plant, disk, books, crowd = small
    streams = crowd.ask(8, tokens=400)
    crowd.wait_begun(streams, deltas=5)
    books.wait_checkpointed(streams)

    disk.fill()
    refused: list[Answer] = []
    for _ in range(ASKED_MAX):
        # What there is room for is still done, and done whole.
        disk.fill()
        answer = crowd.ask_plainly()
        refused = [] if answer.error is None else [*refused, answer]
        if len(refused) == REFUSED_IN_A_ROW:
            break
    crowd.wait_ended(streams)
    disk.empty()
    plant.ended.add("postgres")
    plant.start("postgres")

    assert len(refused) == REFUSED_IN_A_ROW
    for answer in refused:
        assert_refused(answer)
    assert_ended_in_words(streams)
    crowd.wait_served()
    books.check(crowd.answers)


def test_a_log_that_takes_nothing_starts_nothing_and_loses_nothing(
    small: tuple[Plant, Disk, Books, Crowd],
) -> None:
    plant, _, books, crowd = small
    short = crowd.ask(4, tokens=60)
    long = crowd.ask(4, tokens=600)
    crowd.wait_begun([*short, *long], deltas=5)
    books.wait_checkpointed([*short, *long])

    began = time.monotonic()
    stall(plant.cluster, on=True)
    refused = [crowd.ask_plainly() for _ in range(2)]
    crowd.wait_ended(short)
    time.sleep(max(0.0, began + STALL_SECONDS - time.monotonic()))
    stall(plant.cluster, on=False)
    crowd.wait_ended(long)

    for answer in refused:
        assert_refused(answer)
    assert_ended_in_words([*short, *long])
    assert any(answer.code == "lease_lost" for answer in long)
    crowd.wait_served()
    books.check(crowd.answers)


def stall(cluster: postgres.Cluster, *, on: bool) -> None:
    """Have every commit wait for a standby that is not there, as one does for a disk that hangs."""
    assert isinstance(cluster, SmallCluster)
    with psycopg.connect(cluster.url(postgres.SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute("SET synchronous_commit = local")
        standby = "nobody" if on else ""
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'".encode())
        connection.execute("SELECT pg_reload_conf()")
