"""A running agent: its parts put together, its lock, and taking over from the process before."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from agent import energy, receipts, settings, sources, status, upstream
from agent.exits import AgentStopped, Exit
from agent.jobs import Jobs
from agent.nvml import NvmlAccelerators
from agent.session import Session

LOCK_FILE = "lock"
# Whoever takes over holds this one until the process before has given up the other.
NEXT_LOCK_FILE = "lock.next"
UPSTREAM_RETRY_SECONDS = 0.5
LOOK_SECONDS = 0.2

log = logging.getLogger("jouleport.agent")


class Predecessor:
    """The process that holds the state folder's lock, seen from the one that takes over."""

    def __init__(self, *, state: Path, lock: Lock) -> None:
        self._state = state
        self._lock = lock
        self._asked = False

    @property
    def is_gone(self) -> bool:
        """Whether it has left, and the lock is ours."""
        return self._lock.held or self._lock.try_take()

    def ask_to_leave(self) -> None:
        """Send it SIGTERM, once: it drains."""
        if self._asked or self.is_gone:
            return
        self._asked = True
        try:
            os.kill(int((self._state / LOCK_FILE).read_text()), signal.SIGTERM)
        except (OSError, ValueError) as error:
            # The relay asks it too.
            log.warning("the agent before cannot be asked to leave", extra={"reason": str(error)})

    async def gone(self) -> None:
        """Wait until it has left."""
        while not self.is_gone:  # noqa: ASYNC110 - a lock of another process tells nobody that it is free
            await asyncio.sleep(LOOK_SECONDS)


class Lock:
    """The state folder's lock; its file holds the process id of who has it."""

    def __init__(self, file: Path) -> None:
        # Not "w": the holder's process id must stay until the lock is ours.
        self._file: IO[str] = file.open("a+")
        self.held = False

    def try_take(self) -> bool:
        """Take it if nobody has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()
        self.held = True
        return True

    def close(self) -> None:
        """Give it up."""
        self._file.close()


@contextlib.contextmanager
def hold(*, state: Path, takeover: bool) -> Iterator[Predecessor | None]:
    """
    Hold the state folder. Gives the process to take over from, if there is one.

    :raises receipts.StateUnusable: another agent uses the folder
    """
    lock, following = Lock(state / LOCK_FILE), Lock(state / NEXT_LOCK_FILE)
    try:
        if lock.try_take():
            yield None
        elif takeover and following.try_take():
            yield Predecessor(state=state, lock=lock)
        else:
            hint = "another one is taking over" if takeover else "--takeover lets it finish its jobs"
            raise receipts.StateUnusable(f"another agent uses the state folder {state}: {hint}")
    finally:
        lock.close()
        following.close()


async def run(
    wanted: settings.Settings,
    identity: receipts.Identity,
    journal: receipts.Journal,
    predecessor: Predecessor | None,
) -> None:
    """:raises AgentStopped: it cannot begin or go on"""
    server = upstream.Upstream(url=wanted.upstream, key=wanted.upstream_key)
    meter = make_meter(wanted)
    if meter.parts and wanted.machine_id is None:
        # A counter measures the whole machine, so two agents beside it must be known as neighbours.
        wanted = replace(wanted, machine_id=name_machine())
    jobs = Jobs(slots=wanted.slots, upstream=server, meter=meter, journal=journal)
    background = [asyncio.create_task(meter.run()), asyncio.create_task(jobs.watch_journal())]
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        models = await find_models(server, seconds=wanted.upstream_wait_seconds, stopped=stopped)
        if stopped.is_set():
            return
        if wanted.market.startswith("ws:") and not _is_local(wanted.market):
            log.warning("the token travels unencrypted: use https", extra={"market": wanted.market})
        log.info(
            "starting",
            extra={"models": models, "slots": wanted.slots, "tier": meter.tier, "key_id": identity.key_id},
        )
        session = Session(
            settings=wanted,
            identity=identity,
            jobs=jobs,
            meter=meter,
            upstream=server,
            models=models,
            earlier=predecessor,
        )
        if predecessor is not None:
            background.append(asyncio.create_task(predecessor.gone()))
        reporter = status.Reporter(
            settings=wanted, identity=identity, jobs=jobs, meter=meter, session=session
        )
        background.append(asyncio.create_task(reporter.run()))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, session.stop)
        if stopped.is_set():
            return
        await session.run()
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await jobs.close()
        await server.close()


async def find_models(server: upstream.Upstream, *, seconds: float, stopped: asyncio.Event) -> list[str]:
    """:raises AgentStopped: the model server did not answer in time"""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await server.list_models()
        except upstream.UpstreamLost as error:
            if stopped.is_set():
                return []
            if time.monotonic() >= deadline:
                message = f"the model server does not answer GET /models: {error}"
                raise AgentStopped(Exit.UPSTREAM_UNREACHABLE, message) from error
        await asyncio.sleep(UPSTREAM_RETRY_SECONDS)


def make_meter(wanted: settings.Settings) -> energy.Meter:
    """Find the sensors of this machine and begin to count."""
    parts: list[energy.Part] = []
    missing: list[energy.Loss] = []
    if wanted.energy == "auto":
        devices: sources.Accelerators | None = None
        try:
            devices = NvmlAccelerators()
        except sources.MeterLost as error:
            log.info("no accelerators", extra={"reason": str(error)})
        parts, missing = energy.find_parts(rapl_root=wanted.rapl_root, devices=devices)
    declared = sources.Declared(idle_watts=wanted.watts_idle, busy_watts=wanted.watts_busy)
    # What a machine never had is no loss to report, unless a part of it is measured by something worse.
    lost = [loss for loss in missing if any(part.name == loss.part for part in parts)]
    return energy.Meter(declared=declared, parts=parts, started_ns=time.monotonic_ns(), lost=lost)


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def name_machine() -> str | None:
    """Give a name for this machine that does not reveal its real id."""
    try:
        text = settings.MACHINE_ID_FILE.read_text().strip()
    except OSError:
        return None
    return sha256(b"jouleport-machine\n" + text.encode()).hexdigest()[:32] if text else None
