"""
Closing the books: one prepares, another approves exactly those balances, and nothing is booked there again.

What happened in a closed period and comes later keeps its effective date and is booked in the open one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from psycopg import errors

from accounts import audit
from accounts.audit import Actor
from billing import approvals, ledger
from billing.closing import balances
from billing.fx import positions
from billing.fx.rates import REPORTING_CURRENCY
from billing.models import AccountingPeriod, Approval, FxLeg, FxRevaluation
from core import ids
from core.errors import DomainError, Invalid

KIND = "close_period"
# A backlog longer than this is worked off by its task, not by whoever closes.
NUMBERINGS_MAX = 200

FIRST_DAY = "SELECT min(booked_day(booked_on, happened_at)) FROM entry"


class PeriodNotOver(Invalid):
    """A period ends before today."""

    code = "period_not_over"


class PeriodClosed(DomainError):
    """The books are closed up to a later day already."""

    code = "period_closed"


class NotNumbered(DomainError):
    """Entries of the period are still being committed."""

    code = "not_numbered"
    message = "Entries of this period have no number yet; ask again in a moment."


class NotRevalued(DomainError):
    """Positions were open at the end of the period, and nobody has said what they were worth."""

    code = "not_revalued"
    message = "Positions in other currencies were open on the last day. Revalue them as of that day first."


class NothingBooked(Invalid):
    """There is nothing to close."""

    code = "nothing_booked"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A period that waits for its second person."""

    starts_on: date
    ends_on: date
    approval: Approval


def prepare(*, ends_on: date, actor: Actor, now: datetime) -> Prepared:
    """
    Ask a second person to close the books up to the end of a day (of UTC).

    The same content is asked once; entries that came since make what was asked before void.

    :raises PeriodNotOver: if the day is not over
    :raises PeriodClosed: if it is closed already
    :raises NothingBooked: if nothing was ever booked up to then
    :raises NotRevalued: if positions were open on the last day that were not revalued
    :raises billing.fx.central_bank.RateUnknown: if nobody says what a position cost
    :raises billing.approvals.PersonNeeded: if no person prepares it
    """
    starts_on = _find_start(ends_on, now)
    _number()
    positions.follow_ledger()
    _number()
    _require_revalued(ends_on)
    approval = approvals.request(
        kind=KIND,
        subject=ends_on.isoformat(),
        content=_describe(starts_on, ends_on),
        prepared_by=actor,
        now=now,
    )
    return Prepared(starts_on, ends_on, approval)


def close(*, ends_on: date, actor: Actor, now: datetime) -> AccountingPeriod:
    """
    Close what a second person approved; a repeat answers the period that was closed.

    :raises billing.approvals.ApprovalMissing: if nobody approved it
    :raises billing.approvals.ContentChanged: if something was booked there since
    :raises NotNumbered: if entries of the period are still being committed
    """
    done = AccountingPeriod.objects.filter(ends_on=ends_on).first()
    if done is not None:
        return done
    starts_on = _find_start(ends_on, now)
    _number()
    approval = approvals.require_approved(
        kind=KIND, subject=ends_on.isoformat(), content=_describe(starts_on, ends_on)
    )
    with transaction.atomic():
        period = _write(approval, now)
        audit.record_event(
            actor=actor,
            action="period.close",
            subject_kind="accounting_period",
            subject_uid=period.uid,
            organization=None,
            now=now,
            details={
                "starts_on": starts_on.isoformat(),
                "ends_on": ends_on.isoformat(),
                "sha256": period.sha256,
            },
        )
    return period


def note_pack(*, period: AccountingPeriod, sha256: str, actor: Actor, now: datetime) -> None:
    """Note who took a period's audit pack, and which: by its SHA-256."""
    with transaction.atomic():
        audit.record_event(
            actor=actor,
            action="period.audit_pack",
            subject_kind="accounting_period",
            subject_uid=period.uid,
            organization=None,
            now=now,
            details={"ends_on": period.ends_on.isoformat(), "sha256": sha256},
        )


def find_last() -> AccountingPeriod | None:
    """The last period that is closed."""
    return AccountingPeriod.objects.order_by("-ends_on").first()


def _write(approval: Approval, now: datetime) -> AccountingPeriod:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT close_period_v1(%s, %s, %s)", [ids.make_uid(), approval.pk, now])
            return AccountingPeriod.objects.get(pk=cursor.fetchone()[0])
    except DatabaseError as error:
        name = error.__cause__.diag.constraint_name if isinstance(error.__cause__, errors.Error) else None
        match name:
            case "accounting_period_is_numbered":
                raise NotNumbered from error
            case "accounting_period_as_approved":
                raise approvals.ContentChanged from error
            case "accounting_period_is_approved":
                raise approvals.ApprovalMissing from error
        raise


def _require_revalued(ends_on: date) -> None:
    """What positions are worth belongs into the period: once that is closed it cannot be posted there."""
    legs = FxLeg.objects.filter(day__lte=ends_on).exclude(account__currency=REPORTING_CURRENCY)
    held = legs.values("account").annotate(held=Sum("amount")).exclude(held=0)
    if held.exists() and not FxRevaluation.objects.filter(day=ends_on).exists():
        raise NotRevalued


def _find_start(ends_on: date, now: datetime) -> date:
    if ends_on >= now.astimezone(UTC).date():
        raise PeriodNotOver("The last day of a period is over (in UTC) before it is closed.", field="ends_on")
    last = find_last()
    if last is not None:
        if ends_on <= last.ends_on:
            raise PeriodClosed(f"The books are closed up to {last.ends_on}.")
        return last.ends_on + timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute(FIRST_DAY)
        first: date | None = cursor.fetchone()[0]
    if first is None or first > ends_on:
        raise NothingBooked("Nothing was booked up to that day.", field="ends_on")
    return first


def _number() -> None:
    for _ in range(NUMBERINGS_MAX):
        if ledger.sequence_entries() == 0:
            return


def _describe(starts_on: date, ends_on: date) -> Mapping[str, Any]:
    """What is approved: the digest of all closing balances, and their totals for whoever looks at them."""
    totals: dict[str, Decimal] = {}
    accounts = 0
    for line in balances.read_day(day=ends_on):
        accounts += 1
        totals[line.currency] = totals.get(line.currency, Decimal(0)) + max(line.amount, Decimal(0))
    return {
        "starts_on": starts_on,
        "ends_on": ends_on,
        "accounts": accounts,
        "debits": {currency: totals[currency] for currency in sorted(totals)},
        "balances_sha256": balances.read_digest(day=ends_on),
    }
