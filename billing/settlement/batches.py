"""
Settlement batches: drafted from the ledger, submitted by one person, approved by another.

What a batch says is fixed when it is submitted. Its hash covers every item and line, and with the ledger's
chain at the cutoff every charge behind them.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Q, Sum
from psycopg import errors

from accounts import audit
from accounts.audit import Actor
from billing import approvals, ledger
from billing.models import (
    Approval,
    LedgerAccount,
    NumberedEntry,
    PayoutSchedule,
    SettlementBatch,
    SettlementItem,
)
from billing.settlement import terms
from billing.settlement.gates import Ask, Gate
from billing.settlement.terms import Every
from core import ids
from core.errors import DomainError, Invalid, NotFound

KIND = "settlement"
State = SettlementBatch.State


class BatchUnknown(NotFound):
    """There is no such batch."""

    code = "batch_unknown"


class BatchOpen(DomainError):
    """Of a currency one batch is open at a time: a second would count the same money."""

    code = "batch_open"
    message = "A settlement of this currency is open already."


class NotNumbered(DomainError):
    """What the last settlement posted has no numbers yet."""

    code = "settlement_not_numbered"
    message = "The last settlement is not numbered yet; ask again in a moment."


class WrongState(DomainError):
    """The batch is not where this can be done."""

    code = "batch_state"


class NothingToSettle(Invalid):
    """Nobody is owed anything."""

    code = "nothing_to_settle"
    message = "Nobody is owed anything in this currency."


def find_batch(*, uid: UUID) -> SettlementBatch:
    """
    The batch with this uid.

    :raises BatchUnknown: if there is none
    """
    found = SettlementBatch.objects.filter(uid=uid).first()
    if found is None:
        raise BatchUnknown
    return found


def draft(
    *, currency: str, every: Every | None, entity: str, ask: Ask, actor: Actor, now: datetime
) -> SettlementBatch:
    """
    Count what is owed in a currency and reckon what each provider is paid.

    :param every: providers with this schedule or a shorter one, whose period began since they were last paid;
        None for all
    :raises core.errors.Invalid: if the currency is not kept here
    :raises BatchOpen: if another batch of the currency is open
    :raises NotNumbered: if the last settlement's entries are not numbered yet
    :raises NothingToSettle: if nobody is owed anything
    """
    while ledger.sequence_entries():
        pass
    wanted = terms.find_terms(currency=currency)
    due = None if every is None else list_due(every=every, currency=currency, entity=entity, now=now)
    values: list[Any] = [
        *(ids.make_uid(), terms.name_period(every, now=now), currency, entity, wanted.minimum, wanted.fee),
        *(wanted.held_days, wanted.held_max, due, now),
    ]
    try:
        with transaction.atomic():
            batch = SettlementBatch.objects.get(pk=_call("draft_settlement_v1", values))
            if not batch.items.exists():
                raise NothingToSettle
            reckon(batch=batch, ask=ask, now=now)
            _record(batch, "settlement.draft", {"items": batch.items.count()}, actor=actor, now=now)
    except DatabaseError as error:
        raise _translate(error) from error
    return batch


def reckon(*, batch: SettlementBatch, ask: Ask, now: datetime) -> None:
    """
    Reckon the items of a draft anew, with what providers may and want now.

    :raises WrongState: if it was submitted already
    """
    if batch.state != State.DRAFT:
        raise WrongState("Only a draft is reckoned; give this batch up and draft another.")
    owed = batch.items.filter(Q(balance__gt=0) | Q(held_before__gt=0)).order_by("organization_id")
    gates = ask(dict(owed.values_list("organization_id", "balance")), batch.currency, now)
    _call("reckon_settlement_v1", [batch.pk, *_columns(gates)])


def list_due(*, every: Every, currency: str, entity: str, now: datetime) -> list[int]:
    """
    Providers whose turn it is: of this schedule or a shorter one, and not settled since their period began.

    A provider that chose nothing is paid every month.
    """
    due = set[int]()
    order = list(Every)
    settled = SettlementItem.objects.filter(
        batch__currency=currency, batch__entity=entity, batch__state=State.DONE
    )
    for one in order[: order.index(every) + 1]:
        start = terms.find_period_start(one, now=now)
        chosen = PayoutSchedule.objects.filter(every=one).values_list("organization_id", flat=True)
        if one is terms.DEFAULT_SCHEDULE:
            others = PayoutSchedule.objects.exclude(every=one).values("organization_id")
            candidates = set(_list_providers(currency).exclude(organization_id__in=others))
        else:
            candidates = set(chosen)
        done = settled.filter(batch__drafted_at__gte=start).values_list("organization_id", flat=True)
        due |= candidates - set(done)
    return sorted(due)


def submit(*, batch: SettlementBatch, actor: Actor, now: datetime) -> Approval:
    """
    Fix the content and ask for a second person.

    :raises billing.approvals.PersonNeeded: if no person submits it
    :raises WrongState: if it is no draft
    """
    with transaction.atomic():
        if actor.uid is None or _call("submit_settlement_v1", [batch.pk, actor.uid, now]) is None:
            raise WrongState("Only a draft is submitted.") if actor.uid else approvals.PersonNeeded
        batch.refresh_from_db()
        asked = approvals.request(
            kind=KIND, subject=str(batch.uid), content=describe(batch), prepared_by=actor, now=now
        )
        _record(batch, "settlement.submit", {"sha256": batch.content_sha256}, actor=actor, now=now)
    return asked


def follow_decision(*, approval: Approval, actor: Actor, now: datetime) -> None:
    """
    What the decision about a batch brings with it, in its transaction.

    :raises billing.approvals.ContentChanged: if the batch is not what was submitted
    """
    batch = find_batch(uid=UUID(approval.subject))
    if approval.state == Approval.State.REJECTED:
        void(batch=batch, note=approval.note, actor=actor, now=now)
        return
    if hash_now(batch) != batch.content_sha256:
        raise approvals.ContentChanged
    if not _call("approve_settlement_v1", [batch.pk, actor.uid, now]):
        raise WrongState("This batch waits for nobody's approval.")
    _record(batch, "settlement.approve", {"sha256": batch.content_sha256}, actor=actor, now=now)


def void(*, batch: SettlementBatch, note: str, actor: Actor, now: datetime) -> None:
    """
    Give a batch up that nothing was paid of; what is owed is counted again next time.

    :raises WrongState: if it is being carried out, done, or void already
    """
    with transaction.atomic():
        if not _call("void_settlement_v1", [batch.pk, note, now]):
            raise WrongState("This batch cannot be given up any more.")
        approvals.void(kind=KIND, subject=str(batch.uid), reason=note, actor=actor, now=now)
        _record(batch, "settlement.void", {"note": note}, actor=actor, now=now)


def find_approval(batch: SettlementBatch) -> Approval | None:
    """The newest approval that was asked for the batch; None for a draft."""
    return Approval.objects.filter(kind=KIND, subject=str(batch.uid)).last()


def describe(batch: SettlementBatch) -> dict[str, Any]:
    """What the second person approves: the batch in totals, and the hash of all of it."""
    sums = sum_up(batch)
    chain = NumberedEntry.objects.filter(seq=batch.cutoff_seq).values_list("chain", flat=True).first()
    return {
        "batch": batch.uid,
        "period": batch.period,
        "currency": batch.currency,
        "entity": batch.entity,
        "cutoff_seq": batch.cutoff_seq,
        "chain": bytes(chain or b"").hex(),
        "content_sha256": batch.content_sha256,
        **sums,
    }


def sum_up(batch: SettlementBatch) -> dict[str, Any]:
    """Totals of a batch: how many items, how many are paid, and the sums of their columns."""
    columns = ("balance", "held", "released", "tax", "fee", "amount", "carried")
    found = batch.items.aggregate(
        items=Count("id"),
        paid=Count("id", filter=Q(amount__gt=0)),
        charges=Sum("charges", default=0),
        **{column: Sum(column, default=Decimal(0)) for column in columns},
    )
    return {name: int(value) if name == "charges" else value for name, value in found.items()}


def hash_now(batch: SettlementBatch) -> str:
    """The hash of what the batch says at this moment."""
    return str(_call("settlement_sha256_v1", [batch.pk]))


def _columns(gates: Sequence[Gate]) -> list[Any]:
    return [
        [gate.organization_id for gate in gates],
        [gate.withholding_bps for gate in gates],
        [gate.rail for gate in gates],
        [gate.method_id for gate in gates],
        [gate.minimum for gate in gates],
        [gate.refusal for gate in gates],
    ]


CASTS = {
    "draft_settlement_v1": ("::uuid", "", "", "", "", "", "", "::numeric", "::bigint[]", ""),
    "reckon_settlement_v1": (
        "",
        "::bigint[]",
        "::int[]",
        "::text[]",
        "::bigint[]",
        "::numeric[]",
        "::text[]",
    ),
}


def _call(function: str, values: list[Any]) -> Any:
    marks = ", ".join(f"%s{cast}" for cast in CASTS.get(function, ("",) * len(values)))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({marks})", values)
        return cursor.fetchone()[0]


def _list_providers(currency: str) -> Any:
    rows = LedgerAccount.objects.filter(purpose="PAYABLE", currency=currency)
    return rows.values_list("organization_id", flat=True)


def _translate(error: DatabaseError) -> Exception:
    cause = error.__cause__
    name = cause.diag.constraint_name if isinstance(cause, errors.Error) else None
    if name == "settlement_one_open":
        return BatchOpen()
    if name == "settlement_not_numbered":
        return NotNumbered()
    if name == "settlement_batch_currency_fkey":
        return Invalid("This currency is not kept here.")
    return error


def _record(
    batch: SettlementBatch, action: str, details: dict[str, Any], *, actor: Actor, now: datetime
) -> None:
    audit.record_event(
        actor=actor,
        action=action,
        subject_kind="settlement",
        subject_uid=batch.uid,
        organization=None,
        now=now,
        details={"currency": batch.currency, "period": batch.period, **details},
    )
