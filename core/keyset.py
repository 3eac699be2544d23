"""Pages of a list that lies in memory in the order of a key: stable while rows come and go."""

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.pagination import PageRefused

type Key = tuple[str, ...]
CURSOR_LENGTH_MAX = 2_000


@dataclass(frozen=True, slots=True)
class KeyPage[T]:
    """Rows, and the cursor of what follows; None after the last."""

    rows: tuple[T, ...]
    next: str | None


def cut_page[T](rows: Sequence[T], *, key: Callable[[T], Key], cursor: str | None, size: int) -> KeyPage[T]:
    """
    A page of rows that are sorted by their key.

    :raises PageRefused: for a cursor that no page gave
    """
    start = 0 if cursor is None else bisect_right(rows, _read(cursor), key=key)
    page = rows[start : start + size]
    is_last = start + size >= len(rows)
    return KeyPage(tuple(page), None if is_last else _write(key(page[-1])))


def _write(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _read(cursor: str) -> Key:
    refusal = PageRefused("Take the cursor from `next` of a page.", parameter="cursor")
    if len(cursor) > CURSOR_LENGTH_MAX:
        raise refusal
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise refusal from error
    if not isinstance(key, list) or not all(isinstance(part, str) for part in key):
        raise refusal
    return tuple(key)
