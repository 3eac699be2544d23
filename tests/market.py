"""A small market for tests: a funded buyer, and a provider whose live offer a node stands behind."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from accounts import audit
from accounts.models import Organization
from billing import wallets
from billing.wallets import Wallet
from core.money import Money
from marketplace import catalogue, offers, price_cards, sites
from marketplace.models import Model, Offer, Site
from tests.cast import NOW
from workers import endpoints, nodes
from workers.models import Node

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
RACK = nodes.Machine(name="rack", chips=2, watts_idle=Decimal(40), watts_busy=Decimal(200))
UPSTREAM_MODEL = "simulated-small"


@dataclass(frozen=True, slots=True)
class Stand:
    """A live offer with everything behind it; `token` is what the node's agent signs in with."""

    site: Site
    node: Node
    token: str
    offer: Offer


def fund_wallet(organization: Organization, *, amount: str = "10", currency: str = "USD") -> Wallet:
    """Give an organization money."""
    reference = f"{organization.pk}-{currency}-{amount}"
    wallets.top_up(
        organization_id=organization.pk,
        amount=Money(Decimal(amount), currency),
        bank_reference=reference,
        actor="test",
        happened_at=NOW,
    )
    return wallets.find_wallet(organization_id=organization.pk, currency=currency)


def make_stand(
    organization: Organization, model: Model, *, name: str = "rack", upstream_model: str = UPSTREAM_MODEL
) -> Stand:
    """Put up a site, a node and a live offer of a model."""
    actor = audit.SYSTEM
    site = sites.create_site(
        organization=organization, described=replace(DAM, name=name), actor=actor, now=NOW
    )
    registered = nodes.create_node(
        organization=organization, site=site, machine=replace(RACK, name=name), actor=actor, now=NOW
    )
    offer = offers.create_offer(
        organization=organization,
        site=site,
        model=model,
        serving=SERVING,
        slots=4,
        max_output_default=64,
        max_output_cap=1024,
        actor=actor,
        now=NOW,
    )
    endpoints.bind_endpoint(
        offer=offer, node=registered.node, upstream_model=upstream_model, actor=actor, now=NOW
    )
    price_cards.publish_card(offer=offer, actor=actor, now=NOW)
    offers.put_live(offer=offer, actor=actor, now=NOW)
    return Stand(site, registered.node, registered.token, offer)


@pytest.fixture
def lab_wallet(lab: Organization) -> Wallet:
    """The lab's ten dollars."""
    return fund_wallet(lab)


@pytest.fixture
def small(farm: Organization) -> Model:
    """A model of the catalogue."""
    return catalogue.create_model(
        slug="small", name="Small", context_length=2048, max_output_default=256, actor=audit.SYSTEM, now=NOW
    )


@pytest.fixture
def stand(farm: Organization, small: Model) -> Stand:
    """The farm's stand in the market."""
    return make_stand(farm, small)
