"""
The demo's people and things, made once through the same services as anybody's, found again on a second start.

Secrets are shown once by the product, so the demo keeps its own in `<home>/demo-<model>.json` (0600).
"""

import io
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.core.management import call_command

from accounts import audit, keys, organizations, people, second_factors
from accounts.models import Role, User
from config.demo import money
from config.demo.electricity import SERIES, SERIES_DAYS, list_electricity
from config.demo.places import PLACES, Place
from core.money import Money
from marketplace import catalogue, offers, price_cards, publishing, site_energy, site_tariffs, sites
from marketplace.models import Model, Site
from workers import endpoints, nodes

OPERATOR = "operator@demo.example"
BUYER, BUYER_COUNTRY = "Bay Research (demo)", "US"
CURRENCY = "USD"
FUNDS = Money(Decimal(25), CURRENCY)
SLOTS = 4
CONTEXT_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Cast:
    """Logins and secrets of the demo; `agents` maps places to their nodes' tokens."""

    model: str
    operator: str
    password: str
    one_time_secret: str
    buyer: int
    buyer_key: str
    agents: dict[str, str]


def seed(home: Path, *, model: str, now: datetime) -> Cast:
    """Make the cast, or read what an earlier start made."""
    path = home / f"demo-{model}.json"
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        if "one_time_secret" in known:
            return Cast(**known)
        # Made before operators needed a second factor.
        secret = generate_totp_secret()
        _make_operator(known["password"], secret)
        cast = Cast(**known, one_time_secret=secret)
    else:
        cast = _make_cast(model, now)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(cast), file)
    return cast


def _make_cast(model: str, now: datetime) -> Cast:
    password, one_time_secret = secrets.token_urlsafe(12), generate_totp_secret()
    operator = _make_operator(password, one_time_secret)
    sold = Model.objects.filter(slug=model).first() or catalogue.create_model(
        slug=model,
        name=model,
        context_length=CONTEXT_TOKENS,
        max_output_default=256,
        actor=audit.SYSTEM,
        now=now,
    )
    _make_prices(now)
    money.open_bank_accounts(now=now)
    agents = {place.slug: _make_provider(place, sold, now) for place in PLACES}
    # No card may start with the one in force: those ahead begin a moment later.
    publishing.publish_ahead(now=datetime.now(UTC))
    buyer = organizations.create_organization(name=BUYER, country=BUYER_COUNTRY, now=now)
    organizations.add_member(
        organization=buyer,
        user=User.objects.get(email=operator),
        role=Role.OWNER,
        actor=audit.SYSTEM,
        now=now,
    )
    issued = keys.issue_key(organization=buyer, name="demo", actor=audit.SYSTEM, now=now)
    way = money.pay_in(organization=buyer, money=FUNDS, reference=f"demo {secrets.token_hex(6)}")
    print(f"    {BUYER} paid {FUNDS.literal} {FUNDS.currency} {way}")
    return Cast(
        model=model,
        operator=operator,
        password=password,
        one_time_secret=one_time_secret,
        buyer=buyer.pk,
        buyer_key=issued.text,
        agents=agents,
    )


def _make_operator(password: str, one_time_secret: str) -> str:
    """Somebody who may see the operators' pages, in the buyer's organization too; their address."""
    user = User.objects.filter(email=OPERATOR).first()
    if user is None:
        user = User.objects.create_superuser(OPERATOR, password, name="Operator (demo)")
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
    people.vouch_for_address(user=user)
    # Operators without a second factor see nothing, so the demo's has one whose secret is told.
    second_factors.set_one_time_secret(user=user, secret=one_time_secret)
    return OPERATOR


def _make_prices(now: datetime) -> None:
    """A market's quarter-hours, made from stated assumptions and labelled so wherever they show."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    call_command(
        "series",
        "synthesise",
        SERIES,
        "--start",
        (midnight - timedelta(days=2)).isoformat(),
        "--days",
        str(SERIES_DAYS),
        stdout=io.StringIO(),
    )


def _describe_electricity(site: Site, slug: str, now: datetime) -> None:
    told = list_electricity(now)[slug]
    site_energy.set_energy(site=site, energy=told.energy, actor=audit.SYSTEM, now=now)
    terms = site_tariffs.Terms(
        document=told.tariff, figures=told.figures, quotes_forecasts=True, confirmed=True
    )
    site_tariffs.set_tariff(site=site, terms=terms, actor=audit.SYSTEM, now=now)


def _make_provider(place: Place, sold: Model, now: datetime) -> str:
    """A provider with a site and its electricity, a node, an offer and its price; the node's token."""
    provider = organizations.create_organization(name=place.provider, country=place.country, now=now)
    site = sites.create_site(
        organization=provider,
        described=sites.Description(
            name=place.name,
            country=place.country,
            region=place.region,
            grid_zone=place.grid_zone,
            time_zone=place.time_zone,
            currency=place.currency,
            energy_price=place.energy_price,
            pue=place.pue,
            gco2_per_kwh=place.gco2_per_kwh,
            carbon_source="illustrative",
        ),
        actor=audit.SYSTEM,
        now=now,
    )
    _describe_electricity(site, place.slug, now)
    machine = nodes.Machine(
        name=place.slug,
        chips=1,
        watts_idle=Decimal(place.watts_idle),
        watts_busy=Decimal(place.watts_busy),
    )
    made = nodes.create_node(organization=provider, site=site, machine=machine, actor=audit.SYSTEM, now=now)
    offer = offers.create_offer(
        organization=provider,
        site=site,
        model=sold,
        serving=offers.Serving(
            # A small processor at about 75 tokens a second and 45 W above idle.
            joules_per_output_token=Decimal("0.6"),
            tokens_per_second=Decimal(75),
            utilisation=Decimal("0.5"),
            watts_idle=Decimal(place.watts_idle),
            capital=place.capital,
            margin=place.margin,
        ),
        slots=SLOTS,
        max_output_default=256,
        max_output_cap=1024,
        actor=audit.SYSTEM,
        now=now,
    )
    endpoints.bind_endpoint(
        offer=offer, node=made.node, upstream_model=sold.slug, actor=audit.SYSTEM, now=now
    )
    price_cards.publish_card(offer=offer, actor=audit.SYSTEM, now=now)
    offers.put_live(offer=offer, actor=audit.SYSTEM, now=now)
    return made.token
