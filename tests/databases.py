"""Databases of one test's own, cloned from a template in a server that prefers speed to safety."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from config import processes
from config.embedded.postgres import APP_ROLE, OWNER_ROLE, SUPERUSER, Cluster

TEMPLATE = "jouleport_template"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """A test's database: `dsn` logs in as the application, `owner_dsn` as the owner of the schema."""

    name: str
    dsn: str
    owner_dsn: str
    superuser_dsn: str

    def connect(self, **options: Any) -> psycopg.Connection:
        """A plain psycopg connection as the application's role, committing each statement."""
        return psycopg.connect(self.dsn, autocommit=True, **options)


def start_cluster(cluster: Cluster, log: Path) -> subprocess.Popen[bytes]:
    """Start the server, make its roles and a migrated template."""
    cluster.prepare()
    program = cluster.program()
    with log.open("wb") as output:
        process = processes.start(program, output=output)
    processes.wait_ready(program, process)
    cluster.make_roles(TEMPLATE)
    return process


def migrate_template() -> None:
    """Run every migration as the owner, as a deployment would."""
    owner = connections["owner"]
    owner.settings_dict["NAME"] = TEMPLATE
    call_command("migrate", database="owner", verbosity=0)
    owner.close()


@contextmanager
def clone(cluster: Cluster) -> Iterator[Database]:
    """A fresh copy of the template, with Django's connections pointed at it, dropped afterwards."""
    name = f"jouleport_test_{next(_numbers)}"
    maintenance = cluster.url(SUPERUSER, "postgres")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE), sql.Identifier(OWNER_ROLE)
            )
        )
    previous = {alias: connections[alias].settings_dict["NAME"] for alias in ("default", "owner")}
    _point_django_at(dict.fromkeys(previous, name))
    try:
        yield Database(
            name=name,
            dsn=cluster.url(APP_ROLE, name),
            owner_dsn=cluster.url(OWNER_ROLE, name),
            superuser_dsn=cluster.url(SUPERUSER, name),
        )
    finally:
        _point_django_at(previous)
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _point_django_at(names: dict[str, Any]) -> None:
    # The settings are one dict for all threads, so connections that other threads open follow.
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
