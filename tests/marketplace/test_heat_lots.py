"""Heat from demand to money: offers, contracts, readings, and what a wallet pays."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from accounts import audit, organizations
from accounts.models import Organization
from billing import earnings, verification, wallets
from billing import heat as bills
from billing.models import Entry, HeatCharge
from core.money import Money
from marketplace import site_energy
from marketplace.lots import heat, readings
from marketplace.models import HeatContract, HeatDemand, HeatOffer, HeatReading, Site
from tests.databases import Database
from tests.market import fund_wallet
from tests.marketplace.listings import NOW

DAY = timedelta(days=1)
ME = audit.SYSTEM
DEMAND = heat.Described(
    place="Swimming hall",
    country="CN",
    kw=Decimal(800),
    supply_c=Decimal(55),
    distance_km=Decimal(3),
    season_start="01-01",
    season_end="12-31",
    prices=[{"price": "0.02"}],
    currency="USD",
)
OFFERED: dict[str, Any] = {"kw": Decimal(700), "distance_km": Decimal(2), "heat_reused": Decimal("0.4")}


@pytest.fixture
def town(db: Database) -> Organization:
    """Who buys heat."""
    return organizations.create_organization(name="Town", country="CN", now=NOW)


@pytest.fixture
def warm(dam: Site) -> Site:
    """A site whose heat leaves with 60 degrees."""
    energy = site_energy.Energy(pue=dam.pue, heat_supply_c=Decimal(60), cooling="IMMERSION")
    site_energy.set_energy(site=dam, energy=energy, actor=ME, now=NOW)
    return dam


def list_demand(town: Organization, **changes: Any) -> HeatDemand:
    return heat.list_demand(organization=town, described=replace(DEMAND, **changes), actor=ME, now=NOW)


def offer(demand: HeatDemand, site: Site, **changes: Any) -> HeatOffer:
    return heat.offer_heat(demand=demand, site=site, actor=ME, now=NOW, **OFFERED | changes)


def agree(town: Organization, site: Site, fee_bps: int = 0, **changes: Any) -> HeatContract:
    return heat.accept_offer(
        offer=offer(list_demand(town, **changes), site),
        fee_bps=fee_bps,
        meter_start_kwh=Decimal(100),
        actor=ME,
        now=NOW,
    )


def read(contract: HeatContract, total: str, days: int = 1, **more: Any) -> HeatReading:
    corrects = more.pop("corrects", False)
    shown = readings.Shown(read_at=NOW + days * DAY, total_kwh=Decimal(total), **more)
    return readings.enter(contract=contract, shown=shown, corrects=corrects, actor=ME, now=NOW + days * DAY)


def confirm(reading: HeatReading) -> HeatReading:
    return readings.confirm(reading=reading, digest=reading.digest, actor=ME, now=reading.entered_at)


def find_money(town: Organization, farm: Organization) -> tuple[Decimal, Decimal]:
    """What the buyer has and what the provider has earned."""
    wallet = wallets.find_wallet(organization_id=town.pk, currency="USD")
    earned = {one.currency: one.payable for one in earnings.list_earnings(organization_id=farm.pk)}
    return wallet.available.amount, earned["USD"]


@pytest.mark.parametrize(
    ("demand", "offered", "field"),
    [
        ({"supply_c": Decimal("60.01")}, {}, "site"),
        ({"country": "DE"}, {}, "site"),
        ({"currency": "EUR"}, {}, "site"),
        ({}, {"distance_km": Decimal("3.001")}, "distance_km"),
        ({}, {"kw": Decimal(801)}, "kw"),
        ({}, {"heat_reused": Decimal(0)}, "heat_reused"),
    ],
)
def test_heat_that_is_too_cold_or_too_far_is_refused(
    town: Organization, warm: Site, demand: dict[str, Any], offered: dict[str, Any], field: str
) -> None:
    wanted = list_demand(town, **demand)

    with pytest.raises(heat.HeatInvalid) as refused:
        offer(wanted, warm, **offered)

    assert refused.value.extra["field"] == field


def test_a_contract_gives_prices_the_credit_of_its_season(town: Organization, warm: Site) -> None:
    contract = agree(town, warm, fee_bps=500, season_start="10-01", season_end=f"{NOW:%m-%d}")

    row = site_energy.find_energy(site=Site.objects.get(pk=warm.pk))
    assert (row.heat_price, row.heat_reused) == (Decimal("0.019"), Decimal("0.4"))
    assert row.heat_source == f"heat contract {contract.uid}"
    assert row.cooling == "IMMERSION"

    assert heat.follow_seasons(now=NOW + 2 * DAY) == 1
    assert heat.follow_seasons(now=NOW + 2 * DAY) == 0
    assert site_energy.find_energy(site=Site.objects.get(pk=warm.pk)).heat_price == 0
    with pytest.raises(heat.HeatSold):
        offer(list_demand(town), warm)
    heat.end_contract(contract=contract, actor=ME, now=NOW + 3 * DAY)
    assert site_energy.find_energy(site=Site.objects.get(pk=warm.pk)).heat_source == ""
    offer(list_demand(town), warm)


def test_what_the_meter_shows_is_paid_once(town: Organization, farm: Organization, warm: Site) -> None:
    fund_wallet(town, amount="10")
    contract = agree(town, warm, fee_bps=250)
    reading = read(contract, "223.457")
    assert read(contract, "223.457") == reading
    assert find_money_of(town) == 10

    confirm(reading)
    confirm(reading)

    # 123.457 kWh at 0.02, of which 2.5 % is the platform's: 0.0617285.
    assert find_money(town, farm) == (Decimal("7.530860000"), Decimal("2.407411500"))
    wallet = wallets.find_wallet(organization_id=town.pk, currency="USD")
    line = wallets.list_statement(wallet=wallet)[0]
    assert (line.kind, line.amount) == ("HEAT", Money.parse("-2.46914", "USD"))
    assert line.key == f"heat:{contract.uid}:1"
    assert verification.verify() == []


def find_money_of(town: Organization) -> Decimal:
    return wallets.find_wallet(organization_id=town.pk, currency="USD").available.amount


def test_a_wallet_that_is_empty_owes_and_pays_when_it_can(
    town: Organization, farm: Organization, warm: Site
) -> None:
    contract = agree(town, warm)
    reading = confirm(read(contract, "1100"))
    assert readings.find_payment(reading=reading) == "DUE"
    fund_wallet(town, amount="19")
    assert bills.post_due() == 0
    # What a correction gives back waits behind what was not paid yet.
    confirm(read(contract, "1050", 2, corrects=True, reason="misread"))
    assert bills.post_due() == 0
    assert find_money_of(town) == Decimal(19)

    fund_wallet(town, amount="2")

    assert [bills.post_due(), bills.post_due(), bills.post_due()] == [1, 1, 0]
    assert readings.find_payment(reading=reading) == "PAID"
    assert find_money(town, farm) == (Decimal(2), Decimal(19))
    assert verification.verify() == []


def test_a_correction_settles_the_difference(town: Organization, farm: Organization, warm: Site) -> None:
    fund_wallet(town, amount="100")
    contract = agree(town, warm, fee_bps=100)
    confirm(read(contract, "1100"))
    with pytest.raises(heat.HeatInvalid):
        read(contract, "1000", 2)
    with pytest.raises(heat.HeatInvalid, match="why"):
        read(contract, "1000", 2, corrects=True)
    objected = read(contract, "600", 2, corrects=True, reason="digits were swapped")
    readings.object_to(reading=objected, objection="it was 700", actor=ME, now=NOW + 2 * DAY)
    with pytest.raises(readings.ReadingObjected):
        read(contract, "1200", 3)
    right = confirm(read(contract, "700", 3, corrects=True, reason="so it was"))

    assert right.amount == Decimal(-8)
    assert find_money(town, farm) == (Decimal(88), Decimal("11.88"))
    states = list(HeatReading.objects.order_by("number").values_list("state", flat=True))
    assert states == ["CHARGED", "REPLACED", "CHARGED"]
    with pytest.raises(readings.ReadingSettled):
        confirm(objected)
    assert verification.verify() == []


def test_silence_is_consent_after_a_week_and_an_objection_is_not(town: Organization, warm: Site) -> None:
    fund_wallet(town, amount="100")
    contract = agree(town, warm)
    read(contract, "200")
    doubted = read(contract, "300", 2)
    readings.object_to(reading=doubted, objection="no", actor=ME, now=NOW + 2 * DAY)

    assert readings.charge_silent(now=NOW + 7 * DAY) == 0
    assert readings.charge_silent(now=NOW + 60 * DAY) == 1

    assert find_money_of(town) == 98
    assert Entry.objects.filter(kind="HEAT").count() == HeatCharge.objects.count() == 1


def test_readings_are_kept(town: Organization, warm: Site) -> None:
    reading = read(agree(town, warm), "200")

    for change in (
        lambda: HeatReading.objects.update(total_kwh=201),
        lambda: HeatReading.objects.all().delete(),
        lambda: HeatContract.objects.update(fee_bps=9),
        lambda: HeatCharge.objects.update(amount=1),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    with pytest.raises(readings.ReadingSettled):
        readings.confirm(reading=reading, digest="0" * 64, actor=ME, now=NOW + 2 * DAY)
