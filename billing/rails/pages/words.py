"""What rails, their details and states are called on pages."""

from django.utils.translation import gettext_lazy as _

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
