"""
Texts of deferred jobs: encrypted, expiring blobs in file storage, never in the database and never in logs.

A blob's name is `<expiry day>/<word>`, so that what has expired is found by listing days. The content is
encrypted together with its name and expiry: a file that was moved, swapped or kept longer cannot be read.
"""

import contextlib
import os
import re
import secrets
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

BLOB_BYTES_MAX = 40 * 1024 * 1024
SWEEP_FILES_MAX = 10_000
WORD = re.compile(r"[0-9a-z][0-9a-z.-]{0,99}")
NAME = re.compile(rf"(?P<day>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})/{WORD.pattern}")
_HEAD = struct.Struct(">BdH")
_VERSION = 1


class BlobMissing(Exception):
    """There is no such blob, or it has expired."""


class BlobUnreadable(Exception):
    """The blob was not written with any of our keys, or not under this name."""


class BlobTooLarge(Exception):
    """More than a blob may hold."""


class BlobStore(Protocol):
    """Where blobs are. Names are the store's to make; content comes back as it was given."""

    def write(self, word: str, content: bytes, *, expires_at: datetime) -> str:
        """Keep `content` until `expires_at`; gives the blob's name. :raises BlobTooLarge:"""

    def read(self, name: str, *, now: datetime) -> bytes:
        """The content. :raises BlobMissing: :raises BlobUnreadable:"""

    def delete(self, name: str) -> None:
        """Remove it, if it is there."""

    def sweep(self, *, now: datetime) -> int:
        """Remove what expired at least a day ago, up to SWEEP_FILES_MAX; how many were removed."""


class FolderStore:
    """
    Blobs in a local folder. The first key writes, every key reads: a new key goes in front.

    :raises ValueError: a key is none
    """

    def __init__(self, folder: Path, *, keys: Sequence[str]) -> None:
        self._folder = folder
        self._cipher = MultiFernet([Fernet(key) for key in keys])

    def write(self, word: str, content: bytes, *, expires_at: datetime) -> str:
        """Write it whole or not at all, readable by this system's user alone."""
        if len(content) > BLOB_BYTES_MAX:
            raise BlobTooLarge(f"a blob holds at most {BLOB_BYTES_MAX} bytes")
        if not WORD.fullmatch(word):
            raise ValueError(f"not a blob's word: {word!r}")
        name = f"{expires_at.astimezone(UTC).date().isoformat()}/{word}"
        label = name.encode()
        head = _HEAD.pack(_VERSION, expires_at.timestamp(), len(label))
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f".{secrets.token_hex(8)}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._cipher.encrypt(head + label + content))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        return name

    def read(self, name: str, *, now: datetime) -> bytes:
        """Read and check it."""
        try:
            sealed = self._find(name).read_bytes()
        except FileNotFoundError:
            raise BlobMissing(name) from None
        try:
            plain = self._cipher.decrypt(sealed)
        except InvalidToken:
            raise BlobUnreadable(name) from None
        version, expires_at, length = _HEAD.unpack_from(plain)
        label = plain[_HEAD.size : _HEAD.size + length]
        if version != _VERSION or label != name.encode():
            raise BlobUnreadable(name)
        if now.timestamp() >= expires_at:
            raise BlobMissing(name)
        return plain[_HEAD.size + length :]

    def delete(self, name: str) -> None:
        """Remove the file."""
        self._find(name).unlink(missing_ok=True)

    def sweep(self, *, now: datetime) -> int:
        """Remove whole days; a day is over for every expiry in it only when it is yesterday's."""
        removed = 0
        days = [day for day in self._list_days() if day < now.astimezone(UTC).date()]
        for day in sorted(days):
            folder = self._folder / day.isoformat()
            # Somebody else may be sweeping the same day.
            with contextlib.suppress(FileNotFoundError):
                for path in folder.iterdir():
                    if removed >= SWEEP_FILES_MAX:
                        return removed
                    path.unlink(missing_ok=True)
                    removed += 1
                folder.rmdir()
        return removed

    def _list_days(self) -> list[date]:
        days = []
        with contextlib.suppress(FileNotFoundError):
            for folder in self._folder.iterdir():
                with contextlib.suppress(ValueError):
                    days.append(date.fromisoformat(folder.name))
        return days

    def _find(self, name: str) -> Path:
        # Names come from the database, but a path is only ever made of one that we could have made.
        if not NAME.fullmatch(name):
            raise BlobMissing(name)
        return self._folder / name


def open_store() -> BlobStore:
    """The store that the settings name."""
    from django.conf import settings

    return FolderStore(Path(settings.BLOB_DIR), keys=settings.BLOB_KEYS)
