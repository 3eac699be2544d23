"""What the running agent does, for whoever asks on its machine: a file in the state folder, kept fresh."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import energy, receipts, settings, terminal
from agent.enrolment import write_private
from agent.exits import Exit
from agent.jobs import Jobs
from agent.version import VERSION

if TYPE_CHECKING:
    from agent.session import Session

STATUS_FILE = "status.json"
WRITE_SECONDS = 2.0
STALE_SECONDS = 10.0

log = logging.getLogger("jouleport.agent.status")


class Reporter:
    """Writes the status while the agent runs; one that leaves for another one is silent."""

    def __init__(
        self,
        *,
        settings: settings.Settings,
        identity: receipts.Identity,
        jobs: Jobs,
        meter: energy.Meter,
        session: Session,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._jobs = jobs
        self._meter = meter
        self._session = session
        self._started_at = datetime.now(UTC)
        self._failed = False

    async def run(self) -> None:
        """Write until cancelled."""
        file = self._settings.state / STATUS_FILE
        while True:
            if not self._session.leaving_for_another:
                try:
                    write_private(file, json.dumps(self.describe(), indent=1) + "\n", durable=False)
                    self._failed = False
                except OSError as error:
                    if not self._failed:
                        log.warning("status not written", extra={"reason": str(error)})
                    self._failed = True
            await asyncio.sleep(WRITE_SECONDS)

    def describe(self) -> dict[str, Any]:
        """Give everything that may be asked."""
        welcome = self._session.welcome
        journal = self._jobs.journal
        return {
            "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "started_at": self._started_at.isoformat(timespec="seconds"),
            "pid": os.getpid(),
            "version": VERSION,
            "state": "draining" if self._session.leaving else "connected" if welcome else "connecting",
            "relay": self._settings.market,
            "node": welcome.node if welcome else None,
            "epoch": welcome.epoch if welcome else None,
            "protocol": welcome.protocol if welcome else None,
            "key_id": self._identity.key_id,
            "jobs": {
                "running": self._jobs.running,
                "slots": min(self._jobs.slots, welcome.slots) if welcome else self._jobs.slots,
                "done": self._jobs.done,
            },
            "models": self._session.models,
            "receipts": {
                "waiting": journal.waiting,
                "journal_bytes": journal.size,
                "journal_bytes_max": self._settings.journal_bytes,
                "problem": self._jobs.journal_failure or ("the journal is full" if journal.full else None),
            },
            "energy": self._meter.describe(),
        }


def show(arguments: list[str]) -> int:
    """`jouleport-agent status`: gives the exit code."""
    given = _make_parser().parse_args(arguments)
    file = Path(given.state).expanduser() / STATUS_FILE
    try:
        told = json.loads(file.read_text())
        age = (datetime.now(UTC) - datetime.fromisoformat(told["written_at"])).total_seconds()
    except FileNotFoundError:
        return _say_not_running(given, f"no agent has run with {file.parent}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return _say_not_running(given, f"{file} cannot be read: {error}")
    if age > STALE_SECONDS:
        return _say_not_running(given, f"no agent runs; the last one was seen {age:.0f} s ago")
    if given.json:
        terminal.say(json.dumps(told, indent=1))
    else:
        _print(told)
    return Exit.DRAINED if told["state"] == "connected" and not _problems(told) else Exit.PROBLEMS


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jouleport-agent status",
        description=settings.COMMANDS["status"],
        epilog="Exit codes: 0 connected, 8 not connected or something is wrong, 10 no agent runs.",
    )
    settings.add_state(parser)
    settings.add_output(parser)
    return parser


def _say_not_running(given: argparse.Namespace, reason: str) -> int:
    if given.json:
        terminal.say(json.dumps({"state": "not running", "reason": reason}))
    else:
        terminal.say(terminal.mark("not running", "bad") + f"  {reason}")
    return Exit.NOT_RUNNING


def _problems(told: dict[str, Any]) -> list[str]:
    found = [f"{lost['source']} was given up: {lost['reason']}" for lost in told["energy"]["lost"]]
    if told["receipts"]["problem"]:
        found.append(f"no new jobs are taken: {told['receipts']['problem']}")
    if not told["models"]:
        found.append("the model server does not answer")
    return found


def _print(told: dict[str, Any]) -> None:
    jobs, kept, meter = told["jobs"], told["receipts"], told["energy"]
    measured = ", ".join(meter["sources"]) or "declared watts"
    connected = told["state"] == "connected"
    rows = [
        ("state", terminal.mark(told["state"], "good" if connected else "bad")),
        ("relay", f"{told['relay']}  protocol {told['protocol'] or '-'}  epoch {told['epoch'] or '-'}"),
        ("node", told["node"] or "-"),
        ("models", ", ".join(told["models"]) or "-"),
        ("jobs", f"{jobs['running']} of {jobs['slots']} running, {jobs['done']} done"),
        ("receipts", f"{kept['waiting']} waiting, {kept['journal_bytes'] / 1e6:.1f} MB on disk"),
        ("energy", f"{measured}  ({meter['tier']}, {meter['level']})"),
        ("process", f"{told['pid']}, version {told['version']}, since {told['started_at']}"),
    ]
    for name, text in rows:
        terminal.say(f"{name:<10}{text}")
    for problem in _problems(told):
        terminal.say(terminal.mark("problem", "bad") + f"   {problem}")
