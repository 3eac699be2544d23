"""The cast of market tests: a provider with a site, a model, and offers."""

from decimal import Decimal

import pytest

from accounts import audit, organizations
from accounts.models import Organization
from marketplace import catalogue, offers, price_cards, sites
from marketplace.models import Model, Offer, Site
from tests.databases import Database
from tests.marketplace.listings import NOW

DAM = sites.Description(
    name="Dam",
    country="CN",
    region="Guizhou",
    grid_zone="CN-GZ",
    time_zone="Asia/Shanghai",
    currency="USD",
    energy_price=Decimal("0.06"),
    pue=Decimal("1.2"),
    gco2_per_kwh=Decimal("568.3"),
    carbon_source="CN-GZ 2023",
)
SERVING = offers.Serving(
    joules_per_output_token=Decimal("0.9"),
    tokens_per_second=Decimal(60),
    utilisation=Decimal("0.5"),
    watts_idle=Decimal(20),
    capital=Decimal(800),
    margin=Decimal("0.1"),
)


@pytest.fixture
def farm(db: Database) -> Organization:
    """Return a provider."""
    return organizations.create_organization(name="Sun Farm", country="CN", now=NOW)


@pytest.fixture
def stranger(db: Database) -> Organization:
    """Return an organization that may see nothing of the farm's."""
    return organizations.create_organization(name="Stranger", country="US", now=NOW)


@pytest.fixture
def dam(farm: Organization) -> Site:
    """Return the farm's site."""
    return sites.create_site(organization=farm, described=DAM, actor=audit.SYSTEM, now=NOW)


@pytest.fixture
def small(db: Database) -> Model:
    """Return a model of the catalogue."""
    return catalogue.create_model(
        slug="small", name="Small", context_length=2048, max_output_default=256, actor=audit.SYSTEM, now=NOW
    )


@pytest.fixture
def draft(farm: Organization, dam: Site, small: Model) -> Offer:
    """Return an offer without a price."""
    return offers.create_offer(
        organization=farm,
        site=dam,
        model=small,
        serving=SERVING,
        slots=4,
        max_output_default=256,
        max_output_cap=1024,
        actor=audit.SYSTEM,
        now=NOW,
    )


@pytest.fixture
def live(draft: Offer) -> Offer:
    """Return an offer that can be bought."""
    price_cards.publish_card(offer=draft, actor=audit.SYSTEM, now=NOW)
    offers.put_live(offer=draft, actor=audit.SYSTEM, now=NOW)
    return draft
