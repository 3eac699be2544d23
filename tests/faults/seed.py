"""Who trades on the exchange that gets broken: a buyer with money, a cheap and a dear seller of one model."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from accounts import audit, keys, organizations
from accounts.models import Organization
from billing import wallets
from core import ids
from core.money import Money
from marketplace import catalogue, offers, price_cards, sites
from marketplace.listings import ENDPOINTS
from marketplace.models import Model
from tests.market import DAM, RACK, SERVING, UPSTREAM_MODEL
from workers import endpoints, nodes

# Energy prices in USD per kWh; what else their price cards are made of is the same.
SELLERS = {"cheap": Decimal("0.02"), "dear": Decimal("0.20")}
SLOTS = 12
MODEL = "small"
FUNDS = "1000"


@dataclass(frozen=True, slots=True)
class Buyer:
    """An organization with a wallet, and the text of its key."""

    organization_id: int
    wallet_id: int
    key: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody. `agent_tokens` and `node_ids` are by seller."""

    buyer: Buyer
    agent_tokens: dict[str, str]
    node_ids: dict[str, int]


def make_cast() -> Cast:
    """Make everybody, through the product's services."""
    now = datetime.now(UTC)
    model = catalogue.create_model(
        slug=MODEL,
        name="Small",
        context_length=8192,
        max_output_default=64,
        endpoints=ENDPOINTS,
        actor=audit.SYSTEM,
        now=now,
    )
    made = {seller: _make_seller(seller, model, now) for seller in SELLERS}
    return Cast(
        buyer=make_buyer("Lab", funds=FUNDS),
        agent_tokens={seller: created.token for seller, created in made.items()},
        node_ids={seller: created.node.pk for seller, created in made.items()},
    )


def make_buyer(name: str, *, funds: str) -> Buyer:
    """A buyer with this much money."""
    now = datetime.now(UTC)
    organization = organizations.create_organization(name=name, country="SE", now=now)
    issued = keys.issue_key(organization=organization, name="key", actor=audit.SYSTEM, now=now)
    wallets.top_up(
        organization_id=organization.pk,
        amount=Money(Decimal(funds), "USD"),
        bank_reference=str(ids.make_uid()),
        actor="test",
        happened_at=now,
    )
    wallet = wallets.find_wallet(organization_id=organization.pk, currency="USD")
    return Buyer(organization.pk, wallet.id, issued.text)


def _make_seller(seller: str, model: Model, now: datetime) -> nodes.RegisteredNode:
    organization: Organization = organizations.create_organization(name=seller, country="CN", now=now)
    described = replace(DAM, name=seller, energy_price=SELLERS[seller])
    actor = audit.SYSTEM
    site = sites.create_site(organization=organization, described=described, actor=actor, now=now)
    machine = replace(RACK, name=seller)
    made = nodes.create_node(organization=organization, site=site, machine=machine, actor=actor, now=now)
    offer = offers.create_offer(
        organization=organization,
        site=site,
        model=model,
        serving=SERVING,
        slots=SLOTS,
        max_output_default=64,
        max_output_cap=4096,
        actor=actor,
        now=now,
    )
    endpoints.bind_endpoint(offer=offer, node=made.node, upstream_model=UPSTREAM_MODEL, actor=actor, now=now)
    price_cards.publish_card(offer=offer, actor=actor, now=now)
    offers.put_live(offer=offer, actor=actor, now=now)
    return made
