"""
The environment, read strictly.

Every setting comes from an environment variable. A value that cannot be understood, and a JOULEPORT_ variable
that is not known, are refused at start: a typing error must not silently become a default.
Any secret may be given as NAME_FILE, the path of a file that holds it.
"""

import os
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from core.environment import BadEnvironment, refuse_unknown

__all__ = [
    "REPOSITORY",
    "BadEnvironment",
    "address",
    "amounts",
    "choice",
    "flag",
    "home",
    "names",
    "refuse_unknown",
    "secret",
    "text",
]

CURRENCY = re.compile(r"[A-Z]{3,5}")
AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
REPOSITORY = Path(__file__).resolve().parent.parent


def text(name: str, default: str | None = None, *, environ: Mapping[str, str] = os.environ) -> str:
    """The value of a variable; without a default it must be set and not empty."""
    value = environ.get(name, "")
    if value:
        return value
    if default is None:
        raise BadEnvironment(f"{name} is not set")
    return default


def secret(name: str, default: str | None = None, *, environ: Mapping[str, str] = os.environ) -> str:
    """The value of a variable, or of the file that NAME_FILE points at; both at once are refused."""
    path = environ.get(f"{name}_FILE", "")
    if not path:
        return text(name, default, environ=environ)
    if environ.get(name):
        raise BadEnvironment(f"{name} and {name}_FILE are both set")
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadEnvironment(f"{name}_FILE: {error}") from error
    if not value:
        raise BadEnvironment(f"{name}_FILE: {path} is empty")
    return value


def flag(name: str, default: bool, *, environ: Mapping[str, str] = os.environ) -> bool:
    """`true` or `false`, also as `1` and `0`."""
    words = {"1": True, "true": True, "0": False, "false": False}
    value = environ.get(name, "").lower()
    if not value:
        return default
    if value not in words:
        raise BadEnvironment(f"{name} must be true or false, not {value!r}")
    return words[value]


def choice(
    name: str, choices: Iterable[str], default: str, *, environ: Mapping[str, str] = os.environ
) -> str:
    """One of a few words."""
    allowed = list(choices)
    value = text(name, default, environ=environ)
    if value not in allowed:
        raise BadEnvironment(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def number(name: str, default: int, *, most: int, environ: Mapping[str, str] = os.environ) -> int:
    """A whole number from nothing to `most`."""
    value = text(name, str(default), environ=environ)
    if not value.isdecimal() or int(value) > most:
        raise BadEnvironment(f"{name} must be a whole number from 0 to {most}, not {value!r}")
    return int(value)


def names(name: str, default: str, *, environ: Mapping[str, str] = os.environ) -> list[str]:
    """A list separated by commas."""
    return [part.strip() for part in text(name, default, environ=environ).split(",") if part.strip()]


def amounts(name: str, default: str, *, environ: Mapping[str, str] = os.environ) -> dict[str, Decimal]:
    """An amount of each of several currencies, as `USD:100,CNY:700`."""
    found: dict[str, Decimal] = {}
    for part in names(name, default, environ=environ):
        currency, _, value = part.partition(":")
        if not AMOUNT.fullmatch(value) or not CURRENCY.fullmatch(currency) or currency in found:
            raise BadEnvironment(f"{name} must be amounts like USD:100,CNY:700, not {part!r}")
        found[currency] = Decimal(value)
    return found


def address(name: str, default: str, *, environ: Mapping[str, str] = os.environ) -> tuple[str, int]:
    """`host:port`, as (host, port); an IPv6 host stands in brackets."""
    value = text(name, default, environ=environ)
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadEnvironment(f"{name} must be host:port, not {value!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def home(*, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder for the data of embedded services, logs and generated secrets."""
    return Path(text("JOULEPORT_HOME", str(REPOSITORY / ".jouleport"), environ=environ)).absolute()
