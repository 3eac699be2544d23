"""Which events of connected accounts are acted on, and how: each asks Stripe how the thing stands now."""

from datetime import datetime

import stripe

from billing.connect import accounts, transfers
from billing.models import StripeEvent
from billing.stripe import inbox

PAYOUTS = ("paid", "failed", "canceled", "updated")


def follow_account(event: StripeEvent, asked: stripe.StripeClient, now: datetime) -> None:
    """Something changed about a provider's account."""
    accounts.follow(account_id=event.account, asked=asked, now=now)


def follow_payout(event: StripeEvent, asked: stripe.StripeClient, now: datetime) -> None:
    """Money reached a provider's bank, or did not."""
    transfers.follow_payout(bank_payout_id=event.object_id, account_id=event.account, asked=asked, now=now)


def follow_transfer(event: StripeEvent, asked: stripe.StripeClient, now: datetime) -> None:
    """A transfer was taken back."""
    transfers.follow_transfer(transfer_id=event.object_id, asked=asked, now=now)


def register() -> None:
    """Have all of these act."""
    inbox.register_handler("account.updated", follow_account, connected=True)
    inbox.register_handler("transfer.reversed", follow_transfer)
    for name in PAYOUTS:
        inbox.register_handler(f"payout.{name}", follow_payout, connected=True)
