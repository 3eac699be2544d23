"""Text for people: on standard output, in colour only where a person looks and has not asked for none."""

from __future__ import annotations

import os
import sys

COLOURS = {"good": "32", "bad": "31", "warn": "33", "faint": "2"}


def say(text: str) -> None:
    """Print a line."""
    print(text)


def mark(text: str, kind: str) -> str:
    """Colour a text, unless NO_COLOR is set or the output is no terminal."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\x1b[{COLOURS[kind]}m{text}\x1b[0m"
