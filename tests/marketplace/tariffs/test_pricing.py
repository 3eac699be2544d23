"""Prices of the tariffs in the documentation, hour by hour, as one would work them out by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from core.money import CurrencyMismatch
from marketplace.tariffs.documents import content_hash, parse_tariff
from marketplace.tariffs.pricing import segments
from marketplace.tariffs.refusals import NotInForce, TariffInvalid
from marketplace.tariffs.series import Basis
from marketplace.tariffs.tariff import PowerSite, Tariff, load_zone
from tests.marketplace.tariffs.examples import ask, document, price, prices, said, site, tariff, utc

HOUR = timedelta(hours=1)


def test_gansu_is_cheapest_at_noon() -> None:
    found = price("gansu", utc(2026, 3, 1), utc(2026, 3, 2))

    assert said(found) == [
        ("01 00:00", "01 01:00", "0.548"),
        ("01 01:00", "01 09:00", "0.248"),
        ("01 09:00", "01 15:00", "0.548"),
        ("01 15:00", "01 23:00", "0.398"),
        ("01 23:00", "02 00:00", "0.548"),
    ]
    assert found[1].components == {"energy": Decimal("0.15"), "network": Decimal("0.098")}


def test_a_segment_says_why() -> None:
    noon = price("gansu", utc(2026, 3, 1), utc(2026, 3, 2)).at(utc(2026, 3, 1, 4))

    assert noon.provenance.tariff == content_hash(tariff=tariff("gansu"))
    assert noon.provenance.reasons["energy"].text == "times 0.5 (valley)"
    assert noon.provenance.reasons["network"].text == "stated"
    assert not noon.provenance.forecast


@pytest.mark.parametrize(
    ("local", "energy"),
    [
        ("2026-07-13T15:00", "2.05"),  # a Monday in the high season
        ("2026-10-12T15:00", "1.85"),  # a Monday in the other season
        ("2026-10-10T15:00", "1.85"),  # a Saturday that is worked
        ("2026-10-17T15:00", "1"),  # a Saturday that is not
        ("2026-10-01T11:00", "0.2"),  # a Thursday that is a holiday
        ("2026-10-01T15:00", "0.4"),
        ("2026-12-31T15:00", "2.05"),  # the high season wraps New Year
        ("2027-01-04T15:00", "2.05"),
        ("2027-02-01T15:00", "1.85"),
        ("2026-07-13T23:30", "0.4"),  # a window wraps midnight
        ("2026-07-14T07:59", "0.4"),
        ("2026-07-14T08:00", "1.85"),
    ],
)
def test_zhejiang_has_five_tiers(local: str, energy: str) -> None:
    moment = datetime.fromisoformat(f"{local}:00+08:00").astimezone(UTC)

    segment = price("zhejiang", moment, moment + timedelta(minutes=1))[0]

    assert segment.components["energy"] == Decimal("0.45") * Decimal(energy)
    assert segment.components["network"] == Decimal("0.15")
    assert segment.components["levies"] == Decimal("0.03")


def test_beyond_the_calendar_a_price_is_a_forecast() -> None:
    found = price("zhejiang", utc(2026, 12, 31), utc(2027, 1, 2))

    assert not found.at(utc(2026, 12, 31, 15, 59)).forecast
    after = found.at(utc(2026, 12, 31, 16))
    assert after.forecast
    assert after.provenance.reasons["energy"].basis is Basis.ASSUMED
    assert "calendar cn ends before" in after.provenance.reasons["energy"].text


def test_a_tariff_with_holidays_needs_its_calendar() -> None:
    with pytest.raises(TariffInvalid, match="calendar cn"):
        segments(
            tariff=tariff("zhejiang"),
            site=PowerSite(name="hall", currency="CNY"),
            start=utc(2026, 8, 1),
            end=utc(2026, 8, 2),
            series={},
        )


def test_in_guizhou_only_energy_and_losses_float() -> None:
    found = price("guizhou", utc(2026, 3, 1), utc(2026, 3, 2))

    peak, valley = found.at(utc(2026, 3, 1, 10)).components, found.at(utc(2026, 3, 1, 16)).components
    assert (peak["energy"], valley["energy"]) == (Decimal("0.33"), Decimal("0.11"))
    assert (peak["losses"], valley["losses"]) == (Decimal("0.0165"), Decimal("0.0055"))
    assert {name: peak[name] for name in ("network", "system", "funds")} == {
        "network": Decimal("0.08"),
        "system": Decimal("0.02"),
        "funds": Decimal("0.03"),
    }
    assert {name: valley[name] for name in ("network", "system", "funds")} == {
        name: peak[name] for name in ("network", "system", "funds")
    }


def test_losses_that_do_not_float_are_of_the_price_before() -> None:
    changed = document("guizhou")
    changed["components"][1]["floats"] = False

    found = ask(parse_tariff(changed), utc(2026, 3, 1), utc(2026, 3, 2))

    assert {one.components["losses"] for one in found} == {Decimal("0.011")}
    assert len({one.components["energy"] for one in found}) == 3


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 29), 23),
        ("Europe/Berlin", (2026, 10, 25), 25),
        ("America/New_York", (2026, 3, 8), 23),
        ("America/New_York", (2026, 11, 1), 25),
        ("Australia/Lord_Howe", (2026, 4, 5), 24),
    ],
)
def test_days_of_23_and_25_hours_are_priced_whole(zone: str, day: tuple[int, int, int], hours: int) -> None:
    changed = document("gansu")
    changed["zone"] = zone
    changed["multipliers"] = [
        {"start": "00:00", "end": "02:30", "multiplier": "1"},
        {"start": "02:30", "end": "24:00", "multiplier": "2"},
    ]
    what = parse_tariff(changed)
    begin = datetime(*day, tzinfo=what_zone(what))
    end = (begin + timedelta(days=1)).astimezone(UTC)

    found = ask(what, begin.astimezone(UTC), end)

    assert sum(one.hours for one in found) == hours + (Decimal("0.5") if "Lord" in zone else 0)
    night = sum(one.hours for one in found if one.components["energy"] == Decimal("0.3"))
    # The clock skips or repeats 02:00 to 03:00 (in New York 01:00 to 02:00 in autumn, Lord Howe half of it).
    expected = {
        ("Europe/Berlin", 23): "2",
        ("Europe/Berlin", 25): "3",
        ("America/New_York", 23): "2",
        ("America/New_York", 25): "3.5",
        ("Australia/Lord_Howe", 24): "3",
    }
    assert night == Decimal(expected[zone, hours])


def what_zone(what: Tariff) -> ZoneInfo:
    return load_zone(what.zone)


def test_a_version_is_asked_only_while_it_is_in_force() -> None:
    last = datetime(2027, 2, 1, tzinfo=load_zone("Asia/Shanghai")).astimezone(UTC)

    assert price("guizhou", last - HOUR, last)[-1].end == last
    with pytest.raises(NotInForce, match="only until 2027-02-01"):
        price("guizhou", last - HOUR, last + HOUR)
    with pytest.raises(NotInForce, match="only from 2026-02-01"):
        price("guizhou", utc(2026, 1, 31), utc(2026, 2, 2))


def test_currencies_are_not_mixed() -> None:
    with pytest.raises(CurrencyMismatch):
        segments(
            tariff=tariff("gansu"), site=site("EUR"), start=utc(2026, 3, 1), end=utc(2026, 3, 2), series={}
        )
    with pytest.raises(CurrencyMismatch, match="DE-LU is in USD"):
        price("germany", utc(2026, 5, 1), utc(2026, 5, 2), prices("DE-LU", utc(2026, 5, 1), 60, ["1"], "USD"))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (utc(2026, 5, 2), utc(2026, 5, 1)),
        (utc(2026, 5, 1), utc(2026, 5, 1)),
        (utc(2026, 5, 1), utc(2032, 5, 1)),
        (datetime(2026, 5, 1), utc(2026, 5, 2)),  # noqa: DTZ001
        (utc(2026, 5, 1), utc(2026, 5, 2) + timedelta(microseconds=1)),
    ],
)
def test_a_span_that_is_none_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(TariffInvalid):
        price("gansu", start, end)
