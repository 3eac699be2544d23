"""What providers have earned and were not paid yet."""

from dataclasses import dataclass
from decimal import Decimal

from billing import ledger
from billing.models import LedgerAccount


@dataclass(frozen=True, slots=True)
class Earning:
    """What the platform owes a provider in a currency."""

    currency: str
    payable: Decimal


def list_earnings(*, organization_id: int) -> list[Earning]:
    """Balances of an organization's payable accounts, by currency."""
    accounts = LedgerAccount.objects.filter(purpose="PAYABLE", organization_id=organization_id)
    return [
        Earning(account.currency, ledger.balance(account_id=account.pk))
        for account in accounts.order_by("currency")
    ]
