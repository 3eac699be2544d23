"""
Idempotency: a repeated request gets the first answer, byte for byte.

Claim, deed and answer are one transaction. A process that dies leaves nothing behind; a repeat that comes
while the first is at work waits for it; a refusal takes the claim back with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, transaction

from accounts.models import ApiReplay, Organization, User
from core import idempotency
from core.errors import DomainError, Invalid

KEPT = timedelta(days=3)
FORGET_MAX = 10_000


class KeyRefused(Invalid):
    """Empty, too long, or with characters that no header may carry."""

    code = "invalid_idempotency_key"


class KeyReused(Invalid):
    """The key belongs to another request."""

    code = "idempotency_key_reused"
    message = "This Idempotency-Key was used for another request."


class StillAtWork(DomainError):
    """The first request with this key has not ended."""

    code = "idempotency_key_in_use"
    message = "The first request with this Idempotency-Key is still at work; ask again in a moment."


@dataclass(frozen=True, slots=True)
class Answer:
    """
    An answer: `body` is what is sent now, `kept` what a repeat gets (the same, without secrets).

    `replayed` says that this is a repeat.
    """

    status: int
    body: bytes
    kept: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """What was asked for: `operation` is method and path, `body` the request's bytes."""

    operation: str
    body: bytes


def answer_once(
    *,
    holder: Organization | User,
    key: str,
    deed: Deed,
    now: datetime,
    act: Callable[[], Answer],
    test: bool = False,
) -> Answer:
    """
    Do what `act` does once for each key of a holder, and give its answer each time.

    :param holder: the organization that is acted for, or the person who acts for none yet
    :param test: whether a test key asks; its idempotency keys are apart from all others
    :raises KeyRefused: if the key cannot be one
    :raises KeyReused: if it was used for another operation or another body
    :raises StillAtWork: if the first request takes too long
    """
    if not idempotency.is_key(key):
        raise KeyRefused(f"An Idempotency-Key has {idempotency.RULE}.")
    body_hash = idempotency.hash_body(body=deed.body)
    claim = idempotency.name_claim(key=key, test=test)
    mine: dict[str, Any] = {_name_holder(holder): holder, "key": claim}
    with transaction.atomic():
        if not _claim(mine, deed.operation, body_hash, now):
            first = ApiReplay.objects.get(**mine)
            if first.operation != deed.operation or bytes(first.body_hash) != body_hash:
                raise KeyReused
            kept = bytes(first.body)
            return Answer(first.status or 200, kept, kept, replayed=True)
        answer = act()
        ApiReplay.objects.filter(**mine).update(status=answer.status, body=answer.kept)
    return answer


def forget_replays(*, now: datetime) -> int:
    """Remove answers older than KEPT, at most FORGET_MAX; gives how many."""
    old = ApiReplay.objects.filter(created_at__lt=now - KEPT).order_by("created_at").values("pk")[:FORGET_MAX]
    return ApiReplay.objects.filter(pk__in=old).delete()[0]


def _name_holder(holder: Organization | User) -> str:
    return "user" if isinstance(holder, User) else "organization"


def _claim(mine: dict[str, Any], operation: str, body_hash: bytes, now: datetime) -> bool:
    row = ApiReplay(**mine, operation=operation, body_hash=body_hash, created_at=now)
    try:
        # Waits while another transaction has claimed the key and not ended.
        ApiReplay.objects.bulk_create([row], ignore_conflicts=True)
    except OperationalError as error:
        raise StillAtWork from error
    return ApiReplay.objects.filter(**mine, status=None).exists()
