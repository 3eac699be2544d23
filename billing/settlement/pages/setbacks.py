"""Payouts that came back, and trouble at Stripe, as pages of payouts and of methods tell them."""

from dataclasses import dataclass

from django.utils.functional import Promise

from accounts.models import Organization
from billing.connect import accounts
from billing.connect.pages.words import Told, describe
from billing.models import Payout, PayoutMethod
from billing.settlement import setbacks, words
from billing.settlement.readiness import CONNECT, Readiness
from billing.settlement.setbacks import Remedy
from core.money import Money

PAGES = {
    Remedy.CHECKS: "checks-page",
    Remedy.ADD: "payout-method-new-page",
    Remedy.REPLACE: "payout-methods-page",
    Remedy.STRIPE: "connect-page",
    Remedy.BANK_AT_STRIPE: "connect-page",
    Remedy.CHECK: "payout-methods-page",
}


@dataclass(frozen=True, slots=True)
class ToldSetback:
    """One that came back: why, what to do, and the page to do it on."""

    payout: Payout
    method: PayoutMethod | None
    amount: Money
    state: str | Promise
    means: str | Promise
    remedy: str | Promise
    page: str


def list_setbacks(organization: Organization, readiness: Readiness) -> list[ToldSetback]:
    """Payouts of an organization that came back and were not made up for."""
    return [
        ToldSetback(
            payout=one.payout,
            method=one.method,
            amount=Money(one.payout.amount, one.payout.currency),
            state=words.STATES[one.payout.state],
            means=words.name_reason(one.payout.reason),
            remedy=words.REMEDIES[one.remedy],
            page=PAGES[one.remedy],
        )
        for one in setbacks.list_setbacks(organization_id=organization.pk, readiness=readiness)
    ]


def describe_stripe(organization: Organization, readiness: Readiness) -> Told | None:
    """How the account at Stripe stands, for whoever is to be paid there."""
    if not any(way.method.rail == CONNECT for way in readiness.ways):
        return None
    return describe(accounts.find(organization_id=organization.pk))
