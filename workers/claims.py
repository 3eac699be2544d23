"""
Claims about answers: a buyer says what was wrong, the provider answers, an operator decides.

One claim for each job, within CLAIM_FOR of its end. The provider reads what was claimed and the evidence the
buyer gave, not who the buyer is. A decision credits nothing, a part, or all of what the buyer still pays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts import access, audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import claims as crediting
from billing.bookings import Bearer
from billing.models import GiveBack
from core import ids
from core.errors import DomainError, Invalid
from core.money import Money
from marketplace.models import Job
from workers import usage
from workers.models import AnswerClaim
from workers.models.claim import EVIDENCE_LENGTH_MAX, TEXT_LENGTH_MAX
from workers.usage import Work

CLAIM_FOR = timedelta(days=60)
OPEN_MAX = 50
"""How many claims of one buyer may wait at a time."""
State = AnswerClaim.State
WAITING = (State.OPEN, State.ANSWERED)


class ClaimRefused(DomainError):
    """Of this answer nothing can be claimed, or not now."""

    code = "claim_refused"


class ClaimExists(DomainError):
    """There is a claim about this answer."""

    code = "claim_exists"
    message = "This answer was claimed about before; a claim is decided once."


class ClaimClosed(DomainError):
    """The claim was decided or withdrawn, or answered before."""

    code = "claim_closed"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody claims of a job's answer."""

    job: object
    reason: str
    text: str
    evidence: str = ""


def list_opened(*, organization: Organization) -> QuerySet[AnswerClaim]:
    """A buyer's claims."""
    return _with_jobs().filter(organization=organization)


def list_received(*, organization: Organization) -> QuerySet[AnswerClaim]:
    """Claims about a provider's answers."""
    return _with_jobs().filter(provider=organization)


def list_all() -> QuerySet[AnswerClaim]:
    """Every claim, for operators."""
    return _with_jobs().select_related("organization", "provider")


def find_credit_max(*, claim: AnswerClaim) -> Money:
    """What the buyer still pays for the answer."""
    return find_left(_find_work(claim.job), claim.currency)


def find_left(work: Work, currency: str) -> Money:
    """What is still paid for the charges of some work."""
    left = Money.zero(currency)
    for record in work.records:
        left = left + crediting.find_left(usage_id=record.charge.pk)
    return left


def open_claim(*, organization: Organization, wish: Wish, actor: Actor, now: datetime) -> AnswerClaim:
    """
    Say what is wrong with an answer that was paid for.

    :raises core.errors.NotFound: if the job is not the organization's, or nothing was charged for it
    :raises core.errors.Invalid: without a text, or with one that is too long
    :raises ClaimRefused: if it was long ago, cost nothing, or too many claims wait already
    :raises ClaimExists: if there is one
    """
    text, evidence = wish.text.strip(), wish.evidence.strip()
    if not text or len(text) > TEXT_LENGTH_MAX:
        raise Invalid(f"Say what is wrong, in at most {TEXT_LENGTH_MAX} characters.", field="text")
    if len(evidence) > EVIDENCE_LENGTH_MAX:
        raise Invalid(f"Evidence has at most {EVIDENCE_LENGTH_MAX} characters.", field="evidence")
    job = access.get_or_refuse(usage.list_used_jobs(organization=organization), uid=wish.job)
    work = _find_work(job)
    if now - job.submitted_at > CLAIM_FOR:
        raise ClaimRefused(f"Claims are opened within {CLAIM_FOR.days} days.")
    if not work.records or work.cost == 0 or work.records[0].charge.currency == "XTS":
        raise ClaimRefused("Nothing was paid for this answer.")
    waiting = AnswerClaim.objects.filter(organization=organization, state__in=WAITING).count()
    if waiting >= OPEN_MAX:
        raise ClaimRefused(f"{OPEN_MAX} of your claims wait already.")
    try:
        with transaction.atomic():
            claim = AnswerClaim.objects.create(
                uid=ids.make_uid(),
                job=job,
                organization=organization,
                provider=work.attempt.offer.organization,
                reason=wish.reason,
                text=text,
                evidence=evidence,
                opened_at=now,
                currency=work.records[0].charge.currency,
            )
            _record(claim, "claim.open", {"reason": wish.reason}, actor=actor, now=now)
    except IntegrityError as error:
        raise ClaimExists from error
    return claim


def answer_claim(*, claim: AnswerClaim, answer: str, actor: Actor, now: datetime) -> AnswerClaim:
    """
    Say what the provider makes of it, once.

    :raises core.errors.Invalid: without an answer, or with one that is too long
    :raises ClaimClosed: if it was answered, decided or withdrawn
    """
    answer = answer.strip()
    if not answer or len(answer) > TEXT_LENGTH_MAX:
        raise Invalid(f"An answer has 1 to {TEXT_LENGTH_MAX} characters.", field="answer")
    with transaction.atomic():
        row = _lock(claim, (State.OPEN,), "This claim was answered or closed before.")
        row.state, row.answer, row.answered_at = State.ANSWERED, answer, now
        row.save(update_fields=["state", "answer", "answered_at"])
        _record(row, "claim.answer", {}, actor=actor, now=now, organization=row.provider)
    return row


def withdraw_claim(*, claim: AnswerClaim, actor: Actor, now: datetime) -> AnswerClaim:
    """
    Take a claim back.

    :raises ClaimClosed: if it was decided or withdrawn
    """
    with transaction.atomic():
        row = _lock(claim, WAITING, "This claim is closed.")
        row.state, row.closed_at = State.WITHDRAWN, now
        row.save(update_fields=["state", "closed_at"])
        _record(row, "claim.withdraw", {}, actor=actor, now=now)
    return row


def decide_claim(
    *, claim: AnswerClaim, credit: Decimal, borne_by: Bearer, reason: str, actor: Actor, now: datetime
) -> AnswerClaim:
    """
    Decide a claim: credit nothing, a part or all of what the buyer still pays.

    :param credit: in the wallet's currency
    :raises core.errors.Invalid: without a reason, or if no person decides
    :raises ClaimClosed: if it was decided or withdrawn
    :raises ClaimRefused: if the price of the answer is not final yet
    :raises billing.claims.CreditTooMuch: if the credit is more than is left
    :raises billing.bookings.ChargeNotPosted: if the charge is not in the ledger yet
    """
    reason = reason.strip()
    if not reason or len(reason) > TEXT_LENGTH_MAX:
        raise Invalid(f"Say why, in at most {TEXT_LENGTH_MAX} characters.", field="reason")
    if actor.user is None:
        raise Invalid("A person decides a claim.")
    with transaction.atomic():
        row = _lock(claim, WAITING, "This claim is closed.")
        entries = _give(row, credit, borne_by, reason, actor, now) if credit != 0 else []
        row.state, row.closed_at, row.decided_by = State.DECIDED, now, actor.user
        row.credit, row.borne_by, row.decision = credit, borne_by.value if credit else "", reason
        row.save(update_fields=["state", "closed_at", "decided_by", "credit", "borne_by", "decision"])
        details = {"credit": format(credit, "f"), "currency": row.currency, "posted": entries}
        _record(row, "claim.decide", details | {"reason": reason}, actor=actor, now=now)
    return row


def _give(
    claim: AnswerClaim, credit: Decimal, borne_by: Bearer, reason: str, actor: Actor, now: datetime
) -> list[int]:
    """Credit the charges of the answer, the first first; gives the entries."""
    work = _find_work(claim.job)
    if _awaits_price(work):
        raise ClaimRefused("The price of this answer is not final yet; decide when it is.")
    left = find_left(work, claim.currency)
    if not (credit.is_finite() and 0 < credit <= left.amount):
        raise crediting.CreditTooMuch(f"More than nothing, and at most {left}.", field="credit")
    entries: list[int] = []
    for record in work.records:
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


def _find_work(job: Job) -> Work:
    return usage.find_job_works(jobs=[job])[job.pk]


def _with_jobs() -> QuerySet[AnswerClaim]:
    return AnswerClaim.objects.select_related("job__model", "decided_by")


def _lock(claim: AnswerClaim, states: Sequence[str], refusal: str) -> AnswerClaim:
    row = AnswerClaim.objects.select_for_update(no_key=True).get(pk=claim.pk)
    if row.state not in states:
        raise ClaimClosed(refusal)
    return row


def _record(
    claim: AnswerClaim,
    action: str,
    details: dict[str, Any],
    *,
    actor: Actor,
    now: datetime,
    organization: Organization | None = None,
) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="claim",
        subject_uid=claim.uid,
        organization=organization or claim.organization,
        now=now,
        details=details,
    )
