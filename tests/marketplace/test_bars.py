"""Bars of a price add up to it, and stand beside each other on one scale."""

from decimal import Decimal
from typing import Any

from marketplace.pages.bars import Bar, Priced, draw_bars, list_parts


def make_breakdown(**amounts: str) -> dict[str, Any]:
    return {
        "lines": [
            {"line": name, "per_million_tokens": {"output": amount}, "per_chip_second": "0.001"}
            for name, amount in amounts.items()
        ]
    }


def draw(*breakdowns: dict[str, Any], currencies: tuple[str, ...] = ("USD", "USD")) -> list[Bar]:
    return draw_bars(
        Priced(f"bar {number}", "", currencies[number], breakdown)
        for number, breakdown in enumerate(breakdowns)
    )


def test_parts_follow_each_other_and_end_at_the_price() -> None:
    [bar] = draw(make_breakdown(platform_fee="0.5", electricity="2", hardware="1", facility="0.5"))

    drawn = [(part.name, part.x, part.width) for part in bar.parts if part.amount]
    assert drawn == [
        ("electricity", 0, 50),
        ("hardware", 50, Decimal("37.5")),
        ("fee", Decimal("87.5"), 12.5),
    ]
    assert bar.price == 4


def test_a_credit_hangs_left_of_nothing_and_lowers_the_price() -> None:
    [bar] = draw(make_breakdown(electricity="3", heat_credit="-1"))

    heat = next(part for part in bar.parts if part.name == "heat")
    assert [heat.x, heat.width, bar.zero, bar.price] == [0, 25, 25, 2]


def test_one_currency_has_one_scale() -> None:
    dear, cheap = draw(make_breakdown(electricity="4"), make_breakdown(electricity="1"))
    _, alone = draw(
        make_breakdown(electricity="4"), make_breakdown(electricity="1"), currencies=("USD", "CNY")
    )

    assert [dear.parts[0].width, cheap.parts[0].width, alone.parts[0].width] == [100, 25, 100]


def test_lines_that_are_not_known_yet_are_drawn_too() -> None:
    bars = draw(make_breakdown(electricity="1", insurance="1"))

    assert list_parts(bars) == ["electricity", "other"]
    assert bars[0].price == 2


def test_chip_seconds_are_drawn_by_the_hour() -> None:
    [bar] = draw_bars([Priced("", "", "USD", make_breakdown(hardware="9"))], kind="chip_second")

    assert bar.price == Decimal("3.6")
