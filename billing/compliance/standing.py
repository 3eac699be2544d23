"""Whether an organization may be paid and may pay in, and why not. One place that everybody asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.compliance import checks, tax_forms
from billing.models import ComplianceStep, Freeze, Screening

IDENTITY_MISSING = "identity_not_verified"
IDENTITY_EXPIRED = "identity_expired"
TAX_FORM_MISSING = "tax_form_missing"
SANCTIONS = "sanctions_screening"
FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Standing:
    """
    What an organization may. `withholding_bps` is withheld of what it is paid, in hundredths of a per cent.

    `reasons` are words for programs; those of paying in are among those of being paid.
    """

    may_receive: bool
    may_fund: bool
    reasons: tuple[str, ...] = ()
    withholding_bps: int = 0


def find_standing(*, organization_id: int, now: datetime) -> Standing:
    """What one organization may."""
    return find_standings(organization_ids=[organization_id], now=now)[organization_id]


def find_standings(*, organization_ids: Sequence[int], now: datetime) -> dict[int, Standing]:
    """What each of many may, in four queries."""
    steps = checks.find_newest(organization_ids=organization_ids)
    hits = set(
        Screening.objects.filter(organization__in=organization_ids)
        .order_by("organization", "-id")
        .distinct("organization")
        .values_list("organization", "state")
    )
    barred = {one for one, state in hits if state in (Screening.State.HIT, Screening.State.CONFIRMED)}
    frozen = set(
        Freeze.objects.filter(organization__in=organization_ids, ended_at=None).values_list(
            "organization", flat=True
        )
    )
    return {
        one: _judge(steps.get(one, {}), barred=one in barred, frozen=one in frozen, now=now)
        for one in organization_ids
    }


def _judge(steps: dict[str, ComplianceStep], *, barred: bool, frozen: bool, now: datetime) -> Standing:
    stops = [word for word, holds in ((SANCTIONS, barred), (FROZEN, frozen)) if holds]
    reasons = list(stops)
    identity = steps.get(ComplianceStep.Kind.IDENTITY)
    if identity is None or identity.state != ComplianceStep.State.VERIFIED:
        reasons.append(IDENTITY_MISSING)
    elif checks.is_expired(identity, now=now):
        reasons.append(IDENTITY_EXPIRED)
    form = steps.get(ComplianceStep.Kind.TAX_FORM)
    withheld = tax_forms.WITHHELD_WITHOUT_BPS
    if (
        form is not None
        and form.state == ComplianceStep.State.ACCEPTED
        and not checks.is_expired(form, now=now)
    ):
        withheld = form.withholding_bps
    elif tax_forms.WITHHELD_WITHOUT_BPS == 0:
        reasons.append(TAX_FORM_MISSING)
    return Standing(
        may_receive=not reasons, may_fund=not stops, reasons=tuple(reasons), withholding_bps=withheld
    )
