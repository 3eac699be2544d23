"""
What every test may use.

`db` is a fresh database, cloned from a migrated template and reached as the role of the application, as in
production: a transaction that is rolled back would never exercise what happens at commit.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from config import processes
from config.embedded import postgres
from config.embedded import redis as embedded_redis

HOME = Path(tempfile.mkdtemp(prefix="jouleport-test-"))
CLUSTER = postgres.make_cluster(HOME / "pg", setting=os.environ.get("JOULEPORT_PG_BIN", ""), durable=False)
REDIS = embedded_redis.make_server(HOME / "redis", durable=False)

# The servers start when a test first asks for them; where they will be is known before.
os.environ.update(
    {
        "DATABASE_URL": CLUSTER.url(postgres.APP_ROLE),
        "DATABASE_OWNER_URL": CLUSTER.url(postgres.OWNER_ROLE),
        "REDIS_URL": REDIS.url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "JOULEPORT_SECRET_KEY": "known to every test",
        "JOULEPORT_TICKET_SECRET": "known to every test, and long enough",
        "JOULEPORT_BLOB_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "JOULEPORT_CREDENTIAL_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "JOULEPORT_HOME": str(HOME),
        "JOULEPORT_LOG_FORMAT": "console",
        "JOULEPORT_LOG_LEVEL": "WARNING",
    }
)

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402

# The real one takes half a second a password, by design.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]  # noqa: E402

_look_for_files = WhiteNoiseMiddleware.add_files_from_finders
_files: dict[str, Any] = {}


def _add_files(middleware: WhiteNoiseMiddleware) -> None:
    """Look once for what is served as it is: each browser of a test would do so again."""
    if not _files:
        _look_for_files(middleware)
        _files.update(middleware.files)
    middleware.files.update(_files)


WhiteNoiseMiddleware.add_files_from_finders = _add_files

from config.celery import app as celery_app  # noqa: E402
from core import brief  # noqa: E402
from tests import databases  # noqa: E402
from tests.cast import farm, fund, lab, lab_key, now, stranger  # noqa: E402, F401
from tests.stand_ins.fixtures import mailbox, stripe_process, stripe_stand_in  # noqa: E402, F401

# Wake-ups that a test does not wait for go nowhere; tasks are called as functions.
celery_app.conf.update(broker_url="memory://")


def pytest_unconfigure() -> None:
    """Remove what the servers wrote."""
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """The running PostgreSQL server of this test process, without a schema."""
    process = databases.start_cluster(CLUSTER, HOME / "postgres.log")
    yield CLUSTER
    processes.stop(CLUSTER.program(), process)


@pytest.fixture(scope="session")
def template_database(cluster: postgres.Cluster) -> str:
    """The name of a database with every migration applied; never written to."""
    databases.migrate_template()
    return databases.TEMPLATE


@pytest.fixture(scope="session")
def desk(cluster: postgres.Cluster, template_database: str) -> databases.Desk:
    """Lends one database to test after test."""
    return databases.Desk(cluster)


@pytest.fixture
def db(desk: databases.Desk) -> Iterator[databases.Database]:
    """
    A database as the migrations left it; Django's connections, in every thread, lead to it.

    A test may change the schema too: its database is then thrown away.
    """
    brief.forget()
    with desk.lend() as database:
        yield database


@pytest.fixture(scope="session")
def redis_server() -> Iterator[embedded_redis.Server]:
    """The running Redis of this test process."""
    REDIS.prepare()
    program = REDIS.program()
    with (HOME / "redis.log").open("wb") as output:
        process = processes.start(program, output=output)
    processes.wait_ready(program, process)
    yield REDIS
    processes.stop(program, process)


@pytest.fixture
def redis_url(redis_server: embedded_redis.Server) -> str:
    """The address of an empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Mail that was sent, as `django.core.mail.EmailMessage`."""
    from django.conf import settings
    from django.core import mail

    sent: list[Any] = []
    monkeypatch.setattr(mail, "outbox", sent, raising=False)
    kept = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    monkeypatch.setattr(settings, "MAILERS", kept)
    return sent
