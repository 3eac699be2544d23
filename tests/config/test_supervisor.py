"""The supervisor starts, restarts and stops, and leaves nobody behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.processes import NotReady, Program
from config.supervisor import AlreadyRunning, Supervisor, only_one

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_starts_again_what_was_killed(tmp_path: Path) -> None:
    with Supervisor(tmp_path, echo=False) as supervisor:
        supervisor.start(Program(name="sleeper", argv=SLEEP))
        first = supervisor.pid("sleeper")
        os.kill(first, signal.SIGKILL)

        supervisor.watch(until=lambda: supervisor.pid("sleeper") != first)
        second = supervisor.pid("sleeper")

        assert alive(second)
    assert not alive(second)


def test_waits_longer_after_each_death(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    program = Program(name="brief", argv=["/bin/sh", "-c", f"date +%s.%N >> {starts}"])

    with Supervisor(tmp_path / "logs", echo=False) as supervisor:
        supervisor.start(program)
        supervisor.watch(until=lambda: starts.exists() and len(starts.read_text().split()) >= 3)

    first, second, third = (float(moment) for moment in starts.read_text().split()[:3])
    assert third - second > second - first > 0.4


def test_says_when_a_program_ends_instead_of_becoming_ready(tmp_path: Path) -> None:
    program = Program(name="broken", argv=["/bin/sh", "-c", "exit 3"], is_ready=lambda: False)

    with Supervisor(tmp_path, echo=False) as supervisor, pytest.raises(NotReady, match="status 3"):
        supervisor.start(program)


def test_says_when_a_program_stays_unready(tmp_path: Path) -> None:
    program = Program(name="slow", argv=SLEEP, is_ready=lambda: False, ready_seconds_max=0.2)

    with Supervisor(tmp_path, echo=False) as supervisor, pytest.raises(NotReady, match="not ready after"):
        supervisor.start(program)


def test_stops_whole_groups_also_the_stubborn(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 600 & echo $! $$ > {pids}; while :; do sleep 1; done"
    program = Program(
        name="stubborn", argv=["/bin/sh", "-c", script], is_ready=pids.exists, stop_seconds_max=0.3
    )

    with Supervisor(tmp_path / "logs", echo=False) as supervisor:
        supervisor.start(program)
        assert within(2, lambda: len(pids.read_text().split()) == 2)

    assert within(2, lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))


def test_keeps_what_programs_say(tmp_path: Path) -> None:
    program = Program(name="talker", argv=["/bin/sh", "-c", "echo one; echo two >&2; sleep 600"])
    log = tmp_path / "talker.log"

    with Supervisor(tmp_path, echo=False) as supervisor:
        supervisor.start(program)

        assert within(5, lambda: log.exists() and log.read_text() == "one\ntwo\n")


def test_a_folder_has_one_supervisor(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(AlreadyRunning), only_one(tmp_path):
        pass


SCRIPT = """
import sys
from pathlib import Path
from config.processes import Program
from config.supervisor import Supervisor

with Supervisor(Path(sys.argv[1]), echo=False) as supervisor:
    supervisor.start(Program(name="sleeper", argv=[sys.executable, "-c", "import time; time.sleep(600)"]))
    print(supervisor.pid("sleeper"), flush=True)
    supervisor.watch()
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nobody_outlives_the_supervisor(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        sleeper = int(supervisor.stdout.readline())
        assert alive(sleeper)

        supervisor.send_signal(number)

        assert within(5, lambda: not alive(sleeper))
        said = supervisor.stdout.read()
    assert (said == "stopped\n", supervisor.returncode == 0) == (number != signal.SIGKILL,) * 2
