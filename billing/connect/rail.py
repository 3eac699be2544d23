"""The rail of Stripe Connect: a separate transfer for each payout, to the provider's own account."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing import currencies
from billing.rails.protocol import (
    CallInstruction,
    CannotInstruct,
    DetailRefused,
    Instruction,
    News,
    PayeeDetails,
    PaymentOrder,
    Refusal,
    Unreadable,
    mask,
    require_detail,
)

NAME = "stripe_connect"
ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{10,64}")
MINIMUM = Decimal(1)
"""Below one unit a payout is not worth what the bank takes for it; settlements ask for more."""


class StripeConnectRail:
    """Accounts at Stripe. Its instructions are calls; what became of them is told by Stripe's events."""

    name = NAME
    is_file = False

    def supports(self, *, currency: str, country: str) -> Refusal | None:
        """Currencies that Stripe knows; the rules say where."""
        known = currencies.read_all().get(currency)
        if known is None or known.stripe_exponent is None:
            return Refusal("currency", f"Stripe knows no {currency}.")
        return None

    def list_fields(self, *, currency: str, country: str) -> tuple[str, ...]:
        """The account, which Stripe's own pages open."""
        return ("account",)

    def validate(self, details: Mapping[str, str], *, currency: str, country: str) -> PayeeDetails:
        """
        Check that it is the name of an account.

        :raises DetailRefused: if it is not
        """
        account = require_detail(details, "account")
        if not ACCOUNT.fullmatch(account):
            raise DetailRefused("This is no account at Stripe.", field="account")
        return PayeeDetails({"account": account}, hint=f"Stripe {mask(account)}", identity=account)

    def minimum(self, currency: str) -> Decimal:
        """One unit, or the least that can be paid out."""
        known = currencies.find(currency=currency)
        return max(MINIMUM, Decimal(known.payout_step or 1).scaleb(-(known.stripe_exponent or 0)))

    def prepare(
        self, orders: Sequence[PaymentOrder], *, payer: Mapping[str, str], now: datetime
    ) -> list[Instruction]:
        """
        One call for each payout; `reference` is the settlement, by which transfers are grouped.

        :raises CannotInstruct: if an amount has no whole number of Stripe's units
        """
        return [_describe(order) for order in orders]

    def confirm(
        self, answer: bytes, *, name: str, orders: Sequence[PaymentOrder], payer: Mapping[str, str]
    ) -> list[News]:
        """
        Stripe tells by its events, never by a file.

        :raises Unreadable: always
        """
        raise Unreadable("Stripe tells of transfers by its events.")


def _describe(order: PaymentOrder) -> CallInstruction:
    try:
        units = currencies.to_stripe_payout(amount=order.amount, currency=order.currency)
    except currencies.DoesNotFit as refusal:
        raise CannotInstruct(refusal.message, payout=order.payout_uid) from refusal
    parameters = {
        "amount": units,
        "currency": order.currency.lower(),
        "destination": order.details["account"],
        "transfer_group": order.reference,
        "metadata": {"jouleport": str(order.payout_uid)},
    }
    return CallInstruction(order.payout_uid, "transfers.create", parameters, f"payout-{order.payout_uid}")
