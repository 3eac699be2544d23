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
JOURNAL_BYTES_MAX = 200 * 1024 * 1024
# Above this share of it no new jobs are taken: those that run still get their receipts.
FULL_SHARE = 0.9
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


def make_identity(*, file: Path) -> Identity:
    """
    Make a key in a new file that its owner alone may read.

    :raises OSError: the file is there, or cannot be written
    """
    private = Ed25519PrivateKey.generate()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as new:
        new.write(private.private_bytes_raw().hex() + "\n")
        new.flush()
        os.fsync(new.fileno())
    return _identify(private)


def _identify(private: Ed25519PrivateKey) -> Identity:
    public = private.public_key().public_bytes_raw()
    return Identity(private, public, identify_key(public))


def load_identity(*, state: Path, name: str = KEY_FILE) -> Identity:
    """
    Read the key in the state folder; make it at the first start, readable by the owner alone.

    :raises StateUnusable: the folder or the key cannot be read or written, or others may read it
    """
    file = state / name
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return make_identity(file=file)
        except FileExistsError:
            if file.stat().st_mode & 0o077:
                raise StateUnusable(f"{file} can be read by others: chmod 600 it") from None
        return _identify(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.read_text().strip())))
    except OSError as error:
        raise StateUnusable(f"the state folder {state} cannot be used: {error.strerror}") from error
    except ValueError as error:
        raise StateUnusable(f"{file} holds no key") from error


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

    The file never grows beyond `bytes_max`; `full` says that no new jobs should be taken. Two processes
    may use it at once, while one takes over from the other.

    :raises StateUnusable: the file cannot be opened or is no journal
    """

    def __init__(self, *, state: Path, identity: Identity, bytes_max: int = JOURNAL_BYTES_MAX) -> None:
        self._identity = identity
        self.file = state / JOURNAL_FILE
        self.full = False
        self.waiting = 0
        try:
            self._database = sqlite3.connect(
                self.file, isolation_level=None, check_same_thread=False, timeout=5
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
            (page,) = self._database.execute("PRAGMA page_size").fetchone()
            self._pages_max = max(bytes_max // page, 1)
            self._database.execute(f"PRAGMA max_page_count = {self._pages_max}")
            # What a burst leaves behind is given back at the next checkpoint.
            self._database.execute(f"PRAGMA journal_size_limit = {max(bytes_max // 10, page)}")
            self.count()
            self.measure()
        except sqlite3.Error as error:
            raise StateUnusable(f"the journal {self.file} cannot be used: {error}") from error

    def append(self, statement: Statement) -> Receipt:
        """Sign a statement and keep it; the chain and the receipt are written together."""
        # The head is read inside: another process may be writing the chain too.
        self._database.execute("BEGIN IMMEDIATE")
        try:
            (previous,) = self._database.execute("SELECT head FROM chain").fetchone()
            body = write_body(statement, key_id=self._identity.key_id, previous=previous)
            receipt = Receipt(statement.attempt_uid, body, self._identity.private.sign(body))
            self._database.execute(
                "INSERT INTO receipt (attempt_uid, body, signature) VALUES (?, ?, ?)",
                (receipt.attempt_uid, receipt.body, receipt.signature),
            )
            self._database.execute("UPDATE chain SET head = ?", (sha256(body).hexdigest(),))
            self._database.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise
        self.waiting += 1
        self.measure()
        return receipt

    def _roll_back(self) -> None:
        # A full disk may have ended the transaction already.
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def forget(self, attempt_uids: Iterable[str]) -> None:
        """Drop receipts that the market has stored or will never store."""
        rows = [(uid,) for uid in attempt_uids]
        self._database.executemany("DELETE FROM receipt WHERE attempt_uid = ?", rows)
        self.count()
        self.measure()

    def prove(self) -> None:
        """
        Write something that changes nothing.

        :raises sqlite3.Error: the journal cannot be written: its disk is full, or gone
        """
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.execute("UPDATE chain SET head = head")
            self._database.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise
        self.measure()

    def count(self) -> None:
        """Count what waits anew: another process may have added or dropped some."""
        (self.waiting,) = self._database.execute("SELECT count(*) FROM receipt").fetchone()

    def measure(self) -> None:
        """Look at how much room is left."""
        (pages,) = self._database.execute("PRAGMA page_count").fetchone()
        (free,) = self._database.execute("PRAGMA freelist_count").fetchone()
        self.full = pages - free > FULL_SHARE * self._pages_max

    @property
    def size(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        files = (self.file, self.file.with_name(self.file.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

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
