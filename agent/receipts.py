"""
Receipts: the agent's own signed statement of each attempt, and the journal that keeps them.

A receipt's body is a domain tag, a newline, and a JSON object; the Ed25519 signature is over those
bytes exactly as they stand, so whoever has the body, the signature and the public key can check it
with no other knowledge. Each body carries the hash of the one before, so a missing one shows.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.usage import Usage

DOMAIN_TAG = b"jouleport-receipt-v1\n"
KEY_FILE = "agent.key"
JOURNAL_FILE = "receipts.sqlite3"
KEY_ID_LENGTH = 16
# About 100 MB. Beyond it the oldest are given up: a receipt protects its owner but earns nothing
# by itself, so a market that never acknowledges must not fill the disk.
RECEIPTS_MAX = 100_000
BATCH_MAX = 100

log = logging.getLogger("jouleport.agent.receipts")


class StateUnusable(Exception):
    """The state folder cannot be used. The message says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The agent's key pair. `public` is the raw key; `key_id` is short enough to read aloud."""

    private: Ed25519PrivateKey
    public: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a receipt says of one attempt. Hashes are of the bytes as the agent got and sent them."""

    attempt_uid: str
    receipt_uid: str
    card_uid: str
    nonce: str
    request_sha256: str
    response_sha256: str
    response_bytes: int
    status: int | None
    outcome: str
    usage: Usage
    microjoules: int
    tier: str
    started_at: datetime
    ended_at: datetime
    span_ms: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A signed statement as it is kept and sent."""

    attempt_uid: str
    body: bytes
    signature: bytes

    def as_control(self) -> dict[str, Any]:
        """The form it has inside frames."""
        return {"body": self.body, "signature": self.signature}


def load_identity(*, state: Path) -> Identity:
    """
    Read the key in the state folder; make it at the first start, readable by the owner alone.

    :raises StateUnusable: the folder or the key cannot be read or written, or others may read it
    """
    file = state / KEY_FILE
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if file.stat().st_mode & 0o077:
                raise StateUnusable(f"{file} can be read by others: chmod 600 it") from None
        else:
            with os.fdopen(descriptor, "w") as new:
                new.write(Ed25519PrivateKey.generate().private_bytes_raw().hex() + "\n")
                new.flush()
                os.fsync(new.fileno())
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.read_text().strip()))
    except OSError as error:
        raise StateUnusable(f"the state folder {state} cannot be used: {error.strerror}") from error
    except ValueError as error:
        raise StateUnusable(f"{file} holds no key") from error
    public = private.public_key().public_bytes_raw()
    return Identity(private, public, identify_key(public))


def identify_key(public: bytes) -> str:
    """Give the short name of a public key."""
    return sha256(public).hexdigest()[:KEY_ID_LENGTH]


def write_body(statement: Statement, *, key_id: str, previous: str | None) -> bytes:
    """Give the bytes to sign."""
    facts = {
        "attempt_uid": statement.attempt_uid,
        "card_uid": statement.card_uid,
        "ended_at": statement.ended_at.isoformat(),
        "joules": f"{statement.microjoules // 1_000_000}.{statement.microjoules % 1_000_000:06d}",
        "attribution": "apportioned",
        "key_id": key_id,
        "nonce": statement.nonce,
        "outcome": statement.outcome,
        "previous": previous,
        "receipt_uid": statement.receipt_uid,
        "request_sha256": statement.request_sha256,
        "response_bytes": statement.response_bytes,
        "response_sha256": statement.response_sha256,
        "span_ms": statement.span_ms,
        "started_at": statement.started_at.isoformat(),
        "status": statement.status,
        "tier": statement.tier,
        "tokens": {
            "cached": statement.usage.tokens_cached,
            "in": statement.usage.tokens_in,
            "out": statement.usage.tokens_out,
        },
    }
    return DOMAIN_TAG + json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()


class Journal:
    """
    Receipts in SQLite until the market has acknowledged them. Used from one thread.

    `synchronous=NORMAL` with a write-ahead log keeps everything when the process is killed; a power
    cut may cost the last moments' receipts, which is not worth a disk flush per job.

    :raises StateUnusable: the file cannot be opened or is no journal
    """

    def __init__(self, *, state: Path, identity: Identity, receipts_max: int = RECEIPTS_MAX) -> None:
        self._identity = identity
        self._receipts_max = receipts_max
        try:
            self._database = sqlite3.connect(
                state / JOURNAL_FILE, isolation_level=None, check_same_thread=False, timeout=5
            )
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS receipt (position INTEGER PRIMARY KEY AUTOINCREMENT,"
                " attempt_uid TEXT UNIQUE NOT NULL, body BLOB NOT NULL, signature BLOB NOT NULL)"
            )
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS chain (only INTEGER PRIMARY KEY CHECK (only = 1), head TEXT)"
            )
            self._database.execute("INSERT OR IGNORE INTO chain VALUES (1, NULL)")
            (self._count,) = self._database.execute("SELECT count(*) FROM receipt").fetchone()
        except sqlite3.Error as error:
            raise StateUnusable(f"the journal {state / JOURNAL_FILE} cannot be used: {error}") from error

    def append(self, statement: Statement) -> Receipt:
        """Sign a statement and keep it; the chain and the receipt are written together."""
        (previous,) = self._database.execute("SELECT head FROM chain").fetchone()
        body = write_body(statement, key_id=self._identity.key_id, previous=previous)
        receipt = Receipt(statement.attempt_uid, body, self._identity.private.sign(body))
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.execute(
                "INSERT INTO receipt (attempt_uid, body, signature) VALUES (?, ?, ?)",
                (receipt.attempt_uid, receipt.body, receipt.signature),
            )
            self._database.execute("UPDATE chain SET head = ?", (sha256(body).hexdigest(),))
            self._database.execute("COMMIT")
        except sqlite3.Error:
            self._database.execute("ROLLBACK")
            raise
        self._count += 1
        self._give_up_oldest()
        return receipt

    def _give_up_oldest(self) -> None:
        if self._count <= self._receipts_max:
            return
        dropped = self._database.execute(
            "DELETE FROM receipt WHERE position IN (SELECT position FROM receipt ORDER BY position LIMIT ?)",
            (self._count - self._receipts_max,),
        ).rowcount
        self._count -= dropped
        log.warning("journal full, oldest receipts given up", extra={"receipts": dropped})

    def forget(self, attempt_uids: Iterable[str]) -> None:
        """Drop receipts that the market has stored or will never store."""
        rows = [(uid,) for uid in attempt_uids]
        self._count -= self._database.executemany("DELETE FROM receipt WHERE attempt_uid = ?", rows).rowcount

    def pending(self, *, after: int = 0, limit: int = BATCH_MAX) -> Sequence[tuple[int, Receipt]]:
        """Give receipts not yet acknowledged, oldest first, with their positions."""
        rows = self._database.execute(
            "SELECT position, attempt_uid, body, signature FROM receipt"
            " WHERE position > ? ORDER BY position LIMIT ?",
            (after, limit),
        ).fetchall()
        return [(position, Receipt(uid, body, signature)) for position, uid, body, signature in rows]

    def close(self) -> None:
        """Write everything home and close the file."""
        self._database.close()
