"""`jouleport-agent`: start, run until told to stop, exit with a code that says why."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from agent import energy, logs, receipts, settings, sources, upstream
from agent.jobs import Jobs
from agent.nvml import NvmlAccelerators
from agent.session import AgentStopped, Exit, Session

LOCK_FILE = "lock"
UPSTREAM_RETRY_SECONDS = 0.5

log = logging.getLogger("jouleport.agent")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent; gives its exit code."""
    logs.configure()
    try:
        wanted = settings.read_settings(sys.argv[1:] if arguments is None else arguments)
    except settings.SettingRefused as error:
        print(f"jouleport-agent: {error}", file=sys.stderr)
        return Exit.OPTIONS
    try:
        identity = receipts.load_identity(state=wanted.state)
        with _lock(wanted.state):
            journal = receipts.Journal(state=wanted.state, identity=identity)
            asyncio.run(_run(wanted, identity, journal))
    except receipts.StateUnusable as error:
        return _report(Exit.STATE_UNUSABLE, error)
    except AgentStopped as error:
        return _report(error.code, error)
    log.info("drained")
    return Exit.DRAINED


def _report(code: Exit, error: Exception) -> int:
    log.error("stopped", extra={"exit_code": int(code), "reason": str(error)})
    print(f"jouleport-agent: {error}", file=sys.stderr)
    return code


def _lock(state: Path) -> IO[str]:
    """:raises StateUnusable: another agent uses the folder"""
    file = (state / LOCK_FILE).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise receipts.StateUnusable(f"another agent uses the state folder {state}") from error
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


async def _run(wanted: settings.Settings, identity: receipts.Identity, journal: receipts.Journal) -> None:
    """:raises AgentStopped: it cannot begin or go on"""
    server = upstream.Upstream(url=wanted.upstream, key=wanted.upstream_key)
    meter = _make_meter(wanted)
    if meter.parts and wanted.machine_id is None:
        # A counter measures the whole machine, so two agents beside it must be known as neighbours.
        wanted = replace(wanted, machine_id=name_machine())
    jobs = Jobs(slots=wanted.slots, upstream=server, meter=meter, journal=journal)
    sampling = asyncio.create_task(meter.run())
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        models = await _find_models(server, seconds=wanted.upstream_wait_seconds, stopped=stopped)
        if stopped.is_set():
            return
        if wanted.market.startswith("ws:") and not _is_local(wanted.market):
            log.warning("the token travels unencrypted: use https", extra={"market": wanted.market})
        log.info(
            "starting",
            extra={"models": models, "slots": wanted.slots, "tier": meter.tier, "key_id": identity.key_id},
        )
        session = Session(
            settings=wanted, identity=identity, jobs=jobs, meter=meter, upstream=server, models=models
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, session.stop)
        if stopped.is_set():
            return
        await session.run()
    finally:
        sampling.cancel()
        await jobs.close()
        await server.close()


async def _find_models(server: upstream.Upstream, *, seconds: float, stopped: asyncio.Event) -> list[str]:
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


def _make_meter(wanted: settings.Settings) -> energy.Meter:
    parts: list[energy.Part] = []
    if wanted.energy == "auto":
        devices: sources.Accelerators | None = None
        try:
            devices = NvmlAccelerators()
        except sources.MeterLost as error:
            log.info("no accelerators", extra={"reason": str(error)})
        parts, _ = energy.find_parts(rapl_root=wanted.rapl_root, devices=devices)
    declared = sources.Declared(idle_watts=wanted.watts_idle, busy_watts=wanted.watts_busy)
    return energy.Meter(declared=declared, parts=parts, started_ns=time.monotonic_ns())


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def name_machine() -> str | None:
    """Give a name for this machine that does not reveal its real id."""
    try:
        text = settings.MACHINE_ID_FILE.read_text().strip()
    except OSError:
        return None
    return sha256(b"jouleport-machine\n" + text.encode()).hexdigest()[:32] if text else None
