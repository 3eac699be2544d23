"""Entries of money in, from the facts of an example."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from accounts import audit
from accounts.models import Organization
from billing.models import Entry, StripeTopUp
from billing.stripe import disputes, movements, payments, refunds
from billing.stripe.facts import RefundFacts
from tests.cast import NOW
from tests.stripe import scene

KINDS = (
    *("STRIPE_TOPUP", "STRIPE_BALANCE", "STRIPE_AVAILABLE", "STRIPE_RELEASE", "STRIPE_REFUND"),
    *("STRIPE_REFUND_BACK", "DISPUTE_OPEN", "DISPUTE_WON", "DISPUTE_LOST"),
)


def post(organization: Organization, kind: str, facts: Mapping[str, str]) -> int:
    """Have everything happen that the facts tell; gives the last entry of the kind."""
    amount, currency = facts["amount"].split()
    top_up = scene.pay(organization, amount, currency=currency, risk_level=facts.get("risk", "normal"))
    if "told" in facts:
        told, settled = facts["told"].split()
        scene.book_charge(top_up, told, facts["fee"], currency=settled)
    if "spent" in facts:
        scene.spend(organization, facts["spent"], currency)
    if kind == "STRIPE_AVAILABLE":
        movements.release_available(now=NOW + timedelta(days=30))
    elif kind == "STRIPE_RELEASE":
        payments.release_reserves(now=NOW + timedelta(days=30))
    elif kind.startswith("STRIPE_REFUND"):
        _send_back(top_up, facts["back"], fails=kind == "STRIPE_REFUND_BACK")
    elif kind.startswith("DISPUTE"):
        disputes.apply(top_up=top_up, found=scene.contest(top_up, "needs_response"), now=NOW)
        if kind != "DISPUTE_OPEN":
            end = scene.contest(top_up, kind.removeprefix("DISPUTE_").lower())
            disputes.apply(top_up=top_up, found=end, now=NOW)
    return int(Entry.objects.filter(kind=kind).latest("id").pk)


def _send_back(top_up: StripeTopUp, amount: str, *, fails: bool) -> None:
    asked = refunds.request(
        top_up=top_up, amount=Decimal(amount), reason="unused", actor=audit.SYSTEM, now=NOW
    )
    if fails:
        refunds.note(refund=asked, found=RefundFacts("re_1", "failed", None, "lost_or_stolen_card"), now=NOW)
