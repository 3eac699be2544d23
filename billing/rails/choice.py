"""By which of its methods a provider is paid. No database: the caller has what is decided upon."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from billing.rails.protocol import Refusal

PENDING = Refusal("pending", "It is being checked.")
BLOCKED = Refusal("blocked", "It is blocked.")
RETIRED = Refusal("retired", "It was removed.")
STATES = {"PENDING": PENDING, "BLOCKED": BLOCKED, "RETIRED": RETIRED}
COOLING = Refusal("cooling", "It was added a short time ago and is not paid yet.")
NOT_ALLOWED = Refusal("not_allowed", "The provider may not be paid at the moment.")


class Method(Protocol):
    """What is known of a method without opening its details."""

    @property
    def pk(self) -> int:
        """Its id."""

    rail: str
    currency: str
    country: str
    state: str
    payable_from: datetime


class Terms(Protocol):
    """What rails and rules say; billing.rails.terms has the real ones."""

    def find_refusal(self, *, rail: str, currency: str, country: str) -> Refusal | None:
        """Why the rail does not pay this currency into this country; None if it does."""

    def find_minimum(self, *, rail: str, currency: str) -> Decimal:
        """The least that the rail pays in one go."""


@dataclass(frozen=True, slots=True)
class Rejected[M]:
    """A method that is not taken, and why not."""

    method: M
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Choice[M]:
    """The method to pay by, if any may be; and every one that came before it in order and may not."""

    method: M | None
    rejected: tuple[Rejected[M], ...]


def choose_method[M: Method](
    *,
    methods: Iterable[M],
    amount: Decimal,
    currency: str,
    terms: Terms,
    may_receive: bool,
    now: datetime,
) -> Choice[M]:
    """
    The first of `methods`, which are in order of preference, that may be paid `amount` of `currency` now.

    Pass an amount of zero to leave minimums aside.
    """
    rejected: list[Rejected[M]] = []
    for method in methods:
        refusal = NOT_ALLOWED if not may_receive else _find_refusal(method, amount, currency, terms, now)
        if refusal is None:
            return Choice(method, tuple(rejected))
        rejected.append(Rejected(method, refusal))
    return Choice(None, tuple(rejected))


def _find_refusal(
    method: Method, amount: Decimal, currency: str, terms: Terms, now: datetime
) -> Refusal | None:
    if method.currency != currency:
        return Refusal("other_currency", f"It takes {method.currency}, not {currency}.")
    if method.state in STATES:
        return STATES[method.state]
    if now < method.payable_from:
        return COOLING
    refusal = terms.find_refusal(rail=method.rail, currency=currency, country=method.country)
    if refusal is not None:
        return refusal
    minimum = terms.find_minimum(rail=method.rail, currency=currency)
    if 0 < amount < minimum:
        return Refusal("too_small", f"This rail pays {minimum} {currency} or more.")
    return None
