"""
Suspense: money in the bank that nobody could tell, until two people say what it is.

One person prepares what a line is and why, another approves exactly that. The line's entry in suspense is
then reversed and the line booked as it would have been at first, so that what was booked by hand meanwhile is
not booked twice.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals, ledger
from billing.banking import booking
from billing.banking.booking import CannotBook, State
from billing.banking.matching import Decision, Target
from billing.models import Approval, BankLine, LedgerAccount, Payout, Scope
from core.errors import DomainError, Invalid, NotFound

KIND = "bank_line"
OPEN = (State.SUSPENSE, State.RETURNING)
CHOICES = (Target.WALLET, Target.PAYOUT, Target.FEE, Target.BACK)
REASON_LENGTH_MAX = 1000
NOBODY = UUID(int=0)


class NotInSuspense(DomainError):
    """The line was booked already, or not acted on yet."""

    code = "not_in_suspense"
    message = "This line is not in suspense."


class WrongTarget(Invalid):
    """A line cannot be what somebody says it is."""

    code = "wrong_target"


@dataclass(frozen=True, slots=True)
class Choice:
    """
    What a line is said to be.

    WALLET names an organization, PAYOUT a payout; FEE nothing. BACK names nothing for money that came in and
    has to go back, and for money that left the line it had come in by.
    """

    target: Target
    uid: UUID | None = None


def find_line(*, uid: UUID) -> BankLine:
    """
    The line with this uid.

    :raises core.errors.NotFound: if there is none
    """
    found = booking.LINES.filter(uid=uid).first()
    if found is None:
        raise NotFound
    return found


def prepare(*, line: BankLine, choice: Choice, reason: str, actor: Actor, now: datetime) -> Approval:
    """
    Say what a line in suspense is, for a second person to approve; another word makes this one void.

    :raises NotInSuspense: if it is not in suspense any more
    :raises WrongTarget: if it cannot be that
    :raises billing.approvals.PersonNeeded: if no person says it
    """
    if not reason.strip():
        raise WrongTarget("Say why.", field="reason")
    line.refresh_from_db()
    if line.state not in OPEN:
        raise NotInSuspense
    _find(line, choice)
    return approvals.request(
        kind=KIND,
        subject=str(line.uid),
        content=describe(line, choice, reason.strip()[:REASON_LENGTH_MAX]),
        prepared_by=actor,
        now=now,
    )


def describe(line: BankLine, choice: Choice, reason: str) -> dict[str, Any]:
    """What two people agree to."""
    return {
        "account": line.account.masked,
        "reference": line.reference,
        "booked_on": line.booked_on,
        "amount": line.amount.normalize(),
        "currency": line.account.currency,
        "counterparty": line.counterparty,
        "target": choice.target.value,
        "uid": str(choice.uid) if choice.uid else "",
        "reason": reason,
    }


def follow_decision(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """
    Carry out what was approved, in the transaction of the approval: if it cannot be, nothing is approved.

    :raises NotInSuspense: if the line was booked meanwhile
    :raises WrongTarget: if it cannot be that any more
    :raises billing.ledger.InsufficientFunds: if it takes from a wallet what that has not
    """
    if approval.state != Approval.State.APPROVED:
        return
    said = approval.content
    choice = Choice(Target(said["target"]), UUID(said["uid"]) if said["uid"] else None)
    with transaction.atomic():
        line = booking.lock_line(find_line(uid=UUID(approval.subject)).pk)
        if line.state not in OPEN:
            raise NotInSuspense
        line.approval_id = approval.pk
        try:
            _carry_out(line, choice, said["reason"], now=now)
        except CannotBook as refusal:
            raise WrongTarget(f"This line cannot be booked so: {refusal.reason}.") from refusal
        except ledger.AccountClosed as refusal:
            raise WrongTarget("The account is closed.") from refusal


def _carry_out(line: BankLine, choice: Choice, reason: str, *, now: datetime) -> None:
    decision = _find(line, choice)
    if decision.target == Target.BACK and decision.id is not None:
        booking.pair(line, booking.lock_line(decision.id), now=now)
        return
    if decision.target == Target.BACK:
        line.state = State.RETURNING
        booking.save_line(line, now=now)
        return
    assert line.suspense_entry_id is not None  # noqa: S101 - the table says so of lines in suspense
    ledger.reverse(entry_id=line.suspense_entry_id, actor=booking.ACTOR, reason=reason, happened_at=now)
    booking.book(line, decision, now=now)


def _find(line: BankLine, choice: Choice) -> Decision:
    match choice.target:
        case Target.WALLET:
            return _find_wallet(line, choice)
        case Target.PAYOUT:
            payout = Payout.objects.filter(uid=choice.uid or NOBODY).first()
            if payout is None or (payout.currency, payout.amount) != (
                line.account.currency,
                abs(line.amount),
            ):
                raise WrongTarget("There is no payout of this amount in this currency.", field="uid")
            return Decision(Target.RETURN if line.amount > 0 else Target.PAYOUT, payout.pk)
        case Target.FEE:
            return Decision(Target.FEE)
        case Target.BACK:
            return _find_back(line, choice)
    raise WrongTarget("A line is a wallet's, a payout, a fee, or goes back.", field="target")


def _find_wallet(line: BankLine, choice: Choice) -> Decision:
    organization = Organization.objects.filter(uid=choice.uid or NOBODY).first()
    if organization is None:
        raise WrongTarget("There is no such organization.", field="uid")
    opened = ledger.open_account(
        purpose="WALLET", currency=line.account.currency, organization_id=organization.pk
    )
    if LedgerAccount.objects.get(pk=opened).entity != line.account.entity:
        raise WrongTarget("This organization's wallets are in the books of another entity.", field="uid")
    return Decision(Target.WALLET, Scope.objects.get(account=opened).pk)


def _find_back(line: BankLine, choice: Choice) -> Decision:
    if line.amount > 0:
        if line.state == State.RETURNING:
            raise WrongTarget("This money is to be sent back already.", field="target")
        return Decision(Target.BACK)
    other = booking.LINES.filter(
        uid=choice.uid or NOBODY, state=State.RETURNING, account=line.account
    ).first()
    if other is None or other.amount != line.amount.copy_negate():
        raise WrongTarget("No line of this amount is to be sent back.", field="uid")
    return Decision(Target.BACK, other.pk)
