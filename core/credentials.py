"""
Other people's credentials, encrypted at rest. No Django: whoever calls with them opens them itself.

What is sealed names what it belongs to, so that a sealed text which somebody moved to another row opens
nowhere. Each says by an id which key sealed it; the first key seals, every key opens, and `reseal` moves a
text to the first: that is how keys are changed without asking anybody for a credential again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEY_ID_LENGTH = 12


class CredentialUnreadable(Exception):
    """It was sealed with no key of ours, or for something else. Says nothing of the text."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed text and the id of the key that sealed it."""

    key_id: str
    token: bytes = field(repr=False)


class Vault:
    """
    Seals and opens credentials. The first of `keys` (Fernet's, base64) seals, all of them open.

    :raises ValueError: there is no key, or one is none; the message does not repeat it
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        try:
            fernets = [Fernet(key) for key in keys]
        except ValueError:
            raise ValueError("a key must be 32 bytes in URL-safe base64") from None
        self._cipher = MultiFernet(fernets)
        self.key_ids = tuple(name_key(key) for key in keys)

    def __repr__(self) -> str:
        return f"Vault({', '.join(self.key_ids)})"

    def seal(self, text: str, *, purpose: str) -> Sealed:
        """Encrypt a text for one purpose: what it belongs to, in the words that will be said to open it."""
        content = json.dumps([purpose, text]).encode()
        return Sealed(self.key_ids[0], self._cipher.encrypt(content))

    def open(self, token: bytes, *, purpose: str) -> str:
        """
        The text.

        :raises CredentialUnreadable: none of our keys sealed it, or it was sealed for another purpose
        """
        try:
            sealed_for, text = json.loads(self._cipher.decrypt(token))
        except (InvalidToken, ValueError, TypeError):
            raise CredentialUnreadable("no key of ours sealed this credential") from None
        if sealed_for != purpose:
            raise CredentialUnreadable("this credential was sealed for something else")
        return str(text)

    def seal_bytes(self, content: bytes, *, purpose: str) -> Sealed:
        """Encrypt a file for one purpose; only `open_bytes` opens it."""
        return Sealed(self.key_ids[0], self._cipher.encrypt(_frame(purpose) + content))

    def open_bytes(self, token: bytes, *, purpose: str) -> bytes:
        """
        The file.

        :raises CredentialUnreadable: none of our keys sealed it, or it was sealed for another purpose
        """
        frame = _frame(purpose)
        try:
            content = self._cipher.decrypt(token)
        except InvalidToken:
            raise CredentialUnreadable("no key of ours sealed this file") from None
        if not content.startswith(frame):
            raise CredentialUnreadable("this file was sealed for something else")
        return content[len(frame) :]

    def reseal(self, token: bytes) -> Sealed:
        """
        The same text under the first key.

        :raises CredentialUnreadable: none of our keys sealed it
        """
        try:
            return Sealed(self.key_ids[0], self._cipher.rotate(token))
        except InvalidToken:
            raise CredentialUnreadable("no key of ours sealed this credential") from None


def _frame(purpose: str) -> bytes:
    """What stands before a sealed file; no purpose holds its end."""
    return purpose.encode() + b"\0"


def name_key(key: str) -> str:
    """A key's id: tells keys apart and nothing of them."""
    digest = hashlib.sha256(b"jouleport credential key\0" + key.encode()).hexdigest()
    return digest[:KEY_ID_LENGTH]


def read_keys(setting: str) -> tuple[str, ...]:
    """The keys of a setting, newest first, separated by commas."""
    return tuple(key for part in setting.split(",") if (key := part.strip()))
