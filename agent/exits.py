"""Why the program ends: exit codes, and which refusals of a relay are final."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command; also in the epilogue of --help."""

    DRAINED = 0
    NOT_PROVEN = 1
    OPTIONS = 2
    TOKEN_REFUSED = 3
    PROTOCOL_REFUSED = 4
    UPSTREAM_UNREACHABLE = 5
    REPLACED = 6
    STATE_UNUSABLE = 7
    PROBLEMS = 8
    ENROLMENT_REFUSED = 9
    NOT_RUNNING = 10
    MARKET_UNREACHABLE = 11


class AgentStopped(Exception):
    """There is no use in trying again. Carries the exit code."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


FINAL_REFUSALS = {
    "token_refused": Exit.TOKEN_REFUSED,
    "token_revoked": Exit.TOKEN_REFUSED,
    "node_retired": Exit.TOKEN_REFUSED,
    "protocol_unsupported": Exit.PROTOCOL_REFUSED,
    "hello_refused": Exit.PROTOCOL_REFUSED,
    "key_mismatch": Exit.REPLACED,
    "replaced": Exit.REPLACED,
}
