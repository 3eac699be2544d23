"""
The gateway with everything on (keys, limits, matching, durable admission, metering, usage records, logs;
charges are posted meanwhile) beside nginx, LiteLLM and Portkey in front of the same upstream.

All are measured in the same run under the same load, in rounds that take turns, and each figure is the median
of its rounds. Others do much less for a request: LiteLLM and Portkey have no database here, nginx none of it.

ROUNDS and LOAD_SECONDS (of each load) make it longer; MEMORY is how many requests must not make the gateway
grow (20,000; for the real proof 1,000,000), IDLE how many silent streams are held open (1,000). PEERS=none
leaves the peers out.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from benchmarks import peers, programs
from benchmarks.comparison import OURS, compare
from benchmarks.exchange import REPOSITORY, Exchange, open_exchange
from benchmarks.mock_relay import CHUNKS
from benchmarks.peers import Target
from benchmarks.report import Figure
from config.embedded import redis as embedded_redis

CONNECTIONS = 64
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = float(os.environ.get("LOAD_SECONDS", "6"))
MEMORY = int(os.environ.get("MEMORY", "20000"))
IDLE = int(os.environ.get("IDLE", "1000"))
WARM_SECONDS = 2.0
PRESENCE_SECONDS = 24 * 3600
COMMITS = 200
FILES_MAX = 16_384
# kind of load, connections, share of SECONDS, name of the figures
LOADS = (
    ("plain", CONNECTIONS, 1.0, "plain"),
    ("stream", CONNECTIONS, 1.0, "stream of 50 chunks"),
    ("paced", CONNECTIONS, 1.0, "64 paced streams"),
    ("plain", 1, 0.5, "one connection"),
)
# Every request is counted and compared; one key sends more than anybody's may.
ROOM = {
    "JOULEPORT_KEY_REQUESTS_PER_MINUTE": "1000000000",
    "JOULEPORT_KEY_TOKENS_PER_MINUTE": "1000000000",
    "JOULEPORT_KEY_CONCURRENT_REQUESTS": "100000",
    "JOULEPORT_ORGANIZATION_CONCURRENT_REQUESTS": "100000",
}

type Samples = dict[tuple[str, str, str], list[float]]


def measure() -> list[Figure]:
    """Processor time a request and a chunk, requests a second, added latency, memory; and the ratios."""
    _raise_files()
    with open_exchange(buyers=32) as exchange, _redis(exchange) as redis_url:
        tokens = exchange.home / "tokens"
        tokens.write_text("\n".join(exchange.tokens), encoding="utf-8")
        upstream, port = programs.free_port(), programs.free_port()
        environ = {**exchange.environ, "REDIS_URL": redis_url, "JOULEPORT_LOG_LEVEL": "INFO"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        relay = programs.python("benchmarks.mock_relay", str(upstream))
        ours = programs.python("gateway", "--port", str(port))
        folder = exchange.home
        with (
            programs.listen("relay", relay, port=upstream, folder=folder, environ=environ),
            _announced(exchange, redis_url, upstream),
            programs.listen("gateway", ours, port=port, folder=folder, environ=environ | ROOM) as pid,
            _charging(exchange),
            _peers(upstream, folder, tokens) as found,
        ):
            gateway = Target(OURS, port, pid, tokens)
            targets = [*(target for target in found if target.name == "nginx"), gateway]
            targets += [target for target in found if target.name != "nginx"]
            commit = measure_commit(exchange)
            samples = measure_rounds(exchange, targets)
            figures = compare(samples, commit_us=commit)
            figures += [
                Figure(f"{target.name}, peak memory", programs.memory_mb(target.pid, peak=True), "MB")
                for target in targets
            ]
            return figures + measure_growth(gateway) + measure_idle(gateway)


@contextmanager
def _peers(upstream: int, folder: Path, tokens: Path) -> Iterator[list[Target]]:
    if os.environ.get("PEERS", "") == "none":
        yield []
        return
    with peers.open_peers(upstream=upstream, folder=folder, tokens=tokens) as found:
        yield found


def measure_rounds(exchange: Exchange, targets: list[Target]) -> Samples:
    """Load every target in turn, again and again; every figure of every round."""
    samples: Samples = defaultdict(list)
    for target in targets:
        load(target, "plain", CONNECTIONS, WARM_SECONDS)
    for number in range(ROUNDS):
        for kind, connections, share, name in LOADS:
            for target in targets:
                print(f"  round {number + 1}: {target.name}, {name}", file=sys.stderr, flush=True)
                postgres = _postgres_pid(exchange)
                before = programs.cpu_seconds(target.pid), programs.cpu_seconds(postgres)
                loaded = load(target, kind, connections, SECONDS * share)
                after = programs.cpu_seconds(target.pid), programs.cpu_seconds(postgres)
                if not is_sound(target, loaded):
                    continue
                requests = float(loaded["requests"])
                found = {
                    "cpu_us": (after[0] - before[0]) / requests * 1e6,
                    "rate": requests / float(loaded["seconds"]),
                    "p50_ms": float(loaded["p50_ms"]),
                    "p50_us": float(loaded["p50_ms"]) * 1000,
                    "p99_ms": float(loaded["p99_ms"]),
                    "first_ms": float(loaded["first_p50_ms"]),
                }
                if target.name == OURS:
                    found["postgres_us"] = (after[1] - before[1]) / requests * 1e6
                if kind == "paced":
                    found["chunk_us"] = found["cpu_us"] / CHUNKS
                for figure, value in found.items():
                    samples[target.name, name, figure].append(value)
    return samples


def is_sound(target: Target, loaded: dict[str, float | str]) -> bool:
    """
    Whether figures of this load mean anything: a server that fails is fast.

    :raises RuntimeError: it is our own that failed
    """
    failures = int(loaded["failures"])
    if not failures and int(loaded["requests"]) > 1:
        return True
    message = f"{failures} of {loaded['requests']} requests failed, the first with {loaded['first_failure']}"
    if target.name == OURS:
        raise RuntimeError(message)
    print(f"left out a round of {target.name}: {message}", file=sys.stderr, flush=True)
    return False


def load(target: Target, kind: str, connections: int, seconds: float) -> dict[str, float | str]:
    """Load a target for some seconds, from a process of its own."""
    done = subprocess.run(
        [*_loader(target, kind, connections, seconds), *target.headers],
        check=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    answer: dict[str, float | str] = json.loads(done.stdout)
    return answer


def _loader(target: Target, kind: str, connections: int, seconds: float) -> list[str]:
    arguments = (target.port, connections, seconds, kind, target.tokens)
    return programs.python("benchmarks.load", *map(str, arguments))


def measure_growth(gateway: Target) -> list[Figure]:
    """How much memory the gateway gains over many requests, once it is warm."""
    before, asked = programs.memory_mb(gateway.pid), 0
    while asked < MEMORY:
        print(f"  memory: {asked:,} of {MEMORY:,} requests", file=sys.stderr, flush=True)
        loaded = load(gateway, "plain", CONNECTIONS, min(30.0, SECONDS * 2))
        is_sound(gateway, loaded)
        asked += int(loaded["requests"])
    gained = programs.memory_mb(gateway.pid) - before
    return [
        Figure(f"{OURS}, memory gained over many requests", gained, "MB", goal="flat over 1,000,000"),
        Figure(f"{OURS}, requests of this", asked, "requests"),
    ]


def measure_idle(gateway: Target) -> list[Figure]:
    """Memory of the gateway while many streams are open and silent."""
    before = programs.memory_mb(gateway.pid)
    argv = _loader(gateway, "idle", IDLE, 0)
    with subprocess.Popen(
        argv, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        if client.stdin is None or client.stdout is None:
            raise RuntimeError("pipes were asked for")
        said = json.loads(client.stdout.readline() or "{}")
        held = programs.memory_mb(gateway.pid)
        client.stdin.close()
    if said != {"open": IDLE, "lost": 0}:
        raise RuntimeError(f"of {IDLE} idle streams: {said or 'the client failed'}")
    return [
        Figure(f"{OURS}, {IDLE:,} idle streams, memory in all", held, "MB", goal="150 MB for 1,000"),
        Figure(f"{OURS}, an idle stream", (held - before) / IDLE * 1000, "kB"),
    ]


def measure_commit(exchange: Exchange) -> float:
    """Microseconds of one durable commit alone, the floor of whatever is recorded before it is answered."""
    spent = []
    with exchange.connect() as connection:
        for number in range(COMMITS):
            began = time.perf_counter()
            # Any small row will do; it is one that nothing reads.
            connection.execute(
                "INSERT INTO heartbeat (queue, worker) VALUES ('bench', %s)"
                " ON CONFLICT (queue) DO UPDATE SET worker = EXCLUDED.worker",
                [str(number)],
            )
            spent.append(time.perf_counter() - began)
    return statistics.median(spent) * 1e6


def _raise_files() -> None:
    """Let this process and those it starts open as many connections as idle streams need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


@contextmanager
def _redis(exchange: Exchange) -> Iterator[str]:
    server = embedded_redis.make_server(exchange.home / "redis", durable=False)
    server.prepare()
    with programs.run(server.program(), exchange.home):
        yield server.url


@contextmanager
def _announced(exchange: Exchange, redis_url: str, port: int) -> Iterator[None]:
    """Say in Redis what a relay says: that it holds the node."""
    node = {"epoch": 1, "slots": 8192, "busy": 0, "models": ["simulated-small"], "tier": "declared"}
    word = {"url": f"http://127.0.0.1:{port}", "nodes": {str(exchange.node_uid): node}}
    with redis.Redis.from_url(redis_url) as client:
        client.set("relay:bench", json.dumps(word), ex=PRESENCE_SECONDS)
    yield


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


def _postgres_pid(exchange: Exchange) -> int:
    lines = Path(exchange.cluster.data / "postmaster.pid").read_text(encoding="ascii").split()
    return int(lines[0])
