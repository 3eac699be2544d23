"""What the agent is told: options, and the same by environment."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from agent import enrolment, receipts

ENVIRONMENT_PREFIX = "JOULEPORT_AGENT_"
TOKEN_FORM = re.compile(r"jp_node_[0-9A-Za-z]{36}")
AGENT_PATH = "/agent"
SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
RAPL_ROOT = Path("/sys/class/powercap")
MACHINE_ID_FILE = Path("/etc/machine-id")


DESCRIPTION = """Sells the spare capacity of a local model server on a Jouleport exchange.

Commands (each has --help): run (the default), enroll, check, status, unit."""
COMMANDS = {
    "check": "Shows what this machine would offer and earn, and what is wrong. Changes nothing.",
    "status": "Shows what the running agent does.",
    "enroll": "Exchanges a one-time code for a token. The signing key is made here and never leaves.",
    "verify": "Checks receipts with a node's public key: signatures, figures, and that none is missing.",
    "unit": "Prints a systemd unit: jouleport-agent unit | sudo tee /etc/systemd/system/NAME@.service",
}
EPILOG = """Options can be given by environment too: --upstream-key is JOULEPORT_AGENT_UPSTREAM_KEY, etc.

Exit codes: 0 done or drained, 1 receipts not proven, 2 wrong options, 3 token refused, 4 protocol refused,
5 model server unreachable, 6 another agent uses the token, 7 state unusable, 8 check found problems,
9 enrolment refused, 10 no agent runs, 11 exchange unreachable."""


class SettingRefused(Exception):
    """An option is missing or makes no sense. The message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the agent needs to know."""

    market: str
    token: str
    upstream: str
    upstream_key: str | None
    slots: int
    chips: int
    watts_idle: float
    watts_busy: float
    energy: str
    rapl_root: Path
    machine_id: str | None
    state: Path
    drain_seconds: float
    upstream_wait_seconds: float
    journal_bytes: int = receipts.JOURNAL_BYTES_MAX
    takeover: bool = False
    key_name: str = receipts.KEY_FILE
    exchange: str | None = None
    """Where the exchange's web side is; known once this agent was enrolled."""


def default_state(environment: Mapping[str, str]) -> Path:
    """The state folder where none is named, as the XDG convention has it."""
    home = environment.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "jouleport-agent"


def make_parser(environment: Mapping[str, str], *, command: str = "run") -> argparse.ArgumentParser:
    """Each option may also be given as JOULEPORT_AGENT_<OPTION>; the option wins."""
    parser = argparse.ArgumentParser(
        prog="jouleport-agent" if command == "run" else f"jouleport-agent {command}",
        description=DESCRIPTION if command == "run" else COMMANDS[command],
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(name: str, default: str | None, text: str) -> None:
        variable = ENVIRONMENT_PREFIX + name.removeprefix("--").replace("-", "_").upper()
        parser.add_argument(name, default=environment.get(variable, default), help=text)

    add("--market", None, "address of the exchange's relay; an enrolled agent knows it")
    add("--token", None, "the node's token; it shows in process lists, so prefer --token-file")
    add("--token-file", None, "file that holds the token")
    add("--upstream", None, "the model server, e.g. http://127.0.0.1:8080/v1")
    add("--upstream-key", None, "API key of the model server, if it wants one")
    add("--slots", "4", "how many jobs may run at once (default 4)")
    add("--chips", "1", "how many chips this node has (default 1)")
    add("--watts-idle", "50", "what the machine draws without work, in watts (default 50)")
    add("--watts-busy", "300", "what the machine draws at work, in watts (default 300)")
    add("--energy", "auto", "auto: use counters where there are any; declared: only the declared watts")
    add("--rapl-root", str(RAPL_ROOT), "where the processor's energy counters are")
    add("--machine-id", None, "name of this machine where several agents share it and its meter")
    add("--state", str(default_state(environment)), "folder for the signing key and the receipts")
    add("--journal-megabytes", "200", "disk for receipts that wait; no new jobs when full (default 200)")
    add("--drain-seconds", "60", "how long running jobs may go on after SIGTERM (default 60)")
    add("--upstream-wait-seconds", "30", "how long to wait for the model server at start (default 30)")
    if command == "run":
        parser.add_argument(
            "--takeover",
            action="store_true",
            default=environment.get(ENVIRONMENT_PREFIX + "TAKEOVER", "") in ("1", "true", "yes"),
            help="let an agent that runs with this state folder finish its jobs, and take what is new",
        )
    else:
        add_output(parser)
    return parser


def add_state(parser: argparse.ArgumentParser, environment: Mapping[str, str] = os.environ) -> None:
    """Add where the agent keeps its key, its token and its receipts."""
    default = environment.get(f"{ENVIRONMENT_PREFIX}STATE") or str(default_state(environment))
    parser.add_argument("--state", default=default, help="folder for the signing key and the receipts")


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that show something."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def read_settings(
    arguments: Sequence[str], *, environment: Mapping[str, str] = os.environ, command: str = "run"
) -> Settings:
    """
    Read options and environment, and for what they leave out what enrolment has stored.

    :raises SettingRefused: one is missing or makes no sense
    """
    return settle(make_parser(environment, command=command).parse_args(arguments))


def settle(given: argparse.Namespace) -> Settings:
    """:raises SettingRefused: an option is missing or makes no sense"""
    state = Path(given.state).expanduser()
    try:
        enrolled = enrolment.read_enrolled(state=state)
    except enrolment.EnrolmentUnusable as error:
        raise SettingRefused(str(error)) from error
    if enrolled is not None and (given.token or given.token_file):
        # Whoever names a token means that one, and the key that was made for it.
        enrolled = None
    if given.energy not in ("auto", "declared"):
        raise SettingRefused("--energy is auto or declared")
    idle = _number("--watts-idle", given.watts_idle, most=1e6)
    busy = _number("--watts-busy", given.watts_busy, most=1e6)
    if busy < idle:
        raise SettingRefused("--watts-busy is less than --watts-idle")
    return Settings(
        market=_market(given.market or (enrolled.relay if enrolled else None)),
        token=enrolled.token if enrolled else _token(given.token, given.token_file),
        upstream=_upstream(given.upstream),
        upstream_key=given.upstream_key,
        slots=int(_number("--slots", given.slots, least=1, most=4096)),
        chips=int(_number("--chips", given.chips, least=1, most=65_536)),
        watts_idle=idle,
        watts_busy=busy,
        energy=given.energy,
        rapl_root=Path(given.rapl_root),
        machine_id=given.machine_id or None,
        state=state,
        drain_seconds=_number("--drain-seconds", given.drain_seconds, most=86_400),
        upstream_wait_seconds=_number("--upstream-wait-seconds", given.upstream_wait_seconds, most=86_400),
        journal_bytes=int(
            1_000_000 * _number("--journal-megabytes", given.journal_megabytes, least=1, most=1e6)
        ),
        takeover=bool(getattr(given, "takeover", False)),
        key_name=enrolled.key_name if enrolled else receipts.KEY_FILE,
        exchange=enrolled.market if enrolled else None,
    )


def _number(name: str, text: str, *, least: float = 0, most: float) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise SettingRefused(f"{name} is not a number: {text}") from error
    if not least <= value <= most:
        raise SettingRefused(f"{name} is outside {least:g} to {most:g}")
    return value


def _token(token: str | None, file: str | None) -> str:
    if not token and file:
        try:
            token = Path(file).expanduser().read_text()
        except OSError as error:
            raise SettingRefused(f"--token-file cannot be read: {error.strerror}") from error
    if not token:
        raise SettingRefused(
            "a token is needed: jouleport-agent enroll CODE --market URL,"
            " or --token, --token-file, JOULEPORT_AGENT_TOKEN"
        )
    token = token.strip()
    if not TOKEN_FORM.fullmatch(token):
        raise SettingRefused("the token is not of the form jp_node_ and 36 letters and digits")
    return token


def _market(text: str | None) -> str:
    if not text:
        raise SettingRefused("--market is needed")
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise SettingRefused("--market is not an http(s) or ws(s) address")
    path = parts.path.rstrip("/")
    if not path.endswith(AGENT_PATH):
        path += AGENT_PATH
    return urlunsplit((SCHEMES[parts.scheme], parts.netloc, path, "", ""))


def _upstream(text: str | None) -> str:
    if not text:
        raise SettingRefused("--upstream is needed")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingRefused("--upstream is not an http(s) address")
    return text.rstrip("/")
