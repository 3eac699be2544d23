"""
Cards that nobody has: the numbers of Stripe's test set, and what each of them does.

https://docs.stripe.com/testing names them; only those that lead to different ends are here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """
    How a card behaves. `asks` is when its bank wants to see its holder: never, unless_saved (once it was
    saved with its holder present no more), or always. `code` is why it is declined.
    """

    brand: str
    number: str
    asks: str = "never"
    code: str = ""
    decline_code: str = ""
    disputed: bool = False
    refund_fails: bool = False
    risk: int = 20

    @property
    def last4(self) -> str:
        """What a receipt shows of it."""
        return self.number[-4:]


CARDS = {
    card.number: card
    for card in (
        Card("visa", "4242424242424242"),
        Card("mastercard", "5555555555554444"),
        Card("visa", "4000000000000002", code="card_declined", decline_code="generic_decline"),
        Card("visa", "4000000000009995", code="card_declined", decline_code="insufficient_funds"),
        Card("visa", "4000000000000069", code="expired_card"),
        Card("visa", "4000000000000341", code="card_declined", decline_code="generic_decline"),
        Card("visa", "4000002500003155", asks="unless_saved"),
        Card("visa", "4000002760003184", asks="always"),
        Card("visa", "4000000000000259", disputed=True),
        Card("visa", "4000000000005126", refund_fails=True),
        Card("visa", "4000000000009235", risk=70),
        Card("visa", "4100000000000019", code="card_declined", decline_code="fraudulent", risk=90),
    )
}
# Tokens for programs, that no page is needed for.
TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_pendingRefund": "4000000000005126",
}
