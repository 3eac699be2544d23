"""
Two or three transactions in an order of our choosing, and functions with a lock taken out.

A race test that nobody has seen fail is no evidence: each one here is played twice, the second time against
the same function without its lock, where it must go wrong.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.billing.exchange import fetch, fetch_value
from tests.databases import Database

Connection = psycopg.Connection[Any]
Step = Callable[[Connection], Any]

LOCK = re.compile(
    r"FOR (?:NO KEY )?UPDATE(?: OF \w+)?(?: SKIP LOCKED)?|FOR KEY SHARE"
    r"|(?:PERFORM|waited :=) pg_advisory_xact_lock(?:_shared)?\([^;]*;"
    r"|pg_try_advisory_xact_lock\(hashtext\('\w+'\)\)"
)
ORDERED_LOCK = re.compile(r"ORDER BY ((?:\w+\.)?kind, )?((?:\w+\.)?id)(?=\s+FOR (?:NO KEY )?UPDATE)")
SECONDS_MAX = 10


@dataclass(slots=True)
class Outcome:
    """What became of one step: its value or its error, and whether it had to wait for another's lock."""

    value: Any = None
    error: psycopg.Error | None = None
    waited: bool = False


@dataclass(slots=True)
class Running:
    """A step at work in a thread and connection of its own."""

    db: Database
    step: Step
    outcome: Outcome = field(default_factory=Outcome)
    pid: int = 0
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        # The owner, because some steps are functions that only other functions may call.
        with psycopg.connect(self.db.owner_dsn, autocommit=True) as connection:
            self.pid = connection.info.backend_pid
            try:
                self.outcome.value = self.step(connection)
            except psycopg.Error as error:
                self.outcome.error = error

    def settle(self, watcher: Connection) -> None:
        """Wait until the step is over or waits for a lock."""
        give_up = time.monotonic() + SECONDS_MAX
        while self.thread.is_alive() and time.monotonic() < give_up:
            if self.pid and fetch_value(watcher, "SELECT cardinality(pg_blocking_pids(%s)) > 0", self.pid):
                self.outcome.waited = True
                return
            time.sleep(0.002)

    def finish(self) -> Outcome:
        """Wait until the step is over."""
        self.thread.join(SECONDS_MAX)
        assert not self.thread.is_alive(), "it hangs"
        return self.outcome


def overlap(db: Database, first: Step, second: Step) -> Outcome:
    """Run `first`; run `second` before `first` commits; answer how `second` fared."""
    with psycopg.connect(db.owner_dsn) as connection, psycopg.connect(db.dsn, autocommit=True) as watcher:
        first(connection)
        running = Running(db, second)
        running.settle(watcher)
        connection.commit()
        return running.finish()


def cross(db: Database, locked: str, waiting: Step, crossing: Step) -> list[Outcome]:
    """
    While a third party holds the row that `locked` selects, let `waiting` queue for it; then `crossing`.

    A step that takes its locks in another order than the rest deadlocks when the third party lets go.
    """
    with psycopg.connect(db.owner_dsn) as blocker, psycopg.connect(db.dsn, autocommit=True) as watcher:
        fetch(blocker, f"{locked} FOR NO KEY UPDATE")
        steps = []
        for step in (waiting, crossing):
            steps.append(Running(db, step))
            steps[-1].settle(watcher)
        blocker.commit()
        return [running.finish() for running in steps]


def read_function(connection: Connection, name: str) -> str:
    """The text that would make a function anew."""
    return str(fetch_value(connection, "SELECT pg_get_functiondef(%s::regproc)", name))


def count_locks(text: str) -> int:
    """How many locks a function takes."""
    return len(LOCK.findall(text))


def remove_lock(db: Database, name: str, number: int) -> None:
    """Take the lock with this number (from one) out of a function."""
    _replace(db, name, LOCK, number, lambda found: "true" if found.group().startswith("pg_try") else "")


def turn_lock(db: Database, name: str, number: int) -> None:
    """Let the ordered lock with this number (of the ordered ones) take its rows the other way round."""
    _replace(db, name, ORDERED_LOCK, number, lambda found: f"{found.group()} DESC")


def _replace(
    db: Database, name: str, pattern: re.Pattern[str], number: int, change: Callable[[re.Match[str]], str]
) -> None:
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        text = read_function(owner, name)
        found = list(pattern.finditer(text))[number - 1]
        owner.execute((text[: found.start()] + change(found) + text[found.end() :]).encode())


def run_together(db: Database, steps: list[Step]) -> list[Outcome]:
    """Start all steps at once, each in a thread and connection of its own, and wait for all."""
    barrier = threading.Barrier(len(steps))
    outcomes = [Outcome() for _ in steps]

    def work(step: Step, outcome: Outcome) -> None:
        with psycopg.connect(db.dsn, autocommit=True) as connection:
            barrier.wait()
            try:
                outcome.value = step(connection)
            except psycopg.Error as error:
                outcome.error = error

    threads = [threading.Thread(target=work, args=pair) for pair in zip(steps, outcomes, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
