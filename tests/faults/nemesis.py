"""Breaks one thing after another, as chance has it."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import psycopg
import redis

from config.embedded.postgres import SUPERUSER
from tests.faults.cable import Cable
from tests.faults.plant import Plant, wait_until
from tests.faults.seed import SELLERS

# What a model server may do to the next requests; the lies are told at full speed, before any checkpoint.
MISDEEDS = (
    "truncate+after=3",
    "end_early+after=4",
    "bad_json+after=2",
    "error_chunk+after=3",
    "stall_head+seconds=3",
    "stall_stream+after=3+seconds=4",
    "garbage",
    "garbage_body",
    "drop",
    "drip",
    "error500",
    "busy",
    "no_done",
    "close_after",
    "over_report+factor=50+rate=0+tokens=24",
    "ignore_limit+factor=3+rate=0+tokens=24",
    "zero_usage+rate=0+tokens=24",
    "no_usage+rate=0+tokens=24",
)
WRONG_CLOCK_SECONDS = 600.0
BREAK_CONNECTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE pid <> pg_backend_pid() AND datname IS NOT NULL
"""
DRAIN_SECONDS_MAX = 60.0


@contextmanager
def laid_cables(plant: Plant) -> Iterator[dict[str, Cable]]:
    """Have each agent reach the relay through a line that may be cut."""
    with ExitStack() as stack:
        cables = {seller: stack.enter_context(Cable(plant.ports["relay"])) for seller in SELLERS}
        for seller, cable in cables.items():
            plant.add_agent(seller, market=cable.url)
            plant.restart(f"agent-{seller}")
        plant.wait_connected()
        yield cables
        for seller in SELLERS:
            plant.add_agent(seller)
            plant.restart(f"agent-{seller}")
        plant.wait_connected()


class Nemesis:
    """
    Strikes a plant. Something is away for at most `away` seconds at a time; `struck` counts by kind.

    Use it from the thread that started the plant.
    """

    def __init__(self, plant: Plant, cables: dict[str, Cable], *, chance: random.Random, away: float) -> None:
        self._plant, self._cables, self._chance, self._away = plant, cables, chance, away
        self.struck: Counter[str] = Counter()
        self._left: list[str] = []
        self._wrong_clocks: set[str] = set()
        programs = ("gateway", "relay", "tasks", "beat", "redis", "postgres")
        self._kinds: dict[str, Callable[[], None]] = {
            f"kill {name}": partial(self._kill, [name]) for name in programs
        } | {
            "kill agent": partial(self._kill, [f"agent-{seller}" for seller in SELLERS]),
            "kill model server": partial(self._kill, [f"upstream-{seller}" for seller in SELLERS]),
            "end gateway": self._end_gateway,
            "freeze gateway": self._freeze_gateway,
            "empty redis": self._empty_redis,
            "break connections": self._break_connections,
            "cut line": self._cut_line,
            "wrong clock": self._set_clock_wrong,
            "misbehave": self._misbehave,
        }

    def strike(self) -> str:
        """Break something, and have it come back; gives what it was. Nothing twice before everything once."""
        if not self._left:
            self._left = self._chance.sample(list(self._kinds), len(self._kinds))
        kind = self._left.pop()
        self._kinds[kind]()
        self._plant.look_after()
        self.struck[kind] += 1
        return kind

    def calm(self) -> None:
        """Leave everything whole."""
        for cable in self._cables.values():
            cable.mend()
        for name in self._wrong_clocks:
            self._plant.restart(name)
        self._wrong_clocks.clear()
        self._plant.mend()

    def _wait(self) -> None:
        # Half of all come back at once.
        if self._chance.random() < 0.5:
            time.sleep(self._chance.uniform(0, self._away))

    def _kill(self, names: list[str]) -> None:
        name = self._chance.choice(names)
        self._plant.kill(name)
        self._wait()
        self._plant.start(name)

    def _end_gateway(self) -> None:
        self._plant.send("gateway", signal.SIGTERM)
        wait_until(
            lambda: not self._plant.is_running("gateway"),
            what="the gateway has ended",
            seconds=DRAIN_SECONDS_MAX,
        )
        self._plant.start("gateway")

    def _freeze_gateway(self) -> None:
        self._plant.send("gateway", signal.SIGSTOP)
        time.sleep(self._chance.uniform(0, self._away))
        self._plant.send("gateway", signal.SIGCONT)

    def _empty_redis(self) -> None:
        with redis.Redis.from_url(self._plant.redis_server.url) as client:
            client.flushall()

    def _break_connections(self) -> None:
        url = self._plant.cluster.url(SUPERUSER)
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(BREAK_CONNECTIONS)

    def _cut_line(self) -> None:
        cable = self._cables[self._chance.choice(list(self._cables))]
        cable.cut()
        time.sleep(self._chance.uniform(0, self._away))
        cable.mend()

    def _set_clock_wrong(self) -> None:
        name = f"agent-{self._chance.choice(list(SELLERS))}"
        self._plant.restart(name, clock=self._chance.choice((1, -1)) * WRONG_CLOCK_SECONDS)
        self._wrong_clocks.add(name)

    def _misbehave(self) -> None:
        seller = self._chance.choice(list(SELLERS))
        self._plant.order(seller, self._chance.choice(MISDEEDS), times=self._chance.randint(1, 4))
