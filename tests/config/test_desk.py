"""One machine, one folder, no installed server: the pieces under `make up` and the demo."""

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config import secrets
from config.env import REPOSITORY

SCRIPT = """
import os
from pathlib import Path
import psycopg
from config import desk, env
from config.supervisor import Supervisor, only_one

home = env.home()
with only_one(home), Supervisor(home / "logs", echo=False) as supervisor:
    desk.open_desk(supervisor, home)
    with psycopg.connect(os.environ["DATABASE_URL"]) as application:
        query = "SELECT count(*) > 10, current_user FROM django_migrations"
        migrations = application.execute(query).fetchone()
        (loaded,) = application.execute("SELECT count(*) FROM reference_version").fetchone()
    print(migrations, loaded, os.environ["JOULEPORT_RELAY_URL"])
"""


def open_desk(home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JOULEPORT_", "DATABASE_", "REDIS_")) or name == "JOULEPORT_PG_BIN"
    }
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=REPOSITORY,
        env={**inherited, "JOULEPORT_HOME": str(home), **environ},
        capture_output=True,
        text=True,
    )


@pytest.mark.timeout(150)
def test_a_desk_opens_from_nothing_and_again(tmp_path: Path) -> None:
    first = open_desk(tmp_path)
    made = (tmp_path / "secrets.env").read_text()

    second = open_desk(tmp_path)

    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout == "(True, 'jouleport_app') 5 http://127.0.0.1:8100\n"
    assert (tmp_path / "secrets.env").read_text() == made
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600


@pytest.mark.timeout(150)
def test_a_terminal_that_read_the_secrets_may_open_the_desk(tmp_path: Path) -> None:
    open_desk(tmp_path)

    again = open_desk(tmp_path, **secrets.load_or_make(tmp_path))

    assert again.returncode == 0, again.stderr


def test_a_named_server_is_used_as_it_is(tmp_path: Path) -> None:
    refused = open_desk(tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    assert refused.returncode != 0
    assert "could not be migrated" in refused.stderr
    assert not (tmp_path / "postgres").exists()


def test_secrets_are_read_as_a_shell_reads_them(tmp_path: Path) -> None:
    awkward = {"REDIS_URL": "unix:///a b?x=1&y='2'", "JOULEPORT_SECRET_KEY": "$(ls) #not a comment"}
    secrets.write(tmp_path, awkward)

    file = shlex.quote(str(tmp_path / "secrets.env"))
    script = f'. {file}; printf "%s|%s" "$REDIS_URL" "$JOULEPORT_SECRET_KEY"'
    shell = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)

    assert shell.stdout == "unix:///a b?x=1&y='2'|$(ls) #not a comment"
    assert secrets.load_or_make(tmp_path).items() >= awkward.items()
