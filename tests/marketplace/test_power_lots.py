"""Power lots against the database: sealed bids, one award, and the tariff that follows."""

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.models import AuditEvent, Organization
from core.errors import NotFound
from marketplace import publishing, sites
from marketplace.lots import awards, power
from marketplace.models import Offer, PowerAward, PowerBid, PowerLot, Site, SiteTariff
from tests.marketplace.conftest import DAM
from tests.marketplace.listings import NOW
from tests.marketplace.test_publishing import find_price, set_tariff

HOUR = timedelta(hours=1)
CLOSES, STARTS, ENDS = NOW + HOUR, NOW + 6 * HOUR, NOW + 12 * HOUR
ME = audit.SYSTEM


def list_lot(organization: Organization, **changes: Any) -> PowerLot:
    """List a megawatt that would be curtailed."""
    described = power.Described(
        kind="CURTAILMENT",
        country="CN",
        grid_zone="CN-GZ",
        starts_at=STARTS,
        ends_at=ENDS,
        profile={"shape": "BASELOAD"},
        kw=Decimal(1000),
        floor_price=Decimal("0.01"),
        currency="USD",
        firmness="FIRM",
        closes_at=CLOSES,
    )
    return power.list_lot(
        organization=organization, described=replace(described, **changes), actor=ME, now=NOW
    )


def bid(lot: PowerLot, site: Site, kw: int = 600, price: str = "0.02") -> PowerBid:
    """Bid, or less."""
    return power.place_bid(
        lot=lot, site=site, kw=Decimal(kw), kw_least=Decimal(1), price=Decimal(price), actor=ME, now=NOW
    )


@pytest.fixture
def lot(stranger: Organization) -> PowerLot:
    """A generator's lot."""
    return list_lot(stranger)


@pytest.fixture
def second(farm: Organization) -> Site:
    """Another site in the same zone."""
    return sites.create_site(organization=farm, described=replace(DAM, name="second"), actor=ME, now=NOW)


def test_cards_ahead_have_the_lots_price_in_its_window(lot: PowerLot, live: Offer) -> None:
    set_tariff(
        live.site,
        document={
            "multipliers": None,
            "components": [{"kind": "FIXED_ENERGY", "name": "energy", "price": "0.06"}],
        },
    )
    won = bid(lot, live.site)

    assert power.award_due(now=CLOSES) == 1
    assert awards.follow_awards(now=CLOSES) == 1
    publishing.publish_ahead(now=CLOSES)

    prices = {hours: find_price(live, NOW + hours * HOUR) for hours in (2, 5, 6, 11, 12)}
    grid, awarded = Decimal("0.06"), Decimal("0.02")
    assert prices == {2: grid, 5: grid, 6: awarded, 11: awarded, 12: grid}
    newest = SiteTariff.objects.filter(site=live.site).latest("number")
    component = newest.document["components"][-1]
    assert component["source"] == f"award {won.award.uid} of lot {lot.uid}"
    # Asked again nothing happens, and a tariff that its provider sets later keeps the lot.
    assert awards.follow_awards(now=CLOSES) == 0
    set_tariff(live.site, now=CLOSES)
    assert awards.follow_awards(now=CLOSES) == 1
    assert AuditEvent.objects.filter(action="power_lot.award", subject_uid=lot.uid).count() == 1


def test_a_site_without_a_tariff_gets_one_of_its_price_and_the_lot(lot: PowerLot, dam: Site) -> None:
    bid(lot, dam)
    power.award_early(lot=lot, actor=ME, now=NOW)

    awards.follow_awards(now=NOW)

    parts = SiteTariff.objects.get(site=dam).document["components"]
    assert [(part["kind"], part.get("price")) for part in parts] == [
        ("FIXED_ENERGY", "0.06"),
        ("SURPLUS", None),
    ]


def test_what_is_settled_stays(lot: PowerLot, dam: Site, second: Site) -> None:
    first, other = bid(lot, dam, price="0.05"), bid(lot, second, price="0.02")
    power.award_early(lot=lot, actor=ME, now=NOW)

    got = {one.bid_id: (one.kw, one.price) for one in PowerAward.objects.all()}
    assert got == {first.pk: (Decimal(600), Decimal("0.05")), other.pk: (Decimal(400), Decimal("0.02"))}
    for deed in (
        lambda: power.award(lot=lot, actor=ME, now=NOW),
        lambda: power.withdraw_lot(lot=lot, actor=ME, now=NOW),
        lambda: power.withdraw_bid(bid=other, actor=ME, now=NOW),
        lambda: bid(lot, dam),
    ):
        with pytest.raises(power.LotSettled):
            deed()
    # Nor does the database let anybody change it.
    for change in (
        lambda: PowerLot.objects.filter(pk=lot.pk).update(state="OPEN", settled_at=None),
        lambda: PowerAward.objects.update(price=1),
        lambda: PowerBid.objects.filter(pk=first.pk).update(price=1),
        lambda: PowerAward.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("changes", "figures", "field"),
    [
        ({"country": "DE"}, {}, "site"),
        ({"grid_zone": "DE-LU"}, {}, "site"),
        ({"region": "Gansu"}, {}, "site"),
        ({}, {"kw": 1001}, "kw"),
        ({"divisible": False}, {"kw": 999}, "kw"),
        ({}, {"price": "0.009"}, "price"),
    ],
)
def test_a_bid_that_does_not_fit_is_refused(
    stranger: Organization, dam: Site, changes: dict[str, Any], figures: dict[str, Any], field: str
) -> None:
    lot = list_lot(stranger, **changes)

    with pytest.raises(power.LotInvalid) as refused:
        bid(lot, dam, **figures)

    assert refused.value.extra["field"] == field


def test_bids_are_sealed_and_one_a_site(lot: PowerLot, dam: Site) -> None:
    placed = bid(lot, dam)

    with pytest.raises(NotFound):
        power.list_bids(lot=lot)
    with pytest.raises(power.BidThere):
        bid(lot, dam)
    power.withdraw_bid(bid=placed, actor=ME, now=NOW)
    bid(lot, dam, price="0.03")
    with pytest.raises(power.LotSettled):
        power.withdraw_bid(bid=placed, actor=ME, now=CLOSES)


def award_at_once(lot: PowerLot) -> list[Exception]:
    """Two workers find the deadline over; what they raised."""
    start = threading.Barrier(2)
    raised: list[Exception] = []

    def work() -> None:
        start.wait()
        try:
            with transaction.atomic():
                power.award(lot=lot, actor=ME, now=CLOSES)
        except Exception as error:  # noqa: BLE001 - the tests look at it
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_two_that_award_at_once_award_once(lot: PowerLot, dam: Site) -> None:
    bid(lot, dam)

    raised = award_at_once(lot)

    assert [type(one) for one in raised] == [power.LotSettled]
    assert PowerAward.objects.get().kw == 600


def test_without_the_lock_the_database_is_what_stops_them(
    lot: PowerLot, dam: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    bid(lot, dam)
    meet = threading.Barrier(2)

    def look(lot: PowerLot) -> PowerLot:
        found = PowerLot.objects.select_related("organization").get(pk=lot.pk)
        with suppress(threading.BrokenBarrierError):
            meet.wait(timeout=5)
        return found

    monkeypatch.setattr(power, "lock_lot", look)

    raised = award_at_once(lot)

    # Both decided; only one could write.
    assert len(raised) == 1
    assert isinstance(raised[0], DatabaseError)
    assert PowerAward.objects.get().kw == 600
