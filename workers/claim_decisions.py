"""
Decisions of claims about answers: nothing, a part or all of what the buyer still pays goes back.

One operator decides; a credit above what one may give alone is asked of a second one, and the claim waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.audit import Actor
from accounts.models import User
from billing import approvals
from billing import claims as crediting
from billing.bookings import Bearer
from billing.models import Approval, GiveBack
from core.errors import Invalid
from core.money import Money
from workers import claim_notices, claims
from workers.models import AnswerClaim
from workers.models.claim import TEXT_LENGTH_MAX
from workers.usage import Work

CLOSED = "This claim is closed."
DECIDED_FIELDS = (
    *("state", "closed_at", "decision", "credit", "borne_by", "alone_max", "decided_by", "approved_by"),
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a claim, by whom; above what one gives alone `approved_by` is the second operator."""

    credit: Decimal
    borne_by: Bearer
    reason: str
    decided_by: User
    approved_by: User | None = None


def decide_claim(
    *, claim: AnswerClaim, credit: Decimal, borne_by: Bearer, reason: str, actor: Actor, now: datetime
) -> AnswerClaim:
    """
    Decide a claim: credit nothing, a part or all of what the buyer still pays.

    A credit above what one operator gives alone is asked of a second one; until then the claim waits.

    :param credit: in the wallet's currency
    :raises core.errors.Invalid: without a reason, or if no person decides
    :raises workers.claims.ClaimClosed: if it was decided or withdrawn
    :raises workers.claims.ClaimRefused: if the price of the answer is not final yet
    :raises billing.claims.CreditTooMuch: if the credit is more than is left
    :raises billing.bookings.ChargeNotPosted: if the charge is not in the ledger yet
    """
    reason = reason.strip()
    if not reason or len(reason) > TEXT_LENGTH_MAX:
        raise Invalid(f"Say why, in at most {TEXT_LENGTH_MAX} characters.", field="reason")
    if actor.user is None:
        raise Invalid("A person decides a claim.")
    if claim.state not in claims.WAITING:
        raise claims.ClaimClosed(CLOSED)
    decision = Decision(credit, borne_by, reason, actor.user)
    with transaction.atomic():
        work = _check_credit(claim, credit)
        if credit > find_alone_max(claim.currency):
            # Who approves writes there first, and then to the claim; so does whoever asks.
            approvals.request(
                kind=claims.KIND,
                subject=str(claim.uid),
                content=_describe(claim, decision, claims.find_left(work, claim.currency)),
                prepared_by=actor,
                now=now,
            )
            return claims.lock_claim(claim, claims.WAITING, CLOSED)
        claims.void_proposal(claim, "It was decided otherwise.", actor=actor, now=now)
        return _carry_out(claim, decision, actor=actor, now=now)


def find_alone_max(currency: str) -> Decimal:
    """What one operator credits alone; nothing in currencies that are not named."""
    alone: dict[str, Decimal] = settings.CLAIM_CREDIT_ALONE
    return alone.get(currency, Decimal(0))


def find_proposals(*, shown: Iterable[AnswerClaim]) -> dict[UUID, Approval]:
    """By claim, the credit that waits for a second operator."""
    rows = Approval.objects.filter(
        kind=claims.KIND, subject__in=[str(claim.uid) for claim in shown], state=Approval.State.PENDING
    )
    return {UUID(row.subject): row for row in rows}


def follow_decision(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """
    Give the credit that was approved, in the approval's transaction: if it cannot be, nothing is approved.

    :raises workers.claims.ClaimClosed: if the claim was closed meanwhile
    :raises billing.claims.CreditTooMuch: if less is left than was asked for
    """
    if approval.state != Approval.State.APPROVED:
        return
    said = approval.content
    decision = Decision(
        credit=Decimal(said["credit"]),
        borne_by=Bearer(said["borne_by"]),
        reason=said["reason"],
        decided_by=User.objects.get(uid=approval.prepared_by),
        approved_by=actor.user,
    )
    _carry_out(AnswerClaim.objects.get(uid=approval.subject), decision, actor=actor, now=now)


def _carry_out(claim: AnswerClaim, decision: Decision, *, actor: Actor, now: datetime) -> AnswerClaim:
    credit, borne_by = decision.credit, decision.borne_by
    with transaction.atomic():
        row = claims.lock_claim(claim, claims.WAITING, CLOSED)
        entries = _give(row, credit, borne_by, decision.reason, actor, now) if credit else []
        row.state, row.closed_at, row.decision = AnswerClaim.State.DECIDED, now, decision.reason
        row.credit, row.borne_by = credit, borne_by.value if credit else ""
        row.alone_max = find_alone_max(row.currency)
        row.decided_by, row.approved_by = decision.decided_by, decision.approved_by
        row.save(update_fields=DECIDED_FIELDS)
        details = {"credit": format(credit, "f"), "currency": row.currency, "posted": entries}
        details |= {"reason": decision.reason, "decided_by": str(decision.decided_by.uid)}
        claims.record_event(row, "claim.decide", details, actor=actor, now=now)
        claim_notices.tell_decided(row)
    return row


def _describe(claim: AnswerClaim, decision: Decision, left: Money) -> dict[str, Any]:
    """What two operators agree to."""
    return {
        "claim": claim.uid,
        "job": claim.job.uid,
        "buyer": claim.organization.name,
        "provider": claim.provider.name,
        "left": left.amount,
        "credit": decision.credit,
        "currency": claim.currency,
        "borne_by": decision.borne_by.value,
        "reason": decision.reason,
    }


def _check_credit(claim: AnswerClaim, credit: Decimal) -> Work:
    """The work behind a claim, when so much may be credited for it."""
    work = claims.find_work(claim.job)
    if credit == 0:
        return work
    if _awaits_price(work):
        raise claims.ClaimRefused("The price of this answer is not final yet; decide when it is.")
    left = claims.find_left(work, claim.currency)
    if not (credit.is_finite() and 0 < credit <= left.amount):
        raise crediting.CreditTooMuch(f"More than nothing, and at most {left}.", field="credit")
    return work


def _give(
    claim: AnswerClaim, credit: Decimal, borne_by: Bearer, reason: str, actor: Actor, now: datetime
) -> list[int]:
    """Credit the charges of the answer, the first first; gives the entries."""
    entries: list[int] = []
    for record in _check_credit(claim, credit).records:
        part = min(credit, crediting.find_left(usage_id=record.charge.pk).amount)
        if part > 0:
            posted = crediting.credit_charge(
                usage_id=record.charge.pk, amount=part, borne_by=borne_by, reason=reason, actor=actor, now=now
            )
            entries.append(posted.entry_id)
            credit -= part
    return entries


def _awaits_price(work: Work) -> bool:
    if not work.attempt.card.capped:
        return False
    usages = [record.charge.pk for record in work.records]
    return GiveBack.objects.filter(usage_id__in=usages).count() < len(usages)
