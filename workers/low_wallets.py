"""Owners are told before a wallet is empty; what fills itself, and what is frozen, is passed over."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.models import Organization
from billing import spending
from billing.settlement.notices import Letter, mail_managers
from core import formats
from core.money import TEST_CURRENCY

# Charges by day, folded from the data plane: at most some seconds old.
FIND = """
WITH pace AS (
    SELECT organization_id, currency, sum(amount) AS spent, %(today)s::date - min(day) + 1 AS days
      FROM spend_day
     WHERE day > %(today)s::date - %(days)s AND day <= %(today)s::date AND currency <> %(test)s AND amount > 0
     GROUP BY organization_id, currency
)
SELECT s.id, s.organization_id, s.currency, s.posted - s.held - s.floor, p.spent, p.days
  FROM pace p JOIN scope s ON s.kind = 1 AND s.organization_id = p.organization_id AND s.currency = p.currency
 WHERE NOT s.frozen AND NOT EXISTS (
       SELECT 1 FROM stripe_recharge r
        WHERE r.organization_id = s.organization_id AND r.currency = s.currency AND r.state = 'ACTIVE')
 ORDER BY s.id
"""
FORGET = "DELETE FROM low_wallet WHERE wallet_id <> ALL (%s::bigint[])"
NOTE = """
INSERT INTO low_wallet (wallet_id, told_at) SELECT unnest(%s::bigint[]), %s
ON CONFLICT (wallet_id) DO NOTHING RETURNING wallet_id
"""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A wallet that spends: what is free of it, and what it spent in so many days."""

    wallet_id: int
    organization_id: int
    currency: str
    available: Decimal
    spent: Decimal
    days: int

    def lasts(self, days: int) -> bool:
        """Whether it lasts so many days at this pace."""
        return self.available * self.days >= self.spent * days


def warn(*, now: datetime) -> int:
    """Mail the owners of wallets that run low and were not told yet; gives how many wallets."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FIND, {"today": now.date(), "days": spending.PACE_DAYS, "test": TEST_CURRENCY})
        found = [Outlook(*row) for row in cursor.fetchall()]
        scarce = [one.wallet_id for one in found if not one.lasts(2 * spending.LOW_DAYS)]
        cursor.execute(FORGET, [scarce])
        low = {one.wallet_id: one for one in found if not one.lasts(spending.LOW_DAYS)}
        cursor.execute(NOTE, [list(low), now])
        told = [low[wallet_id] for (wallet_id,) in cursor.fetchall()]
        owners = Organization.objects.in_bulk({one.organization_id for one in told})
        for one in told:
            _tell(owners[one.organization_id], one)
    return len(told)


def _tell(organization: Organization, low: Outlook) -> None:
    def write() -> Letter:
        said = {
            "name": organization.name,
            "currency": low.currency,
            "available": formats.show_amount(
                low.available, low.currency, locale=formats.find_locale(get_language() or "en")
            ),
            "days": spending.LOW_DAYS,
        }
        text = _(
            "%(available)s %(currency)s is left in the wallet of %(name)s. At the pace of the last days that "
            "is less than %(days)s days’ worth. When nothing is left, requests are refused.\n\n"
            "Add money, or let the wallet fill itself: both are under Wallet, in the console."
        )
        return _("Your %(currency)s wallet runs low") % said, text % said

    mail_managers(organization, write)
