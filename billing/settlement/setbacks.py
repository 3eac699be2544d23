"""Payouts that came back or could not be sent and were not made up for since, and what their owner does."""

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Max

from billing.models import Payout, PayoutMethod
from billing.rails.answers import is_payees_fault
from billing.settlement.readiness import AT_STRIPE, CONNECT, Readiness

BACK = (Payout.State.RETURNED, Payout.State.FAILED)
SHOWN = 10


class Remedy(StrEnum):
    """What takes a provider further; CHECK if nobody knows whose fault it was."""

    CHECKS = "CHECKS"
    ADD = "ADD"
    REPLACE = "REPLACE"
    STRIPE = "STRIPE"
    BANK_AT_STRIPE = "BANK_AT_STRIPE"
    CHECK = "CHECK"


@dataclass(frozen=True, slots=True)
class Setback:
    """A payout whose money is owed again, and where it was to go."""

    payout: Payout
    method: PayoutMethod | None
    remedy: Remedy


def list_setbacks(*, organization_id: int, readiness: Readiness) -> list[Setback]:
    """The newest of each currency since a payout of it was last sent or paid; newest first."""
    rows = Payout.objects.filter(organization_id=organization_id)
    newest_good = dict(
        rows.exclude(state__in=BACK).values_list("currency").annotate(newest=Max("id")).order_by("currency")
    )
    back = rows.filter(state__in=BACK).select_related("item").order_by("-id")[: SHOWN * 2]
    open_ones = [one for one in back if one.pk > newest_good.get(one.currency, 0)][:SHOWN]
    known = PayoutMethod.objects.in_bulk([one.method_id for one in open_ones if one.method_id is not None])
    found = []
    for payout in open_ones:
        method = known.get(payout.method_id or 0)
        found.append(Setback(payout, method, find_remedy(payout.reason, method, readiness)))
    return found


def find_remedy(reason: str, method: PayoutMethod | None, readiness: Readiness) -> Remedy:
    """What to do about a payout that came back for `reason` from `method`. No I/O."""
    if not readiness.standing.may_receive:
        return Remedy.CHECKS
    if method is None or method.state == PayoutMethod.State.RETIRED:
        return Remedy.CHECK if readiness.is_ready else Remedy.ADD
    if method.state == PayoutMethod.State.BLOCKED or is_payees_fault(reason):
        return Remedy.REPLACE
    if method.rail == CONNECT:
        refused = any(way.refusal == AT_STRIPE for way in readiness.ways if way.method.pk == method.pk)
        return Remedy.STRIPE if refused else Remedy.BANK_AT_STRIPE
    return Remedy.CHECK
