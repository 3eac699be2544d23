"""
Payouts by transfer to providers' accounts at Stripe, from there to their banks, and back if a bank refuses.

Before a call there is a row, and the payout is SENT, so that no other rail takes it; after it the outcome is
written. Whoever dies in between is followed by a task that repeats the call under its key, and past the day
for which Stripe remembers keys looks first for what was made.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

import stripe
from django.db import connection, transaction

from accounts import audit
from billing import currencies
from billing.connect import accounts
from billing.connect.rail import NAME, StripeConnectRail
from billing.models import ConnectAccount, ConnectTransfer, Payout
from billing.rails import methods
from billing.rails.protocol import CallInstruction, CannotInstruct, PaymentOrder, Refusal, name_payout
from billing.settlement import payouts, sending
from billing.stripe import client
from core.errors import DomainError

State = ConnectTransfer.State
OPEN = (State.ASKED, State.MADE, State.FAILED)
BATCH = 200
REASON_LENGTH_MAX = 300

logger = logging.getLogger(__name__)


def send_waiting(*, asked: stripe.StripeClient, now: datetime) -> int:
    """
    Finish what was begun, then send what waits; gives how many payouts were sent.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer; the rest is for the next time
    """
    for number in list(_list_open()):
        carry_on(payout_id=number, asked=asked, now=now)
    return sum(send(payout=one, asked=asked, now=now) for one in sending.list_waiting(rail=NAME))


def _list_open() -> list[int]:
    rows = ConnectTransfer.objects.filter(state__in=OPEN).order_by("payout_id")
    return list(rows.values_list("payout_id", flat=True)[:BATCH])


def send(*, payout: Payout, asked: stripe.StripeClient, now: datetime) -> bool:
    """
    Send one that waits, or let it go by the provider's next rail; answers whether this one took it.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    refusal = find_refusal(payout=payout, asked=asked, now=now)
    if refusal is not None:
        sending.try_next(payout=payout, reason=refusal.message, actor=audit.SYSTEM, now=now)
        return False
    account = ConnectAccount.objects.get(organization_id=payout.organization_id).account_id
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT claim_connect_transfer_v1(%s, %s, %s)", [payout.uid, account, now])
            if not cursor.fetchone()[0]:
                return False
        payouts.mark_sent(
            payout_uid=payout.uid,
            external_id=name_payout(payout.uid),
            happened_at=now,
            actor=audit.SYSTEM,
            now=now,
        )
    carry_on(payout_id=payout.pk, asked=asked, now=now)
    return True


def find_refusal(*, payout: Payout, asked: stripe.StripeClient, now: datetime) -> Refusal | None:
    """
    Why this rail does not take a payout now: it was refused before, its method changed, the account is not
    ready, too little money.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    if ConnectTransfer.objects.filter(payout=payout).exists():
        return Refusal("refused_before", "Stripe refused this payout before.")
    try:
        method = methods.require_payable(
            method_id=payout.method_id,
            organization_id=payout.organization_id,
            currency=payout.currency,
            now=now,
        )
        units = currencies.to_stripe_payout(amount=payout.amount, currency=payout.currency)
    except DomainError as refusal:
        return Refusal(refusal.code, refusal.message)
    account = accounts.find(organization_id=payout.organization_id)
    if account is None or account.account_id != methods.open_details(method)["account"]:
        return Refusal("other_account", "This is not the provider's account at Stripe.")
    if account.state != ConnectAccount.State.READY:
        return Refusal("account_not_ready", f"The account at Stripe is not ready: {account.state}.")
    with client.asking():
        balance = asked.v1.balance.retrieve().to_dict()
    available = {row["currency"]: row["amount"] for row in balance["available"]}
    if available.get(payout.currency.lower(), 0) < units:
        return Refusal("balance_insufficient", "There is too little money at Stripe at the moment.")
    return None


def carry_on(*, payout_id: int, asked: stripe.StripeClient, now: datetime) -> None:
    """
    Do what comes next for a payout that was begun.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    row = ConnectTransfer.objects.select_related("payout__batch").get(pk=payout_id)
    if row.state == State.ASKED:
        _transfer(row, asked, now)
        row.refresh_from_db()
    if row.state == State.MADE:
        _pay_out(row, asked, now)
        row.refresh_from_db()
    if row.state == State.FAILED:
        _take_back(row, asked, now)


def _describe(row: ConnectTransfer) -> CallInstruction:
    order = PaymentOrder(
        payout_uid=row.payout.uid,
        amount=row.payout.amount,
        currency=row.payout.currency,
        country="",
        details={"account": row.account_id},
        reference=str(row.payout.batch.uid),
    )
    (call,) = StripeConnectRail().prepare([order], payer={}, now=row.asked_at)
    if not isinstance(call, CallInstruction):
        raise CannotInstruct("A transfer is a call.", payout=row.payout.uid)
    return call


def _transfer(row: ConnectTransfer, asked: stripe.StripeClient, now: datetime) -> None:
    call, uid = _describe(row), row.payout.uid
    params: Any = call.parameters
    made = None
    if now - row.asked_at > client.REPEAT_FOR:
        group: Any = {"transfer_group": params["transfer_group"], "limit": 100}
        made = client.find_made(lambda: asked.v1.transfers.list(group).auto_paging_iter(), uid=str(uid))
    try:
        if made is None:
            with client.asking():
                made = asked.v1.transfers.create(params, {"idempotency_key": call.key}).to_dict()
    except stripe.InvalidRequestError as refusal:
        # Stripe has said no: nothing was made. It goes the provider's next way; without one it is owed again.
        reason = _read_reason(refusal)
        with transaction.atomic():
            if _move(row, State.ASKED, State.REFUSED, reason=reason):
                sending.recall_refused(payout=row.payout, reason=reason, actor=audit.SYSTEM, now=now)
        return
    with transaction.atomic():
        if _move(row, State.ASKED, State.MADE, transfer_id=made["id"]):
            payouts.mark_paid(
                payout_uid=uid,
                external_id=name_payout(uid),
                happened_at=client.read_time(made["created"]),
                actor=audit.SYSTEM,
                now=now,
            )


def _pay_out(row: ConnectTransfer, asked: stripe.StripeClient, now: datetime) -> None:
    """From the provider's account to its bank."""
    call, uid = _describe(row), str(row.payout.uid)
    params: Any = {name: call.parameters[name] for name in ("amount", "currency", "metadata")}
    there: Any = {"stripe_account": row.account_id}
    made = None
    if now - row.asked_at > client.REPEAT_FOR:
        since: Any = {
            "created": {"gte": client.write_time(row.asked_at - timedelta(minutes=5))},
            "limit": 100,
        }
        made = client.find_made(lambda: asked.v1.payouts.list(since, there).auto_paging_iter(), uid=uid)
    try:
        if made is None:
            with client.asking():
                once: Any = {**there, "idempotency_key": f"bank-{uid}"}
                made = asked.v1.payouts.create(params, once).to_dict()
    except stripe.InvalidRequestError as refusal:
        _move(row, State.MADE, State.FAILED, reason=_read_reason(refusal))
        return
    _move(row, State.MADE, State.LEFT, bank_payout_id=made["id"])


def _take_back(row: ConnectTransfer, asked: stripe.StripeClient, now: datetime) -> None:
    """The bank did not take it: back to us, and owed again."""
    with client.asking():
        transfer = asked.v1.transfers.retrieve(str(row.transfer_id)).to_dict()
    made = next(iter(transfer["reversals"]["data"]), None) if transfer["reversed"] else None
    try:
        if made is None:
            key = f"take-back-{row.payout.uid}"
            with client.asking():
                made = asked.v1.transfers.reversals.create(
                    str(row.transfer_id), {}, {"idempotency_key": key}
                ).to_dict()
    except stripe.InvalidRequestError as refusal:
        # It is in the provider's account; whoever looks at payouts decides.
        logger.warning("Transfer %s was not taken back: %s", row.transfer_id, _read_reason(refusal))
        return
    note_taken_back(row=row, reversal_id=made["id"], reason=row.reason, now=now)


def note_taken_back(*, row: ConnectTransfer, reversal_id: str, reason: str, now: datetime) -> None:
    """Write down that the money is back with us; a repeat changes nothing."""
    before = row.state
    with transaction.atomic():
        if _move(row, State(before), State.TAKEN_BACK, reversal_id=reversal_id, reason=reason):
            payouts.mark_returned(
                payout_uid=row.payout.uid,
                reason=reason or "Taken back at Stripe.",
                happened_at=now,
                actor=audit.SYSTEM,
                now=now,
            )


def follow_payout(*, bank_payout_id: str, account_id: str, asked: stripe.StripeClient, now: datetime) -> None:
    """
    Ask how a payout from a provider's account to its bank stands, and act on it.

    Those that we did not make are the provider's own business.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    there: Any = {"stripe_account": account_id}
    with client.asking():
        body = asked.v1.payouts.retrieve(bank_payout_id, {}, there).to_dict()
    uid = (body.get("metadata") or {}).get("jouleport")
    rows = ConnectTransfer.objects.select_related("payout").filter(account_id=account_id)
    row = rows.filter(bank_payout_id=bank_payout_id).first()
    if row is None and uid is not None:
        # Word of it came before the answer to the call.
        row = next((one for one in rows.filter(state=State.MADE) if str(one.payout.uid) == uid), None)
    if row is None or row.state in (State.FAILED, State.TAKEN_BACK):
        return
    if body["status"] == "paid":
        _move(row, State(row.state), State.ARRIVED, bank_payout_id=bank_payout_id)
    elif body["status"] in ("failed", "canceled"):
        reason = str(body.get("failure_message") or body.get("failure_code") or body["status"])
        _move(row, State(row.state), State.FAILED, bank_payout_id=bank_payout_id, reason=reason)
        carry_on(payout_id=row.pk, asked=asked, now=now)


def follow_transfer(*, transfer_id: str, asked: stripe.StripeClient, now: datetime) -> None:
    """
    Ask whether a transfer was taken back by other hands than ours, and write it down.

    :raises billing.stripe.client.StripeUnavailable: if Stripe does not answer
    """
    row = ConnectTransfer.objects.select_related("payout").filter(transfer_id=transfer_id).first()
    if row is None or row.state == State.TAKEN_BACK:
        return
    with client.asking():
        body = asked.v1.transfers.retrieve(transfer_id).to_dict()
    if body["reversed"]:
        reversal = body["reversals"]["data"][0]["id"]
        note_taken_back(row=row, reversal_id=reversal, reason=row.reason or "Taken back at Stripe.", now=now)


def _move(
    row: ConnectTransfer, before: ConnectTransfer.State, after: ConnectTransfer.State, **found: Any
) -> bool:
    """Take a step unless somebody else did."""
    found = {name: str(value)[:REASON_LENGTH_MAX] for name, value in found.items()}
    return bool(ConnectTransfer.objects.filter(pk=row.pk, state=before).update(state=after, **found))


def _read_reason(refusal: stripe.InvalidRequestError) -> str:
    return f"Stripe: {refusal.user_message or refusal.code or 'refused'}"[:REASON_LENGTH_MAX]
