"""What operators read of approvals: kinds, states, and the names in what was hashed."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

type Word = str | Promise

STATES: dict[str, Word] = {
    "PENDING": _("waits for a second person"),
    "APPROVED": _("approved"),
    "REJECTED": _("refused"),
    "VOID": _("void: its content changed, or something else was asked for"),
}
KINDS: dict[str, Word] = {
    "settlement": _("Settlement"),
    "payout_file": _("File of payouts"),
    "payout_step": _("End of a payout"),
    "manual_payment": _("Payment by hand"),
    "bank_line": _("Line of a bank"),
    "chain_deposit": _("Deposit of USDC"),
    "close_period": _("Closing of the books"),
    "release_freeze": _("Release of frozen money"),
    "claim_credit": _("Credit for a claim"),
    "reversal": _("Reversal of an entry"),
}
PATHS: dict[str, Word] = {
    "amount": _("To pay"),
    "balance": _("Owed"),
    "batch": _("Settlement, by its uid"),
    "carried": _("Left for the next settlement"),
    "chain": _("Chain of the ledger, its newest hash"),
    "charges": _("Charges behind it"),
    "content_sha256": _("SHA-256 of all its providers and lines"),
    "currency": _("Currency"),
    "cutoff_seq": _("Up to this number of the ledger"),
    "entity": _("Books of"),
    "fee": _("Fees of payouts"),
    "held": _("Held back"),
    "items": _("Providers"),
    "paid": _("of them paid"),
    "period": _("Period"),
    "released": _("Released of what was held"),
    "tax": _("Tax withheld"),
}
"""Of a settlement; what other kinds hold is called as programs call it."""
STEP_PATHS: dict[str, Word] = {
    "payout": _("Payout, by its uid"),
    "provider": _("Provider"),
    "rail": _("Rail"),
    "was": _("Where it was"),
    "state": _("What became of it"),
    "amount": _("Amount"),
    "currency": _("Currency"),
    "reference": _("What the bank or rail calls it"),
    "reason": _("Why it did not arrive"),
    "happened_at": _("When (UTC)"),
}


def name_kind(kind: str) -> Word:
    """A kind in words; one without words as it is."""
    return KINDS.get(kind, kind.replace("_", " ").capitalize())


def name_path(kind: str, path: str) -> Word:
    """What a value of a content is called."""
    words = PATHS if kind == "settlement" else STEP_PATHS if kind == "payout_step" else {}
    return words.get(path, path.replace("_", " "))
