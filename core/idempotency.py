"""Idempotency keys: what they may be, and under which name and for which body they are claimed."""

import hashlib

LENGTH_MAX = 255
RULE = f"1 to {LENGTH_MAX} printable characters"
# No key that is sent has a line break.
TEST_PREFIX = "test\n"
CLAIM_LENGTH_MAX = len(TEST_PREFIX) + LENGTH_MAX


def is_key(text: str) -> bool:
    """Whether `text` follows the rule."""
    return 0 < len(text) <= LENGTH_MAX and text.isprintable()


def name_claim(*, key: str, test: bool) -> str:
    """What is claimed with a key: a trial with a test key never takes it from the real thing."""
    return TEST_PREFIX + key if test else key


def hash_body(*, body: bytes, door: str = "") -> bytes:
    """SHA-256 of what is asked for. The same body asks for something else at another door."""
    return hashlib.sha256(f"{door}\n".encode() + body if door else body).digest()
