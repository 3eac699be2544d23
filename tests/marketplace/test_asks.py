"""Which published price counts when, and how the hours ahead are drawn."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from marketplace.asks import Ask, cut_asks, find_lowest
from marketplace.pages.steps import Step, draw_steps, list_levels

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = NOON + timedelta(hours=24)


def at(hours: int) -> datetime:
    return NOON + timedelta(hours=hours)


def make_ask(start: int, price: str, *, number: int = 1, end: datetime = DAY) -> Ask:
    nothing = Decimal(0)
    return Ask(at(start), end, UUID(int=number), number, nothing, nothing, Decimal(price), nothing)


def tell(asks: list[Ask]) -> list[tuple[int, int, int]]:
    return [
        (int((ask.start - NOON) / timedelta(hours=1)), int((ask.end - NOON) / timedelta(hours=1)), ask.number)
        for ask in asks
    ]


def test_a_later_card_and_a_higher_number_overtake() -> None:
    asks = [make_ask(-5, "1"), make_ask(3, "2", number=2), make_ask(3, "3", number=3)]

    assert tell(cut_asks(asks, start=NOON, end=DAY)) == [(0, 3, 1), (3, 24, 3)]


def test_a_card_that_runs_out_leaves_a_gap() -> None:
    asks = [make_ask(-5, "1", end=at(2)), make_ask(6, "2", number=2)]

    assert tell(cut_asks(asks, start=NOON, end=DAY)) == [(0, 2, 1), (6, 24, 2)]


def test_the_lowest_of_several_offers_counts_at_each_time() -> None:
    steady = [make_ask(0, "2")]
    moving = [make_ask(0, "3", number=2, end=at(4)), make_ask(4, "1", number=3, end=at(8))]

    found = find_lowest([steady, moving], start=NOON, end=DAY)

    assert tell([replace(one.ask, start=one.start, end=one.end) for one in found]) == [
        (0, 4, 1),
        (4, 8, 3),
        (8, 24, 1),
    ]
    assert [one.offer for one in found] == [0, 1, 0]


def test_days_begin_where_the_reader_is_and_surplus_is_shaded() -> None:
    steps = [Step(NOON, at(6), Decimal("0.4")), Step(at(6), DAY, Decimal("0.1"), is_surplus=True)]

    chart = draw_steps([steps], start=NOON, end=DAY, zone=ZoneInfo("Asia/Shanghai"))

    # Midnight in Shanghai is four hours after noon in UTC.
    [day] = chart.days
    assert day.at == (chart.left + Decimal(chart.right - chart.left) * 4 / 24).quantize(Decimal("0.1"))
    [line] = chart.lines
    assert [shade.x for shade in line.shades] == [
        (chart.left + Decimal(chart.right - chart.left) / 4).quantize(Decimal("0.1"))
    ]
    # One stroke, because there is no gap.
    assert line.path.count("M") == 1


def test_the_scale_begins_at_nothing_unless_prices_are_close() -> None:
    assert list_levels(Decimal("0.1"), Decimal("0.4"))[0] == 0
    close = list_levels(Decimal("0.31"), Decimal("0.36"))
    assert 0 < close[0] < Decimal("0.31")
    assert close[-1] >= Decimal("0.36")
