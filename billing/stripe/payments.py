"""What became of a payment: asked of Stripe, and credited once, however often it is told."""

from datetime import datetime
from decimal import Decimal

import stripe
from django.db import connection, transaction

from billing import ledger, wallets
from billing.free_starts import starts
from billing.models import StripeRecharge, StripeTopUp
from billing.stripe import client, facts, fraud, outcomes, top_ups
from billing.stripe.facts import Payment
from core.money import Money

State, Origin = StripeTopUp.State, StripeTopUp.Origin
ENDED_SESSION = "expired"
LEARNED = (
    *("state", "follow_at", "payment_intent_id", "charge_id", "risk_level", "risk_score", "failure"),
    *("paid_at", "entry", "reserved", "reserve_ends_at"),
)


class PaymentDiffers(RuntimeError):
    """Stripe received another amount than was asked for: nothing is credited until a person has looked."""


def decide(*, state: str, origin: str, payment: Payment) -> StripeTopUp.State:
    """
    What a top-up is after this was learned of its payment.

    Money that came is money that came, also after we had given it up; nothing else follows what is paid.
    A person may try again on the page; a charge without a person has had its only try.
    """
    if payment.status == "succeeded" or state == State.PAID:
        return State.PAID
    if payment.status == "canceled":
        return State.FAILED if state != State.EXPIRED else State.EXPIRED
    if payment.status in ("requires_payment_method", "requires_action", "requires_confirmation"):
        alone = origin == Origin.RECHARGE
        return State.FAILED if alone and state in (State.CREATED, State.OPEN) else State(state)
    return State.OPEN if state == State.CREATED else State(state)


def fetch(*, intent_id: str, asked: stripe.StripeClient) -> Payment:
    """
    How a payment stands.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    with client.asking():
        intent = asked.v1.payment_intents.retrieve(intent_id, {"expand": ["latest_charge"]})
    return facts.read_payment(intent.to_dict())


def follow(*, intent_id: str, asked: stripe.StripeClient, now: datetime) -> StripeTopUp | None:
    """Ask how a payment stands and act on it; nothing where it is not one of ours."""
    payment = fetch(intent_id=intent_id, asked=asked)
    found = StripeTopUp.objects.filter(payment_intent_id=intent_id).first()
    if found is None and payment.top_up_uid is not None:
        found = top_ups.find_top_up(uid=payment.top_up_uid)
    return None if found is None else apply(top_up=found, payment=payment, now=now)


def follow_session(*, session_id: str, asked: stripe.StripeClient, now: datetime) -> StripeTopUp | None:
    """Ask how a page stands, and what was paid there."""
    with client.asking():
        session = asked.v1.checkout.sessions.retrieve(session_id).to_dict()
    uid = facts.read_uid(session)
    found = top_ups.find_top_up(uid=uid) if uid else None
    if found is None:
        return None
    if found.session_id is None:
        found = top_ups.note_session(top_up=found, session=session, now=now)
    intent_id = facts.read_id(session.get("payment_intent"))
    if intent_id is not None:
        payment = fetch(intent_id=intent_id, asked=asked)
        found = apply(top_up=found, payment=payment, now=now)
        if session["status"] == "complete" and found.page_url:
            # What was agreed there and takes its time to arrive cannot be paid there again.
            StripeTopUp.objects.filter(pk=found.pk).update(page_url="")
            found.page_url = ""
        if session["status"] == "complete" and payment.status == "requires_payment_method":
            # What was to arrive later did not, and the page takes no second try.
            return end(top_up=found, state=State.FAILED, failure=payment.failure, now=now)
    if session["status"] == ENDED_SESSION:
        return end(top_up=found, state=State.EXPIRED, failure="", now=now)
    return found


def end(*, top_up: StripeTopUp, state: StripeTopUp.State, failure: str, now: datetime) -> StripeTopUp:
    """Give a top-up up, unless it was paid."""
    with transaction.atomic():
        row = StripeTopUp.objects.select_for_update(no_key=True).get(pk=top_up.pk)
        if row.state in (State.CREATED, State.OPEN):
            row.state, row.failure, row.follow_at = state, failure, None
            row.save(update_fields=["state", "failure", "follow_at"])
            if row.origin == Origin.RECHARGE:
                outcomes.note(top_up=row, now=now)
    return row


def apply(*, top_up: StripeTopUp, payment: Payment, now: datetime) -> StripeTopUp:
    """
    Write down what was learned of a payment, and credit it if it succeeded; a repeat changes nothing.

    :raises PaymentDiffers: if another amount was received than was asked for
    """
    with transaction.atomic():
        row = StripeTopUp.objects.select_for_update(no_key=True).get(pk=top_up.pk)
        state = decide(state=row.state, origin=row.origin, payment=payment)
        if row.state == State.PAID:
            return row
        row.payment_intent_id, row.charge_id = payment.intent_id, payment.charge_id or row.charge_id
        row.risk_level, row.risk_score = payment.risk_level, payment.risk_score
        row.failure = "" if state == State.PAID else payment.failure
        if state == State.PAID:
            _credit(row, payment, now)
        row.state = state
        if state in (State.FAILED, State.EXPIRED):
            row.follow_at = None
        row.save(update_fields=LEARNED)
        if row.origin == Origin.RECHARGE:
            outcomes.note(top_up=row, now=now)
    return row


def _credit(row: StripeTopUp, payment: Payment, now: datetime) -> None:
    if (payment.amount, payment.currency) != (row.amount, row.currency):
        raise PaymentDiffers(
            f"{payment.intent_id}: {payment.amount} {payment.currency}, not {row.amount} {row.currency}"
        )
    money = Money(row.amount, row.currency)
    terms = top_ups.find_terms(currency=row.currency)
    kept = Money.zero(row.currency)
    if terms is not None:
        history = top_ups.read_history(organization=row.organization, currency=row.currency, now=now)
        kept = fraud.reckon_reserve(
            money=money,
            risk_level=payment.risk_level,
            first_paid_at=history.first_paid_at,
            terms=terms,
            now=now,
        )
        row.reserve_ends_at = now + terms.reserve_for if kept else None
    wallet = wallets.open_wallet(organization_id=row.organization_id, currency=row.currency)
    if payment.card_fingerprint:
        starts.note_card(organization_id=row.organization_id, fingerprint=payment.card_fingerprint, now=now)
    pending = ledger.open_account(purpose="STRIPE_PENDING", currency=row.currency)
    lines = {pending: money.amount, wallet.account_id: (kept - money).amount}
    if kept:
        reserve = ledger.open_account(
            purpose="RESERVE", currency=row.currency, organization_id=row.organization_id
        )
        lines[reserve] = -kept.amount
    posted = ledger.post(
        key=f"stripe:topup:{payment.intent_id}",
        kind="STRIPE_TOPUP",
        actor=row.actor,
        lines={account: amount for account, amount in lines.items() if amount},
        happened_at=now,
        reason=payment.intent_id,
    )
    row.entry_id, row.paid_at, row.reserved = posted.entry_id, now, kept.amount
    # What the fee was is not known yet.
    row.follow_at = now + top_ups.FOLLOW_AFTER
    if row.saves_method:
        _save_method(row, payment, now)


def _save_method(row: StripeTopUp, payment: Payment, now: datetime) -> None:
    """Keep the card for automatic payments of this wallet, where they were set up and wait for one."""
    if payment.payment_method_id is None:
        return
    waiting = StripeRecharge.objects.filter(organization=row.organization, currency=row.currency)
    waiting.exclude(state=StripeRecharge.State.OFF).update(
        payment_method_id=payment.payment_method_id,
        method_name=payment.method_name,
        state=StripeRecharge.State.ACTIVE,
        reason="",
        failures=0,
        changed_at=now,
    )


def recall_method(
    *, recharge: StripeRecharge, after: datetime | None, asked: stripe.StripeClient, now: datetime
) -> None:
    """
    Give a rule that was just set the card of the newest payment that kept one for this wallet.

    :param after: when such a card was forgotten last; older ones are not used again
    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    paid = StripeTopUp.objects.filter(
        organization=recharge.organization, currency=recharge.currency, state=State.PAID, saves_method=True
    )
    if after is not None:
        paid = paid.filter(paid_at__gt=after)
    newest = paid.order_by("-paid_at").first()
    if newest is not None:
        _save_method(newest, fetch(intent_id=str(newest.payment_intent_id), asked=asked), now)


def find_paid(
    *, charge_id: str | None, intent_id: str | None, asked: stripe.StripeClient, now: datetime
) -> StripeTopUp | None:
    """
    The payment that a refund or a dispute is about; Stripe is asked once where we do not know it as paid.

    :raises billing.stripe.client.StripeUnavailable: if Stripe has to be asked, in vain
    """
    for is_last in (False, True):
        paid = StripeTopUp.objects.filter(state=State.PAID)
        row = paid.filter(charge_id=charge_id).first() if charge_id else None
        if row is None and intent_id:
            row = paid.filter(payment_intent_id=intent_id).first()
        if row is not None or is_last or intent_id is None:
            return row
        follow(intent_id=intent_id, asked=asked, now=now)
    return None


def lock_free(*, top_up: StripeTopUp, wallet_account: int, now: datetime) -> Decimal:
    """
    Lock the wallet and tell what of it is free, with what was kept back of this payment, whose row is locked.
    """
    release_reserve(top_up=top_up, now=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT lock_wallet_v1(%s)", [wallet_account])
        return max(Decimal(cursor.fetchone()[0]), Decimal(0))


def release_reserve(*, top_up: StripeTopUp, now: datetime) -> None:
    """Credit the wallet with what was kept back of a payment; the caller has locked its row."""
    if not top_up.reserved or top_up.release_entry_id is not None:
        return
    reserve = ledger.open_account(
        purpose="RESERVE", currency=top_up.currency, organization_id=top_up.organization_id
    )
    wallet = wallets.open_wallet(organization_id=top_up.organization_id, currency=top_up.currency)
    posted = ledger.post(
        key=f"stripe:release:{top_up.payment_intent_id}",
        kind="STRIPE_RELEASE",
        actor="system:stripe",
        lines={reserve: top_up.reserved, wallet.account_id: -top_up.reserved},
        happened_at=now,
    )
    top_up.release_entry_id = posted.entry_id
    top_up.save(update_fields=["release_entry"])


def release_reserves(*, now: datetime, limit: int = 200) -> int:
    """Release what has been kept back long enough, unless its payment is contested; gives how many."""
    due = StripeTopUp.objects.filter(
        reserved__gt=Decimal(0), release_entry=None, reserve_ends_at__lte=now
    ).exclude(disputes__state="OPEN")
    released = 0
    for number in list(due.order_by("id").values_list("id", flat=True)[:limit]):
        with transaction.atomic():
            row = StripeTopUp.objects.select_for_update(no_key=True).get(pk=number)
            if row.disputes.filter(state="OPEN").exists():
                continue
            release_reserve(top_up=row, now=now)
            released += 1
    return released
