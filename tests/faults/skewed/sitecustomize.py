"""
Sets the wall clock of a Python process wrong by FAULT_CLOCK_SECONDS, as on a host whose clock is wrong.

Python runs this before anything else when the folder is on PYTHONPATH. The monotonic clock goes on truly, as
it does on such a host. No program knows of it: `time.time` and `datetime.now` themselves are wrong.
"""

import ctypes
import datetime as dt
import gc
import os
import time
from typing import Any

OFFSET = float(os.environ["FAULT_CLOCK_SECONDS"])
OFFSET_NS = int(OFFSET * 1_000_000_000)

_time, _time_ns = time.time, time.time_ns


def _wrong_time() -> float:
    return _time() + OFFSET


def _wrong_time_ns() -> int:
    return _time_ns() + OFFSET_NS


def _wrong_now(kind: type[dt.datetime], tz: dt.tzinfo | None = None) -> dt.datetime:
    return kind.fromtimestamp(_wrong_time(), tz)


def _wrong_today(kind: type[dt.datetime]) -> dt.datetime:
    return kind.fromtimestamp(_wrong_time())


time.time, time.time_ns = _wrong_time, _wrong_time_ns
# A subclass would not do: libraries compare with the class itself, which lets nobody write to it but so.
[_members] = (found for found in gc.get_referents(dt.datetime.__dict__) if isinstance(found, dict))
_written: dict[str, Any] = _members
_written["now"] = classmethod(_wrong_now)
_written["today"] = classmethod(_wrong_today)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(dt.datetime))
