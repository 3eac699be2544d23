"""
How many payments are contested, as Stripe and the card schemes measure it. Imports no Django.

Dispute activity of a month: disputes that were opened in it, whenever their payments were made, for each
payment by card that succeeded in it (https://docs.stripe.com/disputes/measuring). Inquiries take no money
and do not count. Months are UTC's. Stripe calls more than 0.75 per cent excessive.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

WARN_BPS, ALARM_BPS = 50, 75
"""In ten-thousandths of payments."""
FEW = 3
"""With fewer disputes in a month a share says little: one of fifty payments would be an alarm."""
PAID = """
SELECT currency, count(*), sum(amount) FROM stripe_top_up
 WHERE state = 'PAID' AND method = 'CARD' AND paid_at >= '{since}' AND paid_at < '{until}' GROUP BY currency
"""
CONTESTED = """
SELECT t.currency, count(*), sum(d.amount) FROM stripe_dispute d JOIN stripe_top_up t ON t.id = d.top_up_id
 WHERE d.state <> 'INQUIRY' AND d.opened_at >= '{since}' AND d.opened_at < '{until}' GROUP BY t.currency
"""

type Asker = Callable[[str], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Volume:
    """What was paid by card, and contested, in one currency."""

    currency: str
    paid: Decimal
    contested: Decimal

    @property
    def share(self) -> Decimal:
        """What of it was contested, in per cent."""
        return _share(self.contested, self.paid)


@dataclass(frozen=True, slots=True)
class Activity:
    """One month: payments by card, disputes, and both as money."""

    month: datetime
    payments: int
    disputes: int
    volumes: tuple[Volume, ...] = ()

    @property
    def share(self) -> Decimal:
        """Disputes for each payment, in per cent."""
        return _share(Decimal(self.disputes), Decimal(self.payments))

    @property
    def level(self) -> str:
        """`good`, `warn` or `bad`."""
        if self.disputes < FEW or self.share * 100 <= WARN_BPS:
            return "good"
        return "warn" if self.share * 100 <= ALARM_BPS else "bad"


def list_months(*, now: datetime, count: int) -> list[datetime]:
    """The first moments of the month of `now` and of those before it, the newest first."""
    here = now.astimezone(UTC)
    number = here.year * 12 + here.month - 1
    return [datetime(at // 12, at % 12 + 1, 1, tzinfo=UTC) for at in range(number, number - count, -1)]


def read_activity(*, ask: Asker, month: datetime) -> Activity:
    """
    How a month was.

    :param ask: runs a query and gives its rows
    :param month: its first moment
    """
    following = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
    span = {"since": month.isoformat(), "until": following.isoformat()}
    paid = {row[0]: row[1:] for row in ask(PAID.format(**span))}
    contested = {row[0]: row[1:] for row in ask(CONTESTED.format(**span))}
    none = (0, Decimal(0))
    return Activity(
        month,
        sum(count for count, _ in paid.values()),
        sum(count for count, _ in contested.values()),
        tuple(
            Volume(currency, paid.get(currency, none)[1], contested.get(currency, none)[1])
            for currency in sorted(paid.keys() | contested.keys())
        ),
    )


def _share(part: Decimal, whole: Decimal) -> Decimal:
    # Where nothing was paid, whatever is contested is all of it.
    return Decimal(100) * part / whole if whole else Decimal(100 if part else 0)
