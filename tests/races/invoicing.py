"""Races around an invoice: two that issue one, and a tax that is taken while its invoice is undone."""

from decimal import Decimal

from tests.billing import exchange as ex
from tests.billing import invoice_books
from tests.billing.exchange import fetch
from tests.races.interleaving import overlap
from tests.races.stage import Stage, call


def tax_is_void_before_it_is_taken(stage: Stage) -> bool:
    """Whoever takes it waits for whoever undoes the invoice, and then takes nothing."""
    entries = charge(stage)
    invoice = invoice_books.issue(stage.app, stage.lab, entries, tax="0.1")
    outcome = overlap(
        stage.db,
        lambda c: invoice_books.issue(c, stage.lab, entries, tax="0.1", corrects=invoice),
        call("SELECT post_invoice_tax_v1(%s)", invoice),
    )
    return outcome.waited and outcome.error is None and outcome.value is None


def charge(stage: Stage) -> dict[int, Decimal]:
    """Charge the lab; gives what is to be invoiced."""
    ex.record(stage.app, stage.admit(stage.lab).attempt_id)
    ex.post_charges(stage.app)
    rows = fetch(
        stage.app,
        "SELECT entry_id, amount FROM list_uninvoiced_v1(%s, '2030-01-01')",
        stage.lab.account_id,
    )
    return {row["entry_id"]: row["amount"] for row in rows}
