"""
Wallets that are filled by themselves: found by a task, charged without a person, within caps.

Of one wallet at most one such payment is on its way, by a unique index: however many tasks look at once, the
buyer is charged once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import stripe
from django.db import IntegrityError, transaction
from django.db.models import Q, Sum

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing import currencies, wallets
from billing.models import StripeDispute, StripeRecharge, StripeTopUp, TopUpMethod
from billing.stripe import client, customers, outcomes, payments, top_ups
from core import ids
from core.errors import DomainError, Invalid
from core.money import Money
from core.quantities import EXACT

RETRY_AFTER = timedelta(hours=1)
CONTESTED_FOR = timedelta(days=90)
"""So long after a dispute was lost no card is charged without a person."""
BATCH = 50
State = StripeRecharge.State
ENDED = Q(state=StripeTopUp.State.FAILED) | Q(state=StripeTopUp.State.EXPIRED)


class InvalidRecharge(Invalid):
    """Amounts that do not go together."""

    code = "invalid_recharge"


@dataclass(frozen=True, slots=True)
class Rule:
    """Below `threshold` pay `amount`, within a day (UTC) `day_most` and within a month `month_most`."""

    currency: str
    threshold: Decimal
    amount: Decimal
    day_most: Decimal
    month_most: Decimal


def set_rule(*, organization: Organization, rule: Rule, actor: Actor, now: datetime) -> StripeRecharge:
    """
    Have a wallet filled by itself; it waits (PAUSED) until a card was kept.

    :raises InvalidRecharge: if the amounts do not go together
    :raises billing.currencies.BelowMinimum: if one payment is less than Stripe charges
    :raises billing.stripe.bounds.AboveMaximum: if one payment is more than Stripe charges at once
    """
    terms = top_ups.find_terms(currency=rule.currency)
    if terms is None or TopUpMethod.CARD not in terms.methods:
        raise InvalidRecharge(f"{rule.currency} cannot be paid by card.", field="currency")
    if not terms.least <= rule.amount <= terms.most:
        least, most = Money(terms.least, rule.currency), Money(terms.most, rule.currency)
        raise InvalidRecharge(
            f"One payment is {least.literal} to {most}.",
            field="amount",
            least=least.literal,
            most=most.literal,
            currency=rule.currency,
        )
    top_ups.check_amount(money=Money(rule.amount, rule.currency), method=TopUpMethod.CARD, now=now)
    if not (rule.threshold >= 0 and rule.amount <= rule.day_most <= rule.month_most):
        raise InvalidRecharge("One payment is no more than the day's cap, and that no more than the month's.")
    with transaction.atomic():
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        row = StripeRecharge.objects.filter(organization=organization, currency=rule.currency).first()
        row = row or StripeRecharge(
            uid=ids.make_uid(), organization=organization, currency=rule.currency, state=State.OFF
        )
        row.threshold, row.amount = rule.threshold, rule.amount
        row.day_most, row.month_most = rule.day_most, rule.month_most
        has_card = row.payment_method_id is not None and row.failures < outcomes.FAILURES_MAX
        row.state = State.ACTIVE if has_card else State.PAUSED
        row.reason, row.changed_at = "" if has_card else "CARD", now
        _save(row)
        _record("recharge.set", row, actor=actor, now=now)
    return row


def stop(*, recharge: StripeRecharge, actor: Actor, now: datetime) -> None:
    """Fill a wallet by itself no longer, and forget the card."""
    with transaction.atomic():
        row = StripeRecharge.objects.select_for_update(no_key=True, of=("self",)).get(pk=recharge.pk)
        row.state, row.reason, row.payment_method_id, row.method_name = State.OFF, "", None, ""
        row.failures, row.changed_at = 0, now
        _save(row)
        _record("recharge.stop", row, actor=actor, now=now)


def decide(*, rule: Rule, available: Decimal, day_sum: Decimal, month_sum: Decimal) -> str:
    """PAY, WAIT (there is enough) or CAP (a cap would be passed)."""
    if available >= rule.threshold:
        return "WAIT"
    if EXACT.add(day_sum, rule.amount) > rule.day_most or EXACT.add(month_sum, rule.amount) > rule.month_most:
        return "CAP"
    return "PAY"


def recharge_wallets(*, asked: stripe.StripeClient, now: datetime) -> int:
    """Charge for every wallet that ran low; gives how many payments were begun."""
    rows = StripeRecharge.objects.filter(state=State.ACTIVE).select_related("organization")
    begun = 0
    for row in rows.order_by("id"):
        if not _is_low(row):
            continue
        made = begin(recharge=row, now=now)
        if made is not None:
            charge(top_up=made, asked=asked, now=now)
            begun += 1
        if begun >= BATCH:
            break
    return begun


def begin(*, recharge: StripeRecharge, now: datetime) -> StripeTopUp | None:
    """Write the payment that a wallet needs now; nothing if it needs none, or one is on its way."""
    try:
        with transaction.atomic():
            organization = Organization.objects.select_for_update(no_key=True).get(
                pk=recharge.organization_id
            )
            row = StripeRecharge.objects.get(pk=recharge.pk)
            if row.state != State.ACTIVE or _is_waiting(row, now):
                return None
            if _is_contested(row, now):
                outcomes.tell(recharge=row, reason="DISPUTE", now=now)
                _save(row)
                return None
            rule = Rule(row.currency, row.threshold, row.amount, row.day_most, row.month_most)
            wallet = wallets.open_wallet(organization_id=row.organization_id, currency=row.currency)
            day = now.replace(hour=0, minute=0, second=0, microsecond=0)
            verdict = decide(
                rule=rule,
                available=wallet.available.amount,
                day_sum=_sum_since(row, day),
                month_sum=_sum_since(row, day.replace(day=1)),
            )
            if verdict != "PAY":
                if verdict == "CAP":
                    outcomes.tell(recharge=row, reason="CAP", now=now)
                    _save(row)
                return None
            wish = top_ups.Wish(Money(row.amount, row.currency), TopUpMethod.CARD)
            return top_ups.start(
                organization=organization,
                wish=wish,
                origin=StripeTopUp.Origin.RECHARGE,
                actor=audit.SYSTEM,
                now=now,
            )
    except IntegrityError:
        # One is on its way.
        return None
    except DomainError as refusal:
        _pause(recharge, refusal.code, now)
        return None


def charge(*, top_up: StripeTopUp, asked: stripe.StripeClient, now: datetime) -> StripeTopUp:
    """
    Charge the card that was kept; a repeat finds the same payment.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer; the sweeper asks again
    """
    row = StripeRecharge.objects.get(organization=top_up.organization_id, currency=top_up.currency)
    if now - top_up.created_at > client.REPEAT_FOR:
        made = client.find_made(lambda: _list_intents(top_up, asked), uid=str(top_up.uid))
        if made is None:
            return payments.end(
                top_up=top_up, state=StripeTopUp.State.EXPIRED, failure="never_asked", now=now
            )
        return _follow(top_up, made["id"], asked, now)
    params: Any = {
        "amount": currencies.to_stripe(amount=top_up.amount, currency=top_up.currency),
        "currency": top_up.currency.lower(),
        "customer": customers.find(organization=top_up.organization),
        "payment_method": row.payment_method_id,
        "payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
        "metadata": {"jouleport": str(top_up.uid)},
    }
    try:
        with client.asking():
            made_id = asked.v1.payment_intents.create(
                params, {"idempotency_key": f"recharge-{top_up.uid}"}
            ).id
    except stripe.CardError as refusal:
        intent = getattr(refusal.error, "payment_intent", None)
        if intent is None:
            return payments.end(
                top_up=top_up, state=StripeTopUp.State.FAILED, failure=refusal.code or "declined", now=now
            )
        made_id = intent["id"]
    except stripe.InvalidRequestError as refusal:
        # The card was detached, or the customer deleted.
        return payments.end(
            top_up=top_up, state=StripeTopUp.State.FAILED, failure=refusal.code or "refused", now=now
        )
    return _follow(top_up, made_id, asked, now)


def _follow(top_up: StripeTopUp, intent_id: str, asked: stripe.StripeClient, now: datetime) -> StripeTopUp:
    payment = payments.fetch(intent_id=intent_id, asked=asked)
    return payments.apply(top_up=top_up, payment=payment, now=now)


def _list_intents(top_up: StripeTopUp, asked: stripe.StripeClient) -> Any:
    since = client.write_time(top_up.created_at - timedelta(minutes=5))
    return asked.v1.payment_intents.list({"created": {"gte": since}, "limit": 100}).auto_paging_iter()


def _is_low(row: StripeRecharge) -> bool:
    wallet = wallets.open_wallet(organization_id=row.organization_id, currency=row.currency)
    return wallet.available.amount < row.threshold


def _is_waiting(row: StripeRecharge, now: datetime) -> bool:
    """Whether the last try failed so lately that the next would fail too."""
    if not row.failures:
        return False
    tries = StripeTopUp.objects.filter(
        organization=row.organization_id, currency=row.currency, origin=StripeTopUp.Origin.RECHARGE
    )
    return tries.filter(created_at__gt=now - RETRY_AFTER * row.failures).exists()


def _is_contested(row: StripeRecharge, now: datetime) -> bool:
    """Whether a bank contests, or took back, what this organization paid: more would go the same way."""
    mine = StripeDispute.objects.filter(top_up__organization=row.organization_id)
    lost = Q(state=StripeDispute.State.LOST, ended_at__gt=now - CONTESTED_FOR)
    return mine.filter(Q(state=StripeDispute.State.OPEN) | lost).exists()


def _sum_since(row: StripeRecharge, since: datetime) -> Decimal:
    paid = StripeTopUp.objects.filter(
        organization=row.organization_id,
        currency=row.currency,
        origin=StripeTopUp.Origin.RECHARGE,
        created_at__gte=since,
    ).exclude(ENDED)
    return paid.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _pause(recharge: StripeRecharge, code: str, now: datetime) -> None:
    """What limits of fraud refuse is not tried again until it may be: the reason shows on the page."""
    StripeRecharge.objects.filter(pk=recharge.pk).exclude(reason=code).update(reason=code, changed_at=now)


def _save(row: StripeRecharge) -> None:
    if row._state.adding:
        row.save(force_insert=True)
        return
    row.save(
        update_fields=[
            *("threshold", "amount", "day_most", "month_most", "payment_method_id", "method_name"),
            *("state", "reason", "failures", "changed_at"),
        ]
    )


def _record(action: str, row: StripeRecharge, *, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="recharge",
        subject_uid=row.uid,
        organization=row.organization,
        now=now,
        details={
            "currency": row.currency,
            **{
                name: Money(getattr(row, name), row.currency).literal
                for name in ("threshold", "amount", "day_most", "month_most")
            },
        },
    )
