"""What people read for kinds, refusals and states of settlements."""

import re

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
REMEDIES: dict[str, str | Promise] = {
    "CHECKS": _("You may not be paid at the moment. Look at what is missing."),
    "ADD": _("The account that it went to is not listed any more, and there is no other. Add one."),
    "REPLACE": _("Compare the account with your bank's papers. Add the right one, and remove this one."),
    "STRIPE": _("Stripe pays nothing to your account at the moment. Give it what it asks for."),
    "BANK_AT_STRIPE": _("Your bank did not take it from Stripe. Look at the bank account that Stripe has."),
    "CHECK": _("Look whether the account is right. If it is, there is nothing to do."),
}
REASONS: dict[str, str | Promise] = {
    "AC01": _("There is no account with this number."),
    "AC04": _("The account is closed."),
    "AC06": _("The account is blocked."),
    "AG01": _("The bank does not allow such payments to this account."),
    "BE01": _("The name is not that of the account's holder."),
    "BE04": _("The address of the account's holder is missing or wrong."),
    "MD07": _("The account's holder has died."),
    "MS02": _("The account's holder refused it."),
    "MS03": _("The bank gives no reason."),
    "RC01": _("There is no bank with this code."),
    "RR04": _("The bank may not take it, by the rules that it is under."),
}
"""By ISO 20022's external codes for returns and refusals of payments, as banks name them in their reasons."""


def name_reason(reason: str) -> str | Promise:
    """What a bank's reason means, by the first code in it; nothing for one without a known code."""
    return next((REASONS[word] for word in re.findall(r"[A-Z]{2}[0-9]{2}", reason) if word in REASONS), "")


def name_kind(kind: str) -> str | Promise:
    """A kind of line in people's words; a kind without words as it is."""
    return KINDS.get(kind, kind.replace("_", " ").capitalize())
