"""
Programs that live and die with the process that started them.

A program runs in a session of its own, so that its whole process group can be stopped, and asks the kernel
for its stop signal when its parent dies, so that nothing is left behind by `kill -9`. The kernel watches the
parent *thread*: start programs from the main thread.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
PROBE_PAUSE_SECONDS = 0.05
NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _always() -> bool:
    return True


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, how to know that it is ready, and how to end it. Environment adds to the parent's."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    is_ready: Callable[[], bool] = _always
    ready_seconds_max: float = 60.0
    # Asked now and then once it has run for `stuck_seconds`: a program that lives and does not work.
    is_stuck: Callable[[], bool] = _never
    stuck_seconds: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds_max: float = 15.0
    # Applied in the child before exec; PostgreSQL uses it to shed root.
    shed: Callable[[], None] | None = None
    user: str | None = None


class NotReady(Exception):
    """A program ended, or stayed unready for too long, while it was waited for."""


def start(program: Program, *, output: int | IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start a program; its standard output and standard error go to `output`."""
    parent = os.getpid()

    def prepare() -> None:
        if program.shed is not None:
            program.shed()
        # Last, because a change of credentials clears it.
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(program.stop_signal))
            if os.getppid() != parent:
                os._exit(1)

    return subprocess.Popen(
        list(program.argv),
        env={**os.environ, **program.environ},
        cwd=program.folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509 - runs two system calls, takes no lock
        user=program.user,
        extra_groups=[] if program.user else None,
    )


def wait_ready(program: Program, process: subprocess.Popen[bytes]) -> None:
    """Return when the program answers its probe; raise NotReady if it ends or takes too long."""
    deadline = time.monotonic() + program.ready_seconds_max
    while not program.is_ready():
        if process.poll() is not None:
            raise NotReady(f"{program.name} ended with status {process.returncode} while starting")
        if time.monotonic() > deadline:
            raise NotReady(f"{program.name} was not ready after {program.ready_seconds_max:g} s")
        time.sleep(PROBE_PAUSE_SECONDS)


def stop(program: Program, process: subprocess.Popen[bytes]) -> int:
    """Ask politely, then kill what is left of the process group; the exit status."""
    if process.poll() is None:
        process.send_signal(program.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(program.stop_seconds_max)
    kill_group(process)
    return process.wait()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill every process of the program's group, also those its leader left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
