"""
One line a request, written without the library's machinery, which would cost as much as the request itself.

A line holds ids, names of models and offers, figures and how it ended; never a prompt, an answer or a key.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

FLUSH_SECONDS = 0.2
LINES_MAX = 500


class RequestLog:
    """Collects lines and writes them together, a fifth of a second later at most."""

    def __init__(self, *, style: str, enabled: bool = True, output: TextIO | None = None) -> None:
        self._style = style
        self._enabled = enabled
        self._output = output or sys.stderr
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, **facts: Any) -> None:
        """Log one request."""
        if not self._enabled:
            return
        facts["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._style == "json":
            line = msgspec.json.encode({"event": "request", "logger": "gateway", **facts}).decode()
        else:
            line = "request " + " ".join(f"{name}={value}" for name, value in facts.items())
        self._lines.append(line)
        if len(self._lines) >= LINES_MAX:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what was collected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            text = "\n".join(self._lines) + "\n"
            self._lines.clear()
            self._output.write(text)
            self._output.flush()
