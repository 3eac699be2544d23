"""Spending limits of keys: a ceiling that counts everything a key ever spent and holds."""

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, transaction
from psycopg import errors

from billing.models import Scope
from core.errors import DomainError, Invalid, NotFound
from core.money import Money


class LimitBelowSpent(DomainError):
    """The ceiling is below what is spent and held already."""

    code = "limit_below_spent"


class InvalidLimit(Invalid):
    """A ceiling below zero, or in a currency that is not kept here."""

    code = "invalid_limit"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as it stands: `available` is what may still be held."""

    scope_id: int
    subject_id: int
    ceiling: Money
    spent: Money
    held: Money
    available: Money


def set_key_limit(*, organization_id: int, key_id: int, ceiling: Money) -> int:
    """
    Open or change the limit of a key and answer its scope, which the key then names (`spend_scope_id`).

    What was spent stays spent: raising and lowering moves only what is left.

    :raises LimitBelowSpent: if the ceiling is below what is spent and held
    :raises InvalidLimit: if the ceiling is negative or its currency is not kept here
    """
    if ceiling < Money.zero(ceiling.currency):
        raise InvalidLimit("A limit is not negative.")
    values: list[Any] = [Scope.Kind.KEY, organization_id, key_id, ceiling.currency, ceiling.amount]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT limit_v1(%s::smallint, %s, %s, %s, %s)", values)
            return int(cursor.fetchone()[0])
    except DatabaseError as error:
        if isinstance(error.__cause__, errors.CheckViolation):
            raise LimitBelowSpent from error
        if isinstance(error.__cause__, errors.ForeignKeyViolation):
            raise InvalidLimit("This currency is not kept here.") from error
        raise


def find_limit(*, scope_id: int) -> Limit:
    """
    The limit with this scope.

    :raises core.errors.NotFound: if there is none, or it is a wallet
    """
    found = Scope.objects.exclude(kind=Scope.Kind.WALLET).filter(pk=scope_id).first()
    if found is None or found.ceiling is None or found.subject_id is None:
        raise NotFound
    ceiling = Money(found.ceiling, found.currency)
    return Limit(
        scope_id=found.pk,
        subject_id=found.subject_id,
        ceiling=ceiling,
        spent=ceiling - Money(found.posted, found.currency),
        held=Money(found.held, found.currency),
        available=Money(found.available, found.currency),
    )
