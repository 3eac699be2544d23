"""
The trial market: a provider of the platform's own that sells simulated answers for test money.

Everything about it is ordinary (organization, site, node, offers, price cards), so that a test key goes
the way that any request goes.
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts import audit, organizations, tokens
from accounts.models import Organization
from core.money import TEST_CURRENCY
from marketplace import catalogue, offers, price_cards, sites
from marketplace.listings import EMBEDDINGS, WRITING
from marketplace.models import Model, Offer, Site
from workers import endpoints, nodes
from workers.models import Node

PROVIDER = "Test mode"
# ISO 3166-1 leaves it to users: no country.
NOWHERE = "XX"
WATTS_IDLE, WATTS_BUSY = Decimal(20), Decimal(65)
SLOTS = 64
CONTEXT_TOKENS = 8192
OUTPUT_TOKENS_DEFAULT, OUTPUT_TOKENS_MAX = 256, 4096
MODELS = {
    "simulated-small": WRITING,
    "simulated-large": WRITING,
    "simulated-embedding": frozenset({EMBEDDINGS}),
}
SITE = sites.Description(
    name="Nowhere",
    country=NOWHERE,
    region="Nowhere",
    grid_zone="TEST",
    time_zone="UTC",
    currency=TEST_CURRENCY,
    energy_price=Decimal("0.05"),
    pue=Decimal("1.2"),
    gco2_per_kwh=Decimal(100),
    carbon_source="simulated",
)
SERVING = offers.Serving(
    joules_per_output_token=Decimal("0.6"),
    tokens_per_second=Decimal(75),
    utilisation=Decimal("0.5"),
    watts_idle=WATTS_IDLE,
    capital=Decimal(600),
    margin=Decimal("0.1"),
)


def open_market(*, token: str | None, now: datetime) -> str:
    """
    Make the trial market, or what is missing of it; gives the token of its node's agent.

    :param token: what an earlier call gave, if it is still known; otherwise the node is registered anew
    """
    with transaction.atomic():
        site = _find_site(now)
        node = Node.objects.filter(site=site, state=Node.State.ACTIVE).select_related("agent_token").last()
        if node is None or token is None or bytes(node.agent_token.digest) != tokens.digest_token(token):
            if node is not None:
                nodes.retire_node(node=node, actor=audit.SYSTEM, now=now)
            node, token = _register_node(site, now)
        for slug in MODELS:
            _offer_model(slug, site, node, now)
    return token


def _find_site(now: datetime) -> Site:
    site = Site.objects.filter(currency=TEST_CURRENCY).select_related("organization").first()
    if site is not None:
        return site
    provider = organizations.create_organization(name=PROVIDER, country=NOWHERE, now=now)
    return sites.create_site(organization=provider, described=SITE, actor=audit.SYSTEM, now=now, test=True)


def _register_node(site: Site, now: datetime) -> tuple[Node, str]:
    provider: Organization = site.organization
    number = Node.objects.filter(organization=provider).count() + 1
    machine = nodes.Machine(name=f"simulated-{number}", chips=1, watts_idle=WATTS_IDLE, watts_busy=WATTS_BUSY)
    made = nodes.create_node(organization=provider, site=site, machine=machine, actor=audit.SYSTEM, now=now)
    return made.node, made.token


def _offer_model(slug: str, site: Site, node: Node, now: datetime) -> None:
    """Have a model on offer at the site, served by the node."""
    actor, provider = audit.SYSTEM, site.organization
    model = Model.objects.filter(slug=slug).first() or catalogue.create_model(
        slug=slug,
        name=slug,
        context_length=CONTEXT_TOKENS,
        max_output_default=OUTPUT_TOKENS_DEFAULT,
        endpoints=MODELS[slug],
        actor=actor,
        now=now,
    )
    offer = Offer.objects.filter(site=site, model=model).exclude(state=Offer.State.WITHDRAWN).first()
    if offer is None:
        offer = offers.create_offer(
            organization=provider,
            site=site,
            model=model,
            serving=SERVING,
            slots=SLOTS,
            max_output_default=min(OUTPUT_TOKENS_DEFAULT, model.context_length),
            max_output_cap=min(OUTPUT_TOKENS_MAX, model.context_length),
            actor=actor,
            now=now,
        )
        price_cards.publish_card(offer=offer, actor=actor, now=now)
    endpoints.bind_endpoint(offer=offer, node=node, upstream_model=slug, actor=actor, now=now)
    if offer.state != Offer.State.LIVE:
        offers.put_live(offer=offer, actor=actor, now=now)
