"""Quotes: what it costs to pay in one currency for another, for a while; for one organization, or for all."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Max

from accounts.models import Organization
from billing import currencies
from billing.fx import rates
from billing.fx.central_bank import RateUnknown
from billing.fx.refusals import RateStale, translate
from billing.models import FxLimit, FxQuote, FxRate, FxSpread, FxStandingQuote, LedgerAccount
from core import ids
from core.errors import Invalid
from core.money import AMOUNT_PLACES, fit

STANDING_SECONDS = 900
"""How long a quote serves jobs; a new one is made when half of it is over, or the rate is another."""


class SameCurrency(Invalid):
    """Two currencies are needed for an exchange."""

    code = "same_currency"
    message = "These are not two currencies that are exchanged."


def make_quote(*, sell: str, buy: str, organization: Organization, now: datetime) -> FxQuote:
    """
    Quote what one of `buy` costs in `sell`, for this organization to use once.

    :raises billing.currencies.CurrencyUnknown: if there is no such currency
    :raises SameCurrency: if there is nothing to exchange
    :raises billing.fx.central_bank.RateUnknown: if nobody says what one is worth in the other
    :raises billing.fx.refusals.RateStale: if what is known is too old
    """
    for code in (sell, buy):
        if currencies.find(currency=code).kind == "TEST":
            raise SameCurrency
    if sell == buy:
        raise SameCurrency
    return _make(sell, buy, organization.pk, settings.FX_QUOTE_SECONDS, now)


def list_standing(*, now: datetime) -> list[FxQuote]:
    """What stands for everybody at a moment, by its two currencies."""
    rows = FxQuote.objects.filter(stands__isnull=False, expires_at__gt=now)
    return list(rows.order_by("base", "quote"))


def refresh_standing(*, prices: Iterable[str], now: datetime) -> int:
    """
    Have a fresh quote stand for each pair of a wallet's currency and one of `prices`; gives how many were
    made.

    A pair whose rate is unknown or stale keeps its old quote until that expires. One that would take a
    position further beyond its limit is withdrawn.
    """
    sold = set(prices) - {"XTS"}
    wallets = LedgerAccount.objects.filter(purpose="WALLET", closed_at=None).exclude(currency="XTS")
    held = set(wallets.values_list("currency", flat=True).distinct())
    standing = {(one.base, one.quote): one for one in FxQuote.objects.filter(stands__isnull=False)}
    full = _find_full()
    made = 0
    for base, quote in sorted((base, quote) for base in held for quote in sold if base != quote):
        if base in full["LONG"] or quote in full["SHORT"]:
            _withdraw(base, quote)
        elif _is_due(base, quote, standing.get((base, quote)), now):
            try:
                _make(base, quote, None, STANDING_SECONDS, now)
            except (RateUnknown, RateStale):
                continue
            made += 1
    return made


def _make(base: str, quote: str, organization_id: int | None, seconds: int, now: datetime) -> FxQuote:
    values: list[Any] = [
        ids.make_uid(),
        base,
        quote,
        organization_id,
        settings.FX_SPREAD_BPS,
        settings.FX_RATE_HOURS,
        seconds,
        now,
    ]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT make_quote_v1(%s, %s, %s, %s, %s, %s, %s, %s)", values)
            (made,) = cursor.fetchone()
    except DatabaseError as error:
        raise translate(error) from error
    return FxQuote.objects.get(pk=made)


def _is_due(base: str, quote: str, standing: FxQuote | None, now: datetime) -> bool:
    if standing is None or standing.expires_at - now < timedelta(seconds=STANDING_SECONDS) / 2:
        return True
    own = FxSpread.objects.filter(base=base, quote=quote).values_list("spread_bps", flat=True).first()
    if standing.spread_bps != (settings.FX_SPREAD_BPS if own is None else own):
        return True
    newest = FxRate.objects.filter(noted_at__gte=standing.made_at).aggregate(newest=Max("as_of"))["newest"]
    if newest is None:
        return False
    return rates.find_rate(base=base, quote=quote, at=now).rate != standing.mid


def _find_full() -> dict[str, set[str]]:
    """Currencies of which the platform may not be longer, or shorter, than it is."""
    full: dict[str, set[str]] = {"LONG": set(), "SHORT": set()}
    for limit in FxLimit.objects.all():
        position = read_position(currency=limit.currency)
        if abs(position) >= limit.amount:
            sides = ("LONG", "SHORT") if not limit.amount else ("LONG",) if position > 0 else ("SHORT",)
            for side in sides:
                full[side].add(limit.currency)
    return full


def read_position(*, currency: str) -> Decimal:
    """How long (+) or short (-) the platform is of a currency by now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT fx_position_v1(%s)", [currency])
        return fit(cursor.fetchone()[0], AMOUNT_PLACES)


def _withdraw(base: str, quote: str) -> None:
    if FxStandingQuote.objects.filter(base=base, quote=quote).exists():
        with connection.cursor() as cursor:
            cursor.execute("SELECT withdraw_quote_v1(%s, %s)", [base, quote])
