"""What currencies are worth: rates as sources said them, found for a moment and never interpolated."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from accounts import audit
from accounts.audit import Actor
from billing import currencies
from billing.fx.central_bank import RateUnknown
from billing.models import FxRate
from core.errors import DomainError, Invalid
from core.money import PRICE_PLACES, NotAnAmount, fit
from core.quantities import format_plain

OPERATOR = "OPERATOR"
REPORTING_CURRENCY = "USD"
"""Of the books: what positions cost, and what was gained by them."""
KEPT_FOR = timedelta(days=60)
"""How long what was said is a rate at all: as in `find_rate_v1`."""
NEVER_PAIRED = frozenset({"CNY", "CNH"})


class InvalidRate(Invalid):
    """Nothing that a rate could be."""

    code = "invalid_rate"


class RateRepeated(DomainError):
    """The source has said another rate of this pair at this moment."""

    code = "rate_repeated"
    message = "There is another rate of this pair and moment. A newer one has a newer moment."


@dataclass(frozen=True, slots=True)
class Rate:
    """
    `rate` of `base` for one of `quote`, 18 places, as `source` said it at `as_of`.

    `last_known`: it is of an earlier day than the one that was asked for.
    """

    base: str
    quote: str
    rate: Decimal
    source: str
    as_of: datetime
    last_known: bool


def find_rate(*, base: str, quote: str, at: datetime) -> Rate:
    """
    The newest rate known at a moment: so many of `base` for one of `quote`.

    Two rates are crossed through one common currency if the same source said both on the same day; otherwise
    nothing is derived from anything: CNH is not CNY, USDC is not USD.

    :raises billing.fx.central_bank.RateUnknown: if no source said one in the sixty days before
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT rate, source, as_of FROM find_rate_v1(%s, %s, %s)", [base, quote, at])
        found = cursor.fetchone()
    if found is None:
        raise RateUnknown(f"Nobody says what {quote} is worth in {base}.", field="currency")
    rate, source, as_of = found
    return Rate(base, quote, fit(rate, PRICE_PLACES), source, as_of, as_of.astimezone(UTC).date() < at.date())


def list_currencies(*, now: datetime) -> list[str]:
    """Codes of the currencies of which somebody said lately what they are worth, in order."""
    lately = FxRate.objects.filter(as_of__lte=now, as_of__gt=now - KEPT_FOR)
    said = lately.values_list("unit", "currency").distinct()
    return sorted({code for pair in said for code in pair})


def enter_rate(
    *, unit: str, currency: str, rate: Decimal, as_of: datetime, actor: Actor, now: datetime
) -> FxRate:
    """
    Note a rate by hand: so many of `currency` are worth one of `unit`. It is how CNH gets one.

    :raises billing.currencies.CurrencyUnknown: if there is no such currency
    :raises InvalidRate: if it is no rate, of the future, of one currency or test money, or takes CNH for CNY
    :raises RateRepeated: if another was entered for this pair and moment
    """
    for code in (unit, currency):
        if currencies.find(currency=code).kind == "TEST":
            raise InvalidRate("Test money is worth nothing.", field="currency")
    if unit == currency or {unit, currency} == NEVER_PAIRED:
        raise InvalidRate("CNY and CNH are never taken for each other.", field="currency")
    try:
        exact = fit(rate, PRICE_PLACES)
    except NotAnAmount as error:
        raise InvalidRate("At most eighteen places.", field="rate") from error
    if exact <= 0 or as_of > now:
        raise InvalidRate("A rate is more than nothing, and of the past.", field="rate")
    with transaction.atomic():
        row, is_new = FxRate.objects.get_or_create(
            source=OPERATOR,
            unit=unit,
            currency=currency,
            as_of=as_of,
            defaults={"rate": exact, "noted_at": now, "noted_by": name_actor(actor)},
        )
        if row.rate != exact:
            raise RateRepeated
        if is_new:
            details: dict[str, Any] = {"unit": unit, "currency": currency, "rate": format_plain(exact)}
            audit.record_event(
                actor=actor,
                action="fx.rate",
                subject_kind="fx_rate",
                subject_uid=None,
                organization=None,
                now=now,
                details=details | {"as_of": as_of.isoformat()},
            )
    return row


def name_actor(actor: Actor) -> str:
    """How the books name who did something."""
    return f"{actor.kind.lower()}:{actor.uid or 'fx'}"
