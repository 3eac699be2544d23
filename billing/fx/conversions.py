"""An organization's money from one of its wallets into another, at a quote of its own."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.fx.rates import name_actor
from billing.fx.refusals import AmountTooSmall, QuoteUsed, translate
from billing.ledger import KeyReused
from billing.models import FxConversion, FxQuote
from core import ids
from core.money import AMOUNT_PLACES, NotAnAmount, fit
from core.quantities import format_plain


def convert(
    *,
    quote: FxQuote,
    organization: Organization,
    sell: Decimal | None = None,
    buy: Decimal | None = None,
    actor: Actor,
    now: datetime,
) -> FxConversion:
    """
    Exchange `sell` of the quote's base, or as much of it as `buy` of the other currency costs.

    What is got is rounded down to nine places, what is paid is rounded up. The wallet that is bought for is
    opened if need be. A repeat of the same answers the first conversion.

    :raises ValueError: unless exactly one of the two amounts is given
    :raises billing.fx.refusals.QuoteUnknown: if it is somebody else's, or stands for everybody
    :raises billing.fx.refusals.QuoteExpired: if it is over
    :raises billing.fx.refusals.QuoteUsed: if it served another conversion
    :raises billing.fx.refusals.AmountTooSmall: if nothing would arrive
    :raises billing.fx.refusals.WalletFrozen: if the wallet that pays is frozen
    :raises billing.fx.refusals.PositionFull: if the platform would hold more of a currency than it may
    :raises billing.ledger.InsufficientFunds: if the wallet has not so much
    """
    if (sell is None) == (buy is None):
        raise ValueError("either what is sold or what is bought")
    for amount in (sell, buy):
        if amount is not None and _is_no_amount(amount):
            raise AmountTooSmall
    values: list[Any] = [ids.make_uid(), quote.pk, organization.pk, sell, buy, name_actor(actor), now]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT convert_v1(%s, %s, %s, %s, %s, %s, %s)", values)
            (made,) = cursor.fetchone()
            conversion = FxConversion.objects.select_related("quote").get(pk=made)
            if conversion.uid == values[0]:
                _record(conversion, organization, actor, now)
    except DatabaseError as error:
        refusal = translate(error)
        raise (QuoteUsed() if isinstance(refusal, KeyReused) else refusal) from error
    return conversion


def _is_no_amount(amount: Decimal) -> bool:
    try:
        return fit(amount, AMOUNT_PLACES) <= 0
    except NotAnAmount:
        return True


def _record(conversion: FxConversion, organization: Organization, actor: Actor, now: datetime) -> None:
    quote = conversion.quote
    details = {
        "sold": format_plain(conversion.sold),
        "sold_currency": quote.base,
        "bought": format_plain(conversion.bought),
        "bought_currency": quote.quote,
        "quote": str(quote.uid),
        "posted": conversion.entry_id,
    }
    audit.record_event(
        actor=actor,
        action="fx.convert",
        subject_kind="fx_conversion",
        subject_uid=conversion.uid,
        organization=organization,
        now=now,
        details=details,
    )
