"""What the platform holds by exchanges: amount, cost, worth and gain of each position, and its limits."""

import time
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.audit import Actor
from billing import currencies
from billing.fx import rates
from billing.fx.central_bank import RateUnknown
from billing.fx.rates import REPORTING_CURRENCY, Rate
from billing.fx.refusals import translate
from billing.models import FxLimit, FxPosition
from core.errors import Invalid
from core.money import AMOUNT_PLACES, NotAnAmount, fit, round_amount
from core.quantities import EXACT, format_plain

NUMBERS_A_CALL = 5000


class InvalidLimit(Invalid):
    """No amount that a position could be limited to."""

    code = "invalid_limit"


@dataclass(frozen=True, slots=True)
class Exposure:
    """
    A position: `amount` long (+) or short (-), and what it cost (`book_value`, US dollars).

    At the newest rate it is worth `value`; both are None where nobody says a rate. `limit`: how long or short
    the platform may be of the currency; None for as much as comes.
    """

    entity: str
    currency: str
    amount: Decimal
    book_value: Decimal
    rate: Rate | None
    value: Decimal | None
    limit: Decimal | None

    @property
    def unrealised(self) -> Decimal | None:
        """What closing it now would gain (US dollars)."""
        return None if self.value is None else EXACT.subtract(self.value, self.book_value)

    @property
    def is_beyond(self) -> bool:
        """Whether more is held than may be."""
        return self.limit is not None and self.amount.copy_abs() > self.limit


def follow_ledger(*, seconds_max: float = 60.0) -> int:
    """
    Tell positions from entries that got their number since; gives how many moved one.

    Gains of what was closed are posted by the way.

    :raises billing.fx.central_bank.RateUnknown: if nobody says what one of them was worth
    """
    stop_at = time.monotonic() + seconds_max
    told = 0
    while (moved := _follow()) is not None:
        told += moved
        if time.monotonic() > stop_at:
            break
    return told


def read_exposure(*, now: datetime) -> list[Exposure]:
    """Every position, by entity and currency."""
    limits = dict(FxLimit.objects.values_list("currency", "amount"))
    rows = FxPosition.objects.select_related("account").order_by("account__entity", "account__currency")
    return [_expose(row, limits.get(row.account.currency), now) for row in rows]


def revalue(*, day: date, now: datetime) -> int:
    """
    Post what positions are worth at the end of a day beyond what they cost, and undo it on the next day.

    Gives how many positions there were; nothing for a day that was revalued already.

    :raises billing.fx.refusals.NotInTime: if the day is not over, or in a closed period
    :raises billing.fx.refusals.NotFollowed: if entries of the day are still to be told
    :raises billing.fx.central_bank.RateUnknown: if nobody says what a position is worth
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT revalue_positions_v1(%s, %s)", [day, now])
            return int(cursor.fetchone()[0])
    except DatabaseError as error:
        raise translate(error) from error


def set_limit(*, currency: str, amount: Decimal | None, actor: Actor, now: datetime) -> None:
    """
    Let the platform be long or short of a currency by `amount` at most; None takes the limit away.

    :raises billing.currencies.CurrencyUnknown: if there is no such currency
    :raises InvalidLimit: if it is no amount
    """
    currencies.find(currency=currency)
    try:
        exact = None if amount is None else fit(amount, AMOUNT_PLACES)
    except NotAnAmount as error:
        raise InvalidLimit("At most nine places.", field="amount") from error
    if exact is not None and exact < 0:
        raise InvalidLimit("A limit is not less than nothing.", field="amount")
    with transaction.atomic():
        if exact is None:
            FxLimit.objects.filter(currency=currency).delete()
        else:
            FxLimit.objects.update_or_create(currency=currency, defaults={"amount": exact})
        details: dict[str, Any] = {"currency": currency, "amount": exact and format_plain(exact)}
        audit.record_event(
            actor=actor,
            action="fx.limit",
            subject_kind="fx_limit",
            subject_uid=None,
            organization=None,
            now=now,
            details=details,
        )


def _follow() -> int | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT follow_positions_v1(%s)", [NUMBERS_A_CALL])
            moved: int | None = cursor.fetchone()[0]
            return moved
    except DatabaseError as error:
        raise translate(error) from error


def _expose(row: FxPosition, limit: Decimal | None, now: datetime) -> Exposure:
    currency, rate, value = row.account.currency, None, row.amount
    if currency != REPORTING_CURRENCY:
        try:
            rate = rates.find_rate(base=REPORTING_CURRENCY, quote=currency, at=now)
        except RateUnknown:
            return Exposure(row.account.entity, currency, row.amount, row.book_value, None, None, limit)
        value = round_amount(EXACT.multiply(row.amount, rate.rate))
    return Exposure(row.account.entity, currency, row.amount, row.book_value, rate, value, limit)
