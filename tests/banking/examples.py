"""Entries of the bank's statements for the page that shows one of each kind."""

from decimal import Decimal

from accounts.models import Organization
from billing import wallets
from billing.banking.assignment import Choice
from billing.banking.matching import Target
from core.money import Money
from tests.banking.conftest import find, make_counter
from tests.banking.files import Entry, Sheet
from tests.cast import NOW

KINDS = ("SUSPENSE", "BANK_FEE", "TOPUP_BACK")


def post(buyer: Organization, kind: str, amount: str) -> int:
    """Hand in a statement with one line of this amount; gives the entry that follows."""
    counter = make_counter()
    code = "PMNT/MDOP/CHRG" if kind == "BANK_FEE" else "PMNT/RCDT/ESCT"
    counter.hand_in(Sheet(entries=[Entry(amount, ref="A1", code=code)]))
    line = find("A1")
    if kind == "TOPUP_BACK":
        paid = Money(abs(Decimal(amount)), "USD")
        wallets.top_up(
            organization_id=buyer.pk, amount=paid, bank_reference="A0", actor="test", happened_at=NOW
        )
        line = counter.say(line, Choice(Target.WALLET, buyer.uid))
    entry = line.suspense_entry_id if kind == "SUSPENSE" else line.entry_id
    assert entry is not None
    return entry
