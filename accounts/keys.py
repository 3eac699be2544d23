"""Buyers' API keys: issued once in clear, known afterwards by their digest, revoked at once everywhere."""

from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from accounts import audit, revocations, tokens
from accounts.audit import Actor
from accounts.models import ApiKey, KeyMode, Organization
from accounts.rates import RateLimits
from accounts.tokens import TokenKind
from core.errors import DomainError, Invalid, Unauthenticated

KINDS = {KeyMode.LIVE: TokenKind.LIVE, KeyMode.TEST: TokenKind.TEST}


class KeyRefused(Unauthenticated):
    """Unknown, revoked or expired: which of them is nobody's business."""

    code = "invalid_api_key"
    message = "This key is not valid."


class KeyRevoked(DomainError):
    """The key was revoked before."""

    code = "key_revoked"
    message = "This key is revoked already."


class ExpiryInThePast(Invalid):
    """A key that would be dead at birth."""

    code = "expiry_in_the_past"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its text, which exists nowhere else: show it once, never store or log it."""

    key: ApiKey
    text: str = field(repr=False)


def issue_key(
    *,
    organization: Organization,
    name: str,
    actor: Actor,
    now: datetime,
    mode: KeyMode = KeyMode.LIVE,
    expires_at: datetime | None = None,
    limits: RateLimits | None = None,
) -> IssuedKey:
    """
    Make a key for `organization`. The caller has checked that the actor may.

    :raises ExpiryInThePast: if `expires_at` is not after `now`
    """
    if expires_at is not None and expires_at <= now:
        raise ExpiryInThePast("A key must expire in the future.")
    token = tokens.make_token(KINDS[mode])
    with transaction.atomic():
        key = ApiKey.objects.create(
            organization=organization,
            name=name,
            mode=mode,
            digest=token.digest,
            last4=token.last4,
            created_by=actor.user,
            expires_at=expires_at,
            **asdict(limits or RateLimits()),
        )
        _record(key, "key.issue", actor=actor, now=now)
    return IssuedKey(key, token.text)


def rename_key(*, key: ApiKey, name: str, actor: Actor, now: datetime) -> None:
    """Give a key another name. The caller has checked that the actor may."""
    with transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(name=name)
        key.name = name
        _record(key, "key.rename", actor=actor, now=now)


def revoke_key(*, key: ApiKey, actor: Actor, now: datetime) -> None:
    """
    End a key, in this process and in every other that listens, when the transaction commits.

    :raises KeyRevoked: if it was revoked before
    """
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now) == 0:
            raise KeyRevoked
        revocations.publish_revocation(key.digest)
        _record(key, "key.revoke", actor=actor, now=now)
    key.revoked_at = now


def find_key(*, text: str, now: datetime) -> ApiKey:
    """
    The valid key with this text; a malformed one is refused before the database is asked.

    :raises tokens.MalformedToken: if it is no token of ours
    :raises KeyRefused: if it is unknown, revoked, expired or an agent's token
    """
    token = tokens.parse_token(text)
    if token.kind is TokenKind.NODE:
        raise KeyRefused
    rows = ApiKey.objects.select_related("organization").filter(digest=token.digest, revoked_at=None)
    key = rows.filter(Q(expires_at=None) | Q(expires_at__gt=now)).first()
    if key is None:
        raise KeyRefused
    return key


def _record(key: ApiKey, action: str, *, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="key",
        subject_uid=key.uid,
        organization=key.organization,
        now=now,
        details={"name": key.name, "mode": key.mode, "last4": key.last4},
    )
