"""The ledger: entries go in through one SQL function, and nothing ever changes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction
from psycopg import errors

from core.errors import DomainError, Invalid, NotFound
from core.money import AMOUNT_PLACES, fit


class KeyReused(DomainError):
    """The key was used for another movement before."""

    code = "key_reused"


class Unbalanced(Invalid):
    """The lines do not sum to zero in each currency, or there are none."""

    code = "unbalanced"


class AccountUnknown(NotFound):
    """One of the accounts does not exist."""

    code = "account_unknown"


class AccountClosed(DomainError):
    """One of the accounts is closed."""

    code = "account_closed"


class InsufficientFunds(DomainError):
    """A wallet would have less than what is held on it."""

    status = 402
    code = "insufficient_funds"


class AlreadyReversed(DomainError):
    """An entry is reversed once."""

    code = "already_reversed"


REFUSALS: dict[str, type[DomainError]] = {
    "entry_key_reused": KeyReused,
    "posting_balances": Unbalanced,
    "posting_amount_check": Unbalanced,
    "entry_has_legs": Unbalanced,
    "posting_account_known": AccountUnknown,
    "posting_account_open": AccountClosed,
    "scope_never_overspent": InsufficientFunds,
    "entry_reverses_key": AlreadyReversed,
    "entry_reverses_fkey": NotFound,
}


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry in the ledger; `is_new` is false for a repeat of the same movement."""

    entry_id: int
    is_new: bool


def post(
    *,
    key: str,
    kind: str,
    actor: str,
    lines: Mapping[int, Decimal],
    happened_at: datetime,
    reason: str = "",
    reverses: int | None = None,
) -> Posted:
    """
    Post one entry: `lines` are account ids with debits (+) and credits (-), at most nine places.

    A repeat of the same movement under its key answers the first entry, also when a wallet has been emptied
    since.

    :raises KeyReused: if the key was used for another movement
    :raises Unbalanced: if the lines do not sum to zero in each currency, or a line is zero
    :raises AccountUnknown: if an account does not exist
    :raises AccountClosed: if an account is closed
    :raises InsufficientFunds: if a wallet would have less than what is held on it
    :raises AlreadyReversed: if the entry `reverses` was reversed before
    :raises core.money.NotAnAmount: if an amount has more than nine places
    """
    accounts = sorted(lines)
    amounts = [fit(lines[account], AMOUNT_PLACES) for account in accounts]
    values: list[Any] = [key, kind, actor, reason, happened_at, accounts, amounts, reverses]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT entry_id, is_new FROM post_v1(%s, %s, %s, %s, %s, %s::bigint[], %s::numeric[], %s)",
                values,
            )
            entry_id, is_new = cursor.fetchone()
    except DatabaseError as error:
        raise translate(error) from error
    return Posted(entry_id, is_new)


def reverse(*, entry_id: int, actor: str, reason: str, happened_at: datetime) -> Posted:
    """
    Undo an entry by its mirror image; both stay.

    :raises core.errors.NotFound: if there is no such entry
    :raises AlreadyReversed: never for a repeat, which answers the first reversal
    :raises InsufficientFunds: if a wallet would have less than what is held on it
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, -sum(amount) FROM posting WHERE entry_id = %s"
            " GROUP BY account_id HAVING sum(amount) <> 0",
            [entry_id],
        )
        lines = dict(cursor.fetchall())
    if not lines:
        raise NotFound
    return post(
        key=f"reversal:{entry_id}",
        kind="REVERSAL",
        actor=actor,
        lines=lines,
        happened_at=happened_at,
        reason=reason,
        reverses=entry_id,
    )


def open_account(
    *, purpose: str, currency: str, organization_id: int | None = None, entity: str | None = None
) -> int:
    """
    Find or open an account of the chart and answer its id.

    The platform's own accounts have no organization, and are in the books of `entity`, the first if none is
    named. An organization's are always with the entity that it deals with.

    :raises core.errors.Invalid: if the chart has no such account
    """
    values: list[Any] = [purpose, organization_id, currency]
    query = "SELECT account_v1(%s, %s, %s)"
    if entity is not None and organization_id is None:
        values, query = [purpose, currency, entity], "SELECT account_v2(%s, %s, %s)"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(query, values)
            return int(cursor.fetchone()[0])
    except DatabaseError as error:
        if isinstance(
            error.__cause__, errors.InvalidParameterValue | errors.ForeignKeyViolation | errors.CheckViolation
        ):
            raise Invalid(f"There is no account {purpose} in {currency} for this owner.") from error
        raise


def balance(*, account_id: int) -> Decimal:
    """
    Balance of an account in its usual sense: debits less credits for assets and expenses, else the opposite.

    :raises AccountUnknown: if there is no such account
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT balance_v1(%s)", [account_id])
        found = cursor.fetchone()[0]
    if found is None:
        raise AccountUnknown
    return fit(found, AMOUNT_PLACES)


def sequence_entries() -> int:
    """Give committed entries their numbers, at most 5,000; answers how many got one."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT sequence_entries_v1()")
        return int(cursor.fetchone()[0])


def translate(error: DatabaseError) -> Exception:
    """What a refusal by the database means in words of the ledger; any other error is answered as it is."""
    cause = error.__cause__
    if isinstance(cause, errors.Error) and cause.diag.constraint_name in REFUSALS:
        return REFUSALS[cause.diag.constraint_name](cause.diag.message_primary or "")
    return error
