"""Ids of requests: one from outside is kept if it is harmless, so that a proxy's logs and ours join."""

import re

import structlog

from core import ids

HEADER = "x-request-id"
WELL_FORMED = re.compile(r"[0-9A-Za-z._-]{1,64}")


def accept_request_id(given: str | None) -> str:
    """The id a caller gave if it is well-formed, else a new one."""
    if given and WELL_FORMED.fullmatch(given):
        return given
    return ids.make_uid().hex


def current_request_id() -> str:
    """Id of the request this code runs for, as bound in structlog's context; empty outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
