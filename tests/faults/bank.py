"""Reads the books all the time, as one who trusts nobody: each snapshot must add up."""

import random
import threading
from contextlib import suppress
from typing import Self

import psycopg

from billing import verification

PAUSE_SECONDS = (0.05, 0.2)
SUMS = "SELECT currency, sum(amount) FROM posting GROUP BY currency"
# Of all that is verified at the end these are quick, and none may fail for a moment.
CHECKS = ("floors_kept", "held_equals_holds", "wallets_equal_postings")


class Bank:
    """
    Sums every currency in one snapshot, again and again, while the block runs.

    `snapshots` are those that could be read: PostgreSQL may be away. Raises at the end what did not add up.
    """

    def __init__(self, url: str, *, chance: random.Random) -> None:
        self._url, self._chance = url, chance
        self._checks = [check for check in verification.list_checks() if check.name in CHECKS]
        assert len(self._checks) == len(CHECKS)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._wrong: list[str] = []
        self._error: BaseException | None = None
        self.snapshots = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert not self._wrong, "\n".join(self._wrong)

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                with suppress(psycopg.OperationalError), self._connect() as connection:
                    self._read_on(connection)
                self._stopped.wait(PAUSE_SECONDS[0])
        except BaseException as error:  # noqa: BLE001 - raised again at the end
            self._error = error

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=5)

    def _read_on(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        while not self._stopped.wait(self._chance.uniform(*PAUSE_SECONDS)):
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                for currency, amount in connection.execute(SUMS).fetchall():
                    if amount != 0:
                        self._wrong.append(f"snapshot {self.snapshots}: {currency} sums to {amount}")
                for check in self._checks:
                    rows = connection.execute(check.query.encode()).fetchmany(3)
                    if rows:
                        self._wrong.append(f"snapshot {self.snapshots}: {check.name}: {rows}")
            self.snapshots += 1
