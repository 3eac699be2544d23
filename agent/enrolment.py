"""
Enrolment: a one-time code becomes a token, bound to a key that is made here and never leaves.

What came of it is one file in the state folder, replaced in one step: a crash in between leaves the earlier
token and key as they were.
"""

from __future__ import annotations

import json
import os
import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from agent import receipts

CONFIG_FILE = "agent.json"
DOMAIN_TAG = b"jouleport-enrolment-v1\n"
ENROL_PATH = "/api/agents/enrol"
AGENT_PATH = "/api/agent"
SECONDS_MAX = 15.0


class EnrolmentUnusable(Exception):
    """The file that enrolment wrote cannot be read. The message says why."""


class EnrolmentRefused(Exception):
    """The exchange does not take the code. The message says why."""


class MarketUnreachable(Exception):
    """The exchange does not answer, or not as one."""


class TokenRefused(Exception):
    """The exchange does not know this token (any more)."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What enrolment has stored: where the exchange is, the node's token, and the name of its key's file."""

    market: str
    relay: str
    token: str = field(repr=False)
    node: str
    name: str
    key_name: str


def read_enrolled(*, state: Path) -> Enrolled | None:
    """
    Read what enrolment has stored, if there is anything.

    :raises EnrolmentUnusable: it cannot be read, or others may read it
    """
    file = state / CONFIG_FILE
    try:
        if file.stat().st_mode & 0o077:
            raise EnrolmentUnusable(f"{file} can be read by others: chmod 600 it")
        stored = json.loads(file.read_text())
        return Enrolled(
            market=str(stored["market"]),
            relay=str(stored["relay"]),
            token=str(stored["token"]),
            node=str(stored["node"]),
            name=str(stored["name"]),
            key_name=Path(str(stored["key"])).name,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnrolmentUnusable(f"{file} cannot be read: enrol again ({type(error).__name__})") from error


def enrol(*, code: str, market: str, state: Path, now: datetime) -> Enrolled:
    """
    Make a key, exchange the code for a token, and store both.

    :raises EnrolmentRefused: the code is not valid
    :raises MarketUnreachable: nobody answers there, or nobody who knows enrolment
    :raises receipts.StateUnusable: the state folder cannot be written
    """
    code = code.strip().upper().replace(" ", "-")
    name = f"agent-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}.key"
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        identity = receipts.make_identity(file=state / name)
    except OSError as error:
        raise receipts.StateUnusable(f"the state folder {state} cannot be used: {error.strerror}") from error
    request = {
        "code": code,
        "public_key": b64encode(identity.public).decode(),
        "signature": b64encode(identity.private.sign(DOMAIN_TAG + code.encode())).decode(),
    }
    try:
        answer = ask("POST", market.rstrip("/") + ENROL_PATH, content=request)
    except BaseException:
        (state / name).unlink()
        raise
    enrolled = Enrolled(
        market=market.rstrip("/"),
        relay=str(answer["relay"]),
        token=str(answer["token"]),
        node=str(answer["node"]),
        name=str(answer["name"]),
        key_name=name,
    )
    _store(enrolled, state=state)
    return enrolled


def _store(enrolled: Enrolled, *, state: Path) -> None:
    """:raises receipts.StateUnusable: the file cannot be written"""
    stored = {
        "market": enrolled.market,
        "relay": enrolled.relay,
        "token": enrolled.token,
        "node": enrolled.node,
        "name": enrolled.name,
        "key": enrolled.key_name,
    }
    try:
        write_private(state / CONFIG_FILE, json.dumps(stored, indent=1) + "\n")
    except OSError as error:
        raise receipts.StateUnusable(f"{state / CONFIG_FILE} cannot be written: {error.strerror}") from error


def write_private(file: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file in one step; its owner alone may read it. :raises OSError:"""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        if durable:
            os.fsync(handle.fileno())
    new.replace(file)


def read_market(market: str, *, token: str) -> tuple[dict[str, Any], float]:
    """
    Ask the exchange about this agent's node. Gives its answer and how many seconds that took.

    :raises MarketUnreachable: nobody answers there
    :raises TokenRefused: the token is not valid (any more)
    """
    started = datetime.now(UTC)
    answer = ask("GET", market.rstrip("/") + AGENT_PATH, token=token)
    return answer, (datetime.now(UTC) - started).total_seconds()


def ask(method: str, url: str, *, token: str | None = None, content: Any = None) -> dict[str, Any]:
    """
    Ask the exchange's web side.

    :raises MarketUnreachable: no answer, or none of an exchange
    :raises EnrolmentRefused: it refuses what was sent
    :raises TokenRefused: it refuses the token
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise MarketUnreachable(f"{url} is not an http(s) address")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.request(method, url, headers=headers, json=content, timeout=SECONDS_MAX)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise MarketUnreachable(f"{url} does not answer: {str(error) or type(error).__name__}") from error
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise MarketUnreachable(f"{url} answers {answer.status_code}, and not as an exchange does")
    if answer.is_success:
        return body
    detail = str(body.get("detail") or body.get("title") or answer.status_code)
    if token and answer.status_code in (401, 403, 404):
        raise TokenRefused(detail)
    if answer.status_code < 500 and answer.status_code != 404:
        raise EnrolmentRefused(detail)
    raise MarketUnreachable(f"{url} answers {answer.status_code}: {detail}")
