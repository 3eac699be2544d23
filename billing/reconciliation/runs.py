"""
Runs of reconciliation: every equation at one moment, kept as it was.

A difference stays until it is gone or somebody has said why it is there; an explanation is of exactly one
amount. Nothing is corrected here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction

from accounts import audit
from accounts.audit import Actor
from billing.approvals import PersonNeeded
from billing.fx import rates
from billing.fx.central_bank import RateUnknown
from billing.models import ReconciliationLine, ReconciliationNote, ReconciliationRun
from billing.reconciliation import outside
from billing.reconciliation.equations import Name, make_equations
from billing.reconciliation.sources import External, list_suspense, read_all
from core import ids
from core.errors import Invalid, NotFound
from core.quantities import EXACT, format_plain

State = ReconciliationLine.State
WRONG = (State.DIFFERENT, State.BROKEN)
AGES = ((1, "up to a day"), (7, "up to a week"), (30, "up to 30 days"), (90, "up to 90 days"))
OLDER = "older"
REASON_LENGTH_MAX = 1000


class NothingToExplain(Invalid):
    """The equation stands, or differs by another amount than the one that is explained."""

    code = "nothing_to_explain"


@dataclass(frozen=True, slots=True)
class Age:
    """Lines in suspense of one currency and age: how many, and their amounts without their signs."""

    currency: str
    bucket: str
    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Total:
    """What is owed to customers and what there is, in US dollars; without the currencies in `unpriced`."""

    owed: Decimal
    cash: Decimal
    unpriced: tuple[str, ...]


def reconcile(
    *, actor: Actor, now: datetime, stripe: External = None, chain: External = None
) -> ReconciliationRun:
    """
    Write down every equation as it is now; `stripe` and `chain` are what those outside have, if asked.

    Everything is read from one snapshot, so that work in between makes no difference of its own.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        said = read_all(stripe=stripe, chain=chain)
        run = ReconciliationRun.objects.create(
            uid=ids.make_uid(), made_at=now, made_by=f"{actor.kind.lower()}:{actor.uid or 'reconciliation'}"
        )
        ReconciliationLine.objects.bulk_create(
            ReconciliationLine(
                run=run,
                currency=one.currency,
                equation=one.name,
                ours=one.ours,
                theirs=one.theirs,
                state=one.state,
                detail=dict(one.detail),
            )
            for currency in said
            for one in make_equations(currency)
        )
    return run


def reconcile_daily(*, actor: Actor, now: datetime) -> ReconciliationRun | None:
    """The run of a day of UTC, unless there is one; asks those outside first."""
    start = datetime.combine(now.astimezone(UTC).date(), datetime.min.time(), UTC)
    if ReconciliationRun.objects.filter(made_at__gte=start).exists():
        return None
    return reconcile(actor=actor, now=now, stripe=outside.ask_stripe(), chain=outside.ask_chain())


def find_last() -> ReconciliationRun | None:
    """The newest run, if there is one."""
    return ReconciliationRun.objects.order_by("-id").first()


def find_run(*, uid: UUID) -> ReconciliationRun:
    """
    The run with this uid.

    :raises core.errors.NotFound: if there is none
    """
    found = ReconciliationRun.objects.filter(uid=uid).first()
    if found is None:
        raise NotFound
    return found


def list_open(run: ReconciliationRun) -> list[ReconciliationLine]:
    """Differences of a run that nobody has explained."""
    notes = find_notes(run)
    return [line for line in run.lines.filter(state__in=WRONG).order_by("id") if line.pk not in notes]


def find_notes(run: ReconciliationRun) -> dict[int, ReconciliationNote]:
    """By line of a run, what explains its difference: the newest note if it is of exactly this amount."""
    newest = {(note.currency, note.equation): note for note in ReconciliationNote.objects.order_by("id")}
    found = {}
    for line in run.lines.filter(state__in=WRONG):
        note = newest.get((line.currency, line.equation))
        if note is not None and note.difference == line.difference:
            found[line.pk] = note
    return found


def explain(*, line: ReconciliationLine, reason: str, actor: Actor, now: datetime) -> ReconciliationNote:
    """
    Say why two sides differ; the explanation ends when the difference is another one.

    :raises NothingToExplain: if they do not differ, or no reason is given
    :raises billing.approvals.PersonNeeded: if no person says it
    """
    if line.state not in WRONG or line.difference is None:
        raise NothingToExplain("This equation stands.")
    if not reason.strip():
        raise NothingToExplain("Say why.", field="reason")
    if actor.user is None or actor.uid is None:
        raise PersonNeeded
    with transaction.atomic():
        note = ReconciliationNote.objects.create(
            uid=ids.make_uid(),
            currency=line.currency,
            equation=line.equation,
            difference=line.difference,
            reason=reason.strip()[:REASON_LENGTH_MAX],
            noted_by=actor.uid,
            noted_at=now,
        )
        audit.record_event(
            actor=actor,
            action="reconciliation.explain",
            subject_kind="reconciliation_note",
            subject_uid=note.uid,
            organization=None,
            now=now,
            details={
                "currency": line.currency,
                "equation": line.equation,
                "difference": format_plain(note.difference),
                "reason": note.reason,
            },
        )
    return note


def list_ages(*, now: datetime) -> list[Age]:
    """What is in suspense at banks, at Stripe and on chain, by currency and age, the youngest first."""
    return sort_ages(list_suspense(), now=now)


def sort_ages(rows: Iterable[tuple[str, object, Decimal]], *, now: datetime) -> list[Age]:
    """The same of rows (currency, day, amount)."""
    names = [name for _, name in AGES] + [OLDER]
    found: dict[tuple[str, int], tuple[int, Decimal]] = {}
    today = now.astimezone(UTC).date()
    for currency, day, amount in rows:
        age = today - day  # type: ignore[operator]
        place = next((i for i, (days, _) in enumerate(AGES) if age <= timedelta(days=days)), len(AGES))
        count, total = found.get((currency, place), (0, Decimal(0)))
        found[currency, place] = (count + 1, EXACT.add(total, abs(amount)))
    return [
        Age(currency, names[place], count, total)
        for (currency, place), (count, total) in sorted(found.items())
    ]


def sum_in_dollars(run: ReconciliationRun) -> Total:
    """
    What is owed and what there is over all currencies, in US dollars at middle rates; for a first look.

    Currencies whose rate nobody says are named and left out.
    """
    owed, cash, unpriced = Decimal(0), Decimal(0), []
    for currency, ours, theirs in list_safeguarding(run):
        try:
            rate = (
                Decimal(1)
                if currency == "USD"
                else rates.find_rate(base="USD", quote=currency, at=run.made_at).rate
            )
        except RateUnknown:
            unpriced.append(currency)
            continue
        owed = EXACT.add(owed, EXACT.multiply(ours, rate))
        cash = EXACT.add(cash, EXACT.multiply(theirs, rate))
    return Total(owed, cash, tuple(unpriced))


def list_safeguarding(run: ReconciliationRun) -> list[tuple[str, Decimal, Decimal]]:
    """What is owed and what there is, in each currency of a run."""
    lines = run.lines.filter(equation=Name.SAFEGUARDING).order_by("currency")
    return [(line.currency, line.ours, line.theirs or Decimal(0)) for line in lines]
