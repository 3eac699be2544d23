"""
Everything on one machine: the pieces of which `make up` and the demo are built.

`open_desk` leaves the environment complete, for this process and every program it starts. A server named by
DATABASE_URL or REDIS_URL is used as it is; otherwise one of our own runs from the folder.
"""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from config import chain, env, heartbeat, secrets
from config.embedded import postgres, redis
from config.processes import Program
from config.supervisor import Supervisor
from core import exposition

WEB_ADDRESS = "127.0.0.1:8000"
RELAY_ADDRESS = "127.0.0.1:8100"
# The first of as many ports as there are programs that tell metrics.
METRICS_ADDRESS = "127.0.0.1:9400"
# Where the stand-in for Stripe listens, unless there is a key of the real one.
STRIPE_ADDRESS = ("127.0.0.1", 8110)
STRIPE_URL = f"http://{STRIPE_ADDRESS[0]}:{STRIPE_ADDRESS[1]}"
FILE_RATE_HOURS = "87600"
PROBE_SECONDS_MAX = 2.0
# Task workers need to know nothing of one another.
TASK_WORKER = (
    "--queues",
    "billing,workers,default",
    "--concurrency",
    "2",
    "--without-mingle",
    "--without-gossip",
)
# Celery fears messages that carry code when it is root; ours are JSON.
QUIET_ROOT = "ignore:You're running the worker with superuser privileges"


class MigrationFailed(Exception):
    """The schema or the reference data could not be brought up to date."""


def open_desk(supervisor: Supervisor, home: Path) -> None:
    """Make secrets, start PostgreSQL and Redis if none are named, migrate, and load reference data."""
    env.refuse_unknown()
    kept = secrets.load_or_make(home)
    services: dict[str, str] = {}
    if not _named("DATABASE_URL", kept):
        services |= _open_postgres(supervisor, home)
    if not _named("REDIS_URL", kept):
        services |= _open_redis(supervisor, home)
    made = {name: value for name, value in kept.items() if not name.endswith("_URL")}
    secrets.write(home, {**made, **services})
    os.environ.update({name: value for name, value in made.items() if not _named(name, kept)})
    os.environ.update(services)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("JOULEPORT_HOME", str(home))
    os.environ.setdefault("JOULEPORT_WEB_ADDRESS", WEB_ADDRESS)
    os.environ.setdefault("JOULEPORT_RELAY_ADDRESS", RELAY_ADDRESS)
    os.environ.setdefault(exposition.ADDRESS, METRICS_ADDRESS)
    if not env.secret("JOULEPORT_STRIPE_KEY", ""):
        os.environ.setdefault("JOULEPORT_STRIPE_URL", STRIPE_URL)
        # The rates that come in a file are as old as the file: good enough where no money moves.
        os.environ.setdefault("JOULEPORT_FX_RATE_HOURS", FILE_RATE_HOURS)
    own_chain = chain.use_own()
    os.environ.setdefault("JOULEPORT_RELAY_URL", f"http://{os.environ['JOULEPORT_RELAY_ADDRESS']}")
    migrate()
    _manage("reference", "load", failure="the reference data could not be loaded")
    # Whoever opens a page in the first minutes is told what money is worth, too.
    _manage("note_rates", failure="rates of currencies could not be noted")
    if os.environ.get("JOULEPORT_STRIPE_URL") == STRIPE_URL:
        # No money moves here: documents are issued in the name of a seller that says it is none.
        _manage("example_seller", failure="an example of a seller could not be entered")
    if own_chain:
        _manage("add_addresses", str(chain.ADDRESSES), failure="addresses for deposits could not be added")


def migrate() -> None:
    """Bring the schema up to date, as its owner; raise MigrationFailed with what was said."""
    _manage(
        *("migrate", "--database", "owner", "--no-input", "--verbosity", "0"),
        failure="the database could not be migrated",
    )


def _manage(*arguments: str, failure: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=env.REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MigrationFailed(f"{failure}:\n{done.stdout}{done.stderr}")


def programs() -> list[Program]:
    """The programs of one whole exchange; none needs another in order to start."""
    web = env.address("JOULEPORT_WEB_ADDRESS", WEB_ADDRESS)
    relay = env.address("JOULEPORT_RELAY_ADDRESS", RELAY_ADDRESS)
    return [
        *_stand_in_for_stripe(web),
        *_stand_in_for_chain(),
        python(
            "web",
            "-m",
            "config.serve",
            is_ready=lambda: answers(f"http://{web[0]}:{web[1]}/readyz"),
            stop=35,
            environ=_tell_metrics(0),
        ),
        python("relay", "-m", "workers.relay", is_ready=lambda: listens(relay), environ=_tell_metrics(1)),
        task_worker(environ=_tell_metrics(2)),
        beat(),
        python("dispatcher", "manage.py", "run_dispatcher", stop=35, environ=_tell_metrics(3)),
    ]


def _stand_in_for_stripe(web: tuple[str, int]) -> list[Program]:
    """The program that answers in Stripe's place, if the environment asks for the desk's own."""
    if os.environ.get("JOULEPORT_STRIPE_URL") != STRIPE_URL:
        return []
    options = {
        "--host": STRIPE_ADDRESS[0],
        "--port": str(STRIPE_ADDRESS[1]),
        "--state": str(env.home() / "stripe" / "state.sqlite"),
        "--webhook": f"http://{web[0]}:{web[1]}/api/stripe/webhook",
    }
    words = [word for option in options.items() for word in option]
    return [
        python("stripe", "-m", "stand_ins.stripe", *words, is_ready=lambda: listens(STRIPE_ADDRESS), stop=20)
    ]


def _stand_in_for_chain() -> list[Program]:
    """The program that answers in a node's place, if the environment asks for the desk's own."""
    if os.environ.get("JOULEPORT_CHAIN_URL") != chain.URL:
        return []
    words = ("-m", "stand_ins.chain", *chain.list_words())
    return [python("chain", *words, is_ready=lambda: listens(chain.ADDRESS))]


def _tell_metrics(number: int) -> dict[str, str]:
    """Where one of the programs tells its metrics: each always at the same port."""
    place = exposition.read_place()
    if place is None:
        return {}
    host = f"[{place.host}]" if ":" in place.host else place.host
    return {exposition.ADDRESS: f"{host}:{place.first + number}"}


def task_worker(
    *, silent: float = heartbeat.SILENT_SECONDS, environ: Mapping[str, str] | None = None
) -> Program:
    """A task worker, stuck when it has taken nothing for `silent` seconds."""
    return _may_fall_silent(celery("tasks", "worker", *TASK_WORKER, stop=40), silent, environ)


def beat(*, silent: float = heartbeat.SILENT_SECONDS, environ: Mapping[str, str] | None = None) -> Program:
    """The schedule. It is in code and its periods are short: nothing has to be remembered."""
    program = celery("beat", "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile=")
    return _may_fall_silent(program, silent, environ)


def _may_fall_silent(program: Program, silent: float, environ: Mapping[str, str] | None) -> Program:
    # Which of the two has stopped cannot be told from the silence, and starting both again costs nothing.
    return replace(
        program,
        is_stuck=lambda: heartbeat.is_silent(env.secret("DATABASE_URL"), seconds=silent),
        stuck_seconds=silent,
        environ={**program.environ, **(environ or {})},
    )


def python(
    name: str,
    *arguments: str,
    is_ready: Callable[[], bool] = lambda: True,
    stop: float = 15,
    environ: Mapping[str, str] | None = None,
) -> Program:
    """A program of ours, run by this interpreter from the repository."""
    return Program(
        name=name,
        argv=[sys.executable, *arguments],
        environ={"PYTHONUNBUFFERED": "1", **(environ or {})},
        folder=env.REPOSITORY,
        is_ready=is_ready,
        stop_signal=signal.SIGTERM,
        stop_seconds_max=stop,
    )


def celery(name: str, *arguments: str, stop: float = 15) -> Program:
    """One of Celery's programs."""
    environ = {"PYTHONWARNINGS": QUIET_ROOT}
    return python(name, "-m", "celery", "--app", "config", "--quiet", *arguments, stop=stop, environ=environ)


def listens(address: tuple[str, int]) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection(address, timeout=PROBE_SECONDS_MAX):
            return True
    except OSError:
        return False


def answers(url: str) -> bool:
    """Whether an address of our own answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS_MAX) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _named(name: str, kept: Mapping[str, str]) -> bool:
    # A terminal that has read our own file of secrets names nothing of its own.
    value = os.environ.get(name, "")
    return bool(os.environ.get(f"{name}_FILE") or (value and value != kept.get(name)))


def _open_postgres(supervisor: Supervisor, home: Path) -> dict[str, str]:
    cluster = postgres.make_cluster(home / "postgres", setting=os.environ.get("JOULEPORT_PG_BIN", ""))
    cluster.prepare()
    supervisor.start(cluster.program())
    cluster.make_roles()
    return {
        "DATABASE_URL": cluster.url(postgres.APP_ROLE),
        "DATABASE_OWNER_URL": cluster.url(postgres.OWNER_ROLE),
    }


def _open_redis(supervisor: Supervisor, home: Path) -> dict[str, str]:
    server = redis.make_server(home / "redis")
    server.prepare()
    supervisor.start(server.program())
    return {"REDIS_URL": server.url}
