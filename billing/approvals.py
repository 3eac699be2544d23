"""What needs two people: one prepares a content, another approves exactly that content, by its SHA-256."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.utils.module_loading import import_string
from psycopg import errors

from accounts import audit
from accounts.audit import Actor
from accounts.models import ActorKind
from billing.models import Approval
from core import ids
from core.errors import DomainError, Forbidden, Invalid
from core.quantities import format_plain

RIGHT = "billing.change_approval"
"""Of operators who may decide."""
NOTE_LENGTH_MAX = 1000
FOLLOWERS = {
    "settlement": "billing.settlement.batches.follow_decision",
    "payout_step": "billing.settlement.steps.follow_decision",
    "manual_payment": "billing.settlement.steps.follow_decision",
    "chain_deposit": "billing.rails.chain.assignment.follow_decision",
    "bank_line": "billing.banking.assignment.follow_decision",
}
"""Of a kind of content, what follows in the decision's transaction: `f(approval=…, actor=…, now=…)`."""
PAGES = {
    "settlement": ("billing.settlementbatch", "uid"),
    "payout_file": ("billing.railfile", "uid"),
    "payout_step": ("billing.payout", "uid"),
    "manual_payment": ("billing.payout", "uid"),
    "bank_line": ("billing.bankline", "uid"),
    "chain_deposit": ("billing.chaindeposit", "pk"),
    "reversal": ("billing.entry", "pk"),
}
"""By kind, the model whose row is looked at, and by which of its columns the subject names it."""
DEEDS = {Approval.State.APPROVED: "approval.approve", Approval.State.REJECTED: "approval.reject"}


class ApprovalMissing(DomainError):
    """Nobody has approved it."""

    code = "approval_missing"
    message = "A second person has to approve this first."


class ContentChanged(DomainError):
    """It is not what was shown, or what was approved."""

    code = "content_changed"
    message = "The content has changed. Look at what it is now."


class SamePerson(Forbidden):
    """Whoever prepared it wants to approve it."""

    code = "same_person"
    message = "Somebody other than who prepared this has to approve it."


class AlreadyDecided(DomainError):
    """It is not pending any more."""

    code = "already_decided"
    message = "This was decided already."


class PersonNeeded(Forbidden):
    """A program or the platform itself, where a person has to answer for it."""

    code = "person_needed"
    message = "Only a person prepares or decides this."


class MayNotDecide(Forbidden):
    """A person who is no operator, or lacks the right to decide."""

    code = "may_not_decide"
    message = "Only operators with the right to approve decide this."


class NoteMissing(Invalid):
    """A refusal without its reason."""

    code = "note_missing"
    message = "Say why."


def register(*, kind: str, follow: str, model: str, key: str) -> None:
    """
    Let another application ask for approvals.

    :param follow: what follows in the decision's transaction, as in FOLLOWERS
    :param model: whose row is looked at, as `app.model`
    :param key: by which of its columns the subject names it
    """
    FOLLOWERS[kind] = follow
    PAGES[kind] = (model, key)


def request(
    *, kind: str, subject: str, content: Mapping[str, Any], prepared_by: Actor, now: datetime
) -> Approval:
    """
    Ask for approval of a content; the same content that is pending or approved already is answered again.

    Another content of the same subject makes what was asked or approved before void. `content` is what JSON
    can say, with amounts as Decimal, moments, days and uids; never floats.

    :raises PersonNeeded: if no person prepared it
    """
    canonical = write_canonical(content)
    values: list[Any] = [ids.make_uid(), kind, subject, canonical, _find_person(prepared_by), now]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT approval_id, is_new FROM request_approval_v1(%s, %s, %s, %s, %s, %s)", values
            )
            made, is_new = cursor.fetchone()
        approval = Approval.objects.get(pk=made)
        if is_new:
            _record(approval, "approval.request", actor=prepared_by, now=now)
    return approval


def approve(*, approval: Approval, sha256: str, actor: Actor, now: datetime, note: str = "") -> Approval:
    """
    Approve the content whose SHA-256 was shown.

    :raises MayNotDecide: if the actor is no operator with the right to it
    :raises SamePerson: if the actor prepared it
    :raises ContentChanged: if `sha256` is another content's
    :raises AlreadyDecided: if it is not pending any more
    """
    if approval.sha256 != sha256:
        raise ContentChanged
    return _decide(approval, Approval.State.APPROVED, sha256, note, actor=actor, now=now)


def reject(*, approval: Approval, note: str, actor: Actor, now: datetime) -> Approval:
    """
    Refuse it, with the reason.

    :raises MayNotDecide: if the actor is no operator with the right to it
    :raises NoteMissing: if no reason is given
    :raises AlreadyDecided: if it is not pending any more
    """
    if not note.strip():
        raise NoteMissing
    return _decide(approval, Approval.State.REJECTED, approval.sha256, note, actor=actor, now=now)


def void(*, kind: str, subject: str, reason: str, actor: Actor, now: datetime) -> None:
    """Take back what was asked or approved for a subject, if anything was: what it was about has changed."""
    rows = Approval.objects.filter(
        kind=kind, subject=subject, state__in=(Approval.State.PENDING, Approval.State.APPROVED)
    )
    for approval in rows:
        with transaction.atomic():
            if _write(approval, Approval.State.VOID, approval.sha256, actor.uid, reason, now):
                _record(approval, "approval.void", actor=actor, now=now)


def require_approved(*, kind: str, subject: str, content: Mapping[str, Any]) -> Approval:
    """
    The approval under which something may be done now.

    :raises ApprovalMissing: if nothing stands approved for the subject
    :raises ContentChanged: if another content was approved
    """
    found = Approval.objects.filter(kind=kind, subject=subject, state=Approval.State.APPROVED).first()
    if found is None:
        raise ApprovalMissing
    if found.sha256 != hash_content(content):
        raise ContentChanged
    return found


def hash_content(content: Mapping[str, Any]) -> str:
    """SHA-256 of a content, in hexadecimal."""
    return hashlib.sha256(write_canonical(content).encode()).hexdigest()


def write_canonical(content: Mapping[str, Any]) -> str:
    """
    The one JSON text of a content: keys in order, no spaces, amounts and moments as strings.

    :raises TypeError: for floats and whatever else has no one way to be written
    """
    return json.dumps(_plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return format_plain(value)
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    raise TypeError(f"{type(value).__name__} is not written into a content that is hashed")


def _find_person(actor: Actor) -> UUID:
    if actor.kind != ActorKind.USER or actor.uid is None:
        raise PersonNeeded
    return actor.uid


def _decide(
    approval: Approval, state: Approval.State, sha256: str, note: str, *, actor: Actor, now: datetime
) -> Approval:
    person = _find_person(actor)
    if actor.user is None or not (actor.user.is_staff and actor.user.has_perm(RIGHT)):
        raise MayNotDecide
    try:
        with transaction.atomic():
            if not _write(approval, state, sha256, person, note, now):
                raise AlreadyDecided
            _record(approval, DEEDS[state], actor=actor, now=now)
            decided = Approval.objects.get(pk=approval.pk)
            if decided.kind in FOLLOWERS:
                import_string(FOLLOWERS[decided.kind])(approval=decided, actor=actor, now=now)
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, errors.CheckViolation) and cause.diag.constraint_name == "approval_by_two":
            raise SamePerson from error
        raise
    return decided


def _write(
    approval: Approval, state: Approval.State, sha256: str, person: UUID | None, note: str, now: datetime
) -> bool:
    values: list[Any] = [approval.pk, state.value, sha256, person, note[:NOTE_LENGTH_MAX], now]
    with connection.cursor() as cursor:
        cursor.execute("SELECT decide_approval_v1(%s, %s, %s, %s, %s, %s)", values)
        return bool(cursor.fetchone()[0])


def _record(approval: Approval, action: str, *, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="approval",
        subject_uid=approval.uid,
        organization=None,
        now=now,
        details={"kind": approval.kind, "subject": approval.subject, "sha256": approval.sha256},
    )
