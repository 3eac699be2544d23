"""What a file that somebody shows as evidence is, by its content; its name only says how to call it."""

import json
import re
from dataclasses import dataclass
from typing import Final

from core.errors import Invalid

FILE_BYTES_MAX: Final = 2_000_000
FILES_MAX: Final = 5
"""Of each side of a claim."""
NAME_LENGTH_MAX: Final = 100
SUFFIXES: Final = {
    "text/plain": (".txt", ".text", ".log", ".md", ".csv"),
    "application/json": (".json",),
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "application/pdf": (".pdf",),
}
"""Kinds that are taken, each with the ends of names that are left as they are."""
# Tabs and ends of lines are part of a text.
BINARY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]')
TAIL_BYTES: Final = 2048


class WrongFile(Invalid):
    """No file that is taken as evidence."""

    code = "wrong_file"


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file that was looked at: a name that is safe to offer, its kind, its bytes."""

    name: str
    kind: str
    content: bytes


def read_file(*, name: str, content: bytes) -> EvidenceFile:
    """
    Look at a file: what it is, and a name that ends as such files do.

    :raises WrongFile: if it is empty, too large, or of no kind that is taken
    """
    if not content:
        raise WrongFile("The file is empty.", field="files")
    if len(content) > FILE_BYTES_MAX:
        raise WrongFile(f"A file has at most {FILE_BYTES_MAX // 1_000_000} MB.", field="files")
    kind = find_kind(content)
    if kind is None:
        raise WrongFile("Files are text, JSON, PNG, JPEG or PDF.", field="files")
    return EvidenceFile(name_file(name, kind), kind, content)


def find_kind(content: bytes) -> str | None:
    """The media type of a content, if it is one that is taken."""
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


def name_file(name: str, kind: str) -> str:
    """A name without folders and signs that mislead, which ends as its kind does."""
    bare = UNSAFE.sub("", re.split(r"[/\\]", name)[-1]).strip(" .") or "evidence"
    suffixes = SUFFIXES[kind]
    end = next((one for one in suffixes if bare.lower().endswith(one)), "")
    stem = bare[: len(bare) - len(end)] if end else bare
    end = bare[len(stem) :] if end else suffixes[0]
    return (stem[: NAME_LENGTH_MAX - len(end)].rstrip(" .") or "evidence") + end
