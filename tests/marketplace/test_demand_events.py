"""Demand response: events as they come, what they do to cards, and prices as a signal."""

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts import audit
from core.sql import REPOSITORY
from marketplace import demand_events, openadr, publishing, site_tariffs
from marketplace.models import DemandEvent, Offer, Site
from marketplace.tariffs.supplies import Direction
from tests.marketplace.listings import NOW
from tests.marketplace.test_publishing import find_price, set_tariff

HOUR = timedelta(hours=1)
SETPOINT = "DISPATCH_SETPOINT_RELATIVE"


def ask(kw: object = -500, *, hours: int = 2, **payloads: object) -> dict[str, Any]:
    """An event two hours from now, an hour long."""
    start = (NOW + hours * HOUR).isoformat()
    given = [{"type": SETPOINT, "values": [kw]}]
    given += [{"type": kind, "values": [value]} for kind, value in payloads.items()]
    return {
        "objectType": "EVENT",
        "programID": "peak",
        "eventName": f"hour {hours}",
        "intervalPeriod": {"start": start, "duration": "PT1H"},
        "intervals": [{"id": 0, "payloads": given}],
    }


def take(site: Site, document: dict[str, Any]) -> list[DemandEvent]:
    """Take an event."""
    return demand_events.take_event(
        site=site, event=openadr.read_event(document), actor=audit.SYSTEM, now=NOW
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"objectType": "REPORT"}, "objectType"),
        ({"eventName": ""}, "eventName"),
        ({"intervals": []}, "intervals"),
        ({"intervalPeriod": None}, "intervals[0].intervalPeriod"),
        ({"intervalPeriod": {"start": "2030-01-15T14:00:00", "duration": "PT1H"}}, "intervalPeriod.start"),
        ({"intervalPeriod": {"start": "2030-01-15T14:00:00Z", "duration": "P"}}, "intervalPeriod.duration"),
        ({"intervals": [{"payloads": []}]}, "intervals[0].payloads"),
        ({"intervals": [{"payloads": [{"type": "SIMPLE", "values": [1]}]}]}, "intervals[0].payloads"),
        (
            {"intervals": [{"payloads": [{"type": SETPOINT, "values": [0]}]}]},
            f"intervals[0].payloads.{SETPOINT}",
        ),
        (
            {"intervals": [{"payloads": [{"type": SETPOINT, "values": ["much"]}]}]},
            f"intervals[0].payloads.{SETPOINT}",
        ),
    ],
)
def test_what_is_not_understood_is_refused_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(openadr.EventInvalid) as refused:
        openadr.read_event({**ask(), **change})

    assert refused.value.extra["field"] == field


def test_intervals_without_a_time_of_their_own_follow_each_other() -> None:
    document = ask()
    document["intervals"] *= 3

    wishes = openadr.read_event(document).wishes

    assert [wish.start - NOW for wish in wishes] == [2 * HOUR, 3 * HOUR, 4 * HOUR]
    assert {wish.end - wish.start for wish in wishes} == {HOUR}


def test_the_event_of_the_manual_is_understood() -> None:
    page = (REPOSITORY / "docs/reference/tariffs.md").read_text(encoding="utf-8")
    block = re.search(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert block is not None

    (wish,) = openadr.read_event(json.loads(block.group(1))).wishes

    assert (wish.direction, wish.kw, wish.end - wish.start) == (Direction.SHED, Decimal(200), 2 * HOUR)
    assert (wish.pay_per_kwh, wish.penalty_per_kwh) == (Decimal("0.4"), Decimal("0.1"))


def test_shedding_makes_the_hour_dear_and_cards_say_so(live: Offer) -> None:
    set_tariff(live.site)
    take(live.site, ask(PRICE="0.40"))

    publishing.publish_ahead(now=NOW + timedelta(minutes=1))

    # 20:00 in Shanghai: no valley.
    before, meanwhile = NOW + 1.5 * HOUR, NOW + 2.5 * HOUR
    assert find_price(live, before) == Decimal("0.06")
    assert find_price(live, meanwhile) == Decimal("0.46")


def test_what_was_called_off_counts_for_nothing(live: Offer) -> None:
    set_tariff(live.site)
    event = take(live.site, ask(PRICE="0.40"))[0]
    publishing.publish_ahead(now=NOW + timedelta(minutes=1))

    demand_events.call_off(event=event, actor=audit.SYSTEM, now=NOW)
    publishing.publish_ahead(now=NOW + timedelta(minutes=2))

    assert find_price(live, NOW + 2.5 * HOUR) == Decimal("0.06")


def test_two_things_at_once_are_refused_and_neither_is_half_taken(live: Offer) -> None:
    take(live.site, ask(hours=4))
    long = ask(hours=3)
    long["intervals"] *= 3

    with pytest.raises(demand_events.EventOverlaps):
        take(live.site, long)

    assert DemandEvent.objects.count() == 1


def test_the_past_cannot_be_asked_for_anything(live: Offer) -> None:
    with pytest.raises(openadr.EventInvalid, match="past"):
        take(live.site, ask(hours=-1))


def test_the_database_keeps_events_as_they_were(live: Offer) -> None:
    event = take(live.site, ask())[0]

    with pytest.raises(IntegrityError, match="stays as it was"), transaction.atomic():
        DemandEvent.objects.filter(pk=event.pk).update(kw=1)


def test_prices_ahead_are_a_signal_that_others_can_follow(live: Offer) -> None:
    set_tariff(live.site)
    outlook = site_tariffs.look_at(site=live.site, start=NOW, end=NOW + 48 * HOUR)

    signal = openadr.write_prices(
        name="dam", programme="prices", currency="USD", stretches=outlook.stretches, made_at=NOW
    )

    first = signal["intervals"][0]
    assert first["intervalPeriod"] == {"start": "2030-01-15T12:00:00Z", "duration": "PT46800S"}
    assert first["payloads"] == [{"type": "PRICE", "values": ["0.06"]}]
    assert signal["payloadDescriptors"][0]["currency"] == "USD"
