"""
Carbon intensity of consumption from Electricity Maps, which needs a key and has its own terms of use.

https://portal.electricitymaps.com: `/v3/carbon-intensity/history?zone=DE` answers with the last day under
`history`: `datetime`, `carbonIntensity` in grams CO2e per kWh, life-cycle or direct factors, and whether the
figure is an estimate, which later becomes another one.
"""

from urllib.parse import urlencode

from marketplace.feeds.points import (
    FeedNonsense,
    Point,
    Reading,
    Span,
    get_field,
    read_json,
    read_moment,
    read_value,
)
from marketplace.feeds.requests import Request

URL = "https://api.electricitymaps.com/v3/carbon-intensity/history"
FACTORS = "lifecycle"
GRANULARITIES = {"hourly": 60, "15_minutes": 15, "5_minutes": 5}


def make_request(place: str, span: Span, key: str) -> Request:
    """Ask for a zone such as `DE` or `SE-SE3`; the source decides about the span."""
    query = {"zone": place, "emissionFactorType": FACTORS}
    return Request(f"{URL}?{urlencode(query)}", {"auth-token": key})


def read_answer(body: bytes, place: str) -> Reading:
    """
    Read the history.

    :raises FeedNonsense: with what is wrong
    """
    answer = read_json(body)
    zone = get_field(answer, "zone", str)
    if zone != place:
        raise FeedNonsense(f"the answer is about {zone[:40]}", field="zone")
    word = answer.get("temporalGranularity", "hourly")
    if word not in GRANULARITIES:
        raise FeedNonsense(f"the answer is {str(word)[:40]}", field="temporalGranularity")
    rows = get_field(answer, "history", list)
    points = tuple(_read_row(row) for row in rows if not _is_unknown(row))
    return Reading(points, GRANULARITIES[word], "kWh")


def _is_unknown(row: object) -> bool:
    return isinstance(row, dict) and "carbonIntensity" in row and row["carbonIntensity"] is None


def _read_row(row: object) -> Point:
    start = read_moment(get_field(row, "datetime", str))
    assert isinstance(row, dict)  # noqa: S101  (get_field has looked)
    if row.get("emissionFactorType", FACTORS) != FACTORS:
        raise FeedNonsense(f"{start.isoformat()}: other factors than {FACTORS}", field="emissionFactorType")
    value = read_value(row.get("carbonIntensity"), start.isoformat())
    return Point(start, value, get_field(row, "isEstimated", bool))
