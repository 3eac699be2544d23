"""The tokens a model server says it used, read from its answer as the bytes pass by."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

LINE_BYTES_MAX = 1024 * 1024
ANSWER_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts; None where the model server said nothing. Zero is a count."""

    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_out: int | None = None


class UsageReader:
    """
    Reads the last `usage` of an answer without keeping or changing it.

    A stream is read line by line (a line beyond LINE_BYTES_MAX is skipped); a plain answer is kept
    until its end, up to ANSWER_BYTES_MAX, beyond which nothing is claimed.
    """

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed
        self._held = bytearray()
        self._skipping = False
        self._usage = Usage()

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the answer."""
        if not self._streamed:
            if not self._skipping:
                self._held += chunk
            if len(self._held) > ANSWER_BYTES_MAX:
                self._held.clear()
                self._skipping = True
            return
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._held += line
            if not self._skipping:
                self._read_line()
            self._held.clear()
            self._skipping = False
        if not self._skipping:
            self._held += rest
        if len(self._held) > LINE_BYTES_MAX:
            self._held.clear()
            self._skipping = True

    def finish(self) -> Usage:
        """Give what was found."""
        if self._streamed:
            self._read_line()
        elif self._held:
            self._read_json(bytes(self._held))
        self._held.clear()
        return self._usage

    def _read_line(self) -> None:
        if self._held.startswith(b"data:") and b'"usage"' in self._held:
            self._read_json(bytes(self._held[5:]))

    def _read_json(self, text: bytes) -> None:
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            return
        usage = answer.get("usage") if isinstance(answer, dict) else None
        if isinstance(usage, dict):
            details = usage.get("prompt_tokens_details")
            cached = details.get("cached_tokens") if isinstance(details, dict) else None
            self._usage = Usage(
                tokens_in=_count(usage.get("prompt_tokens", usage.get("input_tokens"))),
                tokens_cached=_count(cached),
                tokens_out=_count(usage.get("completion_tokens", usage.get("output_tokens"))),
            )


def _count(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53:
        return value
    return None
