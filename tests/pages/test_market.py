"""The market for everybody: the hours ahead, what prices are made of, leaderboards."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import audit
from accounts.models import Organization
from marketplace import publishing, site_tariffs
from marketplace.models import Model, PriceCard
from tests import market
from tests.market import Stand, make_stand
from tests.pages.conftest import open_browser

TARIFF: Mapping[str, Any] = {
    "format": "jouleport-tariff/1",
    "name": "valley",
    "version": 1,
    "currency": "USD",
    "zone": "Asia/Shanghai",
    "valid_from": "2020-01-01",
    "components": [{"kind": "FIXED_ENERGY", "name": "energy", "price": "0.06", "floats": True}],
    "multipliers": [
        {"start": "00:00", "end": "12:00", "multiplier": "0.5", "period": "valley"},
        {"start": "12:00", "end": "00:00", "multiplier": "1", "period": "flat"},
    ],
}


@pytest.fixture
def ahead(stand: Stand) -> Stand:
    """The farm's stand with prices that change twice a day, on its word."""
    now = timezone.now()
    terms = site_tariffs.Terms(document=TARIFF, confirmed=True, hold=timedelta(hours=1))
    site_tariffs.set_tariff(site=stand.site, terms=terms, actor=audit.SYSTEM, now=now)
    publishing.publish_ahead(now=now)
    return stand


@pytest.fixture
def fjord(fund: Organization, small: Model, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Another offer of the same model, in another country."""
    place = replace(market.DAM, country="NO", region="Nordland", energy_price=Decimal("0.02"))
    monkeypatch.setattr(market, "DAM", place)
    return make_stand(fund, small, name="fjord")


def read(path: str) -> str:
    answer = open_browser().get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_front_page_draws_every_region_and_says_what_is_not_verified(ahead: Stand, fjord: Stand) -> None:
    page = read("/")

    assert page.count('<path class="ahead-line') == 4  # a line and its key, of each
    assert "Nordland, NO" in page
    assert "tariff not verified" in page
    assert page.count('<svg class="bar"') == 2
    # Whoever sees no chart reads every change of the next two days.
    hours = page[page.index('class="table-frame ahead-hours"') :]
    assert len(re.findall("<tr>", hours[: hours.index("</table>")])) > 4


def test_the_front_page_asks_the_database_little_however_many_offers(
    ahead: Stand, fjord: Stand, small: Model, farm: Organization
) -> None:
    browser = open_browser()
    with CaptureQueriesContext(connection) as first:
        browser.get("/")
    make_stand(farm, small, name="third")
    publishing.publish_ahead(now=timezone.now())

    from core import brief

    brief.forget()
    with CaptureQueriesContext(connection) as second:
        browser.get("/")

    assert len(first) == len(second) <= 12
    with CaptureQueriesContext(connection) as again:
        browser.get("/")
    assert len(again) == 0


def test_a_model_has_a_page_with_every_offer(ahead: Stand, fjord: Stand) -> None:
    page = read("/models/small/")

    assert "fjord" in page
    assert "rack" in page
    assert "joules.output" in page


def test_a_quote_opens_into_lines_that_add_up(ahead: Stand) -> None:
    card = PriceCard.objects.filter(offer=ahead.offer).order_by("-starts_at").first()
    assert card is not None

    page = read(f"/quotes/{card.uid}/")

    table = page[page.index('<table class="build-up"') :]
    amounts = [
        Decimal(value) for value in re.findall(r'<data value="([^"]+)"', table[: table.index("<tfoot")])
    ]
    assert sum(amounts) == card.output_price * 1_000_000
    assert "tariff:" in page


def test_drafts_are_nobodys_business(stand: Stand) -> None:
    card = PriceCard.objects.get(offer=stand.offer)
    type(stand.offer).objects.filter(pk=stand.offer.pk).update(state="DRAFT")

    assert open_browser().get(f"/quotes/{card.uid}/").status_code == 404


def test_leaderboards_name_their_evidence(ahead: Stand) -> None:
    page = read("/leaderboards/")

    assert "genai-prices 0.2.3" in page
    assert '<span class="badge">declared</span>' in page
    assert "no public price is known" in page
