"""Whether the control plane is alive, and whether it can do its work."""

import functools
from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from config import heartbeat

PROBE_SECONDS_MAX = 2.0

logger = structlog.get_logger(__name__)


class Unready(Exception):
    """Something this process needs is missing."""


def healthz(_request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> JsonResponse:
    """
    PostgreSQL and Redis answer, and the schema is the one this code was written for; else 503.

    `tasks` says whether task workers take their work; `late` is no 503.
    """
    checks: dict[str, Callable[[], None]] = {
        "postgresql": check_postgresql,
        "migrations": check_migrations,
        "redis": check_redis,
    }
    answers = {name: _answer(name, check) for name, check in checks.items()}
    ready = all(answer == "ok" for answer in answers.values())
    # Without task workers this process serves as well as ever: that is told, and takes nobody out of service.
    answers["tasks"] = "ok" if answers["postgresql"] == "ok" and tasks_run() else "late"
    return JsonResponse(
        {"status": "ok" if ready else "unready", "checks": answers}, status=200 if ready else 503
    )


def check_postgresql() -> None:
    """Ask PostgreSQL something."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def tasks_run() -> bool:
    """Whether tasks of every queue ran within the last minute."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(heartbeat.AGES, [list(heartbeat.QUEUES)])
            ages = dict(cursor.fetchall())
    except Error as error:
        logger.warning("heartbeats not read", reason=str(error))
        return False
    return all(ages.get(queue, float("inf")) < heartbeat.SILENT_SECONDS for queue in heartbeat.QUEUES)


def check_migrations() -> None:
    """Raise Unready if a migration of this code has not run. Once all have, they stay."""
    missing = _migrations_missing()
    if missing:
        _migrations_missing.cache_clear()
        raise Unready(f"{missing} migrations have not run")


def check_redis() -> None:
    """Ask Redis something."""
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PROBE_SECONDS_MAX, socket_connect_timeout=PROBE_SECONDS_MAX
    ) as client:
        client.ping()


@functools.cache
def _migrations_missing() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _answer(name: str, check: Callable[[], None]) -> str:
    # The reason goes to the log only: the address is public.
    try:
        check()
    except (Error, redis.RedisError, Unready) as error:
        logger.warning("not ready", check=name, reason=str(error))
        return "failed"
    return "ok"
