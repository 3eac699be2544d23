"""Flags: what was odd about an attempt's metering, and what an operator made of it."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.audit import Actor
from core.errors import DomainError, Invalid
from workers.models import FlagResolution, MeterFlag


class FlagResolved(DomainError):
    """Somebody was first."""

    code = "flag_resolved"
    message = "This flag is resolved already."


class NoteNeeded(Invalid):
    """A resolution says what was found."""

    code = "note_needed"


def list_flags() -> QuerySet[MeterFlag]:
    """Every flag with its attempt, where that ran, and its resolution."""
    places = ("attempt__offer__organization", "attempt__node", "resolution__resolved_by")
    return MeterFlag.objects.select_related("attempt__job", *places)


def resolve_flag(*, flag: MeterFlag, note: str, actor: Actor, now: datetime) -> FlagResolution:
    """
    Write down what an operator made of a flag.

    :raises FlagResolved: if somebody did before
    :raises NoteNeeded: if the note is empty, or the actor no person
    """
    if not note.strip() or actor.user is None:
        raise NoteNeeded("Say what you found.")
    try:
        with transaction.atomic():
            made = FlagResolution.objects.create(
                flag=flag, note=note.strip(), resolved_by=actor.user, resolved_at=now
            )
            audit.record_event(
                actor=actor,
                action="flag.resolve",
                subject_kind="attempt",
                subject_uid=flag.attempt.uid,
                organization=None,
                now=now,
                details={"flag": flag.pk, "kind": flag.kind, "note": note.strip()},
            )
    except IntegrityError as error:
        raise FlagResolved from error
    return made
