"""
The demo's three sites, each pricing in its own currency. Energy prices and carbon are of the right order for
such places and illustrative: no contract stands behind them. Capital and speed are those of the small
computer the demo runs on, about the same everywhere: what differs between the three prices is energy.
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Place:
    """
    A provider's site and its node.

    Energy price and capital are in the site's currency, the former per kWh; carbon in grams of CO2 per kWh.
    """

    slug: str
    provider: str
    name: str
    country: str
    region: str
    grid_zone: str
    time_zone: str
    currency: str
    capital: Decimal
    energy_price: Decimal
    pue: Decimal
    gco2_per_kwh: Decimal
    margin: Decimal
    watts_idle: int
    watts_busy: int


PLACES = (
    Place(
        slug="qinghai",
        provider="Longyang Solar (demo)",
        name="Gonghe solar park",
        country="CN",
        region="qinghai",
        grid_zone="CN-QH",
        time_zone="Asia/Shanghai",
        currency="CNY",
        capital=Decimal(4300),
        energy_price=Decimal("0.13"),
        pue=Decimal("1.20"),
        gco2_per_kwh=Decimal(180),
        margin=Decimal("0.10"),
        watts_idle=20,
        watts_busy=65,
    ),
    Place(
        slug="stockholm",
        provider="Norrort Varme (demo)",
        name="Heat-reusing hall",
        country="SE",
        region="stockholm",
        grid_zone="SE3",
        time_zone="Europe/Stockholm",
        currency="EUR",
        capital=Decimal(520),
        energy_price=Decimal("0.0550"),
        pue=Decimal("1.15"),
        gco2_per_kwh=Decimal(30),
        margin=Decimal("0.10"),
        watts_idle=20,
        watts_busy=65,
    ),
    Place(
        slug="virginia",
        provider="Campus Lab (demo)",
        name="Lab with idle machines",
        country="US",
        region="virginia",
        grid_zone="US-PJM",
        time_zone="America/New_York",
        currency="USD",
        capital=Decimal(600),
        energy_price=Decimal("0.0800"),
        pue=Decimal("1.54"),
        gco2_per_kwh=Decimal(370),
        margin=Decimal("0.10"),
        watts_idle=20,
        watts_busy=65,
    ),
)
