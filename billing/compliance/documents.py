"""Papers that organizations hand in for their checks: kept encrypted, and every reading on record."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.access import get_or_refuse
from accounts.audit import Actor
from accounts.models import Organization
from billing.compliance import sealing
from billing.models import ComplianceDocument, ComplianceStep
from core import ids
from core.credentials import CredentialUnreadable
from core.errors import DomainError
from core.files import Bounds, CheckedFile

BOUNDS: Final = Bounds(
    kinds=("image/png", "image/jpeg", "application/pdf"),
    bytes_max=5_000_000,
    count_max=10,
    called="document",
)
"""Of one check."""
KEPT_MAX: Final = 100
"""Of one organization, ever; the database refuses more."""
ATTEMPTS: Final = 5


class TooManyDocuments(DomainError):
    """An organization hands in many papers, and not more."""

    code = "too_many_documents"
    message = f"An organization hands in {KEPT_MAX} papers at most. Write to us if that is not enough."


def add(*, organization: Organization, file: CheckedFile, actor: Actor, now: datetime) -> ComplianceDocument:
    """
    Keep a paper; one that the organization handed in before is not kept twice.

    :raises TooManyDocuments: if there are KEPT_MAX
    """
    digest = sha256(file.content).hexdigest()
    for attempt in range(ATTEMPTS):
        rows = list_documents(organization=organization)
        known = rows.filter(sha256=digest).first()
        if known is not None:
            return known
        number = rows.count() + 1
        if number > KEPT_MAX:
            raise TooManyDocuments
        try:
            with transaction.atomic():
                return _keep(organization, file, digest, number, actor, now)
        except IntegrityError:
            # Somebody of the organization handed in another, or the same, at the same time.
            if attempt + 1 == ATTEMPTS:
                raise
    raise AssertionError("the last attempt answers or raises")


def list_documents(*, organization: Organization) -> QuerySet[ComplianceDocument]:
    """Papers of an organization, without their content."""
    return ComplianceDocument.objects.filter(organization=organization).defer("content")


def find(*, organization: Organization, uids: Sequence[UUID | str]) -> list[ComplianceDocument]:
    """
    Papers of an organization, each once, in this order.

    :raises core.errors.NotFound: if one is not there, or is another's
    """
    rows = list_documents(organization=organization)
    return [get_or_refuse(rows, uid=uid) for uid in dict.fromkeys(map(str, uids))]


def read(*, document: ComplianceDocument, actor: Actor, now: datetime) -> CheckedFile:
    """
    A paper as it was handed in, and an event of who read it.

    :raises core.credentials.CredentialUnreadable: if no key of ours opens it, or it is not what it was
    """
    purpose = sealing.name_document(document.uid)
    content = sealing.open_vault().open_bytes(bytes(document.content), purpose=purpose)
    if sha256(content).hexdigest() != document.sha256:
        raise CredentialUnreadable("this paper is not what was handed in")
    with transaction.atomic():
        _record(document, "compliance.document.read", actor, now)
    return CheckedFile(document.name, document.kind, content)


def describe(document: ComplianceDocument) -> dict[str, Any]:
    """How a step's evidence names a paper."""
    return {
        "text": document.name,
        "sha256": document.sha256,
        "document": str(document.uid),
        "size": document.size,
    }


def list_named(step: ComplianceStep | None) -> list[dict[str, Any]]:
    """The papers that a step's evidence names, as `describe` tells them."""
    return [one for one in step.evidence if "document" in one] if step else []


def _keep(
    organization: Organization, file: CheckedFile, digest: str, number: int, actor: Actor, now: datetime
) -> ComplianceDocument:
    uid = ids.make_uid()
    sealed = sealing.open_vault().seal_bytes(file.content, purpose=sealing.name_document(uid))
    made = ComplianceDocument.objects.create(
        uid=uid,
        organization=organization,
        number=number,
        name=file.name,
        kind=file.kind,
        size=len(file.content),
        sha256=digest,
        content=sealed.token,
        key_id=sealed.key_id,
        added_by=actor.uid,
        added_at=now,
    )
    _record(made, "compliance.document.add", actor, now)
    return made


def _record(document: ComplianceDocument, action: str, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="compliance_document",
        subject_uid=document.uid,
        organization=document.organization,
        now=now,
        details={"name": document.name, "sha256": document.sha256},
    )
