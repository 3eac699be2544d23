"""The board names the cheapest offer of each model and region, and the electricity behind its price."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts import audit
from accounts.models import Organization
from marketplace import board, offers
from marketplace.models import Model
from tests import market
from tests.market import Stand, make_stand
from tests.pages.conftest import open_browser


@pytest.fixture
def dear(stand: Stand, fund: Organization, small: Model, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Another offer of the same model, on dearer electricity."""
    monkeypatch.setattr(market, "DAM", replace(market.DAM, energy_price=Decimal("0.40")))
    return make_stand(fund, small, name="dear")


def test_leads_with_the_cheapest(stand: Stand, dear: Stand) -> None:
    [row] = board.list_rows(now=timezone.now())

    assert (row.slug, row.offers, row.place.site) == ("small", 2, "rack")
    assert row.energy_price == Decimal("0.06")


def test_the_parts_add_up_to_the_price(stand: Stand) -> None:
    [row] = board.list_rows(now=timezone.now())

    assert sum(row.shares) == row.output_price * 1_000_000
    assert min(row.shares) > 0


def test_forgets_what_is_withdrawn(stand: Stand, now: datetime) -> None:
    offers.withdraw(offer=stand.offer, actor=audit.SYSTEM, now=now)

    assert board.list_rows(now=timezone.now()) == []
    assert "Nothing is on offer" in open_browser().get("/").content.decode()


def test_what_is_not_in_force_yet_is_not_shown(stand: Stand) -> None:
    assert board.list_rows(now=datetime(2020, 1, 1, tzinfo=timezone.get_current_timezone())) == []
