"""What the FX book draws: figures of days on one scale, limits, and rates crossed within a source and day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.fx.charts import Point, draw, list_levels
from billing.fx.history import cross_rates, follow_back, list_usages
from billing.fx.positions import Exposure
from billing.models import FxRate

SINCE, UNTIL = date(2026, 1, 1), date(2026, 1, 11)


@pytest.mark.parametrize(
    ("low", "high", "levels"),
    [
        ("0", "0", "0 0.25"),
        ("0", "83", "0 25 50 75 100"),
        ("-30", "50", "-40 -20 0 20 40 60"),
        ("-50", "-50", "-60 -40"),
        ("7.1", "7.3", "7.1 7.15 7.2 7.25 7.3"),
        ("-7.3", "-7.1", "-7.3 -7.25 -7.2 -7.15 -7.1"),
        ("5", "5", "4 6"),
    ],
)
def test_levels_are_round_and_hold_all_figures(low: str, high: str, levels: str) -> None:
    found = list_levels(Decimal(low), Decimal(high))

    assert found[0] <= Decimal(low) <= Decimal(high) <= found[-1]
    assert [str(one.normalize() + 0) for one in found] == levels.split()


def test_a_line_begins_with_what_was_before_and_ends_today() -> None:
    points = [Point(SINCE - timedelta(days=9), Decimal(50)), Point(SINCE + timedelta(days=5), Decimal(-50))]

    chart = draw(points, since=SINCE, until=UNTIL, bounds=[Decimal(100), Decimal(-100)])

    assert chart.path == "M110.0 52.0H409.0V132.0H708.0"
    assert [one.at for one in chart.bounds] == [Decimal("12.0"), Decimal("172.0")]
    assert chart.zero == 92
    assert len(chart.days) == 4


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw([], since=SINCE, until=UNTIL).path == ""


def say(unit: str, currency: str, rate: str, *, source: str = "ECB", hour: int = 0, day: int = 1) -> FxRate:
    at = datetime(2026, 1, day, hour, tzinfo=UTC)
    return FxRate(source=source, unit=unit, currency=currency, rate=Decimal(rate), as_of=at)


def test_rates_are_crossed_within_one_source_and_day() -> None:
    said = [
        say("EUR", "USD", "1.2"),
        say("EUR", "CNY", "8"),
        say("EUR", "CNY", "8.4", day=2),
        say("USD", "CNH", "8", source="OPERATOR", day=2),
        say("CNH", "USD", "0.125", source="OPERATOR", day=3),
        say("USD", "CNH", "10", source="OPERATOR", day=3, hour=5),
    ]

    found = cross_rates(said, currencies=["CNH", "CNY", "EUR", "USDC"])

    assert found == {
        "CNH": [Point(date(2026, 1, 2), Decimal("0.125")), Point(date(2026, 1, 3), Decimal("0.1"))],
        "CNY": [Point(date(2026, 1, 1), Decimal("0.15"))],
        "EUR": [Point(date(2026, 1, 1), Decimal("1.2"))],
    }


def test_positions_are_followed_back_from_what_they_are() -> None:
    day = SINCE + timedelta(days=3)

    found = follow_back(amount=Decimal(-5), moves=[Point(day, Decimal(-15))], since=SINCE)

    assert found == [Point(SINCE, Decimal(10)), Point(day, Decimal(-5))]


@pytest.mark.parametrize(
    ("amount", "limit", "share", "width"),
    [("-25", "100", "25.0", "25.0"), ("150", "100", "150.0", "100")],
)
def test_a_limit_is_taken_as_far_as_drawn(amount: str, limit: str, share: str, width: str) -> None:
    one = Exposure("HK", "CNH", Decimal(amount), Decimal(0), None, None, Decimal(limit))

    [usage] = list_usages([one])

    assert (usage.share, usage.width) == (Decimal(share), Decimal(width))
