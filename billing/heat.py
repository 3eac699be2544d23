"""Metered heat: a wallet pays what a provider is owed, once for each reading, when it has enough."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from billing.ledger import InsufficientFunds, translate
from billing.models import HeatCharge

BATCH = 500


@dataclass(frozen=True, slots=True)
class Bill:
    """
    What one reading costs. `key` names it for ever; `amount` is nine places, `fee` the platform's part of it.

    Both are negative where a correction gives back.
    """

    key: str
    buyer_id: int
    provider_id: int
    currency: str
    amount: Decimal
    fee: Decimal
    reason: str


def charge(*, bill: Bill, due_at: datetime) -> int:
    """
    Note what is due, once for each key, and take it if the wallet has enough; gives the charge's id.

    :raises billing.ledger.KeyReused: if the key was used for another charge
    """
    values: list[Any] = [
        bill.key,
        bill.buyer_id,
        bill.provider_id,
        bill.currency,
        bill.amount,
        bill.fee,
        bill.reason,
        due_at,
    ]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT charge_heat_v1(%s, %s, %s, %s, %s, %s, %s, %s)", values)
            made = int(cursor.fetchone()[0])
    except DatabaseError as error:
        raise translate(error) from error
    post_due(only=made)
    return made


def post_due(*, only: int | None = None) -> int:
    """
    Take what is due and what wallets can pay, the oldest first; gives how much was posted.

    Of one buyer and provider a later charge never goes before an earlier one: nothing is given back that was
    not paid.
    """
    rows = _payable()
    if only is not None:
        rows = rows.filter(pk=only)
    return sum(_post(number) for number in rows.order_by("id").values_list("id", flat=True)[:BATCH])


def _payable() -> QuerySet[HeatCharge]:
    earlier = HeatCharge.objects.filter(
        entry=None, wallet=OuterRef("wallet"), payable=OuterRef("payable"), id__lt=OuterRef("id")
    )
    enough = Q(amount__lte=F("wallet__posted") - F("wallet__held"))
    return HeatCharge.objects.filter(~Exists(earlier), enough, entry=None)


def _post(number: int) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT post_heat_v1(%s)", [number])
    except DatabaseError as error:
        problem = translate(error)
        if isinstance(problem, InsufficientFunds):
            # It was spent in between: the charge stays due.
            return False
        raise problem from error
    return True
