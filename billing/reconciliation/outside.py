"""What those outside say that we have: asked over the network, so never inside a transaction."""

import logging
from decimal import Decimal

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from billing import currencies
from billing.models import ChainAddress, ChainDeposit
from billing.rails.chain.reader import ChainReader, ChainUnreadable, ChainUnset, make_reader
from billing.rails.usdc import PLACES
from billing.reconciliation.equations import CHAIN_CURRENCY
from billing.reconciliation.sources import External
from billing.stripe.client import StripeUnavailable, asking, make_client
from core.quantities import EXACT

HOLDERS_MAX = 2_000
"""Addresses that one run asks for; each is a call to the node."""

logger = logging.getLogger(__name__)


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
    What our addresses and the wallet that pays hold on chain; None where no node says it.

    Asked for is the block as deep as deposits are credited from: what came later is in nobody's books yet.
    """
    try:
        return {CHAIN_CURRENCY: read_chain(reader=make_reader(), confirmations=settings.CHAIN_CONFIRMATIONS)}
    except ChainUnset:
        return None
    except ChainUnreadable as refusal:
        logger.warning("The balance on chain is not known: %s", refusal.message)
        return None


def read_chain(*, reader: ChainReader, confirmations: int) -> Decimal:
    """
    The same by a reader.

    :raises billing.rails.chain.reader.ChainUnreadable: if the node does not say, or of too many addresses
    """
    # An address that was never given out and never got anything has nothing to ask for.
    paid = Exists(ChainDeposit.objects.filter(recipient=OuterRef("address")))
    ours = ChainAddress.objects.filter(Q(organization__isnull=False) | paid).order_by("id")
    holders = [*ours.values_list("address", flat=True)[:HOLDERS_MAX], *filter(None, [settings.CHAIN_SAFE])]
    if len(holders) > HOLDERS_MAX:
        raise ChainUnreadable(f"More than {HOLDERS_MAX} addresses are not asked one by one.")
    deepest = max(0, reader.find_head() - confirmations + 1)
    return Decimal(reader.sum_balances(holders=holders, at_block=deepest)).scaleb(-PLACES)
