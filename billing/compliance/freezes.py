"""Freezing money: at once and by one person; let go only when two agree."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from psycopg import errors

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals
from billing.models import Approval, Freeze, LedgerAccount, Scope
from core import ids, money
from core.errors import DomainError, Invalid

KIND = "release_freeze"
NOBODY = UUID(int=0)
"""Who freezes where no person does."""
type Target = Literal["OWNER", "AUTHORITY"]


class NotFreezable(Invalid):
    """An account that is neither a wallet nor owed to a provider."""

    code = "not_freezable"


class FreezeEnded(DomainError):
    """It was let go already."""

    code = "freeze_ended"


def freeze(*, account: LedgerAccount, reason: str, actor: Actor, now: datetime) -> Freeze:
    """
    Move what is in a wallet, or owed to a provider, to an account of its own; more follows as jobs let it go.

    A repeat freezes what has come since. While it stands, its owner neither pays in nor is paid.

    :raises NotFreezable: if it is another kind of account
    :raises core.errors.Invalid: without a reason
    :raises billing.approvals.PersonNeeded: if no person does it
    """
    if not reason.strip():
        raise Invalid("Say why.", field="reason")
    if actor.uid is None:
        raise approvals.PersonNeeded
    organization = account.organization
    if organization is None:
        raise NotFreezable(f"{account.code} is nobody's.")
    with transaction.atomic():
        made = _freeze(account.pk, reason, actor.uid, now)
        audit.record_event(
            actor=actor,
            action="money.freeze",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details={"account": account.code, "frozen": f"{made.frozen:f}", "reason": reason},
        )
    return made


def freeze_wallets(*, organization: Organization, but: int, reason: str, now: datetime) -> int:
    """
    Freeze what an organization has in its wallets, of its own accord; gives how many there were.

    Once for a reason: what two people have let go is not frozen for the same again.

    :param but: the account of a wallet that is left as it is
    """
    if Freeze.objects.filter(organization=organization, reason=reason).exists():
        return 0
    full = Scope.objects.filter(organization=organization, kind=Scope.Kind.WALLET, posted__gt=0)
    found = full.exclude(account_id=but).exclude(currency=money.TEST_CURRENCY).order_by("id")
    with transaction.atomic():
        made = [_freeze(wallet.account_id, reason, NOBODY, now) for wallet in found if wallet.account_id]
        for one in made:
            audit.record_event(
                actor=audit.SYSTEM,
                action="money.freeze",
                subject_kind="organization",
                subject_uid=organization.uid,
                organization=organization,
                now=now,
                details={"account": one.account.code, "frozen": f"{one.frozen:f}", "reason": reason},
            )
    return len(made)


def freeze_more(*, now: datetime) -> int:
    """Freeze what came, or was let go by jobs, since; gives how many accounts had something."""
    moved = 0
    for standing in Freeze.objects.filter(ended_at=None).order_by("id"):
        with transaction.atomic():
            after = _freeze(standing.account_id, standing.reason, standing.made_by, now)
        moved += after.frozen > standing.frozen
    return moved


def prepare_release(*, standing: Freeze, to: Target, actor: Actor, now: datetime) -> Approval:
    """
    Ask a second person to let a freeze go: back to its owner, or to suspense where an authority takes it.

    :raises FreezeEnded: if it was let go already
    """
    standing.refresh_from_db()
    if standing.ended_at is not None:
        raise FreezeEnded
    return approvals.request(
        kind=KIND,
        subject=str(standing.uid),
        content=_describe(standing, to),
        prepared_by=actor,
        now=now,
    )


def release(*, standing: Freeze, to: Target, actor: Actor, now: datetime) -> Freeze:
    """
    Let go what a second person approved; a repeat answers what was let go.

    :raises billing.approvals.ApprovalMissing: if nobody approved it
    :raises billing.approvals.ContentChanged: if more was frozen since
    """
    standing.refresh_from_db()
    if standing.ended_at is not None:
        return standing
    approval = approvals.require_approved(
        kind=KIND, subject=str(standing.uid), content=_describe(standing, to)
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT release_freeze_v1(%s, %s, %s)", [standing.pk, approval.pk, now])
            standing.refresh_from_db()
            audit.record_event(
                actor=actor,
                action="money.release",
                subject_kind="organization",
                subject_uid=standing.organization.uid,
                organization=standing.organization,
                now=now,
                details={"freeze": str(standing.uid), "released": f"{standing.released:f}", "to": to},
            )
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, errors.Error) and cause.diag.constraint_name == "freeze_is_approved":
            raise approvals.ContentChanged from error
        raise
    return standing


def _freeze(account: int, reason: str, by: UUID, now: datetime) -> Freeze:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT freeze_id FROM freeze_v1(%s, %s, %s, %s, %s)",
                [ids.make_uid(), account, reason, by, now],
            )
            return Freeze.objects.get(pk=cursor.fetchone()[0])
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, errors.Error) and cause.diag.constraint_name == "freeze_account_fits":
            raise NotFreezable("Only wallets, and what is owed to providers, are frozen.") from error
        raise


def _describe(standing: Freeze, to: Target) -> dict[str, object]:
    return {
        "freeze": standing.uid,
        "account": standing.account.code,
        "amount": standing.frozen,
        "currency": standing.account.currency,
        "reason": standing.reason,
        "to": to,
    }
