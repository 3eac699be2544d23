"""Asks a source over the guarded HTTP client, a bounded number of times."""

import time
from collections.abc import Callable

from core import outgoing
from core.errors import DomainError
from core.outgoing import AnswerTooLarge, CallFailed, GuardedTransport, Policy, RedirectRefused
from marketplace.feeds.requests import Request

# Together less than half of what a task may take.
POLICY = Policy(deadline_seconds=6.0, answer_bytes_max=8 * 1_048_576)
PAUSES_SECONDS = (1.0, 3.0)
PAUSE_SECONDS_MAX = 5.0
OK, TOO_MANY, SERVER_ERROR = 200, 429, 500


class SourceRefused(DomainError):
    """A source answered with something else than 200."""

    status = 502
    code = "source_refused"


def fetch(
    request: Request,
    *,
    transport: GuardedTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> bytes:
    """
    The body of the answer; three tries where another may help.

    :raises SourceRefused: if the source says no, or still stumbles at the last try
    :raises core.outgoing.CallFailed: if it cannot be reached at the last try
    :raises core.addresses.AddressRefused: if its address is none we call
    """
    transport = transport or GuardedTransport(POLICY)
    for pause in (*PAUSES_SECONDS, None):
        try:
            answer = outgoing.call(
                method="GET", url=request.url, headers=request.headers, transport=transport
            )
        except (AnswerTooLarge, RedirectRefused):
            raise
        except CallFailed:
            if pause is None:
                raise
            sleep(pause)
            continue
        if answer.status == OK:
            return answer.body
        again = answer.status == TOO_MANY or answer.status >= SERVER_ERROR
        if pause is None or not again:
            raise SourceRefused(f"The source answered {answer.status}.", answered=answer.status)
        sleep(min(max(pause, _read_wait(answer.headers.get("retry-after", ""))), PAUSE_SECONDS_MAX))
    raise AssertionError("the last try returns or raises")


def _read_wait(text: str) -> float:
    """Seconds that a source asks to be left alone; a date is not worth reading for so short a wait."""
    return float(text) if text.isdigit() else 0.0
