"""
The form of keys and tokens, without a database.

`jp_live_`, `jp_test_` (buyers' keys) or `jp_node_` (agents' tokens), 30 random base62 characters (178
bits), and 6 that spell the CRC-32 of everything before them. The checksum lets a mistyped or
truncated key be refused without asking the database, and leaked ones be recognized by scanners.
"""

import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from core.errors import Unauthenticated

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_CHARACTERS = 30
CHECKSUM_CHARACTERS = 6
LAST_CHARACTERS = 4


class TokenKind(StrEnum):
    """What a token is for; the value is how it begins."""

    LIVE = "jp_live_"
    TEST = "jp_test_"
    NODE = "jp_node_"


FORM = re.compile(
    rf"(?P<kind>{'|'.join(TokenKind)})[0-9A-Za-z]{{{RANDOM_CHARACTERS}}}"
    rf"(?P<checksum>[0-9A-Za-z]{{{CHECKSUM_CHARACTERS}}})",
    re.ASCII,
)


class MalformedToken(Unauthenticated):
    """No token of ours looks like this."""

    code = "invalid_api_key"
    message = "This is not a well-formed key: compare it with the one you were given."


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A well-formed token. Its text is in no representation, so that it gets into no log."""

    text: str
    kind: TokenKind

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text, 32 bytes: all that is ever stored."""
        return digest_token(self.text)

    @property
    def last4(self) -> str:
        """The last four characters, by which its owner recognizes it."""
        return self.text[-LAST_CHARACTERS:]

    def __repr__(self) -> str:
        return f"Token({self.kind}…{self.last4})"

    __str__ = __repr__


def digest_token(text: str) -> bytes:
    """SHA-256 of a token's text, 32 bytes. Plain, because 178 random bits need no slow hash."""
    return hashlib.sha256(text.encode("ascii")).digest()


def _checksum(text: str) -> str:
    number = binascii.crc32(text.encode("ascii"))
    characters = ""
    for _ in range(CHECKSUM_CHARACTERS):
        number, digit = divmod(number, len(ALPHABET))
        characters = ALPHABET[digit] + characters
    return characters


def make_token(kind: TokenKind) -> Token:
    """A new random token."""
    body = kind.value + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return Token(body + _checksum(body), kind)


def parse_token(text: str) -> Token:
    """
    Read a token that somebody sent.

    :raises MalformedToken: if its form or its checksum is wrong; the message does not repeat it
    """
    found = FORM.fullmatch(text)
    if found is None or _checksum(text[:-CHECKSUM_CHARACTERS]) != found["checksum"]:
        raise MalformedToken
    return Token(text, TokenKind(found["kind"]))
