"""
Series from CSV files, in two shapes.

Ours: `starts_at,value` and, if wanted, `estimated`; moments are ISO 8601 with an offset. What a value is (its
currency and unit) the file does not say and whoever imports it does. And what the gridstatus library writes
of American grid operators: `Interval Start`, `Interval End`, `Location` and the price per MWh in dollars in
`LMP` or `SPP`, for as many locations as there are.
"""

import csv
from collections.abc import Callable, Iterable
from datetime import timedelta

from marketplace.feeds.points import (
    FeedNonsense,
    Point,
    Reading,
    find_resolution,
    read_moment,
    read_value,
)

OURS = {"starts_at", "value"}
GRIDSTATUS = {"Interval Start", "Interval End", "Location"}
GRIDSTATUS_PRICES = ("LMP", "SPP")
TRUTH = {"": False, "true": True, "false": False}

type Line = dict[str, str]


def read_file(lines: Iterable[str], *, unit: str, currency: str, location: str = "") -> Reading:
    """
    Read either shape; points ascend.

    :param location: of a gridstatus file the one that is wanted; not needed if there is only one

    :raises FeedNonsense: naming line and field
    """
    table = csv.DictReader(lines, strict=True)
    columns = _read_header(table)
    if columns >= OURS:
        read = _read_line
    elif columns >= GRIDSTATUS and columns & set(GRIDSTATUS_PRICES):
        if (currency, unit) != ("USD", "MWh"):
            raise FeedNonsense("line 1: such files hold USD/MWh", field="unit")
        read = _read_interval
        location = location or "*"
    else:
        raise FeedNonsense(f"line 1: the columns are not {', '.join(sorted(OURS))}", field="header")
    points = _read_lines(table, read, location)
    return Reading(tuple(points), find_resolution([point.starts_at for point in points]), unit, currency)


def _read_header(table: "csv.DictReader[str]") -> set[str]:
    try:
        return set(table.fieldnames or ())
    except csv.Error as error:
        raise FeedNonsense(f"line 1: {error}", field="header")


def _read_lines(table: "csv.DictReader[str]", read: Callable[[Line], Point], location: str) -> list[Point]:
    points: list[Point] = []
    chosen = location
    try:
        for line in table:
            where = f"line {table.line_num}"
            if None in line or None in line.values():
                raise FeedNonsense(f"{where}: another number of fields than columns", field="row")
            if location:
                chosen = line["Location"] if chosen == "*" else chosen
                if line["Location"] != chosen:
                    if location == "*":
                        raise FeedNonsense(f"{where}: there are several; choose one", field="Location")
                    continue
            try:
                points.append(read(line))
            except FeedNonsense as refusal:
                raise FeedNonsense(f"{where}: {refusal.message}", **refusal.extra)
            if len(points) > 1 and points[-1].starts_at <= points[-2].starts_at:
                raise FeedNonsense(f"{where}: time does not go on", field="starts_at")
    except csv.Error as error:
        raise FeedNonsense(f"line {table.line_num}: {error}", field="row")
    return points


def _read_line(line: Line) -> Point:
    start = read_moment(line["starts_at"])
    word = line.get("estimated", "").lower()
    if word not in TRUTH:
        raise FeedNonsense(f"{word[:20]!r} is neither true nor false", field="estimated")
    return Point(start, read_value(line["value"], start.isoformat()), TRUTH[word])


def _read_interval(line: Line) -> Point:
    start, end = read_moment(line["Interval Start"]), read_moment(line["Interval End"])
    if not timedelta(0) < end - start <= timedelta(hours=1):
        raise FeedNonsense(f"an interval ends at {end.isoformat()}", field="Interval End")
    price = next(line[name] for name in GRIDSTATUS_PRICES if name in line)
    return Point(start, read_value(price, start.isoformat()))
