"""Whether a provider may be paid, and by which of its methods."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.compliance.standing import Standing, find_standings
from billing.models import PayoutMethod
from billing.rails import methods
from billing.rails.terms import TERMS

NOT_ALLOWED = "NOT_ALLOWED"
NO_METHOD = "NO_METHOD"


@dataclass(frozen=True, slots=True)
class Gate:
    """
    How one provider is paid: `refusal` is empty, NOT_ALLOWED or NO_METHOD; `minimum` is the rail's.

    `withholding_bps` is the tax that is withheld, in hundredths of a per cent.
    """

    organization_id: int
    rail: str
    method_id: int | None
    minimum: Decimal = Decimal(0)
    withholding_bps: int = 0
    refusal: str = ""


type Ask = Callable[[Mapping[int, Decimal], str, datetime], list[Gate]]
"""Of what providers (ids) are owed, in a currency, at a moment: how each is paid."""


def ask(owed: Mapping[int, Decimal], currency: str, now: datetime) -> list[Gate]:
    """By each provider's standing, and the first of its methods that may be paid what it is owed."""
    listed = methods.list_methods_of(organization_ids=list(owed), currency=currency)
    stands = find_standings(organization_ids=list(owed), now=now)
    return [
        _ask_one(one, amount, stands[one], listed.get(one, ()), currency, now) for one, amount in owed.items()
    ]


def list_barred(*, organization_ids: Sequence[int], now: datetime) -> set[int]:
    """Providers that may not be paid at the moment."""
    stands = find_standings(organization_ids=organization_ids, now=now)
    return {one for one, standing in stands.items() if not standing.may_receive}


def find_next_method(
    *, organization_id: int, currency: str, amount: Decimal, without: int | None, now: datetime
) -> PayoutMethod | None:
    """The provider's first other method that may be paid the amount now; None if it has none."""
    listed = methods.list_methods(organization_id=organization_id, currency=currency)
    others = [method for method in listed if method.pk != without]
    chosen = methods.choose(methods=others, amount=amount, currency=currency, may_receive=True, now=now)
    return chosen.method


def _ask_one(
    organization: int,
    amount: Decimal,
    standing: Standing,
    listed: Sequence[PayoutMethod],
    currency: str,
    now: datetime,
) -> Gate:
    bps = standing.withholding_bps
    if not standing.may_receive:
        return Gate(organization, "", None, withholding_bps=bps, refusal=NOT_ALLOWED)
    # What is too little for every rail is carried for that reason, and not for want of a method.
    for least in (amount, Decimal(0)):
        chosen = methods.choose(
            methods=listed, amount=least, currency=currency, may_receive=True, now=now
        ).method
        if chosen is not None:
            minimum = TERMS.find_minimum(rail=chosen.rail, currency=currency)
            return Gate(organization, chosen.rail, chosen.pk, minimum, bps)
    return Gate(organization, "", None, withholding_bps=bps, refusal=NO_METHOD)
