"""The page's examples of exchange, posted by the code that posts them in earnest."""

from datetime import timedelta
from decimal import Decimal

from accounts import audit
from accounts.models import Organization
from billing import ledger
from billing.fx import positions, treasury
from billing.fx.treasury import Trade
from billing.models import Entry
from core.money import Money
from tests.cast import NOW
from tests.fx import exchanging as ex

KINDS = ("FX_CONVERSION", "FX_TRADE", "FX_GAIN", "FX_REVALUATION", "SWAP")


def post(buyer: Organization, kind: str, facts: dict[str, str]) -> int:
    """Do what the facts of an example say; gives the entry of its kind."""
    if kind == "FX_CONVERSION":
        ex.say("USD", "CNH", facts["rate"])
        ex.pay_in(buyer, "100", "USD")
        return ex.convert(buyer, "USD", "CNH", facts["sold"]).entry_id
    if kind == "SWAP":
        line = treasury.open_line(counterparty="Bank", ceiling=read("1000 CNH"), actor=audit.SYSTEM, now=NOW)
        return treasury.move_line(
            line=line,
            amount=read(facts["drawn"]).amount,
            reference=facts["reference"],
            actor=audit.SYSTEM,
            happened_at=NOW,
            now=NOW,
        ).entry_id
    trade(facts["sold"], facts["bought"], facts.get("reference", "T-1"))
    if kind == "FX_GAIN":
        trade(facts["then_sold"], facts["then_bought"], "T-2")
        follow()
    elif kind == "FX_REVALUATION":
        ex.say("USD", "CNH", facts["rate"], as_of=NOW)
        follow()
        positions.revalue(day=NOW.date(), now=NOW + timedelta(days=1))
    return Entry.objects.filter(kind=kind).latest("id").pk


def trade(sold: str, bought: str, reference: str) -> ledger.Posted:
    """A trade at a bank."""
    done = Trade(read(sold), read(bought), reference)
    return treasury.book_trade(trade=done, actor=audit.SYSTEM, happened_at=NOW, now=NOW)


def follow() -> None:
    """Number entries and tell positions from them."""
    ex.number_entries()
    positions.follow_ledger()


def read(text: str) -> Money:
    """An amount with its currency behind it."""
    amount, currency = text.split()
    return Money(Decimal(amount), currency)
