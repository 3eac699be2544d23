"""What those outside say that we have: asked over the network, so never inside a transaction."""

from decimal import Decimal

from billing import currencies
from billing.reconciliation.sources import External
from billing.stripe.client import StripeUnavailable, asking, make_client
from core.quantities import EXACT


def ask_stripe() -> External:
    """Our balance at Stripe, available and pending together, by currency; None where it cannot be asked."""
    try:
        client = make_client()
        with asking():
            balance = client.v1.balance.retrieve()
    except StripeUnavailable:
        return None
    found: dict[str, Decimal] = {}
    parts = [(part.currency, part.amount) for part in balance.available]
    parts += [(part.currency, part.amount) for part in balance.pending]
    for currency, units in parts:
        code = currency.upper()
        amount = currencies.from_stripe(units=units, currency=code)
        found[code] = EXACT.add(found.get(code, Decimal(0)), amount)
    return found


def ask_chain() -> External:
    """
    What our addresses hold, by currency: nobody says it, since the chain reader lists transfers alone.

    The books are compared with the transfers that it listed instead (CHAIN_RECORDS).
    """
    return None
