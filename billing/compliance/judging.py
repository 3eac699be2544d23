"""What operators read on the page where an organization is judged: words for codes."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.compliance import checks, standing
from billing.models import ComplianceStep, Screening

type Word = str | Promise
Kind, State = ComplianceStep.Kind, ComplianceStep.State

KINDS: dict[str, Word] = {Kind.IDENTITY: _("Identity"), Kind.TAX_FORM: _("Tax form")}
STATES: dict[str, Word] = {
    State.SUBMITTED: _("Handed in"),
    State.IN_REVIEW: _("Under review"),
    State.VERIFIED: _("Verified"),
    State.ACCEPTED: _("Accepted"),
    State.REFUSED: _("Refused"),
}
REASONS: dict[str, Word] = {
    standing.IDENTITY_MISSING: _("its identity is not verified"),
    standing.IDENTITY_EXPIRED: _("its identity was verified too long ago"),
    standing.TAX_FORM_MISSING: _("no tax form is accepted"),
    standing.SANCTIONS: _("its name is like one on a list of sanctions"),
    standing.FROZEN: _("money of it is frozen"),
}
SCREENINGS: dict[str, Word] = {
    Screening.State.CLEAR: _("Like no name on the lists"),
    Screening.State.HIT: _("Like a name on a list: to be decided"),
    Screening.State.DISMISSED: _("Another party"),
    Screening.State.CONFIRMED: _("The same party"),
}
DEEDS: dict[str, Word] = {
    State.IN_REVIEW: _("Look at it: nothing is handed in meanwhile"),
    State.VERIFIED: _("Verified"),
    State.ACCEPTED: _("Accepted"),
    State.REFUSED: _("Refused"),
}


def list_decisions(step: ComplianceStep) -> list[tuple[str, Word]]:
    """What an operator may say of a check from where it is."""
    follows = checks.FOLLOWS[step.kind].get(step.state, ())
    return [(state, DEEDS[state]) for state in follows if state != State.SUBMITTED]
