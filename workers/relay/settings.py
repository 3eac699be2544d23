"""What a relay is told: by environment, as every process, and a few time limits by option."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core import exposition
from core.environment import BadEnvironment, refuse_unknown
from workers.relay import nodes
from workers.tickets import SECRET_BYTES_MIN

DEFAULT_ADDRESS = "127.0.0.1:8100"


class SettingRefused(Exception):
    """A setting is missing or makes no sense. The message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`head_seconds`: until the model server's status; `idle_seconds`: between two pieces of an answer."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    ticket_secret: bytes = field(repr=False)
    host: str
    port: int
    url: str
    log_format: str
    log_level: str
    head_seconds: float = 300.0
    idle_seconds: float = 60.0
    stall_seconds: float = 60.0
    body_seconds: float = 30.0
    drain_seconds: float = 30.0
    heartbeat_seconds: float = nodes.HEARTBEAT_SECONDS


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """
    Read environment and options.

    :raises SettingRefused: one is missing or makes no sense
    """
    parser = argparse.ArgumentParser(prog="python -m workers.relay", description=__doc__)
    for limit, text in (
        ("head", "how long a model server may take until it answers (plain answers come whole)"),
        ("idle", "how long an answer may pause"),
        ("stall", "how long a buyer may read nothing"),
        ("body", "how long a gateway may take to send a request"),
        ("drain", "how long running attempts may go on after SIGTERM"),
        ("heartbeat", "how often agents report; one silent for three of these is let go"),
    ):
        default = Settings.__dataclass_fields__[f"{limit}_seconds"].default
        parser.add_argument(f"--{limit}-seconds", type=float, default=default, help=text)
    given = parser.parse_args(arguments)
    try:
        refuse_unknown(environment)
        exposition.read_place(environment)
    except BadEnvironment as error:
        raise SettingRefused(str(error)) from None
    host, _, port = environment.get("JOULEPORT_RELAY_ADDRESS", DEFAULT_ADDRESS).rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise SettingRefused("JOULEPORT_RELAY_ADDRESS is not host:port")
    secret = _need(environment, "JOULEPORT_TICKET_SECRET").encode()
    if len(secret) < SECRET_BYTES_MIN:
        raise SettingRefused(f"JOULEPORT_TICKET_SECRET has fewer than {SECRET_BYTES_MIN} bytes")
    return Settings(
        database_url=_need(environment, "DATABASE_URL"),
        redis_url=_need(environment, "REDIS_URL"),
        ticket_secret=secret,
        host=host.strip("[]"),
        port=int(port),
        url=environment.get("JOULEPORT_RELAY_URL") or f"http://{host}:{port}",
        log_format=environment.get("JOULEPORT_LOG_FORMAT", "json"),
        log_level=environment.get("JOULEPORT_LOG_LEVEL", "INFO"),
        head_seconds=given.head_seconds,
        idle_seconds=given.idle_seconds,
        stall_seconds=given.stall_seconds,
        body_seconds=given.body_seconds,
        drain_seconds=given.drain_seconds,
        heartbeat_seconds=given.heartbeat_seconds,
    )


def _need(environment: Mapping[str, str], name: str) -> str:
    value, path = environment.get(name), environment.get(f"{name}_FILE")
    if value and path:
        raise SettingRefused(f"{name} and {name}_FILE are both set")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingRefused(f"{name}_FILE: {error}") from error
    if not value:
        raise SettingRefused(f"{name} is not set")
    return value
