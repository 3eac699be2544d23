"""The audit trail: who did what to what, written in the transaction of the deed itself."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import ActorKind, AgentToken, ApiKey, AuditEvent, Organization, User
from core.request_ids import current_request_id


class OutsideTransaction(RuntimeError):
    """An event was to be recorded apart from the deed it tells of."""


@dataclass(frozen=True, slots=True)
class Actor:
    """
    Who did something. `user` is there when a person did, so that rows can name their maker.

    `network` is the one that was asked from (`accounts.networks`); it is written nowhere as it is.
    """

    kind: ActorKind
    uid: UUID | None = None
    user: User | None = None
    network: str = field(default="", compare=False)

    @classmethod
    def from_user(cls, user: User, *, network: str = "") -> "Actor":
        """A signed-in person."""
        return cls(ActorKind.USER, user.uid, user, network)

    @classmethod
    def from_key(cls, key: ApiKey, *, network: str = "") -> "Actor":
        """A program with an API key."""
        return cls(ActorKind.KEY, key.uid, network=network)

    @classmethod
    def from_agent(cls, token: AgentToken) -> "Actor":
        """A provider's agent."""
        return cls(ActorKind.AGENT, token.uid)


SYSTEM = Actor(ActorKind.SYSTEM)
"""The platform itself: commands, tasks, sweeps."""


def record_event(
    *,
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_uid: UUID | None,
    organization: Organization | None,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> AuditEvent:
    """
    Add an event to the trail. `details` hold no secret, no prompt and no answer.

    :raises OutsideTransaction: if the caller has no transaction open
    """
    if not transaction.get_connection().in_atomic_block:
        raise OutsideTransaction(f"{action} must be recorded in the transaction that does it")
    return AuditEvent.objects.create(
        happened_at=now,
        actor_kind=actor.kind,
        actor_uid=actor.uid,
        organization=organization,
        action=action,
        subject_kind=subject_kind,
        subject_uid=subject_uid,
        request_id=current_request_id()[:64],
        details=details or {},
    )
