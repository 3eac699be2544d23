"""What tests of statements and invoices play with."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from accounts.audit import SYSTEM
from accounts.models import Organization
from billing import bookings, wallets
from billing.bookings import Bearer
from billing.models import Invoice, TaxRule
from billing.statements import invoices, profiles
from billing.statements.periods import Period
from billing.statements.profiles import Described
from billing.wallets import Wallet
from tests.billing import exchange
from tests.billing.exchange import Buyer, Seller


@dataclass
class Scene:
    """A buyer, a provider, and the day after everything."""

    app: psycopg.Connection[Any]
    lab: Buyer
    farm: Seller
    now: datetime

    @property
    def organization(self) -> Organization:
        """The buyer."""
        return Organization.objects.get(pk=self.lab.organization_id)

    @property
    def wallet(self) -> Wallet:
        """Its dollars."""
        return wallets.find_wallet(organization_id=self.lab.organization_id, currency="USD")

    @property
    def today(self) -> date:
        """The day on which everything happened."""
        return self.now.date() - timedelta(days=1)

    @property
    def period(self) -> Period:
        """That day."""
        return Period(self.today, self.now.date())

    def charge(self, *, out: int) -> int:
        """Charge for tokens at 0.002; gives the usage record."""
        job = exchange.admit(self.app, self.lab, self.farm, out_bound=out)
        used = exchange.record(self.app, job.attempt_id, out=out)
        exchange.post_charges(self.app)
        return int(used["usage_id"])

    def refund(self, usage: int) -> None:
        """Give a charge back at the provider's expense."""
        bookings.refund_charge(
            usage_id=usage, borne_by=Bearer.PROVIDER, reason="wrong", actor=SYSTEM, now=self.now - ONE_DAY
        )

    def issue(self) -> list[Invoice]:
        """Invoice everything up to now."""
        return invoices.issue(
            organization=self.organization,
            currency="USD",
            until=self.now.date(),
            actor=SYSTEM,
            now=self.now,
        )

    def describe(self, **changes: str) -> None:
        """Say who is invoiced."""
        said = {"name": "Lab AB", "address": "Storgatan 1\n111 51 Stockholm", "country": "SE"} | changes
        profiles.describe(
            organization=self.organization, described=Described(**said), actor=SYSTEM, now=self.now
        )

    def tax(self, rate: str) -> None:
        """Let sales to the lab's country bear a tax."""
        self.describe()
        TaxRule.objects.create(
            seller_country="HK", buyer_country="SE", rate=rate, label="VAT", valid_from=date(2020, 1, 1)
        )

    def find_lost(self) -> Decimal:
        """What the wallet was charged in all."""
        return Decimal(10) - self.wallet.posted.amount


ONE_DAY = timedelta(days=1)
