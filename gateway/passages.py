"""
A request's way through the limits of its key, and what every answer says of them in OpenAI's headers.
"""

from __future__ import annotations

import time
from math import ceil
from typing import Any

from gateway.attempts import BUYER_GONE
from gateway.errors import ApiError
from gateway.keys import Key
from gateway.limits import READING, Account, Limiter
from workers.bodies import ModelRequest

EXCEEDED = "rate_limit_exceeded"
# What a request uses that says nothing: four bytes a token, and answers of this length.
EXPECTED_BYTES_PER_TOKEN = 4
EXPECTED_OUTPUT_TOKENS = 256
# Until a place becomes free nobody can say how long it takes.
PLACE_WAIT_MILLISECONDS = 1000
# Delivered tokens from which on an answer was worth the prompt that was read for it.
EARLY_TOKENS_MAX = 4

type Headers = list[tuple[bytes, bytes]]


class RateLimited(ApiError):
    """A key asks for more than it may. `kind` is OpenAI's: `requests` or `tokens`; `wait` in milliseconds."""

    def __init__(
        self, code: str, message: str, *, kind: str, wait: int, retry: bool, details: dict[str, Any]
    ) -> None:
        super().__init__(429, code, message, retry=retry, retry_after=ceil(wait / 1000), details=details)
        self.kind = kind
        self.wait = wait

    def describe(self) -> dict[str, Any]:
        """The error object."""
        return super().describe() | {"type": self.kind}

    def headers(self) -> Headers:
        """Headers beyond the usual ones: the SDKs read milliseconds first."""
        return [*super().headers(), (b"retry-after-ms", b"%d" % self.wait)]


class Passage:
    """One request at the limits. Until its key is known there is nothing to say of them."""

    __slots__ = ("_account", "_began", "_cost", "_inside", "_limiter", "_requests", "_tokens")

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._limiter: Limiter | None = None
        self._account: Account | None = None
        self._cost = 0
        self._inside = False
        self._requests = 0.0
        self._tokens = 0.0

    @property
    def is_known(self) -> bool:
        """Whether it is known whose request this is."""
        return self._account is not None

    def know(self, limiter: Limiter, key: Key) -> None:
        """Be ready to say how much a key may ask for, although nothing is asked for."""
        if self._account is None:
            self._limiter, self._account = limiter, limiter.find_account(key)
            self._requests, self._tokens = self._account.estimate()

    async def enter(self, limiter: Limiter, key: Key, *, tokens: int) -> None:
        """
        Go in, expecting to use `tokens`. Whoever does calls `leave` in the end.

        :raises RateLimited: the key, or its organization, asks for more than it may
        """
        self.know(limiter, key)
        account = limiter.find_account(key)
        # Whoever expects more than a whole minute's tokens waits for a whole minute's, and may then go in.
        self._cost = cost = min(tokens, account.tokens_per_minute)
        await self._ask(limiter, account, cost)
        self._inside = True

    async def read(self, limiter: Limiter, key: Key) -> None:
        """
        Pass by with a request that only reads.

        :raises RateLimited: the key sends more requests than it may
        """
        self.know(limiter, key)
        await self._ask(limiter, limiter.find_account(key), READING)

    async def _ask(self, limiter: Limiter, account: Account, cost: int) -> None:
        word, self._requests, self._tokens, wait = await limiter.enter(account, cost=cost)
        if word != "ok":
            raise _refuse(word, account, wait)

    def leave(self, *, ended_how: str, tokens_in: int, tokens_out: int) -> None:
        """Come out again: what was used takes the place of what was expected."""
        limiter, account = self._limiter, self._account
        if not self._inside or limiter is None or account is None:
            return
        self._inside = False
        disconnects = 0
        if ended_how == BUYER_GONE and tokens_out <= EARLY_TOKENS_MAX:
            disconnects = 1
        elif ended_how == "complete":
            disconnects = -1
        limiter.leave(account, tokens=tokens_in + tokens_out - self._cost, disconnects=disconnects)

    def make_headers(self) -> Headers:
        """What an answer says whose head is sent now."""
        milliseconds = b"%d" % ((time.monotonic() - self._began) * 1000)
        account = self._account
        if account is None:
            return [(b"openai-processing-ms", milliseconds)]
        requests, tokens = account.requests_per_minute, account.tokens_per_minute
        return [
            (b"openai-processing-ms", milliseconds),
            (b"x-ratelimit-limit-requests", b"%d" % requests),
            (b"x-ratelimit-limit-tokens", b"%d" % tokens),
            (b"x-ratelimit-remaining-requests", b"%d" % max(0, requests - self._requests)),
            (b"x-ratelimit-remaining-tokens", b"%d" % max(0, tokens - self._tokens)),
            (b"x-ratelimit-reset-requests", format_span(self._requests * 60_000 / requests)),
            (b"x-ratelimit-reset-tokens", format_span(self._tokens * 60_000 / tokens)),
        ]


def estimate_tokens(request: ModelRequest) -> int:
    """What a request is expected to use until it has: what it allows itself, or a usual answer."""
    limit = EXPECTED_OUTPUT_TOKENS if request.limit is None else request.limit
    return request.text_bytes // EXPECTED_BYTES_PER_TOKEN + request.tokens + limit * request.choices


def format_span(milliseconds: float) -> bytes:
    """A span as OpenAI writes it: `0s`, `120ms`, `59s`, `6m0s`; rounded up."""
    if milliseconds <= 0:
        return b"0s"
    if milliseconds < 1000:
        return b"%dms" % ceil(milliseconds)
    seconds = ceil(milliseconds / 1000)
    return b"%ds" % seconds if seconds < 60 else b"%dm%ds" % divmod(seconds, 60)


def _refuse(word: str, account: Account, wait: int) -> RateLimited:
    match word:
        case "requests":
            name, allowed = "requests_per_minute", account.requests_per_minute
            message = f"This key may send {allowed} requests a minute."
        case "tokens":
            name, allowed = "tokens_per_minute", account.tokens_per_minute
            message = (
                f"This key may use {allowed} tokens a minute, counting what its requests allow themselves."
            )
        case "key":
            name, allowed, wait = "concurrent_requests", account.concurrent, PLACE_WAIT_MILLISECONDS
            message = f"This key may have {allowed} requests running at once."
        case "organization":
            name, allowed = "organization_concurrent_requests", account.house.concurrent
            wait = PLACE_WAIT_MILLISECONDS
            message = f"The keys of this organization may have {allowed} requests running at once."
        case _:
            message = (
                "Too many requests of this key were abandoned before their answers began or just after:"
                " prompts were read for nothing. It may ask again in a while."
            )
            return RateLimited(
                "early_disconnects",
                message,
                kind="requests",
                wait=wait,
                # The SDKs would wait silently; somebody should rather look at this.
                retry=False,
                details={"limit": "early_disconnects"},
            )
    details = {"limit": name, "allowed": allowed}
    kind = "tokens" if word == "tokens" else "requests"
    wait = max(1, wait)
    return RateLimited(EXCEEDED, message, kind=kind, wait=wait, retry=True, details=details)
