"""
Payouts: money on its way to providers, from the plan to its end.

Whoever hears of one (a bank statement, a webhook, a chain, an operator) calls `mark_sent`, `mark_paid` and
`mark_returned`, in any order and as often as it likes: a step that was taken, or is behind where the payout
stands, changes nothing.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from psycopg import errors

from accounts import audit
from accounts.audit import Actor
from billing.ledger import translate
from billing.models import Payout
from billing.settlement import notices
from core.errors import DomainError, Forbidden, Invalid, NotFound

CLEARING = {"stripe": "CLEARING_STRIPE", "usdc": "CLEARING_CHAIN"}
"""From which account a rail pays, by the first word of its name; all others pay from the bank."""


class PayoutUnknown(NotFound):
    """There is no such payout."""

    code = "payout_unknown"


class OtherReference(DomainError):
    """The payout goes by another reference, or the reference is another payout's."""

    code = "payout_external_id"
    message = "This payout goes by another reference."


class GivenBack(DomainError):
    """A payout that failed, and was given back to what is owed, is said to have been paid."""

    code = "payout_given_back"
    message = "This payout had failed and is owed again; the money that left is matched by hand."


class StepIncomplete(Invalid):
    """A step forward without its reference, or back without its reason."""

    code = "step_incomplete"
    message = "Say what the rail calls it, or why it came back."


class SecondPersonNeeded(Forbidden):
    """One person alone says how a payout ended."""

    code = "payout_by_two"
    message = "How a payout ended takes the word of two people, or of its rail."


class InFile(DomainError):
    """The payout is in a file that may be on its way to whoever pays."""

    code = "payout_in_file"
    message = "This payout is in a file. Throw the file away first."


REFUSALS: dict[str, type[DomainError]] = {
    "payout_in_file": InFile,
    "payout_unknown": PayoutUnknown,
    "payout_external_id": OtherReference,
    "payout_external_id_key": OtherReference,
    "payout_given_back": GivenBack,
    "payout_by_two": SecondPersonNeeded,
}


def find_payout(*, uid: UUID) -> Payout:
    """
    The payout with this uid.

    :raises PayoutUnknown: if there is none
    """
    found = Payout.objects.select_related("batch", "organization", "item").filter(uid=uid).first()
    if found is None:
        raise PayoutUnknown
    return found


def find_clearing(rail: str) -> str:
    """The purpose of the account that a rail pays from."""
    return CLEARING.get(rail.split("_")[0], "CLEARING_BANK")


def mark_sent(
    *, payout_uid: UUID, external_id: str, happened_at: datetime, actor: Actor, now: datetime
) -> Payout:
    """
    Note that the rail has the instruction; `external_id` is what it knows the payout by.

    :raises PayoutUnknown: if there is no such payout
    :raises OtherReference: if it goes by another reference, or this is another payout's
    """
    return _move(payout_uid, "SENT", external_id, "", happened_at=happened_at, actor=actor, now=now)


def mark_in_transit(
    *, payout_uid: UUID, external_id: str, happened_at: datetime, actor: Actor, now: datetime
) -> Payout:
    """
    Note that the rail has accepted it and the money is moving.

    :raises PayoutUnknown: if there is no such payout
    :raises OtherReference: if it goes by another reference, or this is another payout's
    """
    return _move(payout_uid, "IN_TRANSIT", external_id, "", happened_at=happened_at, actor=actor, now=now)


def mark_paid(
    *, payout_uid: UUID, external_id: str, happened_at: datetime, actor: Actor, now: datetime
) -> Payout:
    """
    Note that the money has left our account of this rail.

    :raises PayoutUnknown: if there is no such payout
    :raises OtherReference: if it goes by another reference, or this is another payout's
    :raises GivenBack: if it had failed, and is owed again
    """
    return _move(payout_uid, "PAID", external_id, "", happened_at=happened_at, actor=actor, now=now)


def mark_returned(
    *, payout_uid: UUID, reason: str, happened_at: datetime, actor: Actor, now: datetime
) -> Payout:
    """
    Note that it came back, also after it was paid; it is owed again, with the tax that was withheld of it.

    A payout that was never sent has failed (`mark_failed`).

    :raises PayoutUnknown: if there is no such payout
    """
    return _move(payout_uid, "RETURNED", None, reason, happened_at=happened_at, actor=actor, now=now)


def mark_failed(
    *, payout_uid: UUID, reason: str, happened_at: datetime, actor: Actor, now: datetime
) -> Payout:
    """
    Note that the rail refused it and nothing left; it is owed again.

    :raises PayoutUnknown: if there is no such payout
    """
    return _move(payout_uid, "FAILED", None, reason, happened_at=happened_at, actor=actor, now=now)


def note(
    *,
    payout_uid: UUID,
    state: Payout.State,
    external_id: str,
    reason: str,
    happened_at: datetime,
    actor: Actor,
    now: datetime,
) -> Payout:
    """
    Note the step that a program or a person saw, with its reference or its reason.

    :raises SecondPersonNeeded: if a person says how it ended and no second one confirmed it (`steps`)
    :raises StepIncomplete: if a step forward has no reference, or a step back no reason
    :raises PayoutUnknown: if there is no such payout
    :raises OtherReference: if it goes by another reference, or this is another payout's
    :raises GivenBack: if it is said to be paid, and had failed
    """
    back = state in (Payout.State.RETURNED, Payout.State.FAILED)
    if not (reason.strip() if back else external_id.strip()):
        raise StepIncomplete
    return _move(
        payout_uid,
        state.value,
        None if back else external_id.strip(),
        reason.strip(),
        happened_at=happened_at,
        actor=actor,
        now=now,
    )


def reroute(
    *, payout: Payout, rail: str, method_id: int | None, reason: str, actor: Actor, now: datetime
) -> bool:
    """
    Let a payout that was not sent go by another method; answers whether it was still to be sent.

    :raises InFile: if it is in a file that was not thrown away
    """
    return _change_rail("reroute", payout, rail, method_id, reason, actor=actor, now=now)


def recall(
    *, payout: Payout, rail: str, method_id: int | None, reason: str, actor: Actor, now: datetime
) -> bool:
    """Let a payout that its rail was asked for and refused go by another method; answers whether so."""
    return _change_rail("recall", payout, rail, method_id, reason, actor=actor, now=now)


def name(actor: Actor) -> str:
    """An actor as entries and steps name it."""
    return f"{actor.kind.lower()}:{actor.uid or 'settlement'}"


def _change_rail(
    deed: str,
    payout: Payout,
    rail: str,
    method_id: int | None,
    reason: str,
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    values: list[Any] = [payout.uid, rail, method_id, reason, name(actor), now]
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {deed}_payout_v1(%s, %s, %s, %s, %s, %s)", values)
                done = bool(cursor.fetchone()[0])
            if done:
                _record(payout, f"payout.{deed}", {"rail": rail, "reason": reason}, actor=actor, now=now)
    except DatabaseError as error:
        raise _translate(error) from error
    return done


def _move(
    uid: UUID,
    state: str,
    external_id: str | None,
    reason: str,
    *,
    happened_at: datetime,
    actor: Actor,
    now: datetime,
) -> Payout:
    payout = find_payout(uid=uid)
    clearing = find_clearing(payout.rail)
    values: list[Any] = [
        uid,
        state,
        external_id or None,
        reason[:500],
        clearing,
        name(actor),
        happened_at,
        now,
    ]
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT move_payout_v1(%s, %s, %s, %s, %s, %s, %s, %s)", values)
                moved = bool(cursor.fetchone()[0])
            if moved:
                details = {"external_id": external_id or "", "reason": reason, "rail": payout.rail}
                _record(payout, f"payout.{state.lower()}", details, actor=actor, now=now)
                if state in (Payout.State.RETURNED, Payout.State.FAILED):
                    notices.tell_came_back(payout, reason=reason)
    except DatabaseError as error:
        raise _translate(error) from error
    return find_payout(uid=uid)


def _translate(error: DatabaseError) -> Exception:
    cause = error.__cause__
    known = cause.diag.constraint_name if isinstance(cause, errors.Error) else None
    return REFUSALS[known]() if known in REFUSALS else translate(error)


def _record(payout: Payout, action: str, details: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="payout",
        subject_uid=payout.uid,
        organization=payout.organization,
        now=now,
        details=details,
    )
