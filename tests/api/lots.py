"""The farm's lots of power and heat, each made when it is first asked for; the farm buys and sells alike."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts import audit
from marketplace.lots import power
from marketplace.models import HeatContract, HeatDemand, HeatOffer, HeatReading, PowerBid, PowerLot, Site
from tests import heat_scene
from tests.api.conftest import Farm

HOUR = timedelta(hours=1)
ME = audit.SYSTEM


def describe_lot() -> dict[str, Any]:
    """The body that lists a lot."""
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "kind": "CURTAILMENT",
        "country": "CN",
        "grid_zone": "CN-GZ",
        "starts_at": (now + 2 * HOUR).isoformat(),
        "ends_at": (now + 9 * HOUR).isoformat(),
        "profile": {"shape": "BASELOAD"},
        "kw": "1000",
        "floor_price": "0.01",
        "currency": "USD",
        "firmness": "FIRM",
        "closes_at": (now + HOUR).isoformat(),
    }


def describe_demand() -> dict[str, Any]:
    """The body that lists a demand."""
    return {
        "place": "Swimming hall",
        "country": "CN",
        "kw": "800",
        "supply_c": "55",
        "distance_km": "3",
        "season_start": "10-15",
        "season_end": "04-15",
        "prices": [{"below_c": "-5", "price": "0.05"}, {"price": "0.01"}],
        "currency": "USD",
    }


def describe_reading() -> dict[str, Any]:
    """The body that enters a reading."""
    return {"read_at": datetime.now(UTC).isoformat(), "total_kwh": "20"}


def list_lot(farm: Farm) -> str:
    """The uid of an open lot."""
    found = PowerLot.objects.filter(organization=farm.organization, state="OPEN", bids=None).first()
    return str((found or _list_lot(farm)).uid)


def bid(farm: Farm) -> PowerBid:
    """A bid for a lot."""
    found = PowerBid.objects.filter(organization=farm.organization, lot__state="OPEN", withdrawn_at=None)
    return found.select_related("lot").first() or power.place_bid(
        lot=_list_lot(farm),
        site=farm.stand.site,
        kw=Decimal(10),
        price=Decimal("0.03"),
        actor=ME,
        now=datetime.now(UTC),
    )


def settle(farm: Farm) -> str:
    """The uid of a lot that is settled."""
    found = PowerLot.objects.filter(organization=farm.organization, state="AWARDED").first()
    if found is None:
        found = bid(farm).lot
        power.award(lot=found, actor=ME, now=datetime.now(UTC))
    return str(found.uid)


def _list_lot(farm: Farm) -> PowerLot:
    body = describe_lot()
    times = {name: datetime.fromisoformat(body[name]) for name in ("starts_at", "ends_at", "closes_at")}
    figures = {name: Decimal(body[name]) for name in ("kw", "floor_price")}
    return power.list_lot(
        organization=farm.organization,
        described=power.Described(**body | times | figures),
        actor=ME,
        now=datetime.now(UTC),
    )


def offer_heat(farm: Farm) -> HeatOffer:
    """An offer to an open demand of the farm's own."""
    found = HeatOffer.objects.filter(demand__state="OPEN", organization=farm.organization, withdrawn_at=None)
    return found.select_related("demand").first() or heat_scene.offer(
        farm.organization, farm.organization, now=datetime.now(UTC), name=_name()
    )


def list_demand(farm: Farm) -> str:
    """The uid of an open demand."""
    found = HeatDemand.objects.filter(organization=farm.organization, state="OPEN").first()
    return str((found or offer_heat(farm).demand).uid)


def fill(farm: Farm) -> None:
    """Make one of everything now."""
    settle(farm)
    for make in (bid, list_lot, offer_heat, warm, read_meter):
        make(farm)


def warm(farm: Farm) -> Site:
    """A site whose heat is warm enough, and that offers it to nobody."""
    found = HeatOffer.objects.filter(organization=farm.organization).exclude(withdrawn_at=None).first()
    if found is not None:
        return found.site
    other = heat_scene.offer(farm.organization, farm.organization, now=datetime.now(UTC), name=_name())
    other.demand.offers.update(withdrawn_at=datetime.now(UTC))
    return other.site


def agree(farm: Farm) -> HeatContract:
    """A running contract."""
    found = HeatContract.objects.filter(buyer=farm.organization, ended_at=None).first()
    return found or heat_scene.agree(
        farm.organization, farm.organization, now=datetime.now(UTC) - HOUR, name=_name()
    )


def read_meter(farm: Farm) -> HeatReading:
    """A reading that waits for an answer."""
    found = HeatReading.objects.filter(contract__buyer=farm.organization, state="ENTERED").first()
    return found or heat_scene.read(agree(farm), "10", now=datetime.now(UTC), confirmed=False)


def _name() -> str:
    return f"warm {Site.objects.count()}"
