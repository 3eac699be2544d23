"""
What receipts prove, checked with nothing but the node's public key. Pure.

Each body is signed as it stands and names the hash of the one before it, so a figure that was changed, a
receipt that was left out, and another hand are all seen.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.receipts import DOMAIN_TAG, identify_key

KEY_BYTES = 32
# Clocks are set back by a little now and then.
BACK_MAX = timedelta(seconds=5)
# What an exchange writes beside a body, and where the body says it. Its joules have three places.
BESIDE = {
    "attempt": ("attempt_uid",),
    "receipt_id": ("receipt_uid",),
    "key_id": ("key_id",),
    "tier": ("tier",),
    "input_tokens": ("tokens", "in"),
    "cached_tokens": ("tokens", "cached"),
    "output_tokens": ("tokens", "out"),
}
JOULES_ROUNDED = Decimal("0.0005")


class Unproven(Exception):
    """Something is not as the node signed it. The message says what."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A receipt as an exchange hands it out: body and signature in base64, and what stands beside them."""

    body: str
    signature: str
    beside: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proven:
    """A receipt whose signature is right. `digest` is what its successor names as the one before."""

    digest: str
    previous: str | None
    attempt_uid: str
    key_id: str
    joules: Decimal
    tier: str
    tokens: Mapping[str, int | None]
    started_at: datetime
    ended_at: datetime


@dataclass(slots=True)
class Verdict:
    """What was proven of some receipts, in their order, and every reason why something was not."""

    receipts: list[Proven] = field(default_factory=list)
    deviations: list[str] = field(default_factory=list)


def find_entries(document: Any, *, beside: Mapping[str, Any] | None = None) -> Iterator[Entry]:
    """
    Every receipt in a document of JSON, however deep: an answer, a page of answers, a list.

    :param beside: what the document that this is a part of says of its receipt
    """
    said = beside or {}
    if isinstance(document, dict):
        body, signature = document.get("body"), document.get("signature")
        if isinstance(body, str) and isinstance(signature, str):
            yield Entry(body, signature, {**said, **document})
            return
        said = {name: document[name] for name in ("receipt_id",) if document.get(name)}
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from find_entries(part, beside=said)


def read_documents(text: str) -> list[Any]:
    """
    One document of JSON, or one on each line.

    :raises Unproven: if the text is neither
    """
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise Unproven(f"this is no JSON: {error}") from error


def read_keys(text: str) -> list[bytes]:
    """
    Public keys: one in base64 or hexadecimal, or a document of JSON with them under `public_key`.

    :raises Unproven: if there is none
    """
    found = [_read_key(text.strip())]
    if found == [None]:
        try:
            found = [_read_key(key) for document in read_documents(text) for key in _find_keys(document)]
        except Unproven:
            found = []
    keys = [key for key in found if key is not None]
    if not keys:
        raise Unproven("a public key has 32 bytes, in base64 or hexadecimal")
    return keys


def _find_keys(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(document.get("public_key"), str):
            yield document["public_key"]
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from _find_keys(part)


def _read_key(text: str) -> bytes | None:
    for read in (bytes.fromhex, lambda given: b64decode(given, validate=True)):
        try:
            key = read(text)
        except ValueError:
            continue
        if len(key) == KEY_BYTES:
            return key
    return None


def verify(entries: Iterable[Entry], *, keys: Sequence[bytes], chained: bool = True) -> Verdict:
    """
    Check receipts of one node: signatures, what stands beside them, and the chain.

    :param keys: raw public keys of the node, whichever its agents had
    :param chained: whether they must follow one another without a gap; picked ones need not
    """
    known = {identify_key(key): key for key in keys}
    verdict = Verdict()
    found: dict[str, Proven] = {}
    for number, entry in enumerate(entries, start=1):
        try:
            proven = check_entry(entry, keys=known)
        except Unproven as error:
            verdict.deviations.append(f"receipt {number}: {error}")
        else:
            found[proven.digest] = proven
    verdict.receipts = sorted(found.values(), key=lambda one: (one.ended_at, one.digest))
    verdict.deviations += _find_repeats(verdict.receipts)
    if chained and len(found) > 1:
        ordered, broken = follow_chain(verdict.receipts)
        verdict.deviations += broken
        verdict.receipts = ordered if not broken else verdict.receipts
    return verdict


def check_entry(entry: Entry, *, keys: Mapping[str, bytes]) -> Proven:
    """
    Check one receipt by itself.

    :param keys: raw public keys by their short names
    :raises Unproven: if it is not what the node signed
    """
    try:
        body = b64decode(entry.body, validate=True)
        signature = b64decode(entry.signature, validate=True)
    except binascii.Error as error:
        raise Unproven("body and signature are not both base64") from error
    if not body.startswith(DOMAIN_TAG):
        raise Unproven("the body is no receipt: it begins with another line")
    facts = _read_facts(body)
    key = keys.get(facts["key_id"]) if isinstance(facts.get("key_id"), str) else None
    if key is None:
        raise Unproven(f"it names the key {facts.get('key_id')}, which is not the one given")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, body)
    except InvalidSignature as error:
        raise Unproven(f"the signature is not of this body by the key {facts['key_id']}") from error
    proven = _read_statement(facts, digest=sha256(body).hexdigest())
    _compare(entry.beside, facts, proven)
    return proven


def _read_facts(body: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(body[len(DOMAIN_TAG) :])
    except (ValueError, RecursionError) as error:
        raise Unproven("the body cannot be read") from error
    if not isinstance(facts, dict):
        raise Unproven("the body is no object")
    return facts


def _read_statement(facts: Mapping[str, Any], *, digest: str) -> Proven:
    try:
        tokens = facts["tokens"]
        proven = Proven(
            digest=digest,
            previous=facts["previous"],
            attempt_uid=str(facts["attempt_uid"]),
            key_id=facts["key_id"],
            joules=Decimal(facts["joules"]),
            tier=str(facts["tier"]),
            tokens={name: tokens[name] for name in ("in", "cached", "out")},
            started_at=datetime.fromisoformat(facts["started_at"]),
            ended_at=datetime.fromisoformat(facts["ended_at"]),
        )
        sound = proven.joules.is_finite() and proven.joules >= 0 and proven.started_at <= proven.ended_at
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise Unproven("the body does not say what a receipt says") from error
    counts = [count for count in proven.tokens.values() if count is not None]
    if not sound or proven.ended_at.tzinfo is None or any(type(count) is not int for count in counts):
        raise Unproven("its joules, its tokens or its times cannot be")
    if not isinstance(proven.previous, str | None):
        raise Unproven("it names no hash as the one before")
    return proven


def _compare(beside: Mapping[str, Any], facts: Mapping[str, Any], proven: Proven) -> None:
    """Refuse what somebody wrote beside a body if the body says otherwise."""
    for name, path in BESIDE.items():
        signed: Any = facts
        for part in path:
            signed = signed[part]
        if name in beside and beside[name] != signed:
            raise Unproven(f"{name} is given as {beside[name]}, and signed was {signed}")
    try:
        given = Decimal(str(beside["joules"])) if "joules" in beside else proven.joules
        differ = abs(given - proven.joules) > JOULES_ROUNDED
    except InvalidOperation:
        differ = True
    if differ:
        raise Unproven(f"joules are given as {beside['joules']}, and signed was {proven.joules}")


def _find_repeats(receipts: Sequence[Proven]) -> Iterator[str]:
    seen: set[str] = set()
    for one in receipts:
        if one.attempt_uid in seen:
            yield f"attempt {one.attempt_uid} has two different receipts"
        seen.add(one.attempt_uid)


def follow_chain(receipts: Sequence[Proven]) -> tuple[list[Proven], list[str]]:
    """Receipts in the order in which they name each other, and every break in it."""
    digests = {one.digest for one in receipts}
    starts = [one for one in receipts if one.previous not in digests]
    broken = [
        f"the receipt of attempt {one.attempt_uid} follows {_name(one.previous)}, which is missing"
        if one.previous
        else f"the receipt of attempt {one.attempt_uid} says it is the first, and is not alone with that"
        for one in starts[1:]
    ]
    following: dict[str | None, Proven] = {}
    for one in receipts:
        if one.previous in digests and one.previous in following:
            broken.append(
                f"the receipts of attempts {following[one.previous].attempt_uid} and {one.attempt_uid}"
                f" both follow {_name(one.previous)}"
            )
        following.setdefault(one.previous, one)
    ordered = starts[:1]
    while ordered and (after := following.get(ordered[-1].digest)) is not None:
        if after.ended_at < ordered[-1].ended_at - BACK_MAX:
            broken.append(f"the receipt of attempt {after.attempt_uid} ended before the one it follows")
        ordered.append(after)
    return ordered, broken


def _name(digest: str | None) -> str:
    return f"sha256 {(digest or '')[:16]}…"
