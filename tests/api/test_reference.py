"""What prices are made from, as anybody who is signed in may read it, and files that operators bring."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import audit
from accounts.models import AuditEvent
from marketplace import series as histories
from marketplace import series_feeds
from marketplace.feeds.points import Point, Reading
from marketplace.models import Series
from tests.api import running
from tests.api.conftest import Farm, make_operator, sign_in, use_second_factor

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def spot(estate: Farm) -> Series:
    """Three hours of prices, one of them missing."""
    running.load_figures()
    series = histories.find_series(slug="spot")
    points = tuple(Point(NOW + hours * HOUR, Decimal(value)) for hours, value in ((-3, 80), (-1, -20)))
    histories.write_reading(series=series, reading=Reading(points, 60, "MWh", "EUR"), now=NOW)
    return series


def read(client: APIClient, path: str, **query: str) -> Any:
    """What an address answers."""
    answer = client.get(path, query)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_a_series_says_how_far_it_is_known_and_what_is_missing(estate: Farm, spot: Series) -> None:
    client = sign_in(estate.owner)

    (listed,) = read(client, "/api/series", kind="PRICE")["results"]
    told = read(client, "/api/series/spot", since=(NOW - 3 * HOUR).isoformat(), until=NOW.isoformat())

    assert (listed["slug"], listed["currency"], listed["unit"]) == ("spot", "EUR", "MWh")
    assert datetime.fromisoformat(listed["known_until"]) == NOW
    assert (listed["synthetic"], listed["fetched_at"], listed["failures"]) == (False, None, None)
    (gap,) = told["gaps"]
    assert [datetime.fromisoformat(gap[end]) for end in ("start", "end")] == [NOW - 2 * HOUR, NOW - HOUR]
    assert told["gap_count"] == 1
    assert read(client, "/api/series", kind="CARBON")["results"] == []


def test_values_of_a_window_come_by_pages(estate: Farm, spot: Series) -> None:
    client = sign_in(estate.owner)

    first = read(client, "/api/series/spot/points", order="oldest", page_size="1")
    second = client.get(first["next"]).json()

    assert [page["results"][0]["value"] for page in (first, second)] == ["80", "-20"]
    assert second["next"] is None
    earlier = read(client, "/api/series/spot/points", until=(NOW - HOUR).isoformat())
    assert [one["value"] for one in earlier["results"]] == ["80"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"since": "2026-01-01T00:00Z", "until": "2026-03-01T00:00Z"}, "until"),
        ({"since": "2026-01-02T00:00Z", "until": "2026-01-01T00:00Z"}, "until"),
        ({"since": "2026-01-02"}, "since"),
        ({"until": "0001-01-01T00:00Z"}, "until"),
        ({"from": "2026-01-02T00:00Z"}, "from"),
    ],
)
def test_a_window_that_cannot_be_is_refused(
    estate: Farm, spot: Series, query: dict[str, str], parameter: str
) -> None:
    for path in ("/api/series/spot", "/api/series/spot/points"):
        answer = sign_in(estate.owner).get(path, query)

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_filter")
        assert answer.json()["parameter"] == parameter


def test_a_file_is_written_whole_or_not_at_all(estate: Farm, spot: Series) -> None:
    client = use_second_factor(make_operator("marketplace.change_series"))
    sent = {"name": "day.csv", "content": running.write_day(), "unit": "EUR/MWh"}
    path = "/api/operator/series/spot/files"

    first = client.post(path, sent, format="json")
    again = client.post(path, sent, format="json")
    wrong = client.post(path, sent | {"content": sent["content"] + "2026-10-01T02:00Z,much\n"}, format="json")
    other = client.post(path, sent | {"unit": "EUR/kWh"}, format="json")

    assert first.json() == {"added": 2, "corrected": 0, "unchanged": 0}
    assert again.json() == {"added": 0, "corrected": 0, "unchanged": 2}
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (422, "feed_nonsense", "value")
    assert "line 4" in wrong.json()["detail"]
    assert (other.status_code, other.json()["field"]) == (422, "unit")
    noted = AuditEvent.objects.filter(action="series.import").order_by("id").first()
    assert noted is not None
    assert noted.details["file"] == "day.csv"


def test_a_feed_tells_operators_why_it_was_refused(estate: Farm, spot: Series) -> None:
    feed = series_feeds.connect_feed(
        series=spot, adapter="entsoe", place="10Y1001A1001A82H", every_minutes=30, actor=audit.SYSTEM, now=NOW
    )
    series_feeds.fetch_feed(feed=feed, now=NOW, keys={})
    client = use_second_factor(make_operator("marketplace.view_seriesfeed"))

    (told,) = read(client, "/api/operator/feeds")["results"]

    assert (told["series"], told["adapter"], told["failures"]) == ("spot", "entsoe", 1)
    assert "JOULEPORT_ENTSOE_TOKEN" in told["refused"][0]


def test_a_row_of_reference_data_comes_with_its_evidence(estate: Farm, spot: Series) -> None:
    client = sign_in(estate.owner)

    listed = read(client, "/api/reference-data")["results"]
    (row,) = read(client, "/api/reference-data/default_pue", key="immersion")["results"]

    assert [one["name"] for one in listed] == ["default_pue"]
    assert (row["figures"]["pue"], row["grade"], row["verified"]) == ("1.07", "B", False)
    assert (row["version"], row["licence"]) == (1, listed[0]["licence"])
    assert read(client, "/api/reference-data/default_pue", key="immersion", verified="true")["results"] == []
    assert client.get("/api/reference-data/nothing").status_code == 404
