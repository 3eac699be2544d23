"""
Test money: XTS, the code that ISO 4217 reserves for testing.

Test keys spend it at simulated upstreams. It is given away up to a bound, kept in the same ledger as money
(every entry balances in each currency, so the two cannot mix) and never paid out.
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import ledger, wallets
from billing.wallets import Wallet
from core import ids
from core.money import TEST_CURRENCY, Money

FULL = Money(Decimal(1000), TEST_CURRENCY)


def fill_wallet(*, organization: Organization, actor: Actor, now: datetime) -> Wallet:
    """Fill an organization's test wallet to FULL, opening it if need be; gives the wallet."""
    with transaction.atomic():
        # Of two that fill at once, the second finds it full.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        wallet = wallets.open_wallet(organization_id=organization.pk, currency=TEST_CURRENCY)
        missing = FULL - wallet.posted
        if missing <= Money.zero(TEST_CURRENCY):
            return wallet
        source = ledger.open_account(purpose="TEST_MONEY", currency=TEST_CURRENCY)
        ledger.post(
            key=f"test_money:{ids.make_uid()}",
            kind="TEST_MONEY",
            actor=f"{actor.kind.lower()}:{actor.uid}" if actor.uid else "system:xts",
            lines={source: missing.amount, wallet.account_id: -missing.amount},
            happened_at=now,
        )
        audit.record_event(
            actor=actor,
            action="test_money.fill",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details={"amount": missing.literal},
        )
    return wallets.find_wallet(organization_id=organization.pk, currency=TEST_CURRENCY)
