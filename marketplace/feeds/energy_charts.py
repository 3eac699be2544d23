"""
Day-ahead prices of European bidding zones from Energy-Charts (Fraunhofer ISE), which needs no key.

https://api.energy-charts.info: `/price?bzn=DE-LU&start=...&end=...` answers with two lists of equal length,
`unix_seconds` and `price`, and the unit as a text. Prices that are not there are null. The licence (mostly
CC BY 4.0) is named in the answer.
"""

from datetime import UTC, datetime
from urllib.parse import urlencode

from marketplace.feeds.points import (
    FeedNonsense,
    Point,
    Reading,
    Span,
    find_resolution,
    get_field,
    read_json,
    read_value,
)
from marketplace.feeds.requests import Request

URL = "https://api.energy-charts.info/price"
UNIT = "EUR/MWh"
SECONDS_MAX = 4_102_444_800  # 2100


def make_request(place: str, span: Span, key: str) -> Request:
    """Ask for a bidding zone such as `DE-LU`."""
    moments = {"start": span.start, "end": span.end}
    texts = {name: f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for name, moment in moments.items()}
    return Request(f"{URL}?{urlencode({'bzn': place, **texts})}")


def read_answer(body: bytes, place: str) -> Reading:
    """
    Read the two lists.

    :raises FeedNonsense: with what is wrong
    """
    answer = read_json(body)
    seconds, prices = get_field(answer, "unix_seconds", list), get_field(answer, "price", list)
    unit = get_field(answer, "unit", str).replace(" ", "")
    if unit != UNIT:
        raise FeedNonsense(f"prices are in {unit[:40]}, not in {UNIT}", field="unit")
    if len(seconds) != len(prices):
        raise FeedNonsense(f"{len(seconds)} times and {len(prices)} prices", field="price")
    starts = [_read_second(second) for second in seconds]
    points = tuple(
        Point(start, read_value(price, start.isoformat()))
        for start, price in zip(starts, prices, strict=True)
        if price is not None
    )
    return Reading(points, find_resolution(starts), "MWh", "EUR")


def _read_second(second: object) -> datetime:
    if isinstance(second, bool) or not isinstance(second, int) or not 0 <= second < SECONDS_MAX:
        raise FeedNonsense(f"{str(second)[:40]} is no moment", field="unix_seconds")
    return datetime.fromtimestamp(second, UTC)
