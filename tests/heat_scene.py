"""A heat contract between two organizations, and readings of it that the buyer confirms."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from accounts import audit
from accounts.models import Organization
from marketplace import site_energy, sites
from marketplace.lots import heat, readings
from marketplace.models import HeatContract, HeatOffer, HeatReading
from tests.market import DAM


def offer(
    buyer: Organization, provider: Organization, *, now: datetime, price: str = "0.02", name: str = "warm"
) -> HeatOffer:
    """An offer to a new demand, from a new site whose heat is warm enough."""
    actor = audit.SYSTEM
    described = replace(DAM, name=name)
    site = sites.create_site(organization=provider, described=described, actor=actor, now=now)
    energy = site_energy.Energy(pue=site.pue, heat_supply_c=Decimal(60))
    site_energy.set_energy(site=site, energy=energy, actor=actor, now=now)
    needed = heat.Described(
        place="Swimming hall",
        country=site.country,
        kw=Decimal(800),
        supply_c=Decimal(55),
        distance_km=Decimal(3),
        season_start="01-01",
        season_end="12-31",
        prices=[{"price": price}],
        currency=site.currency,
    )
    demand = heat.list_demand(organization=buyer, described=needed, actor=actor, now=now)
    return heat.offer_heat(
        demand=demand,
        site=site,
        kw=Decimal(700),
        distance_km=Decimal(2),
        heat_reused=Decimal("0.4"),
        actor=actor,
        now=now,
    )


def agree(
    buyer: Organization,
    provider: Organization,
    *,
    now: datetime,
    price: str = "0.02",
    fee_bps: int = 0,
    meter_from: str = "0",
    name: str = "warm",
) -> HeatContract:
    """A contract whose meter starts there."""
    return heat.accept_offer(
        offer=offer(buyer, provider, now=now, price=price, name=name),
        fee_bps=fee_bps,
        meter_start_kwh=Decimal(meter_from),
        actor=audit.SYSTEM,
        now=now,
    )


def read(
    contract: HeatContract, total: str, *, now: datetime, reason: str = "", confirmed: bool = True
) -> HeatReading:
    """Read the meter; with a reason it corrects the last reading."""
    shown = readings.Shown(read_at=now, total_kwh=Decimal(total), reason=reason)
    made = readings.enter(contract=contract, shown=shown, corrects=bool(reason), actor=audit.SYSTEM, now=now)
    if not confirmed:
        return made
    return readings.confirm(reading=made, digest=made.digest, actor=audit.SYSTEM, now=now)
