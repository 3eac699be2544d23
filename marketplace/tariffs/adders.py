"""
What a month costs beside its kilowatt-hours, as a price per kWh for quotes.

A demand charge is not linear, so it is billed for the site; in a quote stands its levelised adder,
rate / (730 h * load factor), 730 being the hours of a mean month.
"""

from collections.abc import Mapping
from decimal import Decimal, localcontext

from core.money import PRICE_PLACES
from core.quantities import ROUNDING, round_half_even
from marketplace.tariffs.bills import capacity_of, least_bill
from marketplace.tariffs.checks import check_number
from marketplace.tariffs.components import Component, Kind, Percentage
from marketplace.tariffs.layout import HOURS_PER_MONTH
from marketplace.tariffs.monthly import (
    PERCENT,
    Capacity,
    Credit,
    Demand,
    DemandBasis,
    FixedMonth,
    MinimumBill,
)
from marketplace.tariffs.refusals import FigureMissing
from marketplace.tariffs.tariff import PowerSite, Tariff


def levelised_adders(
    *, tariff: Tariff, site: PowerSite, load_factor: Decimal, mean: Mapping[str, Decimal] | None = None
) -> dict[str, Decimal]:
    """
    Return the price per kWh, 18 places, of each component that a month costs, at the site's mean load.

    `load_factor` is mean over peak load, above 0 and at most 1. `mean` has the mean price per kWh of the
    other components, which a least bill is compared with. A tax gets the share that is of these components;
    the rest of it is in the segments.

    :raises FigureMissing: if the site has no load_kw, or a component needs another figure of it
    :raises TariffInvalid: for another load factor
    """
    check_number(load_factor, "load_factor", most=Decimal(1), zero=False)
    monthly: dict[str, Decimal] = {}
    others = mean or {}
    with localcontext(ROUNDING):
        kwh = HOURS_PER_MONTH * site.load_kw
        for part in tariff.components:
            cost = _month_cost(part, site, load_factor)
            if isinstance(part, MinimumBill):
                reached = sum(
                    (monthly.get(name, Decimal(0)) + others.get(name, Decimal(0)) * kwh for name in part.of),
                    start=Decimal(0),
                )
                cost = max(Decimal(0), least_bill(part, site) - reached)
            if isinstance(part, Percentage) and part.kind is Kind.TAX_PCT:
                of = [monthly[name] for name in part.of if name in monthly]
                cost = part.percent * PERCENT * sum(of) if of else None
            if cost is not None:
                if not kwh:
                    raise FigureMissing("an adder per kWh needs load_kw of the site", component=part.name)
                monthly[part.name] = cost
        return {name: round_half_even(cost / kwh, PRICE_PLACES) for name, cost in monthly.items()}


def _month_cost(part: Component, site: PowerSite, load_factor: Decimal) -> Decimal | None:
    """Return what a component costs a month of mean load; None if that is a matter of kilowatt-hours."""
    if isinstance(part, FixedMonth):
        return part.amount
    if isinstance(part, Credit):
        return None if part.amount is None else -part.amount
    if isinstance(part, Capacity):
        return part.rate * capacity_of(part, site)
    if isinstance(part, Demand):
        needs_contract = part.basis is DemandBasis.CONTRACT or part.min_percent is not None
        if needs_contract and site.contract_kw is None:
            raise FigureMissing("it needs contract_kw of the site", component=part.name)
        if part.basis is DemandBasis.CONTRACT and site.contract_kw is not None:
            return part.rate * site.contract_kw
        peak = site.load_kw / load_factor
        if part.basis is DemandBasis.KVA:
            peak /= site.power_factor
        return part.rate * part.billed(measured=peak, earlier=(), contract_kw=site.contract_kw)
    return None
