"""How far a check is, for whoever waits for it. No I/O."""

from datetime import datetime
from enum import StrEnum

from billing.compliance import checks
from billing.models import ComplianceStep, Screening


class Stage(StrEnum):
    """ASKED: nothing was handed in. EXPIRED: it had passed, until a day that is over."""

    ASKED = "ASKED"
    SUBMITTED = "SUBMITTED"
    IN_REVIEW = "IN_REVIEW"
    PASSED = "PASSED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"


STEPS = {
    ComplianceStep.State.SUBMITTED: Stage.SUBMITTED,
    ComplianceStep.State.IN_REVIEW: Stage.IN_REVIEW,
    ComplianceStep.State.VERIFIED: Stage.PASSED,
    ComplianceStep.State.ACCEPTED: Stage.PASSED,
    ComplianceStep.State.REFUSED: Stage.REFUSED,
}
NAMES = {
    Screening.State.CLEAR: Stage.PASSED,
    Screening.State.DISMISSED: Stage.PASSED,
    Screening.State.HIT: Stage.IN_REVIEW,
    Screening.State.CONFIRMED: Stage.REFUSED,
}


def find_stage(step: ComplianceStep | None, *, now: datetime) -> Stage:
    """How far a check of identity or tax is, by its newest step."""
    if step is None:
        return Stage.ASKED
    stage = STEPS[ComplianceStep.State(step.state)]
    return Stage.EXPIRED if stage == Stage.PASSED and checks.is_expired(step, now=now) else stage


def find_name_stage(newest: Screening | None) -> Stage:
    """
    How far the comparison with lists of sanctions is. A name that was not compared yet passes for now: it is
    compared when there is a list.
    """
    return Stage.PASSED if newest is None else NAMES[Screening.State(newest.state)]
