"""
Keeps a handful of programs running on one machine, as systemd or an orchestrator would on many.

Programs start in order, each after the one before it is ready. One that dies is started again, later each
time it dies soon; one that is stuck is killed, and so started again. Their output goes, line by line and with
their name before it, to the terminal and to a file each. Stopping goes in the opposite order, and ends whole
process groups.
"""

import contextlib
import fcntl
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Self

from config import processes
from config.processes import Program

BACKOFF_SECONDS_MIN = 0.5
BACKOFF_SECONDS_MAX = 30.0
# A program that ran this long was healthy: its next death is a first one.
HEALTHY_SECONDS = 60.0
LOG_BYTES_MAX = 10_000_000
POLL_SECONDS = 0.1
# How often a program is asked whether it is stuck.
ASK_SECONDS = 5.0


class AlreadyRunning(Exception):
    """Another supervisor uses the same folder."""


class _Stop(Exception):
    """A signal asked for the end."""


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the folder for this process; the kernel lets go when the process ends, however it ends."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"something else is running from {home}") from None
        yield


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    backoff: float = BACKOFF_SECONDS_MIN
    restart_at: float | None = None
    asked_at: float = 0.0


class Supervisor:
    """Starts, watches and stops programs. Use it from the main thread, as a context manager."""

    def __init__(self, logs: Path, *, echo: bool = True) -> None:
        self._logs = logs
        self._echo = echo
        self._children: list[_Child] = []
        self._previous: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._previous[number] = signal.signal(number, _raise_stop)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        # A second signal during the stop must not cut it short.
        for number in self._previous:
            signal.signal(number, signal.SIG_IGN)
        self.stop()
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        return kind is _Stop

    def start(self, program: Program) -> None:
        """Start a program and return when it is ready; raise NotReady if it does not become so."""
        child = _Child(program, self._launch(program), time.monotonic())
        self._children.append(child)
        processes.wait_ready(program, child.process)

    def start_all(self, programs: Sequence[Program]) -> None:
        """Start programs that do not need one another, at once, and return when all are ready."""
        children = [_Child(program, self._launch(program), time.monotonic()) for program in programs]
        self._children.extend(children)
        for child in children:
            processes.wait_ready(child.program, child.process)

    def watch(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Restart what dies, until a signal comes or `until` says so."""
        while not until():
            for child in self._children:
                self._look_after(child)
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop everything, last started first."""
        while self._children:
            child = self._children.pop()
            self._say(f"stopping {child.program.name}")
            processes.stop(child.program, child.process)

    def pid(self, name: str) -> int:
        """The process id of a running program."""
        return next(child.process.pid for child in self._children if child.program.name == name)

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.restart_at is None:
            status = child.process.poll()
            if status is None:
                self._end_if_stuck(child, now)
                return
            # What it left behind would hold its ports and its locks.
            processes.kill_group(child.process)
            if now - child.started > HEALTHY_SECONDS:
                child.backoff = BACKOFF_SECONDS_MIN
            self._say(f"{child.program.name} ended with status {status}; again in {child.backoff:g} s")
            child.restart_at = now + child.backoff
            child.backoff = min(child.backoff * 2, BACKOFF_SECONDS_MAX)
        elif now >= child.restart_at:
            child.process = self._launch(child.program)
            child.started, child.restart_at = now, None

    def _end_if_stuck(self, child: _Child, now: float) -> None:
        program = child.program
        if now - max(child.asked_at, child.started + program.stuck_seconds - ASK_SECONDS) < ASK_SECONDS:
            return
        child.asked_at = now
        if program.is_stuck():
            # It is past asking: what it holds is given to others when its leases and its messages expire.
            self._say(f"{program.name} is stuck")
            processes.kill_group(child.process)

    def _launch(self, program: Program) -> subprocess.Popen[bytes]:
        process = processes.start(program, output=subprocess.PIPE)
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        threading.Thread(target=self._copy, args=(program.name, process.stdout), daemon=True).start()
        return process

    def _copy(self, name: str, output: IO[bytes]) -> None:
        path = self._logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".log.1"))
        with output, path.open("ab", buffering=0) as file:
            for line in output:
                file.write(line)
                if self._echo:
                    sys.stderr.write(f"{name:>10} | {line.decode(errors='replace')}")

    def _say(self, message: str) -> None:
        with (self._logs / "supervisor.log").open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {message}\n")
        if self._echo:
            sys.stderr.write(f"supervisor | {message}\n")


def _raise_stop(number: int, _frame: FrameType | None) -> None:
    raise _Stop(signal.Signals(number).name)
