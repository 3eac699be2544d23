"""
Spending limits: what a key, a member or a project may spend in a day, a week, a month or in all.

The database keeps what was spent (`billing/sql/spending_limits.sql`), and admission asks it; here limits are
set, changed, removed and read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Q, QuerySet
from psycopg import errors

from accounts import access, audit
from accounts.audit import Actor
from accounts.models import ApiKey, KeyMode, Organization, Project, User
from billing import periods
from billing.models import SpendingLimit
from core import ids
from core.errors import DomainError, Invalid, NotFound
from core.money import TEST_CURRENCY, Money

Kind = SpendingLimit.Kind
Period = SpendingLimit.Period


class InvalidLimit(Invalid):
    """A ceiling below zero, or in a currency that is not kept here or never spent by what is limited."""

    code = "invalid_limit"


class LimitExists(DomainError):
    """There is one for this period and currency; change it instead."""

    code = "limit_exists"
    message = "There is a limit for this period and currency already; change that one."


@dataclass(frozen=True, slots=True)
class Subject:
    """What is limited: a key, a member (by the person's uid) or a project."""

    kind: SpendingLimit.Kind
    id: int
    uid: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Limit:
    """
    A limit as it stands in the running period; `available` is what may still be held, never below zero.

    `held` is of work that began in this period. `starts_at` and `resets_at` are None for a lifetime.
    """

    uid: UUID
    subject: Subject
    period: SpendingLimit.Period
    ceiling: Money
    spent: Money
    held: Money
    available: Money
    starts_at: datetime | None
    resets_at: datetime | None
    created_at: datetime

    @property
    def currency(self) -> str:
        """Its one currency."""
        return self.ceiling.currency


def find_subject(*, organization: Organization, kind: SpendingLimit.Kind, uid: UUID) -> Subject:
    """
    The organization's key, member or project with this uid. Who left stays known by the keys left behind.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    if kind == Kind.KEY:
        key = access.find_owned(ApiKey.objects.all(), organization=organization, uid=uid)
        return Subject(kind, key.pk, key.uid, key.name)
    if kind == Kind.PROJECT:
        project = access.find_owned(Project.objects.all(), organization=organization, uid=uid)
        return Subject(kind, project.pk, project.uid, project.name)
    made_keys = ApiKey.objects.filter(organization=organization).values("created_by")
    users = User.objects.filter(Q(memberships__organization=organization) | Q(pk__in=made_keys)).distinct()
    user = access.get_or_refuse(users, uid=uid)
    return Subject(kind, user.pk, user.uid, user.name or user.email)


def set_limit(
    *,
    organization: Organization,
    subject: Subject,
    period: SpendingLimit.Period,
    ceiling: Money,
    actor: Actor,
    now: datetime,
) -> Limit:
    """
    Limit what a subject spends, or change the limit it has for this period and currency.

    It counts from now on. One that was removed comes back with what was spent under it in the same period.
    Below what is spent and held nothing more begins until the period turns or the limit is raised.

    :raises InvalidLimit: if the ceiling is negative, its currency not kept here, or test money and money mix
    """
    _check_ceiling(organization, subject, ceiling)
    values: list[Any] = [
        ids.make_uid(),
        subject.kind.value,
        organization.pk,
        subject.id,
        ceiling.currency,
        period.value,
        ceiling.amount,
    ]
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_limit_v1(%s, %s::smallint, %s, %s, %s, %s, %s)", values)
                pk = cursor.fetchone()[0]
            row = _rows().get(pk=pk)
            details = {"period": period.value, "amount": ceiling.literal, "currency": ceiling.currency}
            _record(row, subject, "limit.set", actor=actor, now=now, details=details)
    except DatabaseError as error:
        if isinstance(error.__cause__, errors.ForeignKeyViolation):
            raise InvalidLimit("This currency is not kept here.") from error
        raise
    return read_limits([row], now=now)[0]


def create_limit(
    *,
    organization: Organization,
    subject: Subject,
    period: SpendingLimit.Period,
    ceiling: Money,
    actor: Actor,
    now: datetime,
) -> Limit:
    """
    Limit what a subject spends; see `set_limit`.

    :raises LimitExists: if it has a limit for this period and currency
    :raises InvalidLimit: as `set_limit` does
    """
    known = list_limits(organization=organization, kind=subject.kind, subject_id=subject.id)
    if known.filter(period=period, currency=ceiling.currency).exists():
        raise LimitExists
    return set_limit(
        organization=organization, subject=subject, period=period, ceiling=ceiling, actor=actor, now=now
    )


def end_limit(*, row: SpendingLimit, actor: Actor, now: datetime) -> None:
    """
    Remove a limit: it stops nothing that begins from now on.

    :raises core.errors.NotFound: if it was removed before
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT end_limit_v1(%s)", [row.pk])
            if not cursor.fetchone()[0]:
                raise NotFound
        (subject,) = _find_subjects([row]).values()
        details = {"period": row.period, "currency": row.currency}
        _record(row, subject, "limit.remove", actor=actor, now=now, details=details)


def find_limit(*, organization: Organization, uid: UUID) -> SpendingLimit:
    """
    The limit in force with this uid.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    return access.find_owned(_rows().filter(ended_at=None), organization=organization, uid=uid)


def list_limits(
    *, organization: Organization, kind: SpendingLimit.Kind | None = None, subject_id: int | None = None
) -> QuerySet[SpendingLimit]:
    """The organization's limits in force; only those of a kind, or of one subject, if asked."""
    rows = _rows().filter(organization=organization, ended_at=None)
    if kind is not None:
        rows = rows.filter(kind=kind)
    return rows if subject_id is None else rows.filter(subject_id=subject_id)


def list_key_limits(*, key_ids: Iterable[int], now: datetime) -> dict[int, list[Limit]]:
    """The limits in force of each of these keys, the oldest first."""
    rows = _rows().filter(kind=Kind.KEY, subject_id__in=list(key_ids), ended_at=None).order_by("id")
    found: dict[int, list[Limit]] = {}
    for limit in read_limits(list(rows), now=now):
        found.setdefault(limit.subject.id, []).append(limit)
    return found


def read_limits(rows: list[SpendingLimit], *, now: datetime) -> list[Limit]:
    """What was spent and is held under each of them in the period that `now` lies in."""
    subjects = _find_subjects(rows)
    return [_read(row, subjects[row.kind, row.subject_id], now) for row in rows]


def _read(row: SpendingLimit, subject: Subject, now: datetime) -> Limit:
    ceiling = Money(row.ceiling, row.currency)
    spent = held = Money.zero(row.currency)
    # Of a period that has turned nothing counts any more, and the next row is made by the next job.
    if row.scope is not None and (row.turns_at is None or now < row.turns_at):
        spent, held = ceiling - Money(row.scope.posted, row.currency), Money(row.scope.held, row.currency)
    return Limit(
        uid=row.uid,
        subject=subject,
        period=Period(row.period),
        ceiling=ceiling,
        spent=spent,
        held=held,
        available=max(ceiling - spent - held, Money.zero(row.currency)),
        starts_at=periods.find_start(row.period, now=now),
        resets_at=periods.find_end(row.period, now=now),
        created_at=row.created_at,
    )


def _rows() -> QuerySet[SpendingLimit]:
    return SpendingLimit.objects.select_related("scope", "organization")


def _find_subjects(rows: list[SpendingLimit]) -> dict[tuple[int, int], Subject]:
    wanted: dict[int, set[int]] = {}
    for row in rows:
        wanted.setdefault(row.kind, set()).add(row.subject_id)
    keys = ApiKey.objects.filter(pk__in=wanted.get(Kind.KEY, ()))
    projects = Project.objects.filter(pk__in=wanted.get(Kind.PROJECT, ()))
    users = User.objects.filter(pk__in=wanted.get(Kind.MEMBER, ()))
    found = [
        *(Subject(Kind.KEY, key.pk, key.uid, key.name) for key in keys),
        *(Subject(Kind.PROJECT, project.pk, project.uid, project.name) for project in projects),
        *(Subject(Kind.MEMBER, user.pk, user.uid, user.name or user.email) for user in users),
    ]
    return {(subject.kind, subject.id): subject for subject in found}


def _check_ceiling(organization: Organization, subject: Subject, ceiling: Money) -> None:
    if ceiling < Money.zero(ceiling.currency):
        raise InvalidLimit("A limit is not negative.")
    if subject.kind == Kind.KEY:
        mode = ApiKey.objects.values_list("mode", flat=True).get(pk=subject.id)
        if (mode == KeyMode.TEST) != (ceiling.currency == TEST_CURRENCY):
            raise InvalidLimit(f"Test keys spend test money ({TEST_CURRENCY}) and nothing else spends it.")


def _record(
    row: SpendingLimit,
    subject: Subject,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    details: dict[str, str],
) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="limit",
        subject_uid=row.uid,
        organization=row.organization,
        now=now,
        details={"of": subject.kind.name, "uid": str(subject.uid), **details},
    )
