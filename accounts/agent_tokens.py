"""Agents' tokens: what a provider's program signs in with, and the public key pinned to each."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from accounts import audit, revocations, tokens
from accounts.audit import Actor
from accounts.models import ED25519_KEY_BYTES, AgentToken, Organization
from accounts.tokens import TokenKind
from core.errors import DomainError, Invalid, Unauthenticated


class AgentTokenRefused(Unauthenticated):
    """Unknown, revoked, or a key instead of an agent's token."""

    code = "invalid_agent_token"
    message = "This agent token is not valid."


class AgentTokenRevoked(DomainError):
    """The token was revoked before."""

    code = "agent_token_revoked"
    message = "This agent token is revoked already."


class OtherKeyPinned(DomainError):
    """Another agent used this token first; a token belongs to one key pair for ever."""

    status = 403
    code = "other_public_key_pinned"
    message = "Another public key is pinned to this agent token: issue a new token for a new key."


class NotAPublicKey(Invalid):
    """Not 32 bytes."""

    code = "not_a_public_key"


@dataclass(frozen=True, slots=True)
class IssuedAgentToken:
    """A new token with its text, which exists nowhere else: show it once, never store or log it."""

    agent_token: AgentToken
    text: str = field(repr=False)


def issue_agent_token(
    *, organization: Organization, name: str, actor: Actor, now: datetime
) -> IssuedAgentToken:
    """Make a token for one agent of `organization`. The caller has checked that the actor may."""
    token = tokens.make_token(TokenKind.NODE)
    with transaction.atomic():
        agent_token = AgentToken.objects.create(
            organization=organization, name=name, digest=token.digest, last4=token.last4
        )
        _record(agent_token, "agent_token.issue", actor=actor, now=now)
    return IssuedAgentToken(agent_token, token.text)


def rename_agent_token(*, agent_token: AgentToken, name: str, actor: Actor, now: datetime) -> None:
    """Give a token another name. The caller has checked that the actor may."""
    with transaction.atomic():
        AgentToken.objects.filter(pk=agent_token.pk).update(name=name)
        agent_token.name = name
        _record(agent_token, "agent_token.rename", actor=actor, now=now)


def revoke_agent_token(*, agent_token: AgentToken, actor: Actor, now: datetime) -> None:
    """
    End a token, in every process that listens, when the transaction commits.

    :raises AgentTokenRevoked: if it was revoked before
    """
    with transaction.atomic():
        if AgentToken.objects.filter(pk=agent_token.pk, revoked_at=None).update(revoked_at=now) == 0:
            raise AgentTokenRevoked
        revocations.publish_revocation(agent_token.digest)
        _record(agent_token, "agent_token.revoke", actor=actor, now=now)
    agent_token.revoked_at = now


def find_agent_token(*, text: str) -> AgentToken:
    """
    The valid agent token with this text; a malformed one is refused before the database is asked.

    :raises tokens.MalformedToken: if it is no token of ours
    :raises AgentTokenRefused: if it is unknown, revoked or a buyer's key
    """
    token = tokens.parse_token(text)
    if token.kind is not TokenKind.NODE:
        raise AgentTokenRefused
    rows = AgentToken.objects.select_related("organization")
    found = rows.filter(digest=token.digest, revoked_at=None).first()
    if found is None:
        raise AgentTokenRefused
    return found


def pin_public_key(*, agent_token: AgentToken, public_key: bytes, now: datetime) -> None:
    """
    Bind a token to the raw Ed25519 key of the first agent that uses it; the same key again is welcome.

    :raises NotAPublicKey: if it is not 32 bytes
    :raises OtherKeyPinned: if the token is bound to another key
    """
    if len(public_key) != ED25519_KEY_BYTES:
        raise NotAPublicKey(f"An Ed25519 public key has {ED25519_KEY_BYTES} bytes.")
    with transaction.atomic():
        mine = AgentToken.objects.filter(pk=agent_token.pk)
        if mine.filter(public_key=None).update(public_key=public_key) == 1:
            actor = Actor.from_agent(agent_token)
            _record(agent_token, "agent_token.pin", actor=actor, now=now, public_key=public_key.hex())
        elif not hmac.compare_digest(bytes(mine.get().public_key or b""), public_key):
            raise OtherKeyPinned
    agent_token.public_key = public_key


def _record(agent_token: AgentToken, action: str, *, actor: Actor, now: datetime, **details: str) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="agent_token",
        subject_uid=agent_token.uid,
        organization=agent_token.organization,
        now=now,
        details={"name": agent_token.name, "last4": agent_token.last4, **details},
    )
