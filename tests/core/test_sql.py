"""SQL files, rounding in the database, and what the application's role may do there."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.migrations.state import ProjectState

from core import sql
from core.sql import REPOSITORY, RunSQLFile
from tests.databases import Database

pytestmark = pytest.mark.sql


def run(operation: RunSQLFile, *, backwards: bool = False) -> None:
    state = ProjectState()
    with connections["owner"].schema_editor() as editor:
        if backwards:
            operation.database_backwards("core", editor, state, state)
        else:
            operation.database_forwards("core", editor, state, state)


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_rounding_in_the_database_reproduces_the_golden_vectors(db: Database) -> None:
    with (REPOSITORY / "core/golden/rounding.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))

    with db.connect() as connection:
        found = connection.execute(
            "SELECT round_half_even(price * quantity, 9)::text"
            " FROM unnest(%s::numeric[], %s::numeric[]) WITH ORDINALITY AS line(price, quantity, number)"
            " ORDER BY number",
            [[Decimal(line["price"]) for line in lines], [Decimal(line["quantity"]) for line in lines]],
        ).fetchall()

    assert [text for (text,) in found] == [line["expected"] for line in lines]


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        ("2.5", 0, "2"),
        ("3.5", 0, "4"),
        ("-2.5", 0, "-2"),
        ("250", -2, "200"),
        ("350", -2, "400"),
        ("NaN", 9, "NaN"),
    ],
)
def test_rounding_in_the_database_works_at_any_place(
    db: Database, value: str, places: int, expected: str
) -> None:
    with db.connect() as connection:
        found = connection.execute(
            "SELECT round_half_even(%s::numeric, %s)::text", [value, places]
        ).fetchone()

    assert found == (expected,)


def test_rounding_in_the_database_is_exact_for_hundreds_of_digits(db: Database) -> None:
    tie = "9" * 300 + ".1234567885"

    with db.connect() as connection:
        found = connection.execute("SELECT round_half_even(%s::numeric, 9)::text", [tie]).fetchone()

    assert found == ("9" * 300 + ".123456788",)


def test_rounding_nothing_gives_nothing(db: Database) -> None:
    with db.connect() as connection:
        assert connection.execute("SELECT round_half_even(NULL, 9)").fetchone() == (None,)


def test_rounding_is_inlined_into_the_statement_that_calls_it(db: Database) -> None:
    with db.connect() as connection:
        plan = connection.execute(
            "EXPLAIN VERBOSE SELECT round_half_even(n * 0.00000015, 9) FROM generate_series(1, 9) AS n"
        ).fetchall()

    assert "round_half_even" not in str(plan)


def test_a_script_may_hold_several_statements_and_per_cent_signs(db: Database, tmp_path: Path) -> None:
    script = "CREATE TABLE pairs (name text); INSERT INTO pairs VALUES ('100 %'), ('%s'), ('%(x)s');"

    run(RunSQLFile(write(tmp_path, "pairs.sql", script)))

    with db.connect() as connection:
        found = connection.execute("SELECT name FROM pairs ORDER BY 1").fetchall()
    assert [name for (name,) in found] == ["%(x)s", "%s", "100 %"]


def test_the_role_is_quoted_and_casts_are_left_alone(tmp_path: Path, settings_role: Any) -> None:
    settings_role('odd"name\\1')
    path = write(tmp_path, "grant.sql", "GRANT x TO :app_role; SELECT 1::app_role, ':app_roles';")

    assert sql.read_sql(path) == 'GRANT x TO "odd""name\\1"; SELECT 1::app_role, \':app_roles\';'


@pytest.mark.parametrize("role", ["", None])
def test_settings_that_name_no_role_are_refused(settings_role: Any, role: Any) -> None:
    settings_role(role)

    with pytest.raises(ImproperlyConfigured):
        sql.get_app_role()


@pytest.fixture
def settings_role(monkeypatch: pytest.MonkeyPatch) -> Any:
    from django.conf import settings

    return lambda role: monkeypatch.setattr(settings, "DATABASE_APP_ROLE", role)


def test_going_back_runs_the_reverse_script(db: Database, tmp_path: Path) -> None:
    forth = write(tmp_path, "forth.sql", "CREATE TABLE pairs (name text)")
    back = write(tmp_path, "back.sql", "DROP TABLE pairs")
    operation = RunSQLFile(forth, back)

    run(operation)
    run(operation, backwards=True)

    with db.connect() as connection:
        assert connection.execute("SELECT to_regclass('pairs')").fetchone() == (None,)


def test_going_back_without_a_reverse_script_changes_nothing(db: Database, tmp_path: Path) -> None:
    operation = RunSQLFile(write(tmp_path, "forth.sql", "CREATE TABLE pairs (name text)"))
    run(operation)

    run(operation, backwards=True)

    with db.connect() as connection:
        assert connection.execute("SELECT to_regclass('pairs')").fetchone() == ("pairs",)


def test_a_migration_operation_survives_being_written_to_a_file() -> None:
    operation = RunSQLFile("core/sql/rounding.sql", reverse="core/sql/append_only.sql")

    name, args, kwargs = operation.deconstruct()

    assert name == "RunSQLFile"
    assert vars(RunSQLFile(*args, **kwargs)) == vars(operation)
    assert "core/sql/rounding.sql" in operation.describe()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "DROP TABLE accounts_user",
        "ALTER TABLE accounts_user DISABLE TRIGGER ALL",
        "TRUNCATE accounts_user CASCADE",
    ],
)
def test_the_application_cannot_change_the_schema(db: Database, statement: str) -> None:
    with db.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_the_application_reads_and_writes_ordinary_tables(db: Database, tmp_path: Path) -> None:
    run(RunSQLFile(write(tmp_path, "pairs.sql", "CREATE TABLE pairs (id bigserial, name text)")))

    with db.connect() as connection:
        connection.execute("INSERT INTO pairs (name) VALUES ('a')")
        connection.execute("UPDATE pairs SET name = 'b'")
        assert connection.execute("SELECT name FROM pairs").fetchall() == [("b",)]
        connection.execute("DELETE FROM pairs")
