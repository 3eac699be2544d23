"""
Files that tell a bank, a signer or a person what to pay.

One is made for payouts that wait, kept encrypted as it was made, approved by another person by its SHA-256,
then handed over; only then do its payouts count as sent. Whoever dies in between is followed by a task.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Sum
from psycopg import errors

from accounts import audit
from accounts.audit import Actor
from billing import approvals
from billing.models import Payout, PayoutMethod, RailFile, RailFilePayout
from billing.rails import methods, payers, registry
from billing.rails.protocol import CannotInstruct, FileInstruction, PaymentOrder, name_payout
from billing.settlement import payouts
from core import ids
from core.errors import DomainError, Invalid

KIND = "payout_file"
"""Of approvals."""
PAYMENTS_MAX = 10_000
ANSWER_BYTES_MAX = 20_000_000
NOTE_LENGTH_MAX = 500
State = RailFile.State


class NothingWaits(DomainError):
    """No payout waits for this rail in this currency."""

    code = "nothing_waits"
    message = "No payout waits for this rail in this currency."


class AlreadyFiled(DomainError):
    """Somebody else made a file of some of them at the same moment."""

    code = "already_filed"
    message = "Some of these payouts are in another file, or do not wait any more. Look again."


class NotReleased(DomainError):
    """What the file says is told once two people stand behind it and it cannot be thrown away any more."""

    code = "not_released"
    message = "Somebody else approves the file first, and you hand it over; then it can be downloaded."


class NotHandedOver(DomainError):
    """The file was not handed over, or is void."""

    code = "not_handed_over"
    message = "This file has not been handed over."


@dataclass(frozen=True, slots=True)
class Waiting:
    """Payouts that wait for a file."""

    rail: str
    currency: str
    payments: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class Made:
    """A file, and the payouts left out because their methods may not be paid now, with the reason."""

    file: RailFile
    left_out: tuple[tuple[Payout, str], ...]


def list_waiting() -> list[Waiting]:
    """What waits for files, by rail and currency."""
    rails = [name for name in registry.RAILS if registry.find_rail(name).is_file]
    rows = _find_waiting().filter(rail__in=rails).values("rail", "currency")
    counted = rows.annotate(payments=Count("pk"), total=Sum("amount")).order_by("rail", "currency")
    return [Waiting(**row) for row in counted]


def make_file(*, rail: str, currency: str, actor: Actor, now: datetime) -> Made:
    """
    Make a file of what waits for a rail in a currency, at most PAYMENTS_MAX of it, and ask for its approval.

    :raises NothingWaits: if there is nothing, or nothing that may be paid
    :raises AlreadyFiled: if somebody else was faster
    :raises billing.rails.protocol.CannotInstruct: if the rail cannot write it; nothing is kept then
    :raises billing.approvals.PersonNeeded: if no person makes it
    """
    way = registry.find_rail(rail)
    waiting = list(_find_waiting().filter(rail=rail, currency=currency).order_by("id")[:PAYMENTS_MAX])
    orders, left_out = _collect(waiting, now)
    if not orders:
        raise NothingWaits(left_out[0][1] if left_out else "")
    payer = payers.find_payer(rail=rail, currency=currency)
    [instruction] = way.prepare(orders, payer=payer, now=now)
    if not isinstance(instruction, FileInstruction):
        raise CannotInstruct("This rail is instructed by calls, not by files.")
    with transaction.atomic():
        file = _keep(instruction, rail=rail, payer=payer, actor=actor, now=now)
        approvals.request(
            kind=KIND, subject=str(file.uid), content=describe(file), prepared_by=actor, now=now
        )
        _record(file, "payout_file.make", actor=actor, now=now)
    return Made(file, tuple(left_out))


def describe(file: RailFile) -> dict[str, Any]:
    """What a second person approves."""
    return {
        "rail": file.rail,
        "currency": file.currency,
        "name": file.name,
        "sha256": file.sha256,
        "payments": file.payments,
        "total": file.total,
    }


def open_content(*, file: RailFile, actor: Actor, now: datetime) -> bytes:
    """
    The file as it was made, and an event of who took it. Whoever could take it before it counts as handed
    over could have it paid, throw it away, and have its payouts paid once more by another.

    :raises NotReleased: if it was not handed over yet, or thrown away
    :raises core.credentials.CredentialUnreadable: if no key of ours opens it
    """
    file.refresh_from_db(fields=["state"])
    if file.state != State.SENT:
        raise NotReleased
    text = methods.open_vault().open(bytes(file.content), purpose=name_purpose(file))
    with transaction.atomic():
        _record(file, "payout_file.download", actor=actor, now=now)
    return text.encode("utf-8")


def hand_over(*, file: RailFile, actor: Actor, now: datetime) -> RailFile:
    """
    Note that the file was handed to whoever pays; its payouts are sent from now on.

    :raises billing.approvals.ApprovalMissing: if no second person approved it
    :raises billing.approvals.ContentChanged: if another content was approved
    :raises NotHandedOver: if it is void
    :raises billing.rails.methods.MethodChanged: if a method was blocked or removed since
    """
    approvals.require_approved(kind=KIND, subject=str(file.uid), content=describe(file))
    if file.state == State.MADE:
        _check_methods(file)
    with transaction.atomic():
        if not _call("SELECT send_rail_file_v1(%s, %s, %s)", file.pk, actor.uid, now):
            raise NotHandedOver
        _record(file, "payout_file.hand_over", actor=actor, now=now)
    follow_file(file=file, actor=actor, now=now)
    file.refresh_from_db()
    return file


def follow_file(*, file: RailFile, actor: Actor, now: datetime) -> int:
    """Note for every payout of a file that was handed over that it is sent; answers how many were not yet."""
    file.refresh_from_db()
    if file.state != State.SENT or file.sent_at is None:
        return 0
    rows = Payout.objects.filter(_in_file(file), state=Payout.State.PLANNED).order_by("id")
    left = list(rows.values_list("uid", flat=True))
    for uid in left:
        payouts.mark_sent(
            payout_uid=uid, external_id=name_payout(uid), happened_at=file.sent_at, actor=actor, now=now
        )
    return len(left)


def follow_files(*, now: datetime) -> int:
    """The same for every file whose handing over was interrupted."""
    planned = Payout.objects.filter(pk=OuterRef("payout_id"), state=Payout.State.PLANNED)
    lines = RailFilePayout.objects.filter(Exists(planned), file_id=OuterRef("pk"))
    rows = RailFile.objects.filter(Exists(lines), state=State.SENT).defer("content")
    return sum(follow_file(file=file, actor=audit.SYSTEM, now=now) for file in rows.order_by("id"))


def void_file(*, file: RailFile, note: str, actor: Actor, now: datetime) -> RailFile:
    """
    Throw a file away before it was handed over; its payouts wait again.

    :raises core.errors.Invalid: without a reason
    :raises AlreadyFiled: if it was handed over, or is void already
    """
    if not note.strip():
        raise Invalid("Say why.")
    with transaction.atomic():
        if not _call("SELECT void_rail_file_v1(%s, %s, %s)", file.pk, note.strip()[:NOTE_LENGTH_MAX], now):
            raise AlreadyFiled("This file was handed over, or is void already.")
        approvals.void(kind=KIND, subject=str(file.uid), reason=note, actor=actor, now=now)
        _record(file, "payout_file.void", actor=actor, now=now)
    file.refresh_from_db()
    return file


def list_orders(file: RailFile) -> list[PaymentOrder]:
    """The payouts of a file as they were instructed."""
    found = Payout.objects.filter(_in_file(file)).select_related("batch").order_by("id")
    kept = PayoutMethod.objects.in_bulk([payout.method_id for payout in found if payout.method_id])
    return [_make_order(payout, kept[payout.method_id]) for payout in found if payout.method_id in kept]


def count_older() -> int:
    """How many files only older keys open: they stay as they were made."""
    return RailFile.objects.exclude(key_id=methods.open_vault().key_ids[0]).count()


def name_purpose(file: RailFile) -> str:
    """What a sealed file belongs to."""
    return f"rail_file:{file.uid}"


def _check_methods(file: RailFile) -> None:
    used = Payout.objects.filter(_in_file(file)).values("method_id")
    changed = PayoutMethod.objects.filter(pk__in=used).exclude(state=PayoutMethod.State.READY).first()
    if changed is not None:
        raise methods.MethodChanged(f"{changed.hint} is not paid any more; void this file and make another.")


def _find_waiting() -> QuerySet[Payout]:
    filed = RailFilePayout.objects.filter(payout_id=OuterRef("pk"), live=True)
    return Payout.objects.filter(~Exists(filed), state=Payout.State.PLANNED).select_related("batch")


def _in_file(file: RailFile) -> Exists:
    return Exists(RailFilePayout.objects.filter(file_id=file.pk, payout_id=OuterRef("pk")))


def _collect(waiting: Sequence[Payout], now: datetime) -> tuple[list[PaymentOrder], list[tuple[Payout, str]]]:
    """Orders of those whose methods are what was agreed to; the others, with the reason."""
    orders, left_out = [], []
    for payout in waiting:
        try:
            method = methods.require_payable(
                method_id=payout.method_id,
                organization_id=payout.organization_id,
                currency=payout.currency,
                now=now,
            )
        except methods.MethodChanged as refusal:
            left_out.append((payout, refusal.message))
        else:
            orders.append(_make_order(payout, method))
    return orders, left_out


def _make_order(payout: Payout, method: PayoutMethod) -> PaymentOrder:
    return PaymentOrder(
        payout_uid=payout.uid,
        amount=payout.amount,
        currency=payout.currency,
        country=method.country,
        details=methods.open_details(method),
        reference=f"Jouleport {payout.batch.period}",
    )


def _keep(
    instruction: FileInstruction, *, rail: str, payer: Mapping[str, str], actor: Actor, now: datetime
) -> RailFile:
    uid = ids.make_uid()
    text = instruction.content.decode("utf-8")
    sealed = methods.open_vault().seal(text, purpose=name_purpose(RailFile(uid=uid)))
    values: list[Any] = [uid, rail, instruction.currency, instruction.name, instruction.media_type]
    values += [instruction.sha256, sealed.token, sealed.key_id, json.dumps(dict(payer))]
    values += [list(instruction.payouts), instruction.total, actor.uid, now]
    marks = "%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::uuid[], %s, %s, %s"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT make_rail_file_v1({marks})", values)
            return RailFile.objects.get(pk=cursor.fetchone()[0])
    except DatabaseError as error:
        cause = error.__cause__
        known = cause.diag.constraint_name if isinstance(cause, errors.Error) else None
        if known in ("rail_file_payouts_wait", "rail_file_payout_once"):
            raise AlreadyFiled from error
        raise


def _call(query: str, *values: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(query, list(values))
        return bool(cursor.fetchone()[0])


def _record(file: RailFile, action: str, *, actor: Actor, now: datetime) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="payout_file",
        subject_uid=file.uid,
        organization=None,
        now=now,
        details={"name": file.name, "sha256": file.sha256, "rail": file.rail, "currency": file.currency},
    )
