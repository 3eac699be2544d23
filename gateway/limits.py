"""
How much a key may ask for: requests and tokens in a minute, and requests at once, of it and its organization.

Every request enters before it is admitted and leaves when it has ended. What all requests of one pass of
the event loop need goes to Redis in one call (`gateway.limit_script`), where all gateways count together.
Money is not guarded here but in PostgreSQL: while Redis is away requests pass, and each gateway counts only
the places at its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from gateway.keys import Key
from gateway.limit_script import SCRIPT
from gateway.pipe import Answer, Pipe

# A gateway that is killed holds its places this long.
LEASE_SECONDS = 5.0
RENEW_SECONDS = 1.0
# Without an answer for so long requests pass; a healthy Redis needs a thousandth of it.
ANSWER_SECONDS_MAX = 0.25
# Ended requests tell Redis within this time, or with the next request.
SETTLE_SECONDS = 0.005
GROUPS_MAX = 200
ACCOUNTS_MAX = 20_000
# The cost of a request that only reads.
READING = -1

_answer_decoder = msgspec.msgpack.Decoder(list[Any])
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rates:
    """
    What a key gets for which nobody has set anything else. `organization_concurrent` is of all its keys.

    A key that abandons `disconnects_per_minute` requests before they were worth their prompt, without one
    that ran to its end for each, is barred for `bar_seconds`.
    """

    requests_per_minute: int = 6_000
    tokens_per_minute: int = 4_000_000
    concurrent: int = 256
    organization_concurrent: int = 1_024
    disconnects_per_minute: int = 30
    bar_seconds: int = 60


class Verdict(NamedTuple):
    """
    What became of a request at the limits: `ok`, or the one it ran into.

    `requests` and `tokens` are how much of the key's minute is used; `wait` is in milliseconds.
    """

    word: str
    requests: float
    tokens: float
    wait: int


class Place(NamedTuple):
    """A request that waits for its verdict."""

    future: asyncio.Future[Verdict]
    cost: int


class House:
    """An organization, as far as its requests run here."""

    __slots__ = ("concurrent", "name", "running")

    def __init__(self, organization_id: int) -> None:
        self.name = f"limits:organization:{organization_id}"
        self.concurrent = 0
        self.running = 0


class Account:
    """A key, as far as its requests run here, and what Redis last said of it."""

    __slots__ = (
        "at",
        "concurrent",
        "disconnects",
        "house",
        "key",
        "name",
        "queued",
        "requests",
        "requests_per_minute",
        "running",
        "tokens",
        "tokens_owed",
        "tokens_per_minute",
        "waiting",
    )

    def __init__(self, key: Key, house: House) -> None:
        self.name = f"limits:key:{key.key_id}"
        self.house = house
        self.running = 0
        self.waiting: list[Place] = []
        self.tokens_owed = 0
        self.disconnects = 0
        self.queued = False
        self.requests = 0.0
        self.tokens = 0.0
        self.at = 0.0

    def adopt(self, key: Key, rates: Rates) -> None:
        """Take over a key's limits: its own, but not more than its organization's, or else the platform's."""
        self.key = key
        own = key.limits
        self.requests_per_minute = _choose(own.key_requests, own.org_requests, rates.requests_per_minute)
        self.tokens_per_minute = _choose(own.key_tokens, own.org_tokens, rates.tokens_per_minute)
        self.house.concurrent = own.org_concurrent or rates.organization_concurrent
        # A key without a limit of its own may have what its organization has, if that was set for it.
        self.concurrent = _choose(own.key_concurrent, own.org_concurrent, rates.concurrent)

    def estimate(self) -> tuple[float, float]:
        """Used requests and tokens by now, by what Redis last said."""
        minutes = (time.monotonic() - self.at) / 60
        requests = max(0.0, self.requests - minutes * self.requests_per_minute)
        return requests, max(0.0, self.tokens - minutes * self.tokens_per_minute)


def _choose(own: int | None, above: int | None, default: int) -> int:
    ceiling = above or default
    return min(own or ceiling, ceiling)


class Limiter:
    """Decides about requests, with one call to Redis in flight."""

    def __init__(self, redis_url: str, *, rates: Rates) -> None:
        self.rates = rates
        self.pipe = Pipe(redis_url, script=SCRIPT, seconds=ANSWER_SECONDS_MAX)
        self._me = uuid4().hex
        self._accounts: dict[int, Account] = {}
        self._houses: dict[int, House] = {}
        self._queue: list[Account] = []
        self._flight: list[tuple[Account, list[Place]]] | None = None
        self._flush_soon: asyncio.Handle | None = None
        self._flush_later: asyncio.TimerHandle | None = None

    def find_account(self, key: Key) -> Account:
        """What is known of a key here."""
        account = self._accounts.get(key.key_id)
        if account is None:
            if len(self._accounts) >= ACCOUNTS_MAX:
                self._forget_idle()
            house = self._houses.get(key.organization_id)
            if house is None:
                house = self._houses[key.organization_id] = House(key.organization_id)
            account = self._accounts[key.key_id] = Account(key, house)
            account.adopt(key, self.rates)
        elif account.key is not key:
            account.adopt(key, self.rates)
        return account

    def _forget_idle(self) -> None:
        self._accounts = {
            key_id: account
            for key_id, account in self._accounts.items()
            if account.running or account.queued or account.waiting or self._flight
        }
        houses = {id(account.house) for account in self._accounts.values()}
        self._houses = {
            organization_id: house
            for organization_id, house in self._houses.items()
            if house.running or id(house) in houses
        }

    async def enter(self, account: Account, *, cost: int) -> Verdict:
        """Ask for `cost` tokens and a place, or `READING`. Who got a place gives it back with `leave`."""
        if not self.pipe.connected:
            return self._judge_alone(account, cost)
        place = Place(asyncio.get_running_loop().create_future(), cost)
        account.waiting.append(place)
        self._enqueue(account)
        if self._flight is None and self._flush_soon is None:
            self._flush_soon = asyncio.get_running_loop().call_soon(self._flush)
        try:
            return await place.future
        except asyncio.CancelledError:
            if not place.future.cancelled() and place.future.result().word == "ok" and cost != READING:
                self.leave(account, tokens=-cost)
            raise

    def leave(self, account: Account, *, tokens: int = 0, disconnects: int = 0) -> None:
        """Give a place back; `tokens` is what was used beyond what was asked for, often less than nothing."""
        account.running -= 1
        account.house.running -= 1
        account.tokens_owed += tokens
        account.disconnects += disconnects
        self._enqueue(account)
        if self._flight is None and self._flush_soon is None and self._flush_later is None:
            self._flush_later = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._flush)

    def _enqueue(self, account: Account) -> None:
        if not account.queued:
            account.queued = True
            self._queue.append(account)

    def _judge_alone(self, account: Account, cost: int) -> Verdict:
        """Without Redis only the places here are counted."""
        requests, tokens = account.estimate()
        if cost != READING:
            if account.running >= account.concurrent:
                return Verdict("key", requests, tokens, 0)
            if account.house.running >= account.house.concurrent:
                return Verdict("organization", requests, tokens, 0)
            account.running += 1
            account.house.running += 1
        return Verdict("ok", requests, tokens, 0)

    def _flush(self) -> None:
        if self._flush_soon is not None:
            self._flush_soon.cancel()
        if self._flush_later is not None:
            self._flush_later.cancel()
        self._flush_soon = self._flush_later = None
        if self._flight is not None or not self._queue:
            return
        batch, self._queue = self._queue[:GROUPS_MAX], self._queue[GROUPS_MAX:]
        self._flight, groups = [], []
        for account in batch:
            waiting, account.waiting, account.queued = account.waiting, [], False
            self._flight.append((account, waiting))
            groups.append(_describe(account, waiting))
            account.tokens_owed = account.disconnects = 0
        rates = self.rates
        message = (
            self._me,
            int(LEASE_SECONDS * 1000),
            rates.disconnects_per_minute,
            rates.bar_seconds * 1000,
            groups,
        )
        self.pipe.call(msgspec.msgpack.encode(message), self._land)

    def _land(self, answer: Answer) -> None:
        flight, self._flight = self._flight or [], None
        verdicts = iter(_read_verdicts(answer, count=sum(len(waiting) for _, waiting in flight)))
        now = time.monotonic()
        for account, waiting in flight:
            for place in waiting:
                verdict = next(verdicts, None)
                if verdict is None:
                    verdict = self._judge_alone(account, place.cost)
                else:
                    account.requests, account.tokens, account.at = verdict.requests, verdict.tokens, now
                    if verdict.word == "ok" and place.cost != READING:
                        account.running += 1
                        account.house.running += 1
                if not place.future.done():
                    place.future.set_result(verdict)
                elif verdict.word == "ok" and place.cost != READING:
                    # Nobody waits for it any more.
                    self.leave(account, tokens=-place.cost)
        if self._queue:
            self._flush()

    async def run(self) -> None:
        """Say every second how many requests run here, until cancelled."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            for account in self._accounts.values():
                if account.running:
                    self._enqueue(account)
            if self.pipe.connected:
                self._flush()

    async def close(self) -> None:
        """Give back what this gateway still holds, if Redis listens."""
        for account in self._accounts.values():
            if account.running:
                account.running = account.house.running = 0
                self._enqueue(account)
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while self.pipe.connected and (self._queue or self._flight) and time.monotonic() < deadline:
            self._flush()
            await asyncio.sleep(0.005)
        for handle in (self._flush_soon, self._flush_later):
            if handle is not None:
                handle.cancel()
        self.pipe.close()


def _read_verdicts(answer: Answer, *, count: int) -> list[Verdict]:
    """A verdict for each of `count` requests, or none at all."""
    if answer is None:
        return []
    try:
        words = _answer_decoder.decode(answer)
    except msgspec.MsgspecError:
        words = []
    if len(words) != 4 * count:
        logger.warning("Redis gave no answer that fits about limits")
        return []
    return [Verdict(*words[first : first + 4]) for first in range(0, len(words), 4)]


def _describe(account: Account, waiting: list[Place]) -> tuple[object, ...]:
    house = account.house
    return (
        account.name,
        house.name,
        account.requests_per_minute,
        account.tokens_per_minute,
        account.concurrent,
        house.concurrent,
        account.running,
        house.running,
        account.tokens_owed,
        account.disconnects,
        [place.cost for place in waiting],
    )
