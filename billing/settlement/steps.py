"""
The end of a payout as an operator saw it: one says what became of it, another confirms exactly that.

A rail that tells by itself needs nobody's word. Where an operator has to say it, one person alone could write
off money that never left, or let it be paid twice, so the database takes the word of two. A step on the way
(sent, moving) changes nothing in the books and is noted at once.
"""

from datetime import datetime
from typing import Any

from accounts.audit import Actor
from billing import approvals
from billing.models import Approval, Payout
from billing.rails.protocol import name_payout
from billing.settlement import payouts
from core.errors import DomainError, Invalid

KIND = "payout_step"
"""Of approvals: what one operator says became of a payout, and another confirms."""
ENDS = (Payout.State.PAID, Payout.State.RETURNED, Payout.State.FAILED)
REFERENCE_LENGTH_MAX = 140
REASON_LENGTH_MAX = 500
State = Payout.State


class NotFrom(DomainError):
    """The payout is not where this can become of it."""

    code = "payout_not_from"
    message = "This cannot become of the payout from where it is."


AFTER = {
    State.PAID: (State.PLANNED, State.SENT, State.IN_TRANSIT),
    State.RETURNED: (State.SENT, State.IN_TRANSIT, State.PAID),
    State.FAILED: (State.PLANNED, State.SENT, State.IN_TRANSIT),
}
"""From where each end is reached."""


def note_step(
    *,
    payout: Payout,
    state: Payout.State,
    reference: str,
    reason: str,
    happened_at: datetime,
    actor: Actor,
    now: datetime,
) -> Approval | None:
    """
    Note a step on the way; of an end, ask a second person, and answer what was asked.

    :raises billing.settlement.payouts.StepIncomplete: without a reference, or backwards without a reason
    :raises NotFrom: if the payout cannot come to this end from where it is
    :raises billing.settlement.payouts.OtherReference: if it goes by another reference
    :raises billing.approvals.PersonNeeded: if no person says it
    """
    if state not in ENDS:
        payouts.note(
            payout_uid=payout.uid,
            state=state,
            external_id=reference,
            reason=reason,
            happened_at=happened_at,
            actor=actor,
            now=now,
        )
        return None
    return prepare(
        payout=payout,
        state=state,
        reference=reference,
        reason=reason,
        happened_at=happened_at,
        actor=actor,
        now=now,
    )


def prepare(
    *,
    payout: Payout,
    state: Payout.State,
    reference: str,
    reason: str,
    happened_at: datetime,
    actor: Actor,
    now: datetime,
) -> Approval:
    """
    Say how a payout ended, for a second person to confirm; another word makes this one void.

    :raises billing.settlement.payouts.StepIncomplete: without a reference, or backwards without a reason
    :raises NotFrom: if the payout cannot come to this end from where it is
    :raises core.errors.Invalid: if a text is too long, or it is said to be later than now
    :raises billing.approvals.PersonNeeded: if no person says it
    """
    reference, reason = reference.strip(), reason.strip()
    if not (reference if state == State.PAID else reason):
        raise payouts.StepIncomplete
    if len(reference) > REFERENCE_LENGTH_MAX or len(reason) > REASON_LENGTH_MAX:
        raise Invalid(
            f"A reference has {REFERENCE_LENGTH_MAX} characters, a reason {REASON_LENGTH_MAX} at most."
        )
    if happened_at > now:
        raise Invalid("It cannot have been later than now.")
    payout.refresh_from_db()
    if payout.state not in AFTER[state]:
        raise NotFrom
    content: dict[str, Any] = {
        "payout": payout.uid,
        "provider": payout.organization.name,
        "rail": payout.rail,
        "was": payout.state,
        "state": state.value,
        "amount": payout.amount,
        "currency": payout.currency,
        "reference": reference,
        "reason": reason,
        "happened_at": happened_at,
    }
    return approvals.request(kind=KIND, subject=str(payout.uid), content=content, prepared_by=actor, now=now)


def find_open(*, payout: Payout) -> Approval | None:
    """What was said of a payout and waits for the second person, if anything does."""
    return Approval.objects.filter(
        kind__in=(KIND, "manual_payment"), subject=str(payout.uid), state=Approval.State.PENDING
    ).last()


def follow_decision(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """
    Carry out what was confirmed, in the transaction of the approval: if it cannot be, nothing is approved.

    Contents of before `state` was asked for are of payments by hand.

    :raises billing.settlement.payouts.GivenBack: if it is said to be paid, and failed meanwhile
    :raises NotFrom: if it came to another end meanwhile
    """
    if approval.state != Approval.State.APPROVED:
        return
    said = approval.content
    payout = payouts.find_payout(uid=said["payout"])
    state = State(said.get("state", State.PAID))
    if payout.state not in (*AFTER[state], state):
        raise payouts.GivenBack if (state, payout.state) == (State.PAID, State.FAILED) else NotFrom
    words: dict[str, Any] = {
        "payout_uid": payout.uid,
        "happened_at": datetime.fromisoformat(said.get("happened_at") or said["paid_at"]),
        "actor": actor,
        "now": now,
    }
    match state:
        case State.PAID:
            payouts.mark_paid(external_id=payout.external_id or name_payout(payout.uid), **words)
        case State.RETURNED:
            payouts.mark_returned(reason=said["reason"], **words)
        case _:
            payouts.mark_failed(reason=said["reason"], **words)
