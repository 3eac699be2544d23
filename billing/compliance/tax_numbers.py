"""Tax numbers: kept encrypted, shown by their ends, read in full on record."""

import re
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.compliance import sealing
from billing.models import TaxNumber
from billing.statements.tax_ids import mask
from core import ids

LENGTH_MAX: Final = 40
LABEL: Final = "Tax number"
SAID = re.compile(r"\s*tax number\s*:", re.IGNORECASE)
"""A text of evidence that would say one openly; the database refuses it, too."""


def keep(*, organization: Organization, number: str, actor: Actor, now: datetime) -> TaxNumber:
    """Keep a number; what is recorded of it is its end."""
    uid = ids.make_uid()
    sealed = sealing.open_vault().seal(number, purpose=sealing.name_tax_number(uid))
    with transaction.atomic():
        made = TaxNumber.objects.create(
            uid=uid,
            organization=organization,
            hint=mask(number),
            content=sealed.token,
            key_id=sealed.key_id,
            added_by=actor.uid,
            added_at=now,
        )
        _record(made, "compliance.tax_number.add", actor, now)
    return made


def read(*, number: TaxNumber, actor: Actor, now: datetime) -> str:
    """
    The whole number, and an event of who read it.

    :raises core.credentials.CredentialUnreadable: if no key of ours opens it
    """
    purpose = sealing.name_tax_number(number.uid)
    text = sealing.open_vault().open(bytes(number.content), purpose=purpose)
    with transaction.atomic():
        _record(number, "compliance.tax_number.read", actor, now)
    return text


def describe(number: TaxNumber) -> dict[str, Any]:
    """How a step's evidence names it."""
    return {"text": f"{LABEL}: {number.hint}", "tax_number": str(number.uid)}


def _record(number: TaxNumber, action: str, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="tax_number",
        subject_uid=number.uid,
        organization=number.organization,
        now=now,
        details={"number": number.hint},
    )
