"""Databases of one test's own, cloned from a template in a server that prefers speed to safety."""

import itertools
import subprocess
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    UNION ALL SELECT concat('f', oid, md5(prosrc), proconfig, prosecdef, provolatile, proowner, proacl)
                FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat('d', oid, xmin) FROM pg_default_acl
    UNION ALL SELECT concat('m', roleid, member, xmin) FROM pg_auth_members) parts
"""
FUNCTIONS = """
SELECT oid::text, md5(prosrc), pg_get_functiondef(oid) FROM pg_proc
 WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p')
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


@dataclass(slots=True, weakref_slot=True)
class Desk:
    """
    One database that test after test finds as the migrations left it.

    One connection empties it every time: a new one would first learn the whole schema, which takes longer
    than the work itself.
    """

    cluster: Cluster
    name: str = ""
    shape: str = ""
    kept: str = ""
    filled: bytes = b""
    functions: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    sequences: tuple[str, ...] = ()
    caretaker: psycopg.Connection | None = None

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
                # Copying files is quicker than writing every page to the log.
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY").format(
                    sql.Identifier(self.name), sql.Identifier(TEMPLATE), sql.Identifier(OWNER_ROLE)
                )
            )
        with self._maintain(self.name) as connection:
            self.shape, self.kept = self._read_shape(connection)
            self.functions = {oid: (body, text.encode()) for oid, body, text in connection.execute(FUNCTIONS)}
            connection.execute("ANALYZE")
            rows = connection.execute(
                "SELECT relname, relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                "AND relkind IN ('r', 'p', 'S') AND NOT relispartition"
            ).fetchall()
        tables = [name for name, kind in rows if kind != "S" and name not in KEPT]
        asked = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
        self.filled = (
            sql.SQL(" UNION ALL ")
            .join(asked.format(sql.Literal(name), sql.Identifier(name)) for name in tables)
            .as_bytes()
        )
        kept = {f"{name}_id_seq" for name in KEPT}
        self.sequences = tuple(name for name, kind in rows if kind == "S" and name not in kept)

    def _empty(self) -> bool:
        """Remove every row a test wrote, as the superuser; False if the schema changed."""
        try:
            return self._sweep(self.caretaker or self._hire())
        except psycopg.OperationalError:
            # A test may have stopped the server, or ended every session.
            return self._sweep(self._hire())

    def _hire(self) -> psycopg.Connection:
        self._dismiss()
        self.caretaker = self._maintain(self.name)
        weakref.finalize(self, self.caretaker.close)
        # Past all triggers. Set once, since every change of it makes the session forget its plans.
        self.caretaker.execute("SET session_replication_role = replica")
        return self.caretaker

    def _sweep(self, connection: psycopg.Connection) -> bool:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if not self._has_shape(connection):
            self._restore_functions(connection)
            if not self._has_shape(connection):
                return False
        names = [row[0] for row in connection.execute(self.filled, prepare=True).fetchall()]
        with connection.transaction():
            for name in names:
                # Quicker than TRUNCATE, which makes new files for every index and partition.
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            connection.execute(
                "SELECT setval(oid::regclass, 1, false) FROM pg_class "
                "WHERE relkind = 'S' AND relname = ANY (%s)",
                (list(self.sequences),),
            )
        return True

    def _has_shape(self, connection: psycopg.Connection) -> bool:
        return self._read_shape(connection) == (self.shape, self.kept)

    def _restore_functions(self, connection: psycopg.Connection) -> None:
        """Undo what tests do that take a lock out of a function; a new database takes far longer."""
        for oid, body, _ in connection.execute(FUNCTIONS).fetchall():
            kept = self.functions.get(oid)
            if kept is not None and kept[0] != body:
                connection.execute(kept[1])

    def _dismiss(self) -> None:
        if self.caretaker is not None:
            self.caretaker.close()
        self.caretaker = None

    def _drop(self) -> None:
        self._dismiss()
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
