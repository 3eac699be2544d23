"""What a file that somebody hands in is, by its content; its name only says how to call it. No I/O."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from core.errors import Invalid

NAME_LENGTH_MAX: Final = 100
SUFFIXES: Final = {
    "text/plain": (".txt", ".text", ".log", ".md", ".csv"),
    "application/json": (".json",),
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "application/pdf": (".pdf",),
}
"""Kinds that are told apart, each with the ends of names that are left as they are."""
WORDS: Final = {
    "text/plain": "text",
    "application/json": "JSON",
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "application/pdf": "PDF",
}
# Tabs and ends of lines are part of a text.
BINARY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]')
TAIL_BYTES: Final = 2048


class WrongFile(Invalid):
    """No file that is taken here."""

    code = "wrong_file"


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that was looked at: a name that is safe to offer, its kind, its bytes."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which kinds (of SUFFIXES) are taken, how large one file may be, how many there are at once."""

    kinds: Collection[str]
    bytes_max: int
    count_max: int
    called: str
    """What a file without a name is called."""

    @property
    def megabytes(self) -> int:
        """The size in megabytes, as people are told it."""
        return self.bytes_max // 1_000_000

    @property
    def words(self) -> str:
        """The kinds, as people are told them: `PNG, JPEG, PDF`."""
        return ", ".join(word for kind, word in WORDS.items() if kind in self.kinds)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Ends of names that a browser offers."""
        return tuple(end for kind in SUFFIXES if kind in self.kinds for end in SUFFIXES[kind])


def read_file(*, name: str, content: bytes, bounds: Bounds) -> CheckedFile:
    """
    Look at a file: what it is, and a name that ends as such files do.

    :raises WrongFile: if it is empty, too large, or of no kind that is taken
    """
    if not content:
        raise WrongFile("The file is empty.", field="files")
    if len(content) > bounds.bytes_max:
        raise WrongFile(f"A file has at most {bounds.megabytes} MB.", field="files")
    kind = find_kind(content)
    if kind is None or kind not in bounds.kinds:
        raise WrongFile(f"A file is one of these kinds: {bounds.words}.", field="files")
    return CheckedFile(name_file(name, kind, called=bounds.called), kind, content)


def find_kind(content: bytes) -> str | None:
    """The media type of a content, if it is one that is known."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png" if content[12:16] == b"IHDR" and b"IEND" in content[-TAIL_BYTES:] else None
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg" if b"\xff\xd9" in content[-TAIL_BYTES:] else None
    if content.startswith(b"%PDF-"):
        return "application/pdf" if b"%%EOF" in content[-TAIL_BYTES:] else None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if BINARY.search(text) or not text.strip():
        return None
    return "application/json" if _is_json(text) else "text/plain"


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def name_file(name: str, kind: str, *, called: str) -> str:
    """A name without folders and signs that mislead, which ends as its kind does."""
    bare = UNSAFE.sub("", re.split(r"[/\\]", name)[-1]).strip(" .") or called
    suffixes = SUFFIXES[kind]
    end = next((one for one in suffixes if bare.lower().endswith(one)), "")
    stem = bare[: len(bare) - len(end)] if end else bare
    end = bare[len(stem) :] if end else suffixes[0]
    return (stem[: NAME_LENGTH_MAX - len(end)].rstrip(" .") or called) + end
