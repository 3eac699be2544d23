"""What rails answer to files, stored first and acted upon once; and what people note of payments by hand."""

import hashlib
from dataclasses import replace
from datetime import datetime

from django.db import DatabaseError, connection, transaction
from psycopg import errors

from accounts import audit
from accounts.audit import Actor
from billing.models import Approval, Payout, PayoutMethod, RailAnswer, RailFile
from billing.rails import files, methods, registry
from billing.rails.protocol import News, Step
from billing.settlement import payouts, steps
from core.errors import DomainError

PAYEES_FAULTS = ("AC", "BE", "RC")
"""Reasons of ISO 20022 that speak of account, payee or payee's bank: the method is paid no more."""


class NotByHand(DomainError):
    """The payout goes by a rail that tells by itself, or has come to its end."""

    code = "not_by_hand"
    message = "Only payouts by hand that are on their way are noted so."


class UsedBefore(DomainError):
    """What confirms this file confirmed another one."""

    code = "used_before"
    message = "This transaction confirmed another file already."


def take_answer(*, file: RailFile, content: bytes, actor: Actor, now: datetime) -> list[News]:
    """
    Keep what came back for a file, and follow it: payouts that were taken, paid or refused.

    The same answer once more changes nothing. A payout that is refused is owed again, once two people have
    handed in the same answer; where its account is at fault, its method is blocked with the reason, and the
    next one is paid by the provider's next method.

    :raises billing.rails.files.NotHandedOver: if the file was not handed over
    :raises billing.rails.protocol.Unreadable: if it is no answer to this file; nothing is done then
    """
    if file.state != RailFile.State.SENT:
        raise files.NotHandedOver
    files.follow_file(file=file, actor=actor, now=now)
    news = registry.find_rail(file.rail).confirm(
        content, name=file.name, orders=files.list_orders(file), payer=file.payer
    )
    digest = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        RailAnswer.objects.get_or_create(
            file=file,
            sha256=digest,
            received_by=actor.uid,
            defaults={"content": content, "received_at": now},
        )
        audit.record_event(
            actor=actor,
            action="payout_file.answer",
            subject_kind="payout_file",
            subject_uid=file.uid,
            organization=None,
            now=now,
            details={"name": file.name, "payments": len(news)},
        )
    others = RailAnswer.objects.filter(file=file, sha256=digest).exclude(received_by=actor.uid)
    agreed = actor.uid is None or others.exists()
    news = [replace(one, is_followed=agreed or one.step != Step.REFUSED) for one in news]
    for one in news:
        if one.is_followed:
            _follow(one, actor=actor, now=now)
    return news


def confirm_transaction(
    *, file: RailFile, receipt: bytes, transaction_hash: str, actor: Actor, now: datetime
) -> list[News]:
    """
    Note that a transaction carried a batch, from its receipt; one transaction confirms one file.

    :raises UsedBefore: if it confirmed another
    :raises billing.rails.protocol.Unreadable: if it did not make exactly these transfers
    """
    registry.find_rail(file.rail).confirm(
        receipt, name=file.name, orders=files.list_orders(file), payer=file.payer
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT confirm_rail_file_v1(%s, %s)", [file.pk, transaction_hash.lower()])
    except DatabaseError as error:
        cause = error.__cause__
        known = cause.diag.constraint_name if isinstance(cause, errors.Error) else None
        if known in ("rail_file_external_id_key", "rail_file_history"):
            raise UsedBefore from error
        raise
    return take_answer(file=file, content=receipt, actor=actor, now=now)


def note_payment(
    *, payout: Payout, reference: str, paid_at: datetime, actor: Actor, now: datetime
) -> Approval:
    """
    Note that a payout was made by hand, under the reference that its payee sees; another person confirms it.

    :raises NotByHand: if it is no payout by hand that is on its way
    :raises core.errors.Invalid: without a reference, or with one that is too long
    """
    if payout.rail != "manual" or payout.state not in (Payout.State.SENT, Payout.State.IN_TRANSIT):
        raise NotByHand
    return steps.prepare(
        payout=payout,
        state=Payout.State.PAID,
        reference=reference,
        reason="",
        happened_at=paid_at,
        actor=actor,
        now=now,
    )


def _follow(news: News, *, actor: Actor, now: datetime) -> None:
    uid, known_as = news.payout_uid, news.external_id
    happened_at = min(news.happened_at or now, now)
    match news.step:
        case Step.ACCEPTED:
            payouts.mark_in_transit(
                payout_uid=uid, external_id=known_as, happened_at=happened_at, actor=actor, now=now
            )
        case Step.PAID:
            payouts.mark_paid(
                payout_uid=uid, external_id=known_as, happened_at=happened_at, actor=actor, now=now
            )
        case Step.REFUSED:
            refused = payouts.mark_failed(
                payout_uid=uid,
                reason=news.reason or "Refused",
                happened_at=happened_at,
                actor=actor,
                now=now,
            )
            _block_method(refused, news.reason, actor=actor, now=now)


def is_payees_fault(reason: str) -> bool:
    """Whether a bank's reason says that the account, its holder or its bank is not as it was described."""
    codes = [word.strip(":") for word in reason.split()]
    return any(code.startswith(PAYEES_FAULTS) and code[2:].isdecimal() for code in codes)


def _block_method(payout: Payout, reason: str, *, actor: Actor, now: datetime) -> None:
    if not is_payees_fault(reason):
        return
    method = (
        PayoutMethod.objects.filter(id=payout.method_id or 0).exclude(state=methods.State.RETIRED).first()
    )
    if method is not None:
        methods.block_method(method=method, reason=f"The bank refused it: {reason}", actor=actor, now=now)
