"""The market for programs: nobody needs to be known, everything adds up, pages follow each other."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.utils import timezone

from accounts import audit
from accounts.models import Organization
from marketplace import publishing, site_tariffs
from marketplace.models import Model
from tests.api.conftest import make_client
from tests.market import Stand, make_stand
from tests.pages.test_market import TARIFF


@pytest.fixture
def ahead(stand: Stand) -> Stand:
    """The farm's stand with prices that change twice a day."""
    now = timezone.now()
    terms = site_tariffs.Terms(document=TARIFF, confirmed=True, hold=timedelta(hours=1))
    site_tariffs.set_tariff(site=stand.site, terms=terms, actor=audit.SYSTEM, now=now)
    publishing.publish_ahead(now=now)
    return stand


def test_a_price_now_leads_to_its_lines(stand: Stand) -> None:
    client = make_client()

    answer = client.get("/api/market/prices?model=small&country=CN")

    [price] = answer.json()["results"]
    assert answer["Cache-Control"] == "public, max-age=10"
    assert (price["region"], price["offers"], price["caveats"]) == ("Guizhou", 1, [])
    assert price["footprint"]["market_g"] is None
    quote = client.get(price["build_up"]).json()
    summed = sum(Decimal(line["per_million_tokens"]["output"]) for line in quote["build_up"]["lines"])
    assert summed == Decimal(price["output_price"]) * 1_000_000 == Decimal(quote["output_price"]) * 1_000_000
    assert client.get("/api/market/prices?country=SE").json() == {"next": None, "results": []}


def test_prices_ahead_follow_each_other_over_the_pages(
    ahead: Stand, fund: Organization, small: Model
) -> None:
    make_stand(fund, small, name="steady")
    client, found, address = make_client(), [], "/api/market/prices/ahead?model=small&hours=30&page_size=2"

    while address:
        page = client.get(address).json()
        assert len(page["results"]) <= 2
        found += page["results"]
        address = page["next"]

    assert [row["start"] for row in found] == sorted(row["start"] for row in found)
    mine = [row for row in found if row["site"] == "rack"]
    assert all(row["end"] == after["start"] for row, after in pairwise(mine))
    assert len(mine) >= 3
    assert {row["electricity_per_kwh"] for row in mine} == {"0.03", "0.06"}
    assert {tuple(row["caveats"]) for row in mine} == {("unverified",)}
    [steady] = [row for row in found if row["site"] == "steady"]
    # It holds until another is published: as far as was looked.
    assert mine[-1]["end"] <= steady["end"] <= page["until"]


def test_leaderboards_say_what_they_are_from(stand: Stand) -> None:
    client = make_client()

    [energy] = client.get("/api/market/leaderboards/energy").json()["results"]
    prices = client.get("/api/market/leaderboards/prices").json()

    assert (energy["evidence"], energy["joules"]) == ("declared", "0.9")
    assert prices["public_prices"]["version"] == "0.2.3"
    [table] = prices["results"]
    assert not table["public_price_known"]
    assert table["prices"][0]["here"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("prices?cursor=nonsense", 422),
        ("prices?page_size=0", 422),
        ("prices?colour=green", 422),
        ("prices/ahead", 422),
        ("prices/ahead?model=none", 404),
        ("prices/ahead?model=small&hours=73", 422),
        ("leaderboards/energy?order=oldest", 422),
    ],
)
def test_refuses_what_cannot_be_meant(stand: Stand, address: str, status: int) -> None:
    answer = make_client().get(f"/api/market/{address}")

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"
