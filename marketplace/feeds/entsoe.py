"""
Day-ahead prices of European bidding zones from the ENTSO-E Transparency Platform, which needs a token.

https://transparency.entsoe.eu, Web API: document type A44 answers with a Publication_MarketDocument (IEC
62325-451-3) whose TimeSeries hold Periods of numbered Points. Of the curve type A03 a point that repeats
the one before it is left out. A zone may have several auctions, told apart by a classification sequence; the
first is the coupled one. No data is an Acknowledgement_MarketDocument with a reason.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from marketplace.feeds.points import FeedNonsense, Point, Reading, Span, read_moment, read_value
from marketplace.feeds.requests import Request

URL = "https://web-api.tp.entsoe.eu/api"
PRICES = "A44"
DAY_AHEAD = "A01"
REPEATING = "A03"
CURVES = frozenset({"A01", REPEATING})
STEPS = {"PT5M": 5, "PT15M": 15, "PT30M": 30, "PT60M": 60, "PT1H": 60}
FIRST_AUCTION = "1"
SEQUENCE = "classificationSequence_AttributeInstanceComponent.position"
AREA = re.compile(r"[0-9A-Z-]{16}")
# A document that declares entities could unfold to any size.
DECLARATION = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def make_request(place: str, span: Span, key: str) -> Request:
    """
    Ask for a bidding zone by its EIC code such as `10Y1001A1001A82H` (Germany and Luxembourg).

    :raises FeedNonsense: if `place` is no such code
    """
    if not AREA.fullmatch(place):
        raise FeedNonsense("the place is an EIC code of 16 signs: 10Y1001A1001A82H", field="place")
    query = {
        "securityToken": key,
        "documentType": PRICES,
        "contract_MarketAgreement.type": DAY_AHEAD,
        "in_Domain": place,
        "out_Domain": place,
        "periodStart": f"{span.start.astimezone(UTC):%Y%m%d%H%M}",
        "periodEnd": f"{span.end.astimezone(UTC):%Y%m%d%H%M}",
    }
    return Request(f"{URL}?{urlencode(query)}")


def read_answer(body: bytes, place: str) -> Reading:
    """
    Read the periods of the first auction.

    :raises FeedNonsense: with what is wrong, or why there is no data
    """
    root = _parse(body)
    if root.tag == "Acknowledgement_MarketDocument":
        raise FeedNonsense(f"no data: {_text(root, 'Reason/text')[:200]}", field="Reason")
    if root.tag != "Publication_MarketDocument":
        raise FeedNonsense(f"the answer is a {root.tag[:60]}", field="body")
    points: dict[datetime, Point] = {}
    steps: set[int] = set()
    currencies: set[str] = set()
    for series in root.findall("TimeSeries"):
        if (series.findtext(SEQUENCE) or FIRST_AUCTION) != FIRST_AUCTION:
            continue
        if series.findtext("in_Domain.mRID", place) != place:
            raise FeedNonsense("the answer is about another zone", field="in_Domain.mRID")
        if _text(series, "price_Measure_Unit.name") != "MWH":
            raise FeedNonsense("prices are not per MWh", field="price_Measure_Unit.name")
        currencies.add(_text(series, "currency_Unit.name"))
        for period in series.findall("Period"):
            step = STEPS.get(_text(period, "resolution"), 0)
            steps.add(step)
            for point in _read_period(period, step, _text(series, "curveType")):
                if points.setdefault(point.starts_at, point) != point:
                    raise FeedNonsense(f"{point.starts_at.isoformat()}: two prices", field="price.amount")
    if len(steps) != 1 or len(currencies) != 1 or 0 in steps:
        raise FeedNonsense(f"steps of {sorted(steps)} minutes in {sorted(currencies)}", field="resolution")
    ordered = tuple(points[start] for start in sorted(points))
    return Reading(ordered, steps.pop(), "MWh", currencies.pop(), read_moment(_text(root, "createdDateTime")))


def _read_period(period: ET.Element, step: int, curve: str) -> Iterator[Point]:
    start = read_moment(_text(period, "timeInterval/start"))
    end = read_moment(_text(period, "timeInterval/end"))
    if curve not in CURVES or not step or end <= start:
        raise FeedNonsense(f"{start.isoformat()}: a curve {curve} of {step} minutes", field="curveType")
    places = int((end - start) / timedelta(minutes=step))
    prices: dict[int, Decimal] = {}
    for point in period.findall("Point"):
        number = _text(point, "position")
        if not number.isdigit() or not 1 <= int(number) <= places or int(number) in prices:
            raise FeedNonsense(f"{start.isoformat()}: a point at position {number[:20]}", field="position")
        prices[int(number)] = read_value(_text(point, "price.amount"), start.isoformat())
    last: Decimal | None = None
    for position in range(1, places + 1):
        price = prices.get(position)
        if price is None and curve == REPEATING:
            price = last
        if price is not None:
            yield Point(start + timedelta(minutes=step * (position - 1)), price)
        last = price


def _parse(body: bytes) -> ET.Element:
    if DECLARATION.search(body):
        raise FeedNonsense("the answer declares entities", field="body")
    try:
        root = ET.fromstring(body)  # noqa: S314  (declarations are refused above)
    except ET.ParseError as error:
        raise FeedNonsense(f"the answer is no XML: {error}", field="body")
    for element in root.iter():
        # Versions of the document differ in their namespace alone.
        element.tag = element.tag.rpartition("}")[2]
    return root


def _text(element: ET.Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise FeedNonsense(f"the answer has no {path}", field=path)
    return text
