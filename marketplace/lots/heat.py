"""Lots of heat: who needs some, which site offers it, and the contract that follows."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import DataError, IntegrityError, transaction
from django.db.models import Q, QuerySet

from accounts import access, audit
from accounts.audit import Actor
from accounts.models import Organization
from core import ids
from core.errors import DomainError, Invalid
from core.quantities import format_plain
from marketplace import site_energy
from marketplace.lots import heat_prices
from marketplace.models import HeatContract, HeatDemand, HeatOffer, Site

logger = logging.getLogger(__name__)

OPEN_MAX = 200
OBJECTION_DAYS = 7
SOURCE = "heat contract"


class HeatInvalid(Invalid):
    """A demand, an offer or a reading of heat that cannot be meant."""

    code = "invalid_heat"


class DemandClosed(DomainError):
    """The demand was met or withdrawn."""

    code = "demand_closed"
    message = "This demand takes no more offers."


class OfferClosed(DomainError):
    """The offer was taken back."""

    code = "offer_closed"
    message = "This offer was withdrawn."


class HeatSold(DomainError):
    """A site has one heat contract at a time."""

    code = "heat_sold"
    message = "This site has a running heat contract, or an offer for this demand."


class TooManyDemands(DomainError):
    """More open demands than one organization may have."""

    code = "too_many_demands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a buyer says of a demand; fields and units are those of the model `HeatDemand`."""

    place: str
    country: str
    kw: Decimal
    supply_c: Decimal
    distance_km: Decimal
    season_start: str
    season_end: str
    prices: Sequence[Mapping[str, Any]]
    currency: str


def list_demand(
    *, organization: Organization, described: Described, actor: Actor, now: datetime
) -> HeatDemand:
    """
    List what is needed; sites may offer from now on.

    :raises HeatInvalid: naming the figure that cannot be meant
    :raises marketplace.lots.heat_prices.PricesInvalid: if prices or season say no price, no day
    :raises TooManyDemands: if the organization has too many that are open
    """
    steps = heat_prices.read_steps(described.prices)
    heat_prices.check_season(start=described.season_start, end=described.season_end)
    for name in ("kw", "distance_km"):
        if getattr(described, name) <= 0:
            _refuse(name, "is more than nothing")
    if HeatDemand.objects.filter(organization=organization, state=HeatDemand.State.OPEN).count() >= OPEN_MAX:
        raise TooManyDemands(f"An organization has at most {OPEN_MAX} open demands.")
    said = asdict(described) | {"prices": heat_prices.write_steps(steps)}
    try:
        with transaction.atomic():
            demand = HeatDemand.objects.create(
                uid=ids.make_uid(), organization=organization, created_at=now, **said
            )
            details = {name: value if name == "prices" else str(value) for name, value in said.items()}
            _record("heat_demand", demand.uid, "list", organization, actor, now, details)
    except (IntegrityError, DataError) as error:
        raise HeatInvalid("A figure is out of range.") from error
    return demand


def withdraw_demand(*, demand: HeatDemand, actor: Actor, now: datetime) -> HeatDemand:
    """
    Take a demand back.

    :raises DemandClosed: if it was met or withdrawn
    """
    with transaction.atomic():
        held = _lock_demand(demand)
        _close(held, HeatDemand.State.WITHDRAWN)
        _record("heat_demand", held.uid, "withdraw", held.organization, actor, now, {})
    return held


def offer_heat(
    *,
    demand: HeatDemand,
    site: Site,
    kw: Decimal,
    distance_km: Decimal,
    heat_reused: Decimal,
    actor: Actor,
    now: datetime,
) -> HeatOffer:
    """
    Offer a site's heat: up to `kw`, `distance_km` away; `heat_reused` of the site's energy would leave as it.

    :raises DemandClosed: if the demand takes no offers
    :raises HeatInvalid: if the site's heat is too cold, too far, elsewhere or priced in another currency
    :raises HeatSold: if the site has offered, or sells its heat to somebody else
    """
    supply = site_energy.find_energy(site=site).heat_supply_c
    if supply is None:
        _refuse("site", "says no heat_supply_c of its energy")
    _check_offer(demand, site, supply, kw, distance_km, heat_reused)
    try:
        with transaction.atomic():
            held = _lock_demand(demand)
            if HeatContract.objects.filter(site=site, ended_at=None).exists():
                raise HeatSold
            offer = HeatOffer.objects.create(
                uid=ids.make_uid(),
                demand=held,
                site=site,
                organization=site.organization,
                kw=kw,
                distance_km=distance_km,
                supply_c=supply,
                heat_reused=heat_reused,
                created_at=now,
            )
            details = {"site": str(site.uid), "kw": format_plain(kw), "offer": str(offer.uid)}
            _record("heat_demand", held.uid, "offer", site.organization, actor, now, details)
    except IntegrityError as error:
        raise HeatSold from error
    except DataError as error:
        raise HeatInvalid("A figure is out of range.") from error
    return offer


def withdraw_offer(*, offer: HeatOffer, actor: Actor, now: datetime) -> HeatOffer:
    """
    Take an offer back; a repeat changes nothing.

    :raises DemandClosed: if it was accepted, or the demand is closed
    """
    with transaction.atomic():
        _lock_demand(offer.demand)
        if HeatOffer.objects.filter(pk=offer.pk, withdrawn_at=None).update(withdrawn_at=now):
            _record("heat_offer", offer.uid, "withdraw", offer.organization, actor, now, {})
    offer.refresh_from_db()
    return offer


def accept_offer(
    *, offer: HeatOffer, fee_bps: int, meter_start_kwh: Decimal, actor: Actor, now: datetime
) -> HeatContract:
    """
    Make a contract of an offer, on the demand's terms; the site's prices get the credit of its season.

    :param fee_bps: the platform's share of what is metered, in ten-thousandths; fixed for the contract
    :param meter_start_kwh: what the heat meter shows at the start
    :raises DemandClosed: if the demand was met or withdrawn
    :raises OfferClosed: if the offer was taken back
    :raises HeatSold: if the site sells its heat to somebody else by now
    """
    try:
        with transaction.atomic():
            held = _lock_demand(offer.demand)
            fresh = HeatOffer.objects.select_related("site", "organization").get(pk=offer.pk)
            if fresh.withdrawn_at is not None:
                raise OfferClosed
            contract = HeatContract.objects.create(
                uid=ids.make_uid(),
                demand=held,
                offer=fresh,
                site=fresh.site,
                buyer=held.organization,
                provider=fresh.organization,
                fee_bps=fee_bps,
                objection_days=OBJECTION_DAYS,
                meter_start_kwh=meter_start_kwh,
                created_at=now,
            )
            _close(held, HeatDemand.State.CONTRACTED)
            details = {"offer": str(fresh.uid), "fee_bps": fee_bps, "demand": str(held.uid)}
            for party in (contract.buyer, contract.provider):
                _record("heat_contract", contract.uid, "accept", party, actor, now, details)
            _follow(contract, actor, now)
    except IntegrityError as error:
        raise HeatSold from error
    except DataError as error:
        raise HeatInvalid("A figure is out of range.") from error
    return contract


def end_contract(*, contract: HeatContract, actor: Actor, now: datetime) -> HeatContract:
    """End a contract: no later readings, no credit. What was read is still due; a repeat changes nothing."""
    with transaction.atomic():
        held = lock_contract(contract)
        if held.ended_at is None:
            HeatContract.objects.filter(pk=held.pk).update(ended_at=now)
            held.refresh_from_db()
            for party in (held.buyer, held.provider):
                _record("heat_contract", held.uid, "end", party, actor, now, {})
            _follow(held, actor, now)
    return held


def follow_seasons(*, now: datetime) -> int:
    """Give each site with a heat contract the credit of today; gives how many changed."""
    rows = HeatContract.objects.filter(ended_at=None).select_related(*RELATED)
    return sum(_follow(contract, audit.SYSTEM, now) for contract in rows.order_by("id"))


def _follow(contract: HeatContract, actor: Actor, now: datetime) -> bool:
    """Whatever a site's energy lacks beside its heat is no reason to refuse a contract."""
    try:
        with transaction.atomic():
            return _set_credit(contract, actor, now)
    except DomainError as problem:
        logger.warning(
            "The credit of heat contract %s is not in its site's prices: %s", contract.uid, problem
        )
        return False


def find_credit(contract: HeatContract, *, day: date) -> Decimal:
    """What the site's prices get for a kilowatt-hour of its heat on a day; nothing outside the season."""
    demand = contract.demand
    if contract.ended_at is not None or not heat_prices.is_in_season(
        start=demand.season_start, end=demand.season_end, day=day
    ):
        return Decimal(0)
    steps = heat_prices.read_steps(demand.prices)
    return heat_prices.find_credit(steps=steps, fee_bps=contract.fee_bps)


RELATED = ("demand", "offer", "buyer", "provider", "site__organization", "site__energy")


def lock_contract(contract: HeatContract) -> HeatContract:
    """Take hold of a contract until the transaction ends."""
    return HeatContract.objects.select_for_update(of=("self",)).select_related(*RELATED).get(pk=contract.pk)


def find_contract(*, organization: Organization, uid: UUID) -> HeatContract:
    """
    A contract that the organization buys or provides by.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    return access.get_or_refuse(list_contracts(organization=organization), uid=uid)


def list_contracts(*, organization: Organization) -> QuerySet[HeatContract]:
    """Contracts that the organization buys or provides by."""
    mine = Q(buyer=organization) | Q(provider=organization)
    return HeatContract.objects.filter(mine).select_related(*RELATED)


def find_demand(*, uid: UUID, owner: Organization | None = None) -> HeatDemand:
    """
    A demand, of `owner` alone if one is named.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    rows = HeatDemand.objects.select_related("organization")
    return access.get_or_refuse(rows if owner is None else rows.filter(organization=owner), uid=uid)


def find_offer(
    *, uid: UUID, maker: Organization | None = None, buyer: Organization | None = None
) -> HeatOffer:
    """
    An offer of heat that the maker made, or that the buyer was made.

    :raises core.errors.NotFound: if there is none, or it is somebody else's
    """
    rows = HeatOffer.objects.select_related("demand__organization", "site", "organization")
    if maker is not None:
        rows = rows.filter(organization=maker)
    if buyer is not None:
        rows = rows.filter(demand__organization=buyer)
    return access.get_or_refuse(rows, uid=uid)


def _set_credit(contract: HeatContract, actor: Actor, now: datetime) -> bool:
    site = Site.objects.select_related("organization", "energy").get(pk=contract.site_id)
    row = site_energy.find_energy(site=site)
    source = f"{SOURCE} {contract.uid}"
    credit = find_credit(contract, day=now.astimezone(ZoneInfo(site.time_zone)).date())
    if contract.ended_at is None:
        said = {"heat_price": credit, "heat_source": source, "heat_reused": contract.offer.heat_reused}
    elif row.heat_source == source:
        said = {"heat_price": Decimal(0), "heat_source": "", "heat_reused": Decimal(0)}
    else:
        return False
    if all(getattr(row, name) == value for name, value in said.items()):
        return False
    figures = {name: getattr(row, name) for name in site_energy.FIGURES} | said
    energy = site_energy.Energy(**figures, pue=site.pue)
    site_energy.set_energy(site=site, energy=energy, actor=actor, now=now)
    return True


def _check_offer(
    demand: HeatDemand,
    site: Site,
    supply: Decimal,
    kw: Decimal,
    distance_km: Decimal,
    heat_reused: Decimal,
) -> None:
    for name, wrong, problem in (
        ("site", site.country != demand.country, f"lies in another country than {demand.country}"),
        ("site", site.currency != demand.currency, f"is priced in {site.currency}, not in {demand.currency}"),
        (
            "site",
            supply < demand.supply_c,
            f"is colder than {demand.supply_c} degrees",
        ),
        ("distance_km", not 0 <= distance_km <= demand.distance_km, f"is at most {demand.distance_km}"),
        ("kw", not 0 < kw <= demand.kw, f"is more than nothing and at most {demand.kw}"),
        ("heat_reused", not 0 < heat_reused <= 1, "is a share above 0, up to 1"),
    ):
        if wrong:
            _refuse(name, problem)


def _lock_demand(demand: HeatDemand) -> HeatDemand:
    held = HeatDemand.objects.select_for_update(of=("self",)).select_related("organization").get(pk=demand.pk)
    if held.state != HeatDemand.State.OPEN:
        raise DemandClosed
    return held


def _close(demand: HeatDemand, state: HeatDemand.State) -> None:
    HeatDemand.objects.filter(pk=demand.pk).update(state=state)
    demand.state = state


def _refuse(name: str, problem: str) -> NoReturn:
    raise HeatInvalid(f"{name} {problem}.", field=name)


def _record(
    kind: str,
    uid: UUID,
    action: str,
    organization: Organization,
    actor: Actor,
    now: datetime,
    details: dict[str, Any],
) -> None:
    audit.record_event(
        actor=actor,
        action=f"{kind}.{action}",
        subject_kind=kind,
        subject_uid=uid,
        organization=organization,
        now=now,
        details=details,
    )
