"""Wallets that somebody opens before there is money for them: a bank transfer needs its reference first."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import currencies, wallets
from billing.fx import rates
from billing.models import BankAccount, StripeTerms
from billing.wallets import NoWallet, Wallet
from core.errors import Invalid
from core.money import TEST_CURRENCY

DEPOSITED = "USDC"
"""What arrives on chain."""


class NotKept(Invalid):
    """Nobody opens wallets in this currency by hand."""

    code = "wallet_not_kept"
    message = "No wallet can be opened in this currency."


def open_wallet(*, organization: Organization, currency: str, actor: Actor, now: datetime) -> Wallet:
    """
    Open the wallet of an organization in a currency; a repeat finds it.

    :raises billing.currencies.CurrencyUnknown: if the ledger keeps no such currency
    :raises NotKept: for test money, which comes with test keys
    """
    currencies.find(currency=currency)
    if currency == TEST_CURRENCY:
        raise NotKept(field="currency")
    with transaction.atomic():
        try:
            return wallets.find_wallet(organization_id=organization.pk, currency=currency)
        except NoWallet:
            made = wallets.open_wallet(organization_id=organization.pk, currency=currency)
        audit.record_event(
            actor=actor,
            action="wallet.open",
            subject_kind="wallet",
            subject_uid=None,
            organization=organization,
            now=now,
            details={"currency": currency},
        )
    return made


def list_currencies(*, now: datetime) -> list[str]:
    """Currencies that a wallet can be filled in: online, by bank transfer, on chain, or by an exchange."""
    online = set(StripeTerms.objects.values_list("currency", flat=True))
    transferred = set(BankAccount.objects.filter(closed_at=None).values_list("currency", flat=True))
    on_chain = {DEPOSITED} if settings.CHAIN_URL else set()
    return sorted((online | transferred | on_chain | set(rates.list_currencies(now=now))) - {TEST_CURRENCY})
