"""What checks, their stages and what stops payouts are called on pages."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.compliance.stages import Stage

type Word = str | Promise

STAGES: dict[Stage, Word] = {
    Stage.ASKED: _("asked for"),
    Stage.SUBMITTED: _("handed in"),
    Stage.IN_REVIEW: _("under review"),
    Stage.PASSED: _("passed"),
    Stage.REFUSED: _("refused"),
    Stage.EXPIRED: _("expired"),
}
LOOKS = {
    Stage.ASKED: "warn",
    Stage.SUBMITTED: "",
    Stage.IN_REVIEW: "",
    Stage.PASSED: "good",
    Stage.REFUSED: "bad",
    Stage.EXPIRED: "warn",
}
"""Ends of the class of a badge."""
NEXT: dict[Stage, Word] = {
    Stage.ASKED: _("We need it before you are paid."),
    Stage.SUBMITTED: _("We look at it next. Until then you can hand in something better."),
    Stage.IN_REVIEW: _("We are looking at it. There is nothing to do; the outcome is told here."),
    Stage.PASSED: _("There is nothing to do."),
    Stage.REFUSED: _("Put right what is named, and hand it in again."),
    Stage.EXPIRED: _("What we know is too old by now. Hand it in again."),
}
NAME_NEXT: dict[Stage, Word] = {
    Stage.PASSED: _("We compare it with lists of sanctions. There is nothing to do."),
    Stage.IN_REVIEW: _(
        "It is like a name on a list of sanctions. We find out whether it is yours; nothing is paid before."
    ),
    Stage.REFUSED: _("It is on a list of sanctions. We may not pay you; write to us if that is wrong."),
}
REFUSALS: dict[str, Word] = {
    "step_refused": _("We are looking at it now. Hand it in again once we have told what came of it."),
    "too_many_documents": _("You have handed in 100 papers, and more are not kept. Write to us."),
}
FROZEN: Word = _("Money of yours is frozen. Write to us to hear why.")
PARTIES: dict[str, Word] = {
    "company": _("A company, or another body with a registration"),
    "person": _("A person in business under their own name"),
}
STATEMENT = (
    "All of this is true and complete, I may sign for the organization, and I tell of changes within 30 days."
)
"""What is signed, as it is kept for operators; forms show it in the reader's language."""
