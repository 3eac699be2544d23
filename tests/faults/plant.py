"""A whole exchange of real processes, any of which may be killed and started again."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import redis
from django.core.management import call_command
from django.db import connections
from psycopg.conninfo import conninfo_to_dict

from config import desk, processes
from config.embedded import postgres
from config.embedded import redis as embedded_redis
from config.processes import Program
from tests.faults.seed import SELLERS, SLOTS, Cast, make_cast

# Generous: the machine may be busy with other things.
WAIT_SECONDS_MAX = 60.0
TOKENS_PER_SECOND = 20
# An answer goes on until its limit.
TOKENS = 1_000_000
LOG_BYTES_SHOWN = 4_000
# If Redis dies while Celery's worker acknowledges a message, the worker ends with an error.
MORTAL = {"tasks", "beat"}
SKEWED = Path(__file__).parent / "skewed"
WRONG_CLOCK = ("PYTHONPATH", "FAULT_CLOCK_SECONDS")


def wait_until(condition: Callable[[], object], *, what: str, seconds: float = WAIT_SECONDS_MAX) -> None:
    """Look again and again until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        time.sleep(0.02)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def django_at(cluster: postgres.Cluster) -> Iterator[None]:
    """Have Django's connections lead to this server's database."""
    roles = {"default": postgres.APP_ROLE, "owner": postgres.OWNER_ROLE}
    previous = {alias: dict(connections[alias].settings_dict) for alias in roles}
    for alias, role in roles.items():
        parts = conninfo_to_dict(cluster.url(role))
        names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
        connections[alias].close()
        connections[alias].settings_dict.update({name: str(parts[part]) for name, part in names.items()})
    try:
        yield
    finally:
        for alias, values in previous.items():
            connections[alias].close()
            connections[alias].settings_dict.update(values)


@dataclass
class Plant:
    """
    PostgreSQL, Redis, two sellers' model servers and agents, relay, gateway, task worker and beat.

    Programs are called by their names. Use it from the main thread: the kernel ends what a thread that ended
    had started.
    """

    home: Path
    cluster: postgres.Cluster
    redis_server: embedded_redis.Server
    ports: dict[str, int] = field(default_factory=dict)
    # What every program finds in its environment beside what it needs to run at all.
    settings: dict[str, str] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    cast: Cast = field(init=False)
    # Programs that a test ended itself, and will start again itself.
    ended: set[str] = field(default_factory=set)

    def url(self, name: str = "gateway") -> str:
        """Where a program listens."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def open(self) -> None:
        """Start everything, with a market in which both sellers are connected."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.cluster.prepare()
        self.redis_server.prepare()
        self.programs |= {"postgres": self.cluster.program(), "redis": self.redis_server.program()}
        self.start("postgres", "redis")
        self.cluster.make_roles()
        with django_at(self.cluster):
            call_command("migrate", database="owner", verbosity=0)
            self.cast = make_cast()
        self._add_programs()
        self.start(*self.programs)
        self.wait_connected()

    def _add_programs(self) -> None:
        for name in ("relay", "gateway", *(f"upstream-{seller}" for seller in SELLERS)):
            self.ports[name] = free_port()
        for seller in SELLERS:
            port = self.ports[f"upstream-{seller}"]
            arguments = ("--port", port, "--tokens-per-second", TOKENS_PER_SECOND, "--tokens", TOKENS)
            self._add(f"upstream-{seller}", "-m", "workers.simulated", *arguments, port=port)
        self._add("relay", "-m", "workers.relay", port=self.ports["relay"])
        self.add_gateway("gateway")
        for program in (
            desk.celery("tasks", "worker", *desk.TASK_WORKER),
            desk.celery("beat", "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile="),
        ):
            self.programs[program.name] = replace(program, environ={**program.environ, **self._environ()})
        for seller in SELLERS:
            self.add_agent(seller)

    def add_gateway(self, name: str, *, drain_seconds: int = 30) -> None:
        """Know how to run one more gateway."""
        port = self.ports.setdefault(name, free_port())
        options = {"--host": "127.0.0.1", "--port": port, "--drain-seconds": drain_seconds}
        arguments = [part for option in options.items() for part in option]
        self._add(
            name,
            *("-m", "gateway", *arguments),
            is_ready=lambda: desk.answers(f"http://127.0.0.1:{port}/healthz"),
            stop=drain_seconds + 5,
        )

    def add_agent(self, seller: str, *, market: str = "") -> None:
        """Know how to run a seller's agent, which reaches the relay at `market` or straight."""
        options = {
            "--market": market or self.url("relay"),
            "--upstream": self.url(f"upstream-{seller}") + "/v1",
            "--slots": SLOTS,
            "--energy": "declared",
            "--watts-idle": 40,
            "--watts-busy": 200,
            "--state": self.home / f"agent-{seller}",
        }
        arguments = [part for option in options.items() for part in option]
        token = {"JOULEPORT_AGENT_TOKEN": self.cast.agent_tokens[seller]}
        self._add(f"agent-{seller}", "-m", "agent", *arguments, environ=token)

    def _add(
        self,
        name: str,
        *arguments: object,
        port: int | None = None,
        is_ready: Callable[[], bool] | None = None,
        stop: float = 15,
        environ: dict[str, str] | None = None,
    ) -> None:
        if is_ready is None:
            is_ready = (lambda: True) if port is None else (lambda: desk.listens(("127.0.0.1", port)))
        self.programs[name] = desk.python(
            name,
            *map(str, arguments),
            is_ready=is_ready,
            stop=stop,
            environ=self._environ() | (environ or {}),
        )

    def _environ(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.cluster.url(postgres.APP_ROLE),
            "DATABASE_OWNER_URL": self.cluster.url(postgres.OWNER_ROLE),
            "REDIS_URL": self.redis_server.url,
            "JOULEPORT_HOME": str(self.home),
            "JOULEPORT_RELAY_ADDRESS": f"127.0.0.1:{self.ports['relay']}",
            "JOULEPORT_RELAY_URL": self.url("relay"),
            "JOULEPORT_LOG_LEVEL": "INFO",
            **self.settings,
        }

    def start(self, *names: str) -> None:
        """Start programs that do not run, at once, and return when all are ready."""
        started = [name for name in names if not self.is_running(name)]
        for name in started:
            self.ended.discard(name)
            with (self.home / f"{name}.log").open("ab") as log:
                self.running[name] = processes.start(self.programs[name], output=log)
        for name in started:
            processes.wait_ready(self.programs[name], self.running[name])

    def is_running(self, name: str) -> bool:
        """Whether a program runs."""
        process = self.running.get(name)
        return process is not None and process.poll() is None

    def restart(self, name: str, *, clock: float = 0.0) -> None:
        """Kill a program and start it again on a host whose clock is wrong by so many seconds."""
        program = self.programs[name]
        environ = {key: value for key, value in program.environ.items() if key not in WRONG_CLOCK}
        if clock:
            environ |= {"PYTHONPATH": str(SKEWED), "FAULT_CLOCK_SECONDS": str(clock)}
        self.programs[name] = replace(program, environ=environ)
        if self.is_running(name):
            self.kill(name)
        self.start(name)

    def kill(self, *names: str) -> None:
        """Kill programs with all their children, without a warning."""
        self.ended.update(names)
        for name in names:
            processes.kill_group(self.running[name])
        for name in names:
            self.running[name].wait()

    def look_after(self) -> None:
        """Start Celery's programs again if they ended, as a supervisor does; no other may end by itself."""
        dead = {name for name in self.running if not self.is_running(name)} - self.ended
        assert dead <= MORTAL, f"ended by themselves: {dead}"
        self.start(*dead)

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a program a signal, without waiting for what comes of it."""
        if number is signal.SIGTERM:
            self.ended.add(name)
        self.running[name].send_signal(number)

    def wait_connected(self) -> None:
        """Wait until the relay holds both agents and Redis says so."""
        wait_until(self._both_connected, what="both agents are connected")

    def _both_connected(self) -> bool:
        try:
            with redis.Redis.from_url(self.redis_server.url) as client:
                words = [client.get(key) for key in client.scan_iter("relay:*")]
        except redis.RedisError:
            return False
        relays = [json.loads(word) for word in words if word is not None]
        # A relay that was killed leaves a word that outlives it by seconds; only the living is asked.
        if not relays or not desk.listens(("127.0.0.1", self.ports["relay"])):
            return False
        answer = httpx.get(self.url("relay") + "/readyz", trust_env=False, timeout=5)
        return answer.status_code == 200 and answer.json()["nodes"] == len(SELLERS)

    def mend(self) -> None:
        """Start whatever does not run, as a supervisor would; nothing else is repaired."""
        for name in [name for name in self.programs if name.startswith("extra")]:
            self.drop(name)
        self.start(*self.programs)
        self.wait_connected()

    def drop(self, name: str) -> None:
        """Forget a program."""
        if name in self.running:
            self.kill(name)
            del self.running[name]
        del self.programs[name]

    def order(self, seller: str, fault: str, *, times: int = 1) -> None:
        """Have a seller's model server behave like this for the next requests."""
        order = {"fault": fault, "times": times}
        url = self.url(f"upstream-{seller}") + "/v1/faults"
        httpx.post(url, json=order, trust_env=False, timeout=10).raise_for_status()

    def count(self, seller: str) -> dict[str, int]:
        """What a seller's model server counted: requests, running, cancelled."""
        url = self.url(f"upstream-{seller}") + "/v1/requests"
        counts: dict[str, int] = httpx.get(url, trust_env=False, timeout=10).json()
        return counts

    def read_log(self, name: str) -> str:
        """All that a program has said."""
        return (self.home / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def tell(self) -> Iterator[tuple[str, str]]:
        """The last words of every program, for a failed test."""
        for path in sorted(self.home.glob("*.log")):
            text = path.read_bytes()[-LOG_BYTES_SHOWN:].decode(errors="replace")
            if text:
                yield path.stem, text

    def close(self) -> None:
        """End everything."""
        for process in self.running.values():
            processes.kill_group(process)
            process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def make_plant(home: Path) -> Plant:
    """An exchange kept under `home`, not yet started."""
    return Plant(
        home=home,
        cluster=postgres.make_cluster(home / "postgres", setting=os.environ.get("JOULEPORT_PG_BIN", "")),
        redis_server=embedded_redis.make_server(home / "redis"),
    )
