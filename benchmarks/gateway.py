"""
The gateway with everything on: keys, matching, durable admission, metering, usage records, logs; charges are
posted meanwhile. Processor time a request in the gateway and in PostgreSQL, against the upstream alone.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from benchmarks.exchange import REPOSITORY, Exchange, open_exchange
from benchmarks.report import Figure
from config import processes
from config.embedded import redis as embedded_redis
from config.processes import Program

CONNECTIONS = 64
SECONDS, WARM_SECONDS = 8, 3
TICKS = os.sysconf("SC_CLK_TCK")
PRESENCE_SECONDS = 3600


def measure() -> list[Figure]:
    """Microseconds of processor time a request, requests a second, memory."""
    with open_exchange(buyers=32) as exchange, _redis(exchange) as redis_url:
        tokens = exchange.home / "tokens"
        tokens.write_text("\n".join(exchange.tokens), encoding="utf-8")
        relay_port, gateway_port = _free_port(), _free_port()
        environ = {**exchange.environ, "REDIS_URL": redis_url, "JOULEPORT_LOG_LEVEL": "INFO"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        with (
            _python(exchange, "relay", environ, "benchmarks.mock_relay", str(relay_port), port=relay_port),
            _announced(exchange, redis_url, relay_port),
            _gateway(exchange, environ, gateway_port) as gateway,
            _charging(exchange),
        ):
            alone = _load(relay_port, tokens, "plain", SECONDS / 2)
            _load(gateway_port, tokens, "plain", WARM_SECONDS)
            figures = [Figure("upstream alone, plain", _rate(alone), "requests/s")]
            for kind in ("plain", "stream"):
                figures += _measure_kind(exchange, gateway, gateway_port, tokens, kind, _rate(alone))
            figures.append(Figure("gateway, peak memory", _memory(gateway), "MB"))
    return figures


def _measure_kind(
    exchange: Exchange, gateway: int, port: int, tokens: Path, kind: str, alone: float
) -> list[Figure]:
    postgres = _postgres_pid(exchange)
    before = _cpu(gateway), _family_cpu(postgres)
    loaded = _load(port, tokens, kind, SECONDS)
    after = _cpu(gateway), _family_cpu(postgres)
    if loaded["failures"]:
        raise RuntimeError(f"{loaded['failures']} requests failed, the first with {loaded['first_failure']}")
    requests = float(loaded["requests"])
    name = "plain" if kind == "plain" else "stream of 50 chunks"
    ours, theirs = ((b - a) / requests * 1e6 for a, b in zip(before, after, strict=True))
    goals = ("300 us", "200 us") if kind == "plain" else ("", "")
    return [
        Figure(f"gateway, {name}, processor time", ours, "us/request", goal=goals[0]),
        Figure(f"PostgreSQL, {name}, processor time", theirs, "us/request", goal=goals[1]),
        Figure(f"gateway, {name}", _rate(loaded), "requests/s", "upstream alone", _rate(loaded) / alone),
        Figure(f"gateway, {name}, p50", float(loaded["p50_ms"]), "ms"),
        Figure(f"gateway, {name}, p99", float(loaded["p99_ms"]), "ms"),
    ]


def _load(port: int, tokens: Path, kind: str, seconds: float) -> dict[str, float | str]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", str(port), str(CONNECTIONS), str(seconds), kind, tokens],
        check=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    answer: dict[str, float | str] = json.loads(done.stdout)
    return answer


def _rate(loaded: dict[str, float | str]) -> float:
    return float(loaded["requests"]) / float(loaded["seconds"])


# Every request is counted and compared; one key sends more than anybody's may.
ROOM = {
    "JOULEPORT_KEY_REQUESTS_PER_MINUTE": "1000000000",
    "JOULEPORT_KEY_TOKENS_PER_MINUTE": "1000000000",
    "JOULEPORT_KEY_CONCURRENT_REQUESTS": "100000",
    "JOULEPORT_ORGANIZATION_CONCURRENT_REQUESTS": "100000",
}


@contextmanager
def _redis(exchange: Exchange) -> Iterator[str]:
    server = embedded_redis.make_server(exchange.home / "redis", durable=False)
    server.prepare()
    with _running(exchange, server.program()):
        yield server.url


@contextmanager
def _announced(exchange: Exchange, redis_url: str, port: int) -> Iterator[None]:
    """Say in Redis what a relay says: that it holds the node."""
    word = {
        "url": f"http://127.0.0.1:{port}",
        "nodes": {
            str(exchange.node_uid): {
                "epoch": 1,
                "slots": 512,
                "busy": 0,
                "models": ["simulated-small"],
                "tier": "declared",
            }
        },
    }
    with redis.Redis.from_url(redis_url) as client:
        client.set("relay:bench", json.dumps(word), ex=PRESENCE_SECONDS)
    yield


@contextmanager
def _gateway(exchange: Exchange, environ: dict[str, str], port: int) -> Iterator[int]:
    with _python(exchange, "gateway", environ | ROOM, "gateway", "--port", str(port), port=port) as pid:
        yield pid


@contextmanager
def _charging(exchange: Exchange) -> Iterator[None]:
    """Post charges all the while, as the task worker does."""
    over = threading.Event()

    def post() -> None:
        with exchange.connect() as connection:
            while not over.wait(0.5):
                connection.execute("SELECT post_charges_v1(5000)")

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _python(
    exchange: Exchange, name: str, environ: dict[str, str], module: str, *arguments: str, port: int
) -> Iterator[int]:
    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    program = Program(
        name=name,
        argv=[sys.executable, "-m", module, *arguments],
        environ=environ,
        folder=REPOSITORY,
        is_ready=listens,
    )
    with _running(exchange, program) as pid:
        yield pid


@contextmanager
def _running(exchange: Exchange, program: Program) -> Iterator[int]:
    with (exchange.home / f"{program.name}.log").open("wb") as log:
        process = processes.start(program, output=log)
    try:
        processes.wait_ready(program, process)
        yield process.pid
    finally:
        processes.stop(program, process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _postgres_pid(exchange: Exchange) -> int:
    lines = (exchange.cluster.data / "postmaster.pid").read_text(encoding="ascii").split()
    return int(lines[0])


def _cpu(pid: int) -> float:
    """Seconds of processor time of one process, and of its children that are over."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICKS


def _family_cpu(pid: int) -> float:
    """The same over a process and the children it has now."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    total = _cpu(pid)
    for child in children:
        try:
            total += _cpu(int(child))
        except FileNotFoundError:
            continue
    return total


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024
