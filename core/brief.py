"""What was found a moment ago and may be told again for some seconds. Each process remembers its own."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

# Whoever asks for more different things than this has them found anew.
KEPT_MAX = 256

_found: dict[Hashable, tuple[datetime, Any]] = {}
_lock = Lock()


def recall[T](key: Hashable, *, seconds: int, now: datetime, find: Callable[[], T]) -> T:
    """What `find` gave for this key not longer ago than that; threads may find the same at once."""
    with _lock:
        kept = _found.get(key)
    if kept is not None and timedelta(0) <= now - kept[0] < timedelta(seconds=seconds):
        value: T = kept[1]
        return value
    value = find()
    with _lock:
        if len(_found) >= KEPT_MAX:
            _found.clear()
        _found[key] = (now, value)
    return value


def forget() -> None:
    """Find everything anew."""
    with _lock:
        _found.clear()
