"""Charts of the hours ahead: columns stand on nothing, credits hang from it, and hours are marked."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from workers.pages.charts import BOTTOM, HEIGHT, Column, draw

START = datetime(2030, 6, 3, 3, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make_column(number: int, *, surplus: bool = False, **parts: str) -> Column:
    sizes = tuple((name, Decimal(size)) for name, size in parts.items())
    return Column(START + number * HOUR, START + (number + 1) * HOUR, sizes, surplus, f"hour {number}")


def test_columns_stand_on_nothing_and_credits_hang_from_it() -> None:
    chart = draw([make_column(0, chip="3", heat="-1", electricity="1")], zone=UTC)

    chip, heat, electricity = chart.stacks[0].bars
    assert Decimal(chip.y) + Decimal(chip.height) == Decimal(chart.zero)
    assert Decimal(heat.y) == Decimal(chart.zero)
    assert Decimal(electricity.y) + Decimal(electricity.height) == Decimal(chip.y)
    assert [level.text for level in chart.levels] == ["-2", "0", "2", "4"]


def test_a_sliver_below_nothing_stays_inside_the_chart() -> None:
    chart = draw([make_column(0, chip="4", heat="-0.01")], zone=UTC)

    heat = chart.stacks[0].bars[1]
    assert chart.levels[0].text == "0"
    assert Decimal(heat.y) + Decimal(heat.height) <= HEIGHT - BOTTOM


def test_columns_lie_side_by_side_over_the_whole_width() -> None:
    chart = draw([make_column(n, chip="1", electricity="0") for n in range(48)], zone=UTC)

    bars = [bar for stack in chart.stacks for bar in stack.bars]
    assert len(bars) == 48
    assert Decimal(bars[0].x) == chart.left
    assert Decimal(bars[-1].x) + Decimal(bars[-1].width) == chart.width
    ends = [Decimal(one.x) + Decimal(one.width) for one in bars[:-1]]
    assert ends == [Decimal(one.x) for one in bars[1:]]


def test_hours_are_those_of_the_site_and_surplus_is_shaded() -> None:
    columns = [make_column(n, surplus=n == 2, chip="1") for n in range(12)]

    chart = draw(columns, zone=ZoneInfo("Asia/Shanghai"))

    # 03:20 in UTC is 11:20 there.
    assert [mark.text for mark in chart.hours] == ["12:00", "18:00"]
    [shade], bar = chart.shades, chart.stacks[2].bars[0]
    assert (shade.part, shade.x, shade.width) == ("surplus", bar.x, bar.width)
    assert Decimal(shade.y) + Decimal(shade.height) == HEIGHT - BOTTOM


def test_where_power_costs_nothing_the_chart_is_empty_and_not_broken() -> None:
    chart = draw([make_column(0, electricity="0")], zone=UTC)

    assert chart.stacks[0].bars == ()
    assert chart.levels[0].text == "0"
