"""What the stand-in knows, in one SQLite file: objects as JSON, a clock that moves, ids from a seed."""

import hashlib
import json
import sqlite3
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LETTERS = string.ascii_letters + string.digits
ID_LENGTH = 24
SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, account TEXT NOT NULL,
    created INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, account, seq);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS repeat (
    account TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL,
    body BLOB NOT NULL, created INTEGER NOT NULL, PRIMARY KEY (account, key)
);
CREATE TABLE IF NOT EXISTS answer (method TEXT, path TEXT, status INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS alarm (at INTEGER NOT NULL, what TEXT NOT NULL, id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL,
    due REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT ''
);
"""

Body = dict[str, Any]


class Store:
    """One writer at a time; a request is one transaction."""

    def __init__(self, path: str | Path, *, seed: str = "stand-in") -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript(SCHEMA)
        self._lock = threading.RLock()
        self._seed = seed

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written inside."""
        with self._lock:
            nested = self._connection.in_transaction
            if not nested:
                self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if not nested:
                    self._connection.execute("ROLLBACK")
                raise
            if not nested:
                self._connection.execute("COMMIT")

    @contextmanager
    def attempt(self, kept: Callable[[BaseException], bool]) -> Iterator[None]:
        """Nothing of what is written inside stays if it fails, but for what `kept` wants to stay."""
        self._connection.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException as error:
            if not kept(error):
                self._connection.execute("ROLLBACK TO attempt")
            self._connection.execute("RELEASE attempt")
            raise
        self._connection.execute("RELEASE attempt")

    def execute(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement of the stand-in's own."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def clear(self) -> None:
        """Forget everything."""
        for table in ("object", "setting", "repeat", "delivery", "alarm", "answer"):
            self.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own

    # --- settings and time ------------------------------------------------------------------------

    def read(self, name: str, default: Any = None) -> Any:
        """A setting."""
        rows = self.execute("SELECT value FROM setting WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else default

    def write(self, name: str, value: Any) -> None:
        """Change a setting."""
        self.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, json.dumps(value))

    def now(self) -> int:
        """Seconds since 1970 by the stand-in's clock, which runs ahead by what it was advanced."""
        return int(time.time()) + int(self.read("advanced", 0))

    def make_id(self, prefix: str) -> str:
        """An id that the same seed gives again, in the same order."""
        number = int(self.read("numbers", 0)) + 1
        self.write("numbers", number)
        digest = int.from_bytes(hashlib.sha256(f"{self._seed}:{number}".encode()).digest(), "big")
        letters = []
        for _ in range(ID_LENGTH):
            digest, letter = divmod(digest, len(LETTERS))
            letters.append(LETTERS[letter])
        return f"{prefix}_{''.join(letters)}"

    def alarm(self, at: int, what: str, identity: str) -> None:
        """Have something happen to an object at a moment of the clock."""
        self.execute("INSERT INTO alarm VALUES (?, ?, ?)", at, what, identity)

    def take_alarms(self) -> list[tuple[str, str]]:
        """What is due by now and was not taken: what, and to which object; in the order of its moments."""
        now = self.now()
        rows = self.execute("SELECT what, id FROM alarm WHERE at <= ? ORDER BY at, rowid", now)
        if rows:
            self.execute("DELETE FROM alarm WHERE at <= ?", now)
        return [(str(what), str(identity)) for what, identity in rows]

    # --- objects ----------------------------------------------------------------------------------

    def add(self, kind: str, body: Body, *, account: str = "") -> Body:
        """Keep a new object."""
        self.execute(
            "INSERT INTO object (id, kind, account, created, body) VALUES (?, ?, ?, ?, ?)",
            *(body["id"], kind, account, body.get("created", self.now()), json.dumps(body)),
        )
        return body

    def remove(self, identity: str) -> None:
        """Forget an object."""
        self.execute("DELETE FROM object WHERE id = ?", identity)

    def save(self, body: Body) -> Body:
        """Keep what an object has become."""
        self.execute("UPDATE object SET body = ? WHERE id = ?", json.dumps(body), body["id"])
        return body

    def get(self, kind: str, identity: str, *, account: str = "") -> Body | None:
        """An object by its id."""
        rows = self.execute(
            "SELECT body FROM object WHERE id = ? AND kind = ? AND account = ?", identity, kind, account
        )
        return json.loads(rows[0][0]) if rows else None

    def find(self, identity: str) -> Body | None:
        """An object by its id, of whatever kind and whoever's."""
        rows = self.execute("SELECT body FROM object WHERE id = ?", identity)
        return json.loads(rows[0][0]) if rows else None

    def account_of(self, identity: str) -> str:
        """The connected account that an object belongs to; empty for the platform's own."""
        rows = self.execute("SELECT account FROM object WHERE id = ?", identity)
        return str(rows[0][0]) if rows else ""

    def all(self, kind: str, *, account: str = "") -> list[Body]:
        """Every object of a kind, newest first."""
        rows = self.execute(
            "SELECT body FROM object WHERE kind = ? AND account = ? ORDER BY seq DESC", kind, account
        )
        return [json.loads(body) for (body,) in rows]

    def page(
        self,
        kind: str,
        *,
        account: str,
        keep: Callable[[Body], bool],
        limit: int,
        after: str | None,
        before: str | None,
    ) -> tuple[list[Body], bool]:
        """Objects newest first, after or before another one, and whether there are more."""
        found = self.all(kind, account=account)
        ids = [body["id"] for body in found]
        # The place of the other one counts, also where it is not among what is asked for.
        if before is not None:
            head = [body for body in found[: ids.index(before)] if keep(body)]
            return head[-limit:], len(head) > limit
        found = [body for body in found[ids.index(after) + 1 if after else 0 :] if keep(body)]
        return found[:limit], len(found) > limit
