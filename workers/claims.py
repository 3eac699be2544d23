"""
Claims about answers: a buyer says what was wrong, the provider answers, an operator decides.

One claim for each job, within CLAIM_FOR of its end. The provider reads what was claimed and the evidence the
buyer gave, not who the buyer is. A decision credits nothing, a part, or all of what the buyer still pays; a
credit above what one operator may give alone waits for a second one, and the claim with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet

from accounts import access, audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals
from billing import claims as crediting
from core import ids
from core.errors import DomainError, Invalid
from core.files import CheckedFile
from core.money import Money
from marketplace.models import Job
from workers import claim_notices, usage
from workers.evidence import BOUNDS
from workers.models import AnswerClaim, ClaimEvidence
from workers.models.claim import EVIDENCE_LENGTH_MAX, TEXT_LENGTH_MAX
from workers.usage import Work

CLAIM_FOR = timedelta(days=60)
OPEN_MAX = 50
"""How many claims of one buyer may wait at a time."""
State = AnswerClaim.State
Side = ClaimEvidence.Side
WAITING = (State.OPEN, State.ANSWERED)
KIND = "claim_credit"
"""Of approvals: a credit above what one operator gives alone."""


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


class TooManyFiles(DomainError):
    """One side of a claim shows few files."""

    code = "too_many_files"
    message = f"Each side shows {BOUNDS.count_max} files at most."


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody claims of a job's answer."""

    job: object
    reason: str
    text: str
    evidence: str = ""
    files: Sequence[CheckedFile] = ()


def list_opened(*, organization: Organization) -> QuerySet[AnswerClaim]:
    """A buyer's claims."""
    return _with_files().filter(organization=organization)


def list_received(*, organization: Organization) -> QuerySet[AnswerClaim]:
    """Claims about a provider's answers."""
    return _with_files().filter(provider=organization)


def list_all() -> QuerySet[AnswerClaim]:
    """Every claim, for operators."""
    return _with_files().select_related("organization", "provider")


def find_credit_max(*, claim: AnswerClaim) -> Money:
    """What the buyer still pays for the answer."""
    return find_left(find_work(claim.job), claim.currency)


def list_entries(*, claim: AnswerClaim) -> list[int]:
    """Entries by which a claim was credited and that stand, the first first."""
    found = (
        crediting.find_entry(usage_id=record.charge.pk, kind="CLAIM")
        for record in find_work(claim.job).records
    )
    return [entry.pk for entry in found if entry is not None]


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
    :raises TooManyFiles: if there are more than BOUNDS.count_max
    """
    text, evidence = wish.text.strip(), wish.evidence.strip()
    if not text or len(text) > TEXT_LENGTH_MAX:
        raise Invalid(f"Say what is wrong, in at most {TEXT_LENGTH_MAX} characters.", field="text")
    if len(evidence) > EVIDENCE_LENGTH_MAX:
        raise Invalid(f"Evidence has at most {EVIDENCE_LENGTH_MAX} characters.", field="evidence")
    job = access.get_or_refuse(usage.list_used_jobs(organization=organization), uid=wish.job)
    work = find_work(job)
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
            record_event(claim, "claim.open", {"reason": wish.reason}, actor=actor, now=now)
            add_files(claim=claim, side=Side.BUYER, files=wish.files, actor=actor, now=now)
            claim_notices.tell_opened(claim)
    except IntegrityError as error:
        raise ClaimExists from error
    return claim


def add_files(
    *, claim: AnswerClaim, side: Side, files: Sequence[CheckedFile], actor: Actor, now: datetime
) -> list[ClaimEvidence]:
    """
    Show files for a claim that waits for its decision; one that is there already is not added again.

    :raises ClaimClosed: if it was decided or withdrawn
    :raises TooManyFiles: if the side would have more than BOUNDS.count_max
    """
    if not files:
        return []
    with transaction.atomic():
        row = lock_claim(claim, WAITING, "This claim is closed.")
        there = {
            one.sha256: one for one in ClaimEvidence.objects.filter(claim=row, side=side).defer("content")
        }
        shown: list[ClaimEvidence] = []
        for file in files:
            digest = sha256(file.content).hexdigest()
            if digest not in there:
                if len(there) >= BOUNDS.count_max:
                    raise TooManyFiles
                there[digest] = ClaimEvidence.objects.create(
                    uid=ids.make_uid(),
                    claim=row,
                    side=side,
                    name=file.name,
                    kind=file.kind,
                    size=len(file.content),
                    sha256=digest,
                    content=file.content,
                    added_at=now,
                )
                organization = row.organization if side == Side.BUYER else row.provider
                details = {"name": file.name, "sha256": digest}
                record_event(row, "claim.show", details, actor=actor, now=now, organization=organization)
            shown.append(there[digest])
    return shown


def read_file(*, claim: AnswerClaim, uid: object) -> ClaimEvidence:
    """
    A file of a claim with its content.

    :raises core.errors.NotFound: if the claim has no such file
    """
    return access.get_or_refuse(ClaimEvidence.objects.filter(claim=claim), uid=uid)


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
        row = lock_claim(claim, (State.OPEN,), "This claim was answered or closed before.")
        row.state, row.answer, row.answered_at = State.ANSWERED, answer, now
        row.save(update_fields=["state", "answer", "answered_at"])
        record_event(row, "claim.answer", {}, actor=actor, now=now, organization=row.provider)
    return row


def withdraw_claim(*, claim: AnswerClaim, actor: Actor, now: datetime) -> AnswerClaim:
    """
    Take a claim back, and with it what waits for a second operator.

    :raises ClaimClosed: if it was decided or withdrawn
    """
    with transaction.atomic():
        void_proposal(claim, "The claim was withdrawn.", actor=actor, now=now)
        row = lock_claim(claim, WAITING, "This claim is closed.")
        row.state, row.closed_at = State.WITHDRAWN, now
        row.save(update_fields=["state", "closed_at"])
        record_event(row, "claim.withdraw", {}, actor=actor, now=now)
    return row


def void_proposal(claim: AnswerClaim, why: str, *, actor: Actor, now: datetime) -> None:
    """Take back a credit that waits for a second operator, if one does."""
    # People are named in approvals; for a program the platform acts.
    person = actor if actor.user else audit.SYSTEM
    approvals.void(kind=KIND, subject=str(claim.uid), reason=why, actor=person, now=now)


def find_work(job: Job) -> Work:
    """What was done for a job, with its charges."""
    return usage.find_job_works(jobs=[job])[job.pk]


def _with_files() -> QuerySet[AnswerClaim]:
    files = ClaimEvidence.objects.defer("content").order_by("id")
    return AnswerClaim.objects.select_related("job__model", "decided_by", "approved_by").prefetch_related(
        Prefetch("files", queryset=files)
    )


def lock_claim(claim: AnswerClaim, states: Sequence[str], refusal: str) -> AnswerClaim:
    """
    The claim as it is now, until the transaction ends.

    :raises ClaimClosed: if it is in none of the states
    """
    row = AnswerClaim.objects.select_for_update(no_key=True).get(pk=claim.pk)
    if row.state not in states:
        raise ClaimClosed(refusal)
    return row


def record_event(
    claim: AnswerClaim,
    action: str,
    details: dict[str, Any],
    *,
    actor: Actor,
    now: datetime,
    organization: Organization | None = None,
) -> None:
    """Tell of a claim in the audit trail of its buyer, or of `organization`."""
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="claim",
        subject_uid=claim.uid,
        organization=organization or claim.organization,
        now=now,
        details=details,
    )
