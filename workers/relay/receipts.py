"""Receipts as they come in: checked against the pinned key, stored in batches, then acknowledged."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta
from psycopg_pool import PoolTimeout

from core.metrics import Counts
from workers import protocol, tickets

DOMAIN_TAG = b"jouleport-receipt-v1\n"
KEY_ID_LENGTH = 16
BATCH_MAX = 200
WAITING_MAX = 5_000
RETRY_SECONDS = 1.0
GATHER_SECONDS = 0.1
JOULES_MAX = Decimal(10) ** 13
SPAN_MAX = timedelta(days=1)
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
# How far an agent's clock may run ahead of ours.
AHEAD_MAX = timedelta(days=1)

log = logging.getLogger("jouleport.relay.receipts")

Tokens = Annotated[int, Meta(ge=0, le=2**53)]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class ReceiptRefused(Exception):
    """The receipt will never be stored. The message says why."""


class Claimed(msgspec.Struct, rename={"tokens_in": "in", "tokens_cached": "cached", "tokens_out": "out"}):
    """Token counts that the agent saw; None where its model server said nothing."""

    tokens_in: Tokens | None
    tokens_cached: Tokens | None
    tokens_out: Tokens | None


class Statement(msgspec.Struct):
    """The part of a receipt's body that is looked at here; the whole body is stored."""

    key_id: str
    nonce: str
    attempt_uid: UUID
    receipt_uid: UUID
    card_uid: UUID
    request_sha256: Hash
    response_sha256: Hash
    tokens: Claimed
    joules: Decimal
    tier: protocol.Tier
    started_at: datetime
    ended_at: datetime
    previous: Hash | None


@dataclass(frozen=True, slots=True)
class Checked:
    """A receipt whose signature and nonce are right."""

    attempt_uid: UUID
    node_id: int
    body: bytes
    signature: bytes
    key_id: str
    previous_hash: bytes | None
    nonce: bytes
    claim_in: int | None
    claim_cached: int | None
    claim_out: int | None
    joules: Decimal
    tier: str
    started_at: datetime
    ended_at: datetime


def identify_key(public_key: bytes) -> str:
    """Give the short name of a public key."""
    return sha256(public_key).hexdigest()[:KEY_ID_LENGTH]


def read_statement(body: bytes) -> Statement:
    """
    Read what a body states, its signature not looked at.

    :raises ReceiptRefused: another domain, no JSON, or facts that cannot be
    """
    if not body.startswith(DOMAIN_TAG):
        raise ReceiptRefused("the body has another domain tag")
    try:
        statement = msgspec.json.decode(body[len(DOMAIN_TAG) :], type=Statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReceiptRefused(f"the body cannot be read: {error}") from error
    if not statement.joules.is_finite() or not 0 <= statement.joules <= JOULES_MAX:
        raise ReceiptRefused("the joules are out of range")
    if statement.started_at.tzinfo is None or statement.ended_at.tzinfo is None:
        raise ReceiptRefused("a time has no zone")
    if not timedelta(0) <= statement.ended_at - statement.started_at <= SPAN_MAX:
        raise ReceiptRefused("the time span cannot be")
    return statement


def check_receipt(
    receipt: protocol.Receipt,
    *,
    node_id: int,
    public_keys: Collection[bytes],
    ticket_secret: bytes,
    now: datetime,
) -> Checked:
    """
    Check a receipt against the node's pinned keys and the nonce its attempt was given.

    :raises ReceiptRefused: another domain or key, a wrong signature or nonce, or facts that cannot be
    """
    statement = read_statement(receipt.body)
    if not EARLIEST <= statement.started_at <= statement.ended_at <= now + AHEAD_MAX:
        # PostgreSQL keeps moments that no reader of ours can show.
        raise ReceiptRefused("the times are not of this day and age")
    public_key = next((key for key in public_keys if identify_key(key) == statement.key_id), None)
    if public_key is None:
        raise ReceiptRefused("another key signed it")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(receipt.signature, receipt.body)
    except InvalidSignature as error:
        raise ReceiptRefused("the signature is wrong") from error
    nonce = tickets.derive_nonce(
        ticket_secret, attempt_uid=statement.attempt_uid, receipt_uid=statement.receipt_uid
    )
    if not hmac.compare_digest(nonce.hex().encode(), statement.nonce.encode()):
        raise ReceiptRefused("the nonce was not given to this attempt")
    return Checked(
        attempt_uid=statement.attempt_uid,
        node_id=node_id,
        body=receipt.body,
        signature=receipt.signature,
        key_id=statement.key_id,
        previous_hash=bytes.fromhex(statement.previous) if statement.previous else None,
        nonce=nonce,
        claim_in=statement.tokens.tokens_in,
        claim_cached=statement.tokens.tokens_cached,
        claim_out=statement.tokens.tokens_out,
        joules=statement.joules,
        tier=statement.tier,
        started_at=statement.started_at,
        ended_at=statement.ended_at,
    )


Acknowledge = Callable[[list[UUID]], Awaitable[None]]


class Waiting(NamedTuple):
    """A receipt that is not stored yet; `came_at` in monotonic seconds."""

    receipt: Checked
    acknowledge: Acknowledge
    came_at: float


class Desk:
    """
    Stores receipts and acknowledges them afterwards, never before.

    While PostgreSQL is away at most WAITING_MAX wait here; any more are dropped unacknowledged, and
    their agents, which still have them, send them again.
    """

    def __init__(self, *, write: Callable[[Sequence[Checked]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: deque[Waiting] = deque()
        self._there = asyncio.Event()
        self.outcomes = Counts()

    @property
    def waiting(self) -> int:
        """How many receipts are not stored yet."""
        return len(self._waiting)

    def oldest_seconds(self, *, now: float) -> float:
        """How long the oldest of them has waited; `now` in monotonic seconds."""
        return now - self._waiting[0].came_at if self._waiting else 0.0

    def add(self, receipt: Checked, acknowledge: Acknowledge) -> None:
        """Take a receipt in."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(Waiting(receipt, acknowledge, time.monotonic()))
            self._there.set()
        else:
            self.outcomes.add("dropped")

    async def run(self) -> None:
        """Store what comes, until cancelled."""
        while True:
            await self._there.wait()
            # An insert costs the same for one as for many, and no agent is in a hurry.
            await asyncio.sleep(GATHER_SECONDS)
            self._there.clear()
            while self._waiting:
                await self.store_batch()

    async def store_batch(self) -> None:
        """Store one batch and acknowledge it; when PostgreSQL is away, wait a little."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
        try:
            await self._write([one.receipt for one in batch])
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("receipts wait", extra={"waiting": len(batch), "reason": str(error)[:200]})
            self._waiting.extendleft(reversed(batch))
            await asyncio.sleep(RETRY_SECONDS)
            return
        except psycopg.Error:
            # One row that PostgreSQL will not have must not hold up the others for ever.
            log.exception("receipts not stored")
            if len(batch) > 1:
                await self._store_each(batch)
            else:
                self.outcomes.add("failed")
            return
        await self._acknowledge(batch)

    async def _store_each(self, batch: Sequence[Waiting]) -> None:
        for one in batch:
            try:
                await self._write([one.receipt])
            except (psycopg.Error, PoolTimeout):
                self.outcomes.add("failed")
                log.exception("receipt not stored", extra={"attempt_uid": str(one.receipt.attempt_uid)})
            else:
                await self._acknowledge([one])

    async def _acknowledge(self, batch: Sequence[Waiting]) -> None:
        self.outcomes.add("stored", len(batch))
        by_agent: dict[Acknowledge, list[UUID]] = {}
        for one in batch:
            by_agent.setdefault(one.acknowledge, []).append(one.receipt.attempt_uid)
        for acknowledge, uids in by_agent.items():
            await acknowledge(uids)
