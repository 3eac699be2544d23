"""What rails and rules say together of a payment, as choices need it."""

from decimal import Decimal

from billing.rails import registry, rules
from billing.rails.protocol import Refusal


class RailTerms:
    """Of the rails that are there, and the rules as written down."""

    def find_refusal(self, *, rail: str, currency: str, country: str) -> Refusal | None:
        """Why the rail does not pay this currency into this country: its own reason, or the rules'."""
        try:
            found = registry.find_rail(rail)
        except registry.RailUnknown:
            return Refusal("no_rail", "This rail is not offered any more.")
        own = found.supports(currency=currency, country=country)
        return own or rules.find_refusal(
            rules=rules.read_rules(), rail=rail, currency=currency, country=country
        )

    def find_minimum(self, *, rail: str, currency: str) -> Decimal:
        """The least that the rail pays in one go."""
        return registry.find_rail(rail).minimum(currency)


TERMS = RailTerms()
