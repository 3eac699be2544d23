"""
Half-hourly retail prices of Great Britain from Octopus Energy (the Agile tariff), public without a key.

https://docs.octopus.energy: `/v1/products/{product}/electricity-tariffs/{tariff}/standard-unit-rates/`
answers with `results`, the newest first; each has pence per kWh with and without VAT, and `valid_from` to
`valid_to`. A page holds up to 1,500 rows, and `next` names the one after it.
"""

from datetime import UTC, timedelta
from decimal import Decimal
from urllib.parse import quote, urlencode

from core.quantities import EXACT
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

URL = "https://api.octopus.energy/v1/products"
ROWS_MAX = 1_500
RESOLUTION = 30
PENCE = Decimal("0.01")


def make_request(place: str, span: Span, key: str) -> Request:
    """
    Ask for a tariff such as `AGILE-24-10-01/E-1R-AGILE-24-10-01-C` (product and tariff).

    :raises FeedNonsense: if `place` is not of that form, or the span is longer than one page
    """
    product, slash, tariff = place.partition("/")
    if not (product and slash and tariff) or "/" in tariff:
        raise FeedNonsense("the place is a product and a tariff: AGILE-24-10-01/E-1R-AGILE-24-10-01-C")
    if (span.end - span.start) / timedelta(minutes=RESOLUTION) > ROWS_MAX:
        raise FeedNonsense(f"one page holds {ROWS_MAX} half-hours", field="span")
    query = {
        "period_from": f"{span.start.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
        "period_to": f"{span.end.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
        "page_size": ROWS_MAX,
    }
    path = f"{quote(product, safe='')}/electricity-tariffs/{quote(tariff, safe='')}/standard-unit-rates/"
    return Request(f"{URL}/{path}?{urlencode(query)}")


def read_answer(body: bytes, place: str) -> Reading:
    """
    Read the rows, without VAT, as pounds per kWh.

    :raises FeedNonsense: with what is wrong
    """
    answer = read_json(body)
    if answer.get("next") if isinstance(answer, dict) else False:
        raise FeedNonsense("the answer goes on on another page", field="next")
    rows = get_field(answer, "results", list)
    return Reading(tuple(_read_row(row) for row in reversed(rows)), RESOLUTION, "kWh", "GBP")


def _read_row(row: object) -> Point:
    start = read_moment(get_field(row, "valid_from", str))
    end = read_moment(get_field(row, "valid_to", str))
    if end - start != timedelta(minutes=RESOLUTION):
        raise FeedNonsense(f"{start.isoformat()}: holds until {end.isoformat()}", field="valid_to")
    assert isinstance(row, dict)  # noqa: S101  (get_field has looked)
    pence = read_value(row.get("value_exc_vat"), start.isoformat())
    return Point(start, read_value(EXACT.multiply(pence, PENCE), start.isoformat()))
