"""The gateway's settings: from the environment alone, and nothing it does not understand. No Django."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core import exposition
from core.credentials import Vault, read_keys
from core.environment import BadEnvironment, refuse_unknown
from gateway.deadlines import DeadlinesRefused, read_deadlines
from gateway.limits import Rates
from workers.upstream.client import Timeouts
from workers.upstream.guard import Policy

SECRET_BYTES_MIN = 16
COUNT_MAX = 1_000_000_000
LOG_FORMATS = ("json", "console")
# By how much is said; every request is a line at INFO and below.
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class SettingsRefused(Exception):
    """The environment does not say what the gateway needs. The message names the variable."""


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What one gateway process runs with. Sizes are in bytes, times in seconds.

    `database_wait` is how long a request may wait for PostgreSQL at its beginning and at its end;
    `decision_wait` how much longer for its word on whether a plain answer was recorded.
    """

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    ticket_secret: bytes = field(repr=False)
    # Without keys no address of a provider's own can be called.
    credential_keys: tuple[str, ...] = field(default=(), repr=False)
    upstreams: Policy = field(default_factory=Policy)
    log_format: str = "json"
    log_requests: bool = True
    body_bytes_max: int = 8 * 1024 * 1024
    # Of all requests together, from the first byte of each until it is answered.
    bodies_bytes_max: int = 256 * 1024 * 1024
    body_seconds_max: float = 60.0
    answer_bytes_max: int = 32 * 1024 * 1024
    requests_max: int = 4096
    attempts_max: int = 3
    key_seconds: float = 5.0
    database_wait: float = 2.0
    decision_wait: float = 8.0
    book_seconds: float = 2.0
    presence_seconds: float = 1.0
    lease_seconds: float = 10.0
    lease_margin_seconds: float = 3.0
    renew_seconds: float = 1.0
    stalled_buyer_seconds: float = 60.0
    rates: Rates = field(default_factory=Rates)
    timeouts: Timeouts = field(default_factory=Timeouts)
    # A plain answer comes whole, so its head may take as long as a relay lets a model server take.
    plain_timeouts: Timeouts = field(default_factory=lambda: Timeouts(head=310.0))


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """
    Read the environment. A secret may also be given as NAME_FILE, the path of a file that holds it.

    :raises SettingsRefused: a variable is missing, given twice, or has a value it cannot have
    """
    try:
        refuse_unknown(environ)
        exposition.read_place(environ)
    except BadEnvironment as error:
        raise SettingsRefused(str(error)) from None
    log_format = environ.get("JOULEPORT_LOG_FORMAT") or "json"
    if log_format not in LOG_FORMATS:
        raise SettingsRefused(f"JOULEPORT_LOG_FORMAT must be one of {', '.join(LOG_FORMATS)}")
    log_level = environ.get("JOULEPORT_LOG_LEVEL", "").upper() or "INFO"
    if log_level not in LOG_LEVELS:
        raise SettingsRefused(f"JOULEPORT_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}")
    secret = _read_secret("JOULEPORT_TICKET_SECRET", environ).encode()
    if len(secret) < SECRET_BYTES_MIN:
        raise SettingsRefused(f"JOULEPORT_TICKET_SECRET must be at least {SECRET_BYTES_MIN} bytes long")
    try:
        deadlines = read_deadlines(environ)
    except DeadlinesRefused as error:
        raise SettingsRefused(str(error)) from None
    if environ.get("JOULEPORT_HEDGING", "") not in ("", "off"):
        raise SettingsRefused(
            "JOULEPORT_HEDGING can only be off: a job has one attempt at a time, and its hold covers one"
        )
    return Settings(
        database_url=_read_url("DATABASE_URL", environ, ("postgresql", "postgres")),
        redis_url=_read_url("REDIS_URL", environ, ("redis", "rediss", "unix")),
        ticket_secret=secret,
        credential_keys=_read_keys("JOULEPORT_CREDENTIAL_KEYS", environ),
        log_format=log_format,
        log_requests=log_level in ("DEBUG", "INFO"),
        rates=_read_rates(environ),
        body_seconds_max=deadlines.body_seconds,
        stalled_buyer_seconds=deadlines.stall_seconds,
    )


def _read_rates(environ: Mapping[str, str]) -> Rates:
    usual = Rates()
    return Rates(
        requests_per_minute=_read_count("KEY_REQUESTS_PER_MINUTE", usual.requests_per_minute, environ),
        tokens_per_minute=_read_count("KEY_TOKENS_PER_MINUTE", usual.tokens_per_minute, environ),
        concurrent=_read_count("KEY_CONCURRENT_REQUESTS", usual.concurrent, environ),
        organization_concurrent=_read_count(
            "ORGANIZATION_CONCURRENT_REQUESTS", usual.organization_concurrent, environ
        ),
        disconnects_per_minute=_read_count(
            "EARLY_DISCONNECTS_PER_MINUTE", usual.disconnects_per_minute, environ
        ),
    )


def _read_count(name: str, default: int, environ: Mapping[str, str]) -> int:
    value = environ.get(f"JOULEPORT_{name}", "")
    if not value:
        return default
    if not value.isdecimal() or not 0 < int(value) <= COUNT_MAX:
        raise SettingsRefused(f"JOULEPORT_{name} must be a whole number from 1 to {COUNT_MAX}")
    return int(value)


def _read_keys(name: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    if not environ.get(name) and not environ.get(f"{name}_FILE"):
        return ()
    keys = read_keys(_read_secret(name, environ))
    try:
        Vault(keys)
    except ValueError as error:
        raise SettingsRefused(f"{name}: {error}") from None
    return keys


def _read_secret(name: str, environ: Mapping[str, str]) -> str:
    path = environ.get(f"{name}_FILE", "")
    value = environ.get(name, "")
    if path and value:
        raise SettingsRefused(f"{name} and {name}_FILE are both set")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsRefused(f"{name}_FILE: {error}") from error
    if not value:
        raise SettingsRefused(f"{name} is not set")
    return value


def _read_url(name: str, environ: Mapping[str, str], schemes: tuple[str, ...]) -> str:
    value = _read_secret(name, environ)
    scheme = value.partition("://")[0]
    if scheme not in schemes:
        raise SettingsRefused(f"{name} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return value
