"""What a provider earned: what it is owed, and by offer and day."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.access import Permission
from accounts.pages.base import OrganizationPage
from billing.earnings import list_earnings
from core.money import Money
from core.quantities import ROUNDING
from marketplace import offers
from workers.earnings import Earned, list_days

DAYS = 30


class EarningsPage(OrganizationPage):
    """Balances of what is owed, and each offer's days: money, tokens, kilowatt-hours, income of each."""

    template_name = "workers/earnings.html"
    needs = Permission.VIEW_MONEY
    tab = "earnings"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The last days, newest first."""
        mine = list(offers.list_offers(organization=self.organization))
        zone = timezone.get_current_timezone()
        rows = list_days(offers=mine, now=timezone.now(), zone=zone, days=DAYS)
        owed = list_earnings(organization_id=self.organization.pk)
        context = {
            "days": DAYS,
            "has_offers": bool(mine),
            "owed": [Money(one.payable, one.currency) for one in owed],
            "totals": _add(rows),
            "rows": [(row, Money(row.amount, row.currency)) for row in rows],
        }
        return super().get_context_data(**{**kwargs, **context})


def _add(rows: Iterable[Earned]) -> list[tuple[Money, Decimal, Decimal | None]]:
    """By currency: what was earned, the kilowatt-hours of it, and the income of each of these."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for row in rows:
        amount, kwh = sums.get(row.currency, (Decimal(0), Decimal(0)))
        sums[row.currency] = (amount + row.amount, kwh + row.kwh)
    return [
        (Money(amount, currency), kwh, ROUNDING.divide(amount, kwh) if kwh else None)
        for currency, (amount, kwh) in sorted(sums.items())
    ]
