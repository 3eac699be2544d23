"""What rails, their details and states are called on pages."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.rails.protocol import Refusal

RAILS = {
    "bank_file": _("Bank transfer"),
    "usdc": _("USDC on chain"),
    "ecny": _("e-CNY wallet"),
    "manual": _("By arrangement"),
    "stripe_connect": _("Stripe"),
}
FIELDS = {
    "name": _("Name of the account's holder"),
    "city": _("Town of the holder"),
    "street": _("Street of the holder"),
    "iban": _("IBAN"),
    "bic": _("BIC of the bank"),
    "account": _("Account number"),
    "bank_code": _("Bank code (three digits)"),
    "cnaps": _("CNAPS code (twelve digits)"),
    "bank": _("Name of the bank"),
    "routing": _("Routing number (nine digits)"),
    "address": _("Address, with its capital letters"),
    "wallet": _("Wallet number (sixteen digits)"),
    "institution": _("Who opened the wallet"),
    "instructions": _("How we are to pay"),
}
STATES = {
    "PENDING": _("being checked"),
    "READY": _("ready"),
    "BLOCKED": _("blocked"),
    "RETIRED": _("removed"),
}
DEPOSITS = {
    "SEEN": _("waiting for confirmations"),
    "CREDITED": _("credited"),
    "ORPHANED": _("not on the chain any more"),
}
REFUSALS: dict[str, str | Promise] = {
    "pending": _("We check that the account is yours. There is nothing to do."),
    "blocked": _("We do not pay this account. Add another one, or write to us."),
    "cooling": _("Checked. It was added a short time ago and is paid from the day that is named."),
    "account_not_ready": _("Stripe does not pay this account at the moment. Look at what it asks for."),
}


def name_refusal(refusal: Refusal | None) -> str | Promise:
    """Why a method is not paid now, for its owner; ready where nothing stands against it."""
    return STATES["READY"] if refusal is None else REFUSALS.get(refusal.code, refusal.message)
