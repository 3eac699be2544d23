"""What the admin's lists of money say while they are empty: how the first row comes, and where one goes."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Empty:
    """`text` says what makes the first row; `step` names the page on which an operator does, and its view."""

    text: str | Promise
    step: tuple[str | Promise, str] | None = None


STATEMENTS = (_("Hand in statements"), "billing_bank_import")
FX_BOOK = (_("FX book"), "billing_fx_book")

EMPTY = {
    "billing.approval": Empty(_("What needs two people is asked for on its own page, and waits here.")),
    "billing.settlementbatch": Empty(
        _("A draft collects what providers have earned up to a moment; two people pay it out."),
        (_("Draft a settlement"), "billing_settlement_draft"),
    ),
    "billing.bankline": Empty(_("Lines come with the statements of the platform's banks."), STATEMENTS),
    "billing.bankstatement": Empty(_("Banks send them as camt.053."), STATEMENTS),
    "billing.chaindeposit": Empty(_("Transfers to buyers' addresses appear a block after they were sent.")),
    "billing.stripedispute": Empty(_("Stripe tells of a dispute as soon as a payer's bank opens one.")),
    "billing.stripetopup": Empty(_("A buyer pays in under Add money, or a wallet is filled by itself.")),
    "billing.stripeevent": Empty(_("Stripe's webhook has told nothing yet.")),
    "billing.stripebalancetransaction": Empty(_("Stripe's account is copied once payments were made.")),
    "billing.chargequarantine": Empty(_("Good: the ledger has refused no charge.")),
    "billing.compliancestep": Empty(_("A provider hands in its papers before its first payout.")),
    "billing.screening": Empty(_("Names are compared with lists of sanctions when one of either changes.")),
    "billing.payout": Empty(
        _("Settlements that are carried out make payouts."),
        (_("Settlements"), "billing_settlementbatch_changelist"),
    ),
    "billing.railfile": Empty(
        _("Files carry payouts to a bank, or to the signers of USDC."),
        (_("Payouts that wait for files"), "billing_railfile_waiting"),
    ),
    "billing.payoutmethod": Empty(_("Providers add bank accounts and addresses under Payout methods.")),
    "billing.payoutterm": Empty(
        _("Where none are set, no payout is too small, costs anything, or is held back.")
    ),
    "billing.freestart": Empty(
        _("An organization that begins is given test money; others are let in by hand.")
    ),
    "billing.invoice": Empty(_("Invoices are issued after a month in which something was bought.")),
    "billing.ledgeraccount": Empty(_("Accounts are opened with their first posting.")),
    "billing.entry": Empty(_("The first top-up makes the first entry, the first answer the first charge.")),
    "billing.charge": Empty(_("The first answer that somebody pays for makes the first charge.")),
    "billing.hold": Empty(_("Money is held while an answer is being made.")),
    "billing.scope": Empty(_("A wallet is opened with the first payment into it.")),
    "billing.heatcharge": Empty(_("Heat is charged when a site that sells it is metered.")),
    "billing.reconciliationrun": Empty(_("The books are compared with banks, Stripe and chain once a day.")),
    "billing.accountingperiod": Empty(
        _("Two people close the books of a time that is over."),
        (_("Close the books"), "billing_close_period"),
    ),
    "billing.organizationentity": Empty(
        _("Everybody deals with the first entity."),
        (_("Let one deal with another entity"), "billing_entity_assign"),
    ),
    "billing.fxposition": Empty(
        _("The first exchange, or a charge in another currency than its wallet, makes a position."), FX_BOOK
    ),
    "billing.fxrate": Empty(
        _("The central bank's rates are read every day, others are entered by hand."), FX_BOOK
    ),
    "accounts.auditevent": Empty(_("Whatever people and programs do here is told.")),
    "workers.answerclaim": Empty(_("A buyer opens a claim from the charge of an answer, within 60 days.")),
    "workers.attempt": Empty(_("The first request to a live offer makes the first attempt.")),
    "workers.receipt": Empty(_("Agents sign what they did; the first answer of a machine brings a receipt.")),
}
"""By table. Any other says what it lists."""
