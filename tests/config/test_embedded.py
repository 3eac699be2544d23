"""The servers of our own: they keep what was committed, and refuse data they would misread."""

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from config import processes
from config.embedded import postgres, privileges
from config.embedded import redis as embedded_redis
from config.processes import Program

PG_BIN = os.environ.get("JOULEPORT_PG_BIN", "")


@contextmanager
def running(program: Program, log: Path, *, end: signal.Signals | None = None) -> Iterator[None]:
    with log.open("ab") as output:
        process = processes.start(program, output=output)
    try:
        processes.wait_ready(program, process)
        yield
        if end is not None:
            process.send_signal(end)
            process.wait(10)
    finally:
        processes.stop(program, process)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def cluster(home: Path) -> postgres.Cluster:
    made = postgres.make_cluster(home, setting=PG_BIN)
    made.prepare()
    return made


def test_postgres_keeps_a_commit_through_kill_9(cluster: postgres.Cluster, tmp_path: Path) -> None:
    with running(cluster.program(), tmp_path / "log", end=signal.SIGKILL):
        cluster.make_roles()
        with psycopg.connect(cluster.url(postgres.OWNER_ROLE), autocommit=True) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 7 AS number")

    with (
        running(cluster.program(), tmp_path / "log"),
        psycopg.connect(cluster.url(postgres.OWNER_ROLE)) as owner,
    ):
        assert owner.execute("SELECT number FROM kept").fetchall() == [(7,)]


def test_postgres_has_an_owner_and_an_application(cluster: postgres.Cluster, tmp_path: Path) -> None:
    with running(cluster.program(), tmp_path / "log"):
        cluster.make_roles()
        cluster.make_roles()  # as at every start
        with psycopg.connect(cluster.url()) as application:
            assert application.execute(
                "SELECT pg_get_userbyid(datdba), current_user FROM pg_database WHERE datname = 'jouleport'"
            ).fetchone() == ("jouleport_owner", "jouleport_app")
            powers = "rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls"
            assert application.execute(
                f"SELECT count(*) FROM pg_roles WHERE rolname LIKE 'jouleport%' AND ({powers})"
            ).fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute("CREATE TABLE mine (id int)")


def test_postgres_sorts_by_bytes_everywhere(cluster: postgres.Cluster, tmp_path: Path) -> None:
    with running(cluster.program(), tmp_path / "log"):
        cluster.make_roles()
        with psycopg.connect(cluster.url()) as application:
            assert application.execute(
                "SELECT string_agg(word, ' ' ORDER BY word) FROM unnest(ARRAY['b', 'a', 'B', 'é']) word"
            ).fetchone() == ("B a b é",)
            assert application.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_postgres_asks_for_a_password_and_lets_nobody_near(cluster: postgres.Cluster, tmp_path: Path) -> None:
    assert stat.S_IMODE(cluster.home.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.sockets.stat().st_mode) == 0o700
    assert not (cluster.home / "superuser-password").exists()
    with (
        running(cluster.program(), tmp_path / "log"),
        pytest.raises(psycopg.OperationalError, match="password"),
    ):
        psycopg.connect(cluster.url(postgres.SUPERUSER, "postgres"), password="wrong")


def test_postgres_refuses_data_of_another_major_version(cluster: postgres.Cluster) -> None:
    (cluster.data / "PG_VERSION").write_text("14\n", encoding="ascii")

    with pytest.raises(postgres.NoPostgres, match="made by PostgreSQL 14"):
        cluster.prepare()


def test_postgres_begins_again_after_a_broken_first_start(cluster: postgres.Cluster, tmp_path: Path) -> None:
    (cluster.data / "PG_VERSION").unlink()

    cluster.prepare()

    with running(cluster.program(), tmp_path / "log"):
        assert cluster.is_ready()


def test_postgres_finds_a_short_place_for_its_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    cluster = postgres.make_cluster(deep, setting=PG_BIN)
    cluster.prepare()
    try:
        with running(cluster.program(), tmp_path / "log"):
            assert cluster.is_ready()
    finally:
        shutil.rmtree(cluster.sockets)


def test_refuses_a_folder_without_programs(tmp_path: Path) -> None:
    with pytest.raises(postgres.NoPostgres, match="lacks postgres and initdb"):
        postgres.find_binaries(str(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to shed its rights")
def test_postgres_runs_as_nobody_where_namespaces_are_forbidden(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privileges, "namespaces_allowed", lambda: False)
    cluster = postgres.make_cluster(home, setting=PG_BIN)
    try:
        cluster.prepare()
        with running(cluster.program(), tmp_path / "log"):
            cluster.make_roles()
            assert cluster.data.owner() == "nobody"
    finally:
        shutil.rmtree(cluster.home.parent)


def test_redis_keeps_messages_through_kill_9(home: Path, tmp_path: Path) -> None:
    server = embedded_redis.make_server(home)
    server.prepare()
    with (
        running(server.program(), tmp_path / "log", end=signal.SIGKILL),
        redis.Redis.from_url(server.url) as client,
    ):
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.config_set("appendfsync", "always")  # else the last second may be lost
        client.rpush("queue", "wake up")

    with running(server.program(), tmp_path / "log"), redis.Redis.from_url(server.url) as client:
        assert client.lrange("queue", 0, -1) == [b"wake up"]


def test_redis_is_for_its_owner_only(home: Path) -> None:
    server = embedded_redis.make_server(home)
    server.prepare()

    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
