"""How the examples of settlements and payouts are posted."""

from datetime import datetime
from decimal import Decimal

from accounts import audit, organizations
from billing.models import Entry
from billing.settlement import payouts, terms
from billing.settlement.terms import Terms
from tests.settlement import settling

KINDS = (
    *("PAYOUT", "EARNINGS_HELD", "EARNINGS_RELEASED", "WITHHOLDING", "PAYOUT_FEE"),
    *("PAYOUT_PAID", "PAYOUT_RETURNED"),
)


def settle(facts: dict[str, str], kind: str, *, numbers: dict[str, str], now: datetime) -> int:
    """Settle what a provider is owed as two operators do, and follow its payout; gives the last entry."""
    desk = settling.make_desk()
    provider = organizations.create_organization(name="Farm", country="SE", now=now)
    numbers[str(provider.pk)] = facts["provider"]
    settling.earn(provider, facts["owed"])
    desk.say(provider, withholding_bps=int(facts.get("withholding_bps", 0)))
    asked = Terms(
        "USD",
        fee=Decimal(facts.get("fee", 0)),
        held_days=int(facts.get("held_days", 0)),
        held_max=Decimal(facts["held_max"]) if "held_max" in facts else None,
    )
    terms.change_terms(terms=asked, actor=audit.SYSTEM, now=now)
    desk.settle(now)
    if "released" in facts:
        terms.change_terms(terms=Terms("USD"), actor=audit.SYSTEM, now=now)
        desk.settle(now)
    if kind in ("PAYOUT_PAID", "PAYOUT_RETURNED"):
        paid = settling.find_payout(provider).uid
        seen = {"happened_at": now, "now": now}
        payouts.mark_paid(payout_uid=paid, external_id="E1", actor=audit.SYSTEM, **seen)
        if kind == "PAYOUT_RETURNED":
            payouts.mark_returned(payout_uid=paid, reason="account closed", actor=audit.SYSTEM, **seen)
    return Entry.objects.filter(kind=kind).latest("id").pk
