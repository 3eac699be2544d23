"""Programs that are measured: started, watched by what the kernel counts of them, and ended."""

import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.exchange import REPOSITORY
from config import processes
from config.processes import Program

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 180.0


@contextmanager
def run(program: Program, folder: Path) -> Iterator[int]:
    """Run a program, its output in a file of the folder; gives its process id."""
    with (folder / f"{program.name}.log").open("wb") as log:
        process = processes.start(program, output=log)
    try:
        processes.wait_ready(program, process)
        yield process.pid
    finally:
        processes.stop(program, process)


@contextmanager
def listen(
    name: str, argv: Sequence[str], *, port: int, folder: Path, environ: Mapping[str, str]
) -> Iterator[int]:
    """Run a program until it listens on a port."""
    program = Program(
        name=name,
        argv=argv,
        environ=environ,
        folder=REPOSITORY,
        is_ready=lambda: listens(port),
        ready_seconds_max=START_SECONDS_MAX,
    )
    with run(program, folder) as pid:
        yield pid


def python(module: str, *arguments: str) -> list[str]:
    """The command of a module, run by this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def listens(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, of those that descend from it, and of their children that are over."""
    total = 0.0
    for member in _family(pid):
        try:
            stat = Path(f"/proc/{member}/stat").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(map(int, stat.rsplit(")", 1)[1].split()[11:15])) / TICKS
    return total


def memory_mb(pid: int, *, peak: bool = False) -> float:
    """Resident memory of a process and those that descend from it, now or at most so far."""
    name = "VmHWM" if peak else "VmRSS"
    total = 0
    for member in _family(pid):
        try:
            status = Path(f"/proc/{member}/status").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))
    return total / 1000


def _family(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        for task in Path(f"/proc/{member}/task").glob("*"):
            try:
                found += map(int, (task / "children").read_text(encoding="ascii").split())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found
