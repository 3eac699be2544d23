"""What people read for kinds, refusals and states of settlements."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

KINDS: dict[str, str | Promise] = {
    "CHARGE": _("Sold"),
    "CHARGE_FEE": _("The platform's share"),
    "OVERRUN": _("Added by the platform"),
    "HEAT": _("Heat sold"),
    "HEAT_FEE": _("The platform's share of heat"),
    "REFUND": _("Given back to buyers"),
    "GIVE_BACK": _("Given back at final prices"),
    "CLAIM": _("Credited for claims"),
    "TAX": _("Tax of your invoices"),
    "PAYOUT": _("Paid out"),
    "PAYOUT_RETURNED": _("Payouts that came back"),
    "EARNINGS_HELD": _("Kept back while you are new"),
    "EARNINGS_RELEASED": _("Released"),
    "WITHHOLDING": _("Tax withheld"),
    "PAYOUT_FEE": _("Fee of the payout"),
    "REVERSAL": _("Undone"),
    "CORRECTION": _("Corrected"),
}
REFUSALS: dict[str, str | Promise] = {
    "BELOW_MINIMUM": _("Less than the least that is paid out; it is carried over."),
    "NEGATIVE": _("More was given back than earned; it is set off against what you earn."),
    "NEW": _("Earnings of new providers are kept back for a time."),
    "NO_METHOD": _("There is no way to pay you yet. Add one."),
    "NOT_ALLOWED": _("You may not be paid at the moment. Look at what your account lacks."),
}
OUTCOMES: dict[str, str | Promise] = {
    "STOPPED": _("You could not be paid any more when the payment began; it is carried over."),
    "SHORT": _("Less was owed when the payment began; it is carried over."),
}
STATES: dict[str, str | Promise] = {
    "PLANNED": _("Waiting to be sent"),
    "SENT": _("Sent"),
    "IN_TRANSIT": _("On its way"),
    "PAID": _("Paid"),
    "RETURNED": _("Came back, owed again"),
    "FAILED": _("Could not be sent, owed again"),
}
SCHEDULES: dict[str, str | Promise] = {
    "DAILY": _("Every day"),
    "WEEKLY": _("Every week, on Monday"),
    "MONTHLY": _("Every month, on the 1st"),
}


def name_kind(kind: str) -> str | Promise:
    """A kind of line in people's words; a kind without words as it is."""
    return KINDS.get(kind, kind.replace("_", " ").capitalize())
