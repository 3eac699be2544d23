"""
Who is asking: buyers' API keys, looked up once in a few seconds and forgotten at once when revoked.

The cache only spares the lookup; admission checks the key again in its own transaction. While revocations
cannot be heard nothing is taken from the cache, and while PostgreSQL is away nobody new is let in.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from accounts import tokens
from core.money import PRICE_PLACES
from core.quantities import EXACT
from gateway.database import DatabaseAway, DatabaseBusy, Links
from gateway.errors import ApiError, unavailable

CACHE_MAX = 50_000
QUERY = """
    SELECT key_id, org_id, mode, revoked, expires_at, currencies, exchanged, rates,
           key_requests, key_tokens, key_concurrent, org_requests, org_tokens, org_concurrent
      FROM key_v3(%s)
"""


class KeyLimits(NamedTuple):
    """Limits of a key and of its organization, as they are stored; None says nothing."""

    key_requests: int | None = None
    key_tokens: int | None = None
    key_concurrent: int | None = None
    org_requests: int | None = None
    org_tokens: int | None = None
    # Of all its keys together; the two above are for each.
    org_concurrent: int | None = None


class Key(NamedTuple):
    """
    A known key: who pays, with wallets in which currencies (the first opened first), and its limits.

    `exchanged` are currencies of prices that one of those wallets pays at a standing quote; `rates` say what
    a unit of all these is worth in the first wallet's, in 1e-18, where that is known.
    """

    key_id: int
    organization_id: int
    mode: str
    revoked: bool
    expires_at: datetime | None
    currencies: tuple[str, ...]
    limits: KeyLimits = KeyLimits()
    exchanged: tuple[str, ...] = ()
    rates: tuple[tuple[str, int], ...] = ()

    @property
    def is_test(self) -> bool:
        """Whether it reaches simulated models only, for test money; its currencies say so too."""
        return self.mode == "TEST"


class Keys:
    """Finds keys. `is_listening` says whether revocations are heard at this moment."""

    def __init__(self, links: Links, *, seconds: float, is_listening: Callable[[], bool]) -> None:
        self._links = links
        self._seconds = seconds
        self._is_listening = is_listening
        self._revocations = 0
        # By digest: until when (monotonic), the key or None, and the end of its life (seconds since 1970).
        self._cache: dict[bytes, tuple[float, Key, float]] = {}

    def forget(self, digest: bytes) -> None:
        """Drop one key: it was revoked."""
        self._revocations += 1
        self._cache.pop(digest, None)

    def forget_key(self, key: Key) -> None:
        """Drop a key that admission found revoked."""
        self._cache = {digest: entry for digest, entry in self._cache.items() if entry[1] is not key}

    def forget_all(self) -> None:
        """Drop everything: revocations may have been missed."""
        self._revocations += 1
        self._cache.clear()

    def recall(self, authorization: bytes) -> Key | None:
        """The key of an Authorization header if it was found a moment ago."""
        entry = self._cache.get(hashlib.sha256(authorization.partition(b" ")[2].strip()).digest())
        return None if entry is None or entry[0] <= time.monotonic() else entry[1]

    async def find(self, authorization: bytes) -> Key:
        """
        Find the key of an Authorization header.

        :raises ApiError: 401 without a valid key, 503 while keys cannot be looked up
        """
        scheme, _, secret = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not secret:
            raise _refuse(
                "Send your API key in the Authorization header: Bearer jp_live_…", "missing_api_key"
            )
        digest = hashlib.sha256(secret.strip()).digest()
        entry = self._cache.get(digest)
        if (
            entry is not None
            and entry[0] > time.monotonic()
            and entry[2] > time.time()
            and self._is_listening()
        ):
            return entry[1]
        return await self._look_up(secret.strip(), digest)

    async def _look_up(self, secret: bytes, digest: bytes) -> Key:
        try:
            token = tokens.parse_token(secret.decode("ascii"))
        except (tokens.MalformedToken, UnicodeDecodeError):
            raise _refuse("This is not a well-formed API key.") from None
        if token.kind is tokens.TokenKind.NODE:
            raise _refuse("This is an agent's token, not an API key.")
        began, revocations = time.monotonic(), self._revocations
        try:
            rows = await self._links.fetch(QUERY, [digest])
        except (DatabaseAway, DatabaseBusy):
            raise unavailable("Keys cannot be checked at the moment.") from None
        if not rows:
            raise _refuse("This API key is not valid.")
        key_id, organization_id, mode, revoked, expires_at, currencies, exchanged, rates, *limits = rows[0]
        key = Key(
            *(key_id, organization_id, mode, revoked, expires_at, tuple(currencies)),
            limits=KeyLimits(*limits),
            exchanged=tuple(exchanged),
            rates=_read_rates(currencies + exchanged, rates),
        )
        ends = key.expires_at.timestamp() if key.expires_at is not None else float("inf")
        if key.revoked or ends <= time.time():
            raise _refuse("This API key is not valid.")
        # A revocation that was heard meanwhile may be the one this answer does not know of yet.
        if self._is_listening() and revocations == self._revocations:
            if len(self._cache) >= CACHE_MAX:
                self._cache.clear()
            self._cache[digest] = (began + self._seconds, key, ends)
        return key


def _read_rates(currencies: list[str], rates: list[Decimal | None]) -> tuple[tuple[str, int], ...]:
    """What there is to compare with; nothing where one currency stands alone."""
    known = [
        (currency, int(EXACT.scaleb(rate, PRICE_PLACES)))
        for currency, rate in zip(currencies, rates, strict=True)
        if rate is not None
    ]
    return tuple(known) if len(known) > 1 else ()


def _refuse(message: str, code: str = "invalid_api_key") -> ApiError:
    # Unknown, revoked and expired read alike: which of them is nobody's business.
    return ApiError(401, code, message, retry=False)
