"""What operators read of settlements and payouts: words for codes, amounts with currency, what is next."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.models import BookingEntity, Payout, PayoutSchedule, SettlementBatch, SettlementItem
from billing.rails import registry
from billing.rails.pages.words import RAILS
from billing.settlement import batches, review
from billing.settlement.steps import AFTER
from billing.settlement.words import KINDS
from core.money import Money

type Word = str | Promise
State = Payout.State

TOTALS: dict[str, Word] = {
    "items": _("Providers"),
    "paid": _("of them paid"),
    "charges": _("Charges behind it"),
    "balance": _("Owed"),
    "held": _("Held back"),
    "released": _("Released of what was held"),
    "tax": _("Tax withheld"),
    "fee": _("Fees of payouts"),
    "amount": _("To pay"),
    "carried": _("Left for the next settlement"),
}
BATCHES: dict[str, Word] = {
    "DRAFT": _("Draft"),
    "SUBMITTED": _("Waits for a second person"),
    "APPROVED": _("Approved"),
    "EXECUTING": _("Being carried out"),
    "DONE": _("Done"),
    "VOID": _("Given up"),
}
NEXT: dict[str, Word] = {
    "DRAFT": _("Look at what stands out. Then submit it: somebody else approves exactly these numbers."),
    "SUBMITTED": _("Somebody else than who submitted it approves or refuses it."),
    "APPROVED": _("Nothing is paid yet. Carry it out, and each payout is booked and goes on its way."),
    "EXECUTING": _("Payouts are being booked. Load the page again to see how far it is."),
    "DONE": _("Everything is booked. Follow each payout to its end below."),
    "VOID": _("Nothing of it was paid. What is owed is counted by the next draft."),
}
PAYOUTS: dict[str, Word] = {
    "PLANNED": _("Waits to be sent"),
    "SENT": _("Sent"),
    "IN_TRANSIT": _("On its way"),
    "PAID": _("Paid"),
    "RETURNED": _("Came back"),
    "FAILED": _("Could not be sent"),
}
FILES: dict[str, Word] = {
    "MADE": _("Made, not handed over"),
    "SENT": _("Handed over"),
    "VOID": _("Thrown away"),
}
FOLLOWS: dict[str, Word] = {
    "PLANNED": _("It is sent by itself within minutes, where its rail takes calls."),
    "SENT": _("It is paid once the rail or a bank's statement says so."),
    "IN_TRANSIT": _("It is paid once the rail or a bank's statement says so."),
    "PAID": _("It has arrived. If it comes back later, note it here: it is owed again then."),
    "RETURNED": _("It is owed again; the next settlement pays it."),
    "FAILED": _("It is owed again; the next settlement pays it."),
}
OUTCOMES: dict[str, Word] = {
    "": _("Still to do"),
    "PAID_OUT": _("Payout booked"),
    "CARRIED": _("Left for the next settlement"),
    "STOPPED": _("Might not be paid any more; left for the next settlement"),
    "SHORT": _("Less was owed by then; left for the next settlement"),
}
REFUSALS: dict[str, Word] = {
    "": _("Paid"),
    "BELOW_MINIMUM": _("Less than the least that is paid out"),
    "NEGATIVE": _("More was given back than earned"),
    "NEW": _("Earnings of a new provider, held back for a time"),
    "NO_METHOD": _("No payout method that may be paid"),
    "NOT_ALLOWED": _("May not be paid: a check, a hit or a freeze"),
}
EVERY: dict[str, Word] = {
    "DAILY": _("Those paid every day"),
    "WEEKLY": _("Those paid every week"),
    "MONTHLY": _("Those paid every month"),
}
LINES: dict[str, Word] = {
    **KINDS,
    "OVERRUN": _("Added by the platform"),
    "TAX": _("Tax of the provider's invoices"),
}
"""Kinds of lines, as operators say them of a provider."""


@dataclass(frozen=True, slots=True)
class Way:
    """Payouts of a settlement in one state: how many, how much, and where they are listed."""

    name: Word
    number: int
    amount: Money
    page: str


def list_sums(batch: SettlementBatch) -> list[tuple[Word, Money | None, int]]:
    """Totals: what, how much, and how many where it is no money."""
    return [
        (TOTALS[name], Money(value, batch.currency), 0)
        if isinstance(value, Decimal)
        else (TOTALS[name], None, value)
        for name, value in batches.sum_up(batch).items()
    ]


def list_reasons(batch: SettlementBatch) -> list[tuple[Word, int, Money]]:
    """Why providers are not paid, how many, and what is carried over of them."""
    return [
        (REFUSALS.get(reason, reason), number, Money(owed, batch.currency))
        for reason, number, owed in review.count_reasons(batch)
    ]


def list_progress(batch: SettlementBatch) -> list[tuple[Word, int]]:
    """How far it is."""
    return [(OUTCOMES.get(outcome, outcome), number) for outcome, number in review.count_outcomes(batch)]


def list_ways(batch: SettlementBatch) -> list[Way]:
    """Where its payouts are, state by state."""
    rows = batch.payouts.values_list("state").annotate(number=Count("pk"), amount=Sum("amount"))
    page = reverse("admin:billing_payout_changelist")
    return [
        Way(
            PAYOUTS[state],
            number,
            Money(amount, batch.currency),
            f"{page}?batch__id__exact={batch.pk}&state__exact={state}",
        )
        for state, number, amount in sorted(rows, key=lambda row: State.values.index(row[0]))
    ]


def list_items(items: Iterable[SettlementItem]) -> list[tuple[SettlementItem, Word, Word]]:
    """Items, each with its rail and what became or becomes of it, in words; a payout has its own."""
    return [(item, name_rail(item.rail), _tell(item)) for item in items]


def _tell(item: SettlementItem) -> Word:
    payout = getattr(item, "payout", None)
    if payout is not None:
        return PAYOUTS[payout.state]
    if item.outcome:
        return OUTCOMES[item.outcome]
    return REFUSALS.get(item.refusal, item.refusal) if item.refusal else ""


def name_rail(rail: str) -> Word:
    """A rail as people call it; nothing where there is none."""
    return RAILS.get(rail, rail)


def name_entity(code: str) -> str:
    """A booking entity by its name and code."""
    name = BookingEntity.objects.filter(pk=code).values_list("name", flat=True).first()
    return f"{name} ({code})" if name and name != code else code


def list_turns() -> list[tuple[str, Word]]:
    """Whose turn it may be."""
    return [("", _("All providers")), *((every, EVERY[every]) for every in PayoutSchedule.Every.values)]


def list_steps(payout: Payout) -> list[tuple[str, Word]]:
    """What can still become of a payout, as one chooses it."""
    order = list(State.values)
    on = [one for one in (State.SENT, State.IN_TRANSIT) if order.index(one) > order.index(payout.state)]
    ends = [end for end, before in AFTER.items() if payout.state in before]
    return [(one.value, PAYOUTS[one]) for one in (*on, *ends)]


def tell_next(payout: Payout) -> dict[str, Any]:
    """What becomes of a payout now, and the page on which somebody has to do something for it."""
    way = registry.RAILS.get(payout.rail)
    if payout.state == State.PLANNED and way is not None and registry.find_rail(payout.rail).is_file:
        return {
            "text": _("It waits to be put into a file, which two people hand over."),
            "page": reverse("admin:billing_railfile_waiting"),
            "name": _("Payouts that wait for files"),
        }
    if payout.state == State.PLANNED and payout.rail == "manual":
        return {"text": _("Pay it as it was arranged with the provider, and note below what you saw.")}
    return {"text": FOLLOWS[payout.state]}
