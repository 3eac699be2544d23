"""Checks of identity and tax: handed in by the organization, decided by an operator, step by step."""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.compliance import documents, tax_forms, tax_numbers
from billing.models import ComplianceDocument, ComplianceStep
from core import ids
from core.errors import DomainError, Invalid
from core.files import CheckedFile

Kind, State = ComplianceStep.Kind, ComplianceStep.State
EVIDENCE_MAX = 20
TEXT_MAX = 1000
# From what a step may lead to what; None is the beginning.
FOLLOWS: dict[str, dict[str | None, tuple[str, ...]]] = {
    Kind.IDENTITY: {
        None: (State.SUBMITTED,),
        State.SUBMITTED: (State.SUBMITTED, State.IN_REVIEW, State.VERIFIED, State.REFUSED),
        State.IN_REVIEW: (State.VERIFIED, State.REFUSED),
        State.VERIFIED: (State.SUBMITTED, State.REFUSED),
        State.REFUSED: (State.SUBMITTED,),
    },
    Kind.TAX_FORM: {
        None: (State.SUBMITTED,),
        State.SUBMITTED: (State.SUBMITTED, State.ACCEPTED, State.REFUSED),
        State.ACCEPTED: (State.SUBMITTED, State.REFUSED),
        State.REFUSED: (State.SUBMITTED,),
    },
}


class StepRefused(DomainError):
    """From where the check is, it does not lead there."""

    code = "step_refused"


class CheckInvalid(Invalid):
    """A form nobody knows, no evidence, or no reason."""

    code = "invalid_check"


def submit(
    *,
    organization: Organization,
    kind: str,
    evidence: Sequence[str],
    actor: Actor,
    now: datetime,
    form: str = "",
    papers: Sequence[ComplianceDocument] = (),
    files: Sequence[CheckedFile] = (),
    tax_number: str = "",
) -> ComplianceStep:
    """
    Hand in a check.

    :param evidence: texts: what the organization says of itself, documents and where an operator finds them
    :param papers: of the organization, kept before
    :param files: more papers, kept with the step
    :param tax_number: kept encrypted; the step names its end
    :raises CheckInvalid: without anything, or with a form that payees of the country do not hand in
    :raises StepRefused: while it is under review
    :raises billing.compliance.documents.TooManyDocuments: if the organization has handed in too many
    """
    said = [text.strip() for text in evidence if text.strip()]
    _check_evidence(said, papers=len(papers) + len(files))
    _check_form(organization, kind, form=form, tax_number=tax_number)
    with transaction.atomic():
        kept = [documents.add(organization=organization, file=one, actor=actor, now=now) for one in files]
        listed = [{"text": text, "sha256": hashlib.sha256(text.encode()).hexdigest()} for text in said]
        if number := tax_number.strip():
            made = tax_numbers.keep(organization=organization, number=number, actor=actor, now=now)
            listed.append(tax_numbers.describe(made))
        known = {one.uid: one for one in (*papers, *kept)}
        listed += [documents.describe(one) for one in known.values()]
        return _add(organization, kind, State.SUBMITTED, actor, now, evidence=listed, form=form)


def _check_evidence(said: Sequence[str], *, papers: int) -> None:
    few = documents.BOUNDS.count_max
    if not len(said) + papers >= 1 or len(said) > EVIDENCE_MAX or any(len(text) > TEXT_MAX for text in said):
        raise CheckInvalid(f"Name 1 to {EVIDENCE_MAX} documents.", field="evidence")
    if papers > few:
        raise CheckInvalid(f"Hand in {few} papers at most with a check.", field="documents")
    if any(tax_numbers.SAID.match(text) for text in said):
        raise CheckInvalid("Say the tax number in tax_number: it is kept encrypted.", field="evidence")


def _check_form(organization: Organization, kind: str, *, form: str, tax_number: str) -> None:
    if len(tax_number) > tax_numbers.LENGTH_MAX:
        raise CheckInvalid(
            f"A tax number has {tax_numbers.LENGTH_MAX} characters at most.", field="tax_number"
        )
    if kind == Kind.TAX_FORM:
        known = [one.code for one in tax_forms.list_forms(country=organization.country)]
        if form not in known:
            raise CheckInvalid(f"Payees of {organization.country} hand in: {', '.join(known)}.", field="form")
    elif form:
        raise CheckInvalid("Only a tax form has a name.", field="form")
    elif tax_number.strip():
        raise CheckInvalid("A tax number goes with a tax form.", field="tax_number")


def decide(
    *,
    organization: Organization,
    kind: str,
    state: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    valid_until: date | None = None,
    withholding_bps: int = 0,
) -> ComplianceStep:
    """
    Take an operator's step: review, yes or no.

    :raises StepRefused: if the check is not where that may follow
    :raises CheckInvalid: for a refusal without a reason
    """
    before = find_newest(organization_ids=[organization.pk]).get(organization.pk, {}).get(kind)
    if state == State.REFUSED and not reason.strip():
        raise CheckInvalid("Say why.", field="reason")
    return _add(
        organization,
        kind,
        state,
        actor,
        now,
        reason=reason,
        valid_until=valid_until,
        form=before.form if before else "",
        evidence=before.evidence if before else [],
        withholding_bps=withholding_bps if kind == Kind.TAX_FORM and state == State.ACCEPTED else 0,
    )


def find_newest(*, organization_ids: Sequence[int]) -> dict[int, dict[str, ComplianceStep]]:
    """The step that holds, by organization and kind."""
    rows = ComplianceStep.objects.filter(organization__in=organization_ids)
    found: dict[int, dict[str, ComplianceStep]] = {}
    for step in rows.order_by("organization", "kind", "-id").distinct("organization", "kind"):
        found.setdefault(step.organization_id, {})[step.kind] = step
    return found


def may_submit(step: ComplianceStep | None, *, kind: str) -> bool:
    """Whether something may be handed in after the newest step of a kind."""
    return State.SUBMITTED in FOLLOWS[kind].get(step.state if step else None, ())


def is_expired(step: ComplianceStep, *, now: datetime) -> bool:
    """Whether what was verified has run out."""
    return step.valid_until is not None and step.valid_until < now.date()


def _add(
    organization: Organization, kind: str, state: str, actor: Actor, now: datetime, **fields: Any
) -> ComplianceStep:
    before = find_newest(organization_ids=[organization.pk]).get(organization.pk, {}).get(kind)
    if state not in FOLLOWS[kind].get(before.state if before else None, ()):
        was = before.state.lower() if before else "not handed in"
        raise StepRefused(f"The check is {was}; it does not become {state.lower()} from there.")
    with transaction.atomic():
        step = ComplianceStep.objects.create(
            uid=ids.make_uid(),
            organization=organization,
            kind=kind,
            state=state,
            made_by=actor.uid,
            made_at=now,
            **fields,
        )
        audit.record_event(
            actor=actor,
            action=f"compliance.{kind.lower()}.{state.lower()}",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details={"step": str(step.uid), "reason": fields.get("reason", "")},
        )
    return step
