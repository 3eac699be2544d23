"""
Credits for claims: a part of one charge, or all that is left of it, back to its buyer, once.

A claim is told by whoever knows the work behind the charge; here it is a charge, an amount and who bears it.
What provider and platform got is taken back in the same proportion, at the rate at which it came.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django.db import connection, transaction

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import ledger
from billing.bookings import Bearer, ChargeNotPosted, NothingCharged, require_standing
from billing.ledger import Posted
from billing.models import Charge, ChargeConversion, ChargeEntry, Entry, GiveBack, GiveBackConversion
from core.errors import DomainError, Invalid, NotFound
from core.money import Money, split

NOTHING = Decimal(0)
_NO_GIVE_BACK = GiveBack(amount=NOTHING, fee=NOTHING, overrun=NOTHING)
_NO_CONVERSION = GiveBackConversion(amount=NOTHING, fee=NOTHING, overrun=NOTHING, mid_amount=NOTHING)


class CreditTooMuch(Invalid):
    """More than is left of the charge, or nothing."""

    code = "credit_too_much"


class ChargeRefunded(DomainError):
    """Nothing is left of the charge."""

    code = "charge_refunded"
    message = "This charge was given back as a whole."


def find_left(*, usage_id: int) -> Money:
    """
    What a buyer still pays for a charge: what was charged, without what came back.

    :raises core.errors.NotFound: if there is no such charge
    """
    charge = _find_charge(usage_id)
    if find_entry(usage_id=usage_id, kind="REFUND") is not None:
        return Money.zero(charge.currency)
    back = GiveBack.objects.filter(usage_id=usage_id).values_list("amount", flat=True).first() or NOTHING
    credit = find_entry(usage_id=usage_id, kind="CLAIM")
    if credit is not None:
        back -= credit.postings.get(account_id=charge.wallet.account_id).amount
    return Money(charge.amount - back, charge.currency)


def find_entry(*, usage_id: int, kind: str) -> Entry | None:
    """The refund of a charge, or its credit, unless it was undone."""
    key = f"{kind.lower()}:usage:{usage_id}"
    return Entry.objects.filter(key=key, reversed_by=None).first()


def credit_charge(
    *, usage_id: int, amount: Decimal, borne_by: Bearer, reason: str, actor: Actor, now: datetime
) -> Posted:
    """
    Give a buyer a part of one charge back, once; a repeat of the same answers the first credit.

    The charge's final price has to be known: the caller looks, who knows the prices.

    :param amount: in the currency of the wallet, more than nothing and no more than is left
    :raises core.errors.NotFound: if there is no such charge
    :raises billing.bookings.ChargeNotPosted: if it is not in the ledger yet
    :raises billing.bookings.NothingCharged: if nothing was paid for it
    :raises ChargeRefunded: if it was given back as a whole
    :raises CreditTooMuch: if the amount is not within what is left
    :raises billing.ledger.KeyReused: if another amount was credited before
    :raises billing.bookings.UndoneBefore: if this was credited, and undone
    """
    charge = _find_charge(usage_id)
    if not ChargeEntry.objects.filter(usage_id=usage_id).exists():
        raise ChargeNotPosted
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT lock_refunds_v1()")
        if find_entry(usage_id=usage_id, kind="REFUND") is not None:
            raise ChargeRefunded
        given = GiveBack.objects.filter(usage_id=usage_id).first() or _NO_GIVE_BACK
        left = charge.amount - given.amount
        if left <= 0:
            raise NothingCharged
        if not (amount.is_finite() and 0 < amount <= left):
            least = Money(left, charge.currency)
            raise CreditTooMuch(f"More than nothing, and at most {least}.", field="amount")
        posted = ledger.post(
            key=f"claim:usage:{usage_id}",
            kind="CLAIM",
            actor=f"{actor.kind.lower()}:{actor.uid or 'billing'}",
            lines=_list_lines(charge, given, amount=amount, left=left, borne_by=borne_by),
            happened_at=now,
            reason=reason,
        )
        require_standing(posted)
        if posted.is_new:
            _record(charge, posted, amount=amount, borne_by=borne_by, reason=reason, actor=actor, now=now)
    return posted


def _record(
    charge: Charge,
    posted: Posted,
    *,
    amount: Decimal,
    borne_by: Bearer,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    organization = Organization.objects.get(pk=charge.wallet.organization_id)
    details: dict[str, Any] = {
        "usage_id": charge.usage_id,
        "amount": format(amount, "f"),
        "currency": charge.currency,
        "borne_by": borne_by.value,
        "reason": reason,
        "posted": posted.entry_id,
    }
    audit.record_event(
        actor=actor,
        action="charge.credit",
        subject_kind="organization",
        subject_uid=organization.uid,
        organization=organization,
        now=now,
        details=details,
    )


def _find_charge(usage_id: int) -> Charge:
    charge = Charge.objects.select_related("wallet__account").filter(usage_id=usage_id).first()
    if charge is None:
        raise NotFound
    return charge


def _list_lines(
    charge: Charge, given: GiveBack, *, amount: Decimal, left: Decimal, borne_by: Bearer
) -> Mapping[int, Decimal]:
    # Every wallet has an account (scope_is_sound).
    lines = {cast(int, charge.wallet.account_id): -amount}
    if borne_by is Bearer.PLATFORM:
        expense = ledger.open_account(purpose="SLA_CREDIT", currency=charge.currency)
        return lines | {expense: amount}

    def take(whole: Decimal, back: Decimal) -> Decimal:
        """The same part of what is left of a sum, all of it for all."""
        rest = Money(whole - back, charge.currency)
        return split(rest, weights=[amount, left - amount])[0].amount

    sold = ChargeConversion.objects.filter(charge=charge).first()
    if sold is None:
        fees = take(charge.fee, given.fee)
        over = take(charge.overrun, given.overrun)
        lines |= {
            charge.payable_id: amount - fees + over,
            ledger.open_account(purpose="PLATFORM_FEE", currency=charge.currency): fees,
            ledger.open_account(purpose="OVERRUN", currency=charge.currency): -over,
        }
    else:
        back = GiveBackConversion.objects.filter(usage_id=charge.usage_id).first() or _NO_CONVERSION
        gross = take(sold.amount, back.amount)
        fees = take(sold.fee, back.fee)
        over = take(sold.overrun, back.overrun)
        mid = take(sold.mid_amount, back.mid_amount)
        lines |= {
            charge.payable_id: gross - fees + over,
            ledger.open_account(purpose="PLATFORM_FEE", currency=sold.currency): fees,
            ledger.open_account(purpose="OVERRUN", currency=sold.currency): -over,
            ledger.open_account(purpose="FX_POSITION", currency=sold.currency): -gross,
            ledger.open_account(purpose="FX_POSITION", currency=charge.currency): mid,
            ledger.open_account(purpose="FX_SPREAD", currency=charge.currency): amount - mid,
        }
    return {account: line for account, line in lines.items() if line}
