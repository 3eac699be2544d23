"""Offers in several currencies are compared in one that the reader chooses."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.utils import timezone

from accounts import audit
from accounts.models import Organization
from billing.fx import rates
from marketplace import board
from marketplace.models import Model
from tests import market
from tests.market import Stand, make_stand
from tests.pages.conftest import open_browser


@pytest.fixture
def fjord(fund: Organization, small: Model, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """The same model as at the farm for the same figures, but in kroner."""
    place = replace(market.DAM, country="NO", region="Nordland", currency="NOK")
    monkeypatch.setattr(market, "DAM", place)
    return make_stand(fund, small, name="fjord")


@pytest.fixture
def krone(db: None) -> None:
    """Ten kroner are a dollar."""
    now = timezone.now()
    rates.enter_rate(
        unit="USD",
        currency="NOK",
        rate=Decimal(10),
        as_of=now - timedelta(hours=1),
        actor=audit.SYSTEM,
        now=now,
    )


def read(path: str) -> str:
    """The text of a page on one line."""
    page = unescape(open_browser().get(path).content.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def find_price(currency: str) -> Decimal:
    """A million output tokens on the board, in that currency."""
    [row] = [row for row in board.list_rows(now=timezone.now()) if row.currency == currency]
    return row.output_price * 1_000_000


def test_the_cheapest_leads_whatever_its_currency(stand: Stand, fjord: Stand, krone: None) -> None:
    page = read("/")

    lead = page[page.index("Cheapest now") :]
    assert lead.index("NOK") < lead.index("per 1M output tokens")
    assert f"≈ {find_price('NOK') / 10:.4f}" in page
    assert "1 NOK = 0.1 USD" in page
    assert "Our treasury" in page


def test_compares_in_the_currency_that_is_asked_for(stand: Stand, fjord: Stand, krone: None) -> None:
    page = read("/?in=NOK")

    assert f"≈ {find_price('USD') * 10:.4f}" in page
    assert "1 USD = 10 NOK" in page


def test_a_page_that_looks_again_compares_in_the_same(stand: Stand, fjord: Stand, krone: None) -> None:
    assert 'hx-get="/board/?in=NOK"' in open_browser().get("/?in=NOK").content.decode()


@pytest.mark.parametrize("asked", ["", "XTS", "ZZZ", "' OR 1=1"])
def test_what_has_no_rate_is_not_compared_and_comes_last(stand: Stand, fjord: Stand, asked: str) -> None:
    page = read(f"/?in={asked}")

    assert "≈" not in page
    assert page[page.index("Cheapest now") :].index("USD") < page.index("per 1M output tokens")


def test_one_currency_alone_is_compared_with_nothing(stand: Stand, krone: None) -> None:
    page = read("/")

    assert "≈" not in page
    assert "at middle rates" not in page
