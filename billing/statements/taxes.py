"""
Which taxes an invoice bears, by the rules that operators keep.

Prices are without tax. A tax is reckoned once for an invoice and rate, of the net amount as it is printed,
and taken from the wallet by an entry of its own (docs/decisions/0031).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q

from billing.models import TaxRule
from core.errors import DomainError
from core.quantities import EXACT, format_plain, round_half_even


class NoTaxRule(DomainError):
    """Nobody has said what sales from the one country to the other bear."""

    code = "no_tax_rule"
    message = "There is no tax rule for this seller and buyer; an operator has to write one first."


@dataclass(frozen=True, slots=True)
class TaxLine:
    """One tax of an invoice; `amount` in the places that its currency is paid in."""

    label: str
    label_zh: str
    note: str
    note_zh: str
    rate: Decimal
    reverse_charge: bool
    amount: Decimal

    def describe(self) -> dict[str, Any]:
        """As the invoice keeps it."""
        return asdict(self) | {"rate": format_plain(self.rate), "amount": f"{self.amount:f}"}


def list_rules(*, seller_country: str, on: date) -> list[TaxRule]:
    """What a seller's sales bear on a day, whoever buys."""
    standing = Q(valid_until=None) | Q(valid_until__gt=on)
    return list(
        TaxRule.objects.filter(standing, seller_country=seller_country, valid_from__lte=on).order_by("id")
    )


def choose_rules(rules: Iterable[TaxRule], *, buyer_country: str, has_tax_id: bool) -> list[TaxRule]:
    """
    Those that fit the buyer best; several are several taxes. Pure.

    A rule for the buyer's country goes before one for all, then one that asks for a tax number (or its
    absence) before one that does not.
    """
    fitting = [
        rule
        for rule in rules
        if rule.buyer_country in (None, buyer_country) and rule.buyer_has_tax_id in (None, has_tax_id)
    ]
    ranked = [((rule.buyer_country is not None), (rule.buyer_has_tax_id is not None)) for rule in fitting]
    best = max(ranked, default=None)
    return [rule for rule, rank in zip(fitting, ranked, strict=True) if rank == best]


def reckon(rules: Sequence[TaxRule], *, net: Decimal, places: int) -> list[TaxLine]:
    """
    The taxes of a net amount as it is printed, each rounded once, half to even. Pure.

    :raises NoTaxRule: if there is no rule
    """
    if not rules:
        raise NoTaxRule
    lines = [
        TaxLine(
            label=rule.label,
            label_zh=rule.label_zh,
            note=rule.note,
            note_zh=rule.note_zh,
            rate=rule.rate,
            reverse_charge=rule.reverse_charge,
            amount=Decimal(0),
        )
        for rule in rules
    ]
    return reckon_lines(lines, net=net, places=places)


def reckon_lines(lines: Iterable[TaxLine], *, net: Decimal, places: int) -> list[TaxLine]:
    """The same taxes of another net amount. Pure."""
    return [replace(line, amount=round_half_even(EXACT.multiply(net, line.rate), places)) for line in lines]
