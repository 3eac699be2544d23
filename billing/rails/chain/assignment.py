"""
USDC in suspense: a deposit to an address that nobody had, until two people say whose it is.

One person prepares the owner and why, another approves exactly that; then an entry moves it from suspense to
the owner's wallet. What is on chain stays where it is.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals
from billing.ledger import translate
from billing.models import Approval, ChainDeposit
from billing.settlement.payouts import name
from core.errors import DomainError, Invalid, NotFound

KIND = "chain_deposit"
"""Of approvals."""
REASON_LENGTH_MAX = 1000


class NotWaiting(DomainError):
    """The deposit has its owner, or was not credited yet."""

    code = "deposit_not_waiting"
    message = "This deposit does not wait in suspense."


class OwnerUnknown(Invalid):
    """There is no such organization."""

    code = "owner_unknown"
    message = "There is no such organization."


def is_waiting(deposit: ChainDeposit) -> bool:
    """Whether nobody knows whose it is."""
    return deposit.state == ChainDeposit.State.CREDITED and deposit.organization_id is None


def find_deposit(*, number: int) -> ChainDeposit:
    """
    The deposit with this number.

    :raises core.errors.NotFound: if there is none
    """
    found = ChainDeposit.objects.select_related("organization").filter(pk=number).first()
    if found is None:
        raise NotFound
    return found


def prepare(
    *, deposit: ChainDeposit, organization_uid: UUID, reason: str, actor: Actor, now: datetime
) -> Approval:
    """
    Say whose a deposit is, for a second person to approve; another word makes this one void.

    :raises NotWaiting: if it is not in suspense
    :raises OwnerUnknown: if there is no such organization
    :raises core.errors.Invalid: without a reason
    :raises billing.approvals.PersonNeeded: if no person says it
    """
    reason = reason.strip()
    if not reason or len(reason) > REASON_LENGTH_MAX:
        raise Invalid(f"Say why, in at most {REASON_LENGTH_MAX} characters.", field="reason")
    deposit.refresh_from_db()
    if not is_waiting(deposit):
        raise NotWaiting
    owner = Organization.objects.filter(uid=organization_uid).first()
    if owner is None:
        raise OwnerUnknown(field="organization")
    content: dict[str, Any] = {
        "chain": deposit.chain_id,
        "transaction": deposit.tx_hash,
        "log": deposit.log_index,
        "sender": deposit.sender,
        "recipient": deposit.recipient,
        "amount": deposit.amount.normalize(),
        "currency": "USDC",
        "organization": owner.uid,
        "name": owner.name,
        "reason": reason,
    }
    return approvals.request(kind=KIND, subject=str(deposit.pk), content=content, prepared_by=actor, now=now)


def find_open(*, deposit: ChainDeposit) -> Approval | None:
    """What was said of a deposit and waits for the second person, if anything does."""
    return Approval.objects.filter(kind=KIND, subject=str(deposit.pk), state=Approval.State.PENDING).first()


def follow_decision(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """
    Move what was approved to its owner's wallet, in the transaction of the approval.

    :raises NotWaiting: if it has an owner by now
    :raises billing.ledger.AccountClosed: if the wallet is closed
    """
    if approval.state != Approval.State.APPROVED:
        return
    deposit = find_deposit(number=int(approval.subject))
    values: list[Any] = [deposit.pk, approval.pk, name(actor), now]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT assign_deposit_v1(%s, %s, %s, %s)", values)
            entry = cursor.fetchone()[0]
    except DatabaseError as error:
        raise translate(error) from error
    if entry is None:
        raise NotWaiting
    deposit = find_deposit(number=deposit.pk)
    audit.record_event(
        actor=actor,
        action="chain_deposit.assign",
        subject_kind="chain_deposit",
        subject_uid=None,
        organization=deposit.organization,
        now=now,
        details={
            "transaction": deposit.tx_hash,
            "amount": approval.content["amount"],
            "reason": approval.content["reason"],
            "posted": entry,
        },
    )
