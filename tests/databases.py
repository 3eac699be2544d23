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


# What a schema is made of. A test that changed any of it gets its database thrown away instead of emptied.
SHAPE = """
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
    SELECT concat('r', oid, relacl, relkind) AS part FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat('t', oid, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT concat('c', oid, xmin) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT concat('a', a.attrelid, a.attname, a.atttypid, a.attnotnull, a.attacl)
                FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
               WHERE a.attnum > 0 AND c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat('f', oid, xmin) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat('d', oid, xmin) FROM pg_default_acl
    UNION ALL SELECT concat('m', roleid, member, xmin) FROM pg_auth_members) parts
"""
# Filled by migrations, and the same in every database.
KEPT = frozenset(
    {
        "account_purpose",
        "auth_permission",
        "booking_entity",
        "currency",
        "django_content_type",
        "django_migrations",
        "partitioned_table",
        "stripe_terms",
    }
)


@dataclass(slots=True)
class Desk:
    """One database that test after test finds as the migrations left it."""

    cluster: Cluster
    name: str = ""
    shape: str = ""
    kept: str = ""
    tables: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()

    @contextmanager
    def lend(self) -> Iterator[Database]:
        """The database, with Django's connections pointed at it; emptied afterwards, or thrown away."""
        if not self.name:
            self._make()
        previous = {alias: connections[alias].settings_dict["NAME"] for alias in ("default", "owner")}
        _point_django_at(dict.fromkeys(previous, self.name))
        try:
            yield Database(
                name=self.name,
                dsn=self.cluster.url(APP_ROLE, self.name),
                owner_dsn=self.cluster.url(OWNER_ROLE, self.name),
                superuser_dsn=self.cluster.url(SUPERUSER, self.name),
            )
        finally:
            _point_django_at(previous)
            if not self._empty():
                self._drop()

    def _make(self) -> None:
        self.name = f"jouleport_test_{next(_numbers)}"
        with self._maintain("postgres") as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    sql.Identifier(self.name), sql.Identifier(TEMPLATE), sql.Identifier(OWNER_ROLE)
                )
            )
        with self._maintain(self.name) as connection:
            self.shape, self.kept = self._read_shape(connection)
            connection.execute("ANALYZE")
            rows = connection.execute(
                "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                "AND relkind IN ('r', 'p', 'S') AND NOT relispartition"
            ).fetchall()
        self.tables = tuple(name for name, kind in rows if kind != "S" and name not in KEPT)
        kept = {f"{name}_id_seq" for name in KEPT}
        self.sequences = tuple(name for name, kind in rows if kind == "S" and name not in kept)

    def _empty(self) -> bool:
        """Remove every row a test wrote, as the superuser, past all triggers; False if the schema changed."""
        with self._maintain(self.name) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if self._read_shape(connection) != (self.shape, self.kept):
                return False
            filled = sql.SQL(" UNION ALL ").join(
                sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(
                    sql.Literal(name), sql.Identifier(name)
                )
                for name in self.tables
            )
            names = [row[0] for row in connection.execute(filled).fetchall()]
            connection.execute("SET session_replication_role = replica")
            for name in names:
                # Quicker than TRUNCATE, which makes new files for every index and partition.
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            connection.execute(
                "SELECT setval(oid::regclass, 1, false) FROM pg_class "
                "WHERE relkind = 'S' AND relname = ANY (%s)",
                (list(self.sequences),),
            )
        return True

    def _drop(self) -> None:
        with self._maintain("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))
        self.name = ""

    @staticmethod
    def _read_shape(connection: psycopg.Connection) -> tuple[str, str]:
        shape = connection.execute(SHAPE).fetchone()
        kept = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) AS part FROM {} t").format(
                sql.Identifier(name)
            )
            for name in sorted(KEPT)
        )
        rows = connection.execute(
            sql.SQL("SELECT string_agg(part, ',' ORDER BY part) FROM ({}) k").format(kept)
        )
        filled = rows.fetchone()
        return (str(shape and shape[0]), str(filled and filled[0]))

    def _maintain(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.cluster.url(SUPERUSER, database), autocommit=True)


def _point_django_at(names: dict[str, Any]) -> None:
    # The settings are one dict for all threads, so connections that other threads open follow.
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
