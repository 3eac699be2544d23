"""What a month costs beside its kilowatt-hours: fixed amounts, demand, capacity, a least bill, credits."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from core.quantities import EXACT
from marketplace.tariffs.checks import AMOUNT_MAX, check_number, check_percent
from marketplace.tariffs.components import Component, Kind, check_names
from marketplace.tariffs.refusals import TariffInvalid

RATCHET_MONTHS_MAX = 36
PERCENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedMonth(Component):
    """An amount each month, whatever is used."""

    amount: Decimal

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.FIXED_MONTH)
        check_number(self.amount, "amount", most=AMOUNT_MAX, zero=False)


class DemandBasis(StrEnum):
    """What a demand charge counts."""

    CONTRACT = "CONTRACT"
    MEASURED_MAX_15MIN = "MEASURED_MAX_15MIN"
    MEASURED_MAX_30MIN = "MEASURED_MAX_30MIN"
    MEASURED_MAX_60MIN = "MEASURED_MAX_60MIN"
    KVA = "KVA"
    COINCIDENT_PEAK = "COINCIDENT_PEAK"


DEMAND_MINUTES = {
    DemandBasis.MEASURED_MAX_15MIN: 15,
    DemandBasis.MEASURED_MAX_30MIN: 30,
    DemandBasis.MEASURED_MAX_60MIN: 60,
    DemandBasis.KVA: 15,
}
"""Over how many minutes demand is a mean. A coincident peak is over one step of the load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand(Component):
    """
    `rate` per kW and month of billed demand: the most of what was measured, `ratchet_percent` of the highest
    of the last `ratchet_months`, and `min_percent` of the contract.

    KVA is measured demand divided by the power factor.
    """

    rate: Decimal
    basis: DemandBasis
    ratchet_percent: Decimal | None = None
    ratchet_months: int = 0
    min_percent: Decimal | None = None

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.DEMAND)
        check_number(self.rate, "rate", zero=False)
        if self.min_percent is not None:
            check_percent(self.min_percent, "min_percent")
        if self.ratchet_percent is not None:
            check_percent(self.ratchet_percent, "ratchet_percent")
        if not 0 <= self.ratchet_months <= RATCHET_MONTHS_MAX:
            raise TariffInvalid(f"a ratchet has 1 to {RATCHET_MONTHS_MAX} months", field="ratchet_months")
        if (self.ratchet_percent is None) is not (self.ratchet_months == 0):
            raise TariffInvalid("a ratchet has a percentage and months", field="ratchet_months")
        if self.basis is DemandBasis.CONTRACT and (self.ratchet_months or self.min_percent):
            raise TariffInvalid("contracted demand has neither ratchet nor minimum", field="basis")

    def billed(
        self, *, measured: Decimal, earlier: Sequence[Decimal], contract_kw: Decimal | None
    ) -> Decimal:
        """Return the kW (or kVA) that are billed; `earlier` are the months before, the last one last."""
        least = [measured]
        if self.ratchet_percent is not None:
            share = EXACT.multiply(self.ratchet_percent, PERCENT)
            least += [EXACT.multiply(share, peak) for peak in earlier[-self.ratchet_months :]]
        if self.min_percent is not None and contract_kw is not None:
            least.append(EXACT.multiply(EXACT.multiply(self.min_percent, PERCENT), contract_kw))
        return max(least)


class CapacityUnit(StrEnum):
    """Of what a capacity charge is per month."""

    KW = "KW"
    KVA = "KVA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity(Component):
    """`rate` per month and kW contracted, or kVA of transformers installed."""

    rate: Decimal
    unit: CapacityUnit

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.CAPACITY)
        check_number(self.rate, "rate", zero=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumBill(Component):
    """What the components `of` cost in a month is raised to `amount` plus `rate_per_kw` of the contract."""

    of: tuple[str, ...]
    amount: Decimal = Decimal(0)
    rate_per_kw: Decimal = Decimal(0)

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.MIN_BILL)
        check_number(self.amount, "amount", most=AMOUNT_MAX)
        check_number(self.rate_per_kw, "rate_per_kw")
        if not (self.amount or self.rate_per_kw):
            raise TariffInvalid("a least bill has an amount or a rate_per_kw", field="amount")
        check_names(self.of, "of")


class CreditReason(StrEnum):
    """What a credit is given for."""

    HEAT = "HEAT"
    DEMAND_RESPONSE = "DEMAND_RESPONSE"
    GREEN_CERTIFICATE = "GREEN_CERTIFICATE"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit(Component):
    """What is given back: a price per kWh, or an amount each month. Stated as a positive figure."""

    reason: CreditReason
    price: Decimal | None = None
    amount: Decimal | None = None

    def check(self) -> None:
        """
        Refuse figures that cannot be meant.

        :raises TariffInvalid: naming the field
        """
        Component.check(self)
        self.require_kind(Kind.CREDIT)
        if (self.price is None) is (self.amount is None):
            raise TariffInvalid("a credit is either a price per kWh or an amount a month", field="price")
        if self.price is not None:
            check_number(self.price, "price", zero=False)
        if self.amount is not None:
            check_number(self.amount, "amount", most=AMOUNT_MAX, zero=False)
