"""What the agent is told: options, and the same by environment."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

VERSION = "0.1.0"
ENVIRONMENT_PREFIX = "JOULEPORT_AGENT_"
TOKEN_FORM = re.compile(r"jp_node_[0-9A-Za-z]{36}")
AGENT_PATH = "/agent"
SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
RAPL_ROOT = Path("/sys/class/powercap")
MACHINE_ID_FILE = Path("/etc/machine-id")


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


def default_state(environment: Mapping[str, str]) -> Path:
    """The state folder where none is named, as the XDG convention has it."""
    home = environment.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "jouleport-agent"


def make_parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """Each option may also be given as JOULEPORT_AGENT_<OPTION>; the option wins."""
    parser = argparse.ArgumentParser(
        prog="jouleport-agent",
        description="Sells the spare capacity of a local model server on a Jouleport exchange.",
        epilog="Every option can be given by environment too: --upstream-key is"
        " JOULEPORT_AGENT_UPSTREAM_KEY, and so on. Exit codes: 0 drained, 2 wrong options, 3 token refused,"
        " 4 protocol refused, 5 model server unreachable, 6 another agent uses the token, 7 state unusable.",
    )

    def add(name: str, default: str | None, text: str) -> None:
        variable = ENVIRONMENT_PREFIX + name.removeprefix("--").replace("-", "_").upper()
        parser.add_argument(name, default=environment.get(variable, default), help=text)

    add("--market", None, "address of the exchange's relay, e.g. https://relay.example")
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
    add("--drain-seconds", "60", "how long running jobs may go on after SIGTERM (default 60)")
    add("--upstream-wait-seconds", "30", "how long to wait for the model server at start (default 30)")
    return parser


def read_settings(arguments: Sequence[str], *, environment: Mapping[str, str] = os.environ) -> Settings:
    """
    Read options and environment.

    :raises SettingRefused: one is missing or makes no sense
    """
    given = make_parser(environment).parse_args(arguments)
    if given.energy not in ("auto", "declared"):
        raise SettingRefused("--energy is auto or declared")
    idle = _number("--watts-idle", given.watts_idle, most=1e6)
    busy = _number("--watts-busy", given.watts_busy, most=1e6)
    if busy < idle:
        raise SettingRefused("--watts-busy is less than --watts-idle")
    return Settings(
        market=_market(given.market),
        token=_token(given.token, given.token_file),
        upstream=_upstream(given.upstream),
        upstream_key=given.upstream_key,
        slots=int(_number("--slots", given.slots, least=1, most=4096)),
        chips=int(_number("--chips", given.chips, least=1, most=65_536)),
        watts_idle=idle,
        watts_busy=busy,
        energy=given.energy,
        rapl_root=Path(given.rapl_root),
        machine_id=given.machine_id or None,
        state=Path(given.state).expanduser(),
        drain_seconds=_number("--drain-seconds", given.drain_seconds, most=86_400),
        upstream_wait_seconds=_number("--upstream-wait-seconds", given.upstream_wait_seconds, most=86_400),
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
        raise SettingRefused("--token, --token-file or JOULEPORT_AGENT_TOKEN is needed")
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
