"""Identifiers that leave the house: UUID version 7, in the order they were made."""

import os
import threading
import time
import uuid

COUNTER_BITS = 42
# Random tails are drawn many at a time: asking the system for each costs more than the rest of an id.
TAILS = 1024
TAIL_BYTES = 4


class Uuid7Maker:
    """
    Makes UUIDs of version 7 as RFC 9562 section 6.2, method 1, has it.

    48 bits of milliseconds, a 42-bit counter that starts at a random value each millisecond and
    rises within it, and 32 random bits. Every id of one maker is greater than the one before, also
    when the clock stands still or is set back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = -1
        self._counter = 0
        self._tails: list[int] = []

    def make(self) -> uuid.UUID:
        """Next identifier."""
        with self._lock:
            milliseconds = time.time_ns() // 1_000_000
            if milliseconds > self._milliseconds:
                self._milliseconds = milliseconds
                # The top bit starts at zero, so that there is room to count up.
                self._counter = int.from_bytes(os.urandom(6)) >> (48 - COUNTER_BITS + 1)
            else:
                self._counter += 1
                if self._counter >> COUNTER_BITS:
                    self._milliseconds += 1
                    self._counter = 0
            milliseconds, counter = self._milliseconds, self._counter
            if not self._tails:
                self._tails = memoryview(os.urandom(TAILS * TAIL_BYTES)).cast("I").tolist()
            tail = self._tails.pop()
        value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
        value |= 0x7 << 76 | (counter >> 30) << 64
        value |= 0b10 << 62 | (counter & 0x3FFF_FFFF) << 32
        return uuid.UUID(int=value | tail)


_maker = Uuid7Maker()


def _start_afresh() -> None:
    global _maker
    _maker = Uuid7Maker()


# A forked child that went on counting would make the numbers its parent makes.
os.register_at_fork(after_in_child=_start_afresh)


def make_uid() -> uuid.UUID:
    """UUID version 7, greater than every one this process made before."""
    return _maker.make()
