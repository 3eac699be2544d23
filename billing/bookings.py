"""What operators book by hand: money that arrived, a charge given back, an entry undone; under their name."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import TextChoices

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import approvals, ledger, wallets
from billing.ledger import Posted
from billing.models import (
    Approval,
    Charge,
    ChargeConversion,
    ChargeEntry,
    Entry,
    GiveBack,
    GiveBackConversion,
)
from core.errors import DomainError, NotFound
from core.money import Money

REVERSAL = "reversal"
"""What approvals of reversals are called."""
REVERSIBLE = ("TOPUP", "REFUND", "CLAIM")
"""A charge entry stands for many charges, and a reversal undone would be a third opinion."""


class Bearer(TextChoices):
    """Who pays for what a buyer gets back."""

    PROVIDER = "PROVIDER"
    """Provider and platform give back what each of them got: the charge undone."""
    PLATFORM = "PLATFORM"
    """The platform pays all of it; the provider keeps what was earned."""


class ChargeNotPosted(DomainError):
    """What is not in the ledger yet cannot be given back there."""

    code = "charge_not_posted"
    message = "This charge is not posted yet; ask again in a moment, or look into the quarantine."


class NothingCharged(DomainError):
    """The charge is of nothing."""

    code = "nothing_charged"
    message = "Nothing was charged, so there is nothing to give back."


class Credited(DomainError):
    """A part of the charge came back for a claim."""

    code = "charge_credited"
    message = "A part of this charge was credited for a claim; undo that first."


class UndoneBefore(DomainError):
    """It was booked once and undone; the same is not booked again."""

    code = "undone_before"
    message = "This was booked before and was undone. What was undone is not booked a second time."


class Settled(DomainError):
    """The final price of a charge came while it was refunded, and what that leaves was never given."""

    code = "charge_settled"
    message = "The charge's final price came while it was refunded, so the refund stands."


class NotReversible(DomainError):
    """An entry that is not undone as a whole."""

    code = "not_reversible"
    message = "Only top-ups, refunds and credits are reversed; one charge is given back by a refund."


def book_top_up(
    *,
    organization: Organization,
    amount: Money,
    bank_reference: str,
    actor: Actor,
    happened_at: datetime,
    now: datetime,
) -> Posted:
    """
    Credit money that arrived in the bank, once for each bank reference.

    :raises billing.wallets.InvalidTopUp: if it is no amount or no reference
    :raises billing.ledger.KeyReused: if the reference was booked with another amount or for another wallet
    :raises UndoneBefore: if it was booked and undone
    :raises core.errors.Invalid: if the currency is not kept here
    """
    with transaction.atomic():
        posted = wallets.top_up(
            organization_id=organization.pk,
            amount=amount,
            bank_reference=bank_reference,
            actor=_name(actor),
            happened_at=happened_at,
        )
        require_standing(posted)
        details = {"amount": amount.literal, "currency": amount.currency, "bank_reference": bank_reference}
        _record(posted, "wallet.top_up", organization, details, actor=actor, now=now)
    return posted


def refund_charge(*, usage_id: int, borne_by: Bearer, reason: str, actor: Actor, now: datetime) -> Posted:
    """
    Give a buyer one charge back, all of it and once; a repeat answers the first refund. What was given back
    when its price became final stays given.

    Limits count what was spent, and go on counting it.

    :raises core.errors.NotFound: if there is no such charge
    :raises ChargeNotPosted: if it is not in the ledger yet
    :raises NothingCharged: if it is of nothing
    :raises Credited: if a part of it was credited for a claim
    :raises billing.ledger.KeyReused: if it was given back at the expense of somebody else
    :raises UndoneBefore: if it was given back and that was undone
    """
    charge = Charge.objects.select_related("wallet__account").filter(usage_id=usage_id).first()
    if charge is None:
        raise NotFound
    if charge.amount == 0:
        raise NothingCharged
    if not ChargeEntry.objects.filter(usage_id=usage_id).exists():
        raise ChargeNotPosted
    organization = Organization.objects.get(pk=charge.wallet.organization_id)
    with transaction.atomic():
        given = _find_given_back(charge)
        if charge.amount == given.amount:
            raise NothingCharged
        if Entry.objects.filter(key=f"claim:usage:{usage_id}", reversed_by=None).exists():
            raise Credited
        posted = ledger.post(
            key=f"refund:usage:{usage_id}",
            kind="REFUND",
            actor=_name(actor),
            lines=_list_lines(charge, borne_by, given),
            happened_at=now,
            reason=reason,
        )
        require_standing(posted)
        details = {"usage_id": usage_id, "borne_by": borne_by.value, "reason": reason}
        _record(posted, "charge.refund", organization, details, actor=actor, now=now)
    return posted


def require_standing(posted: Posted) -> None:
    """
    Go on only if what a repeat answers still stands: a key serves once, whatever became of its entry.

    :raises UndoneBefore: if it was undone
    """
    if not posted.is_new and Entry.objects.filter(reverses=posted.entry_id).exists():
        raise UndoneBefore


def prepare_reversal(*, entry: Entry, reason: str, actor: Actor, now: datetime) -> Approval:
    """
    Ask a second person to undo an entry for this reason.

    :raises NotReversible: if it is an entry of another kind
    :raises billing.approvals.PersonNeeded: if no person prepares it
    """
    if entry.kind not in REVERSIBLE:
        raise NotReversible
    return approvals.request(
        kind=REVERSAL, subject=str(entry.pk), content=_describe(entry, reason), prepared_by=actor, now=now
    )


def reverse_entry(*, entry: Entry, reason: str, actor: Actor, now: datetime) -> Posted:
    """
    Undo a top-up or a refund by its mirror image, as a second person approved; a repeat answers the first
    reversal.

    :raises NotReversible: if it is an entry of another kind
    :raises billing.approvals.ApprovalMissing: if nobody approved it
    :raises billing.approvals.ContentChanged: if another reason was approved
    :raises billing.ledger.InsufficientFunds: if the wallet has spent or holds the money
    :raises Settled: if it is a refund without which the buyer would lose what a final price leaves
    """
    if entry.kind not in REVERSIBLE:
        raise NotReversible
    if not Entry.objects.filter(reverses=entry).exists():
        approvals.require_approved(kind=REVERSAL, subject=str(entry.pk), content=_describe(entry, reason))
    owner = entry.postings.filter(account__purpose="WALLET").values_list("account__organization", flat=True)
    with transaction.atomic():
        _keep_settled(entry)
        posted = ledger.reverse(entry_id=entry.pk, actor=_name(actor), reason=reason, happened_at=now)
        organization = Organization.objects.get(pk=owner.get())
        details = {"entry": entry.pk, "kind": entry.kind, "reason": reason}
        _record(posted, "entry.reverse", organization, details, actor=actor, now=now)
    return posted


def _keep_settled(entry: Entry) -> None:
    """A charge is settled once: one that was refunded then got nothing of what its final price leaves."""
    if entry.kind not in ("REFUND", "CLAIM"):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT lock_refunds_v1()")
    usage = int(entry.key.rpartition(":")[2])
    paid = Charge.objects.filter(usage_id=usage).values("amount")
    kept = GiveBack.objects.filter(usage_id=usage, amount=0, rated__lt=paid)
    if entry.kind == "REFUND" and kept.exists() and not Entry.objects.filter(reverses=entry).exists():
        raise Settled


def _describe(entry: Entry, reason: str) -> dict[str, Any]:
    lines = entry.postings.select_related("account").order_by("seq")
    return {
        "entry": entry.pk,
        "kind": entry.kind,
        "key": entry.key,
        "reason": reason,
        "lines": [{"account": line.account.code, "amount": -line.amount} for line in lines],
    }


def _find_given_back(charge: Charge) -> GiveBack:
    """What a final price has left of the charge already; nothing more is given back meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT lock_refunds_v1()")
    nothing = Decimal(0)
    found = GiveBack.objects.filter(usage_id=charge.usage_id).first()
    return found or GiveBack(usage_id=charge.usage_id, amount=nothing, fee=nothing, overrun=nothing)


def _list_lines(charge: Charge, borne_by: Bearer, given: GiveBack) -> Mapping[int, Decimal]:
    # Every wallet has an account (scope_is_sound).
    lines = {cast(int, charge.wallet.account_id): given.amount - charge.amount}
    if borne_by is Bearer.PLATFORM:
        expense = ledger.open_account(purpose="SLA_CREDIT", currency=charge.currency)
        return lines | {expense: charge.amount - given.amount}
    lines |= _list_sold(charge, given)
    return {account: amount for account, amount in lines.items() if amount}


def _list_sold(charge: Charge, given: GiveBack) -> dict[int, Decimal]:
    """What provider and platform got; where the price is in another currency, back as it came."""
    sold = ChargeConversion.objects.filter(charge=charge).first()
    if sold is None:
        fee = ledger.open_account(purpose="PLATFORM_FEE", currency=charge.currency)
        overrun = ledger.open_account(purpose="OVERRUN", currency=charge.currency)
        return {
            charge.payable_id: charge.provider_amount - given.provider_amount,
            fee: charge.fee - given.fee,
            overrun: given.overrun - charge.overrun,
        }
    nothing = Decimal(0)
    back = GiveBackConversion.objects.filter(usage_id=charge.usage_id).first() or GiveBackConversion(
        amount=nothing, fee=nothing, overrun=nothing, mid_amount=nothing
    )
    amount, fees, over = sold.amount - back.amount, sold.fee - back.fee, sold.overrun - back.overrun
    mid = sold.mid_amount - back.mid_amount
    spread = charge.amount - given.amount - mid
    return {
        charge.payable_id: amount - fees + over,
        ledger.open_account(purpose="PLATFORM_FEE", currency=sold.currency): fees,
        ledger.open_account(purpose="OVERRUN", currency=sold.currency): -over,
        ledger.open_account(purpose="FX_POSITION", currency=sold.currency): -amount,
        ledger.open_account(purpose="FX_POSITION", currency=charge.currency): mid,
        ledger.open_account(purpose="FX_SPREAD", currency=charge.currency): spread,
    }


def _name(actor: Actor) -> str:
    return f"{actor.kind.lower()}:{actor.uid or 'billing'}"


def _record(
    posted: Posted,
    action: str,
    organization: Organization,
    details: dict[str, Any],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    if not posted.is_new:
        # Nothing was done that the trail does not tell already.
        return
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="organization",
        subject_uid=organization.uid,
        organization=organization,
        now=now,
        details=details | {"posted": posted.entry_id},
    )
