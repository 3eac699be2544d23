"""What whoever approves a settlement looks at first: reasons, outliers, progress."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing import ledger
from billing.models import SettlementBatch, SettlementItem

OUTLIERS_SHOWN = 20
SHARES_SHOWN = 10
DRIFTS_LOOKED_AT = 200
TIMES = 3
"""A payout this many times the provider's last one stands out."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """An item that stands out, with the amount of the provider's last payout (None: its first) and why."""

    item: SettlementItem
    before: Decimal | None
    why: str | Promise


@dataclass(frozen=True, slots=True)
class Drift:
    """What became of a provider's balance since it was counted; too little is left out (SHORT)."""

    item: SettlementItem
    agreed: Decimal
    now: Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """A payout beside the largest of its batch, and the provider's last one, in hundredths of the largest."""

    item: SettlementItem
    length: int
    before: int


def list_drifts(batch: SettlementBatch) -> list[Drift]:
    """Providers who are owed less now than what their payout was reckoned from, before it is carried out."""
    rows = batch.items.filter(outcome=None, amount__gt=0).select_related("organization")
    found = []
    for item in rows.order_by("-amount", "id")[:DRIFTS_LOOKED_AT]:
        now = ledger.balance(account_id=item.account_id)
        if now < item.balance:
            found.append(Drift(item, item.balance, now))
    return found


def list_shares(batch: SettlementBatch) -> list[Share]:
    """The largest payouts of a batch as lengths, each beside the provider's last."""
    largest = list(
        batch.items.filter(amount__gt=0)
        .select_related("organization")
        .order_by("-amount", "id")[:SHARES_SHOWN]
    )
    last = _find_last(batch, [item.account_id for item in largest])
    longest = max([item.amount for item in largest] + list(last.values()), default=Decimal(1))
    return [
        Share(item, _measure(item.amount, longest), _measure(last.get(item.account_id, Decimal(0)), longest))
        for item in largest
    ]


def _measure(amount: Decimal, longest: Decimal) -> int:
    return int(amount * 100 / longest)


def count_reasons(batch: SettlementBatch) -> list[tuple[str, int, Decimal]]:
    """Why providers are not paid: reason, how many, and what is carried of them."""
    rows = (
        batch.items.filter(amount=0).values_list("refusal").annotate(number=Count("id"), owed=Sum("carried"))
    )
    return list(rows.order_by("refusal"))


def count_outcomes(batch: SettlementBatch) -> list[tuple[str, int]]:
    """How far it is: outcome (empty for what is left) and how many."""
    rows = batch.items.values_list("outcome").annotate(number=Count("id"))
    return [(outcome or "", number) for outcome, number in rows.order_by("outcome")]


def list_outliers(batch: SettlementBatch) -> list[Outlier]:
    """Payouts that are a provider's first, or many times its last; the largest of a batch of many first."""
    found = []
    items = batch.items.filter(amount__gt=0).select_related("organization").order_by("-amount", "id")
    largest = list(items[: OUTLIERS_SHOWN * 5])
    last = _find_last(batch, [item.account_id for item in largest])
    for item in largest:
        before = last.get(item.account_id)
        if before is None:
            found.append(Outlier(item, None, _("first payout")))
        elif item.amount > TIMES * before:
            found.append(Outlier(item, before, _("more than three times the last")))
    return found[:OUTLIERS_SHOWN]


def _find_last(batch: SettlementBatch, accounts: list[int]) -> dict[int, Decimal]:
    rows = SettlementItem.objects.filter(
        account_id__in=accounts, batch_id__lt=batch.pk, outcome=SettlementItem.Outcome.PAID_OUT
    )
    newest = rows.order_by("account_id", "-batch_id").distinct("account_id")
    return dict(newest.values_list("account_id", "amount"))
