"""The market without a mouse, and for those who do not see it."""

import re
from datetime import UTC, datetime, timedelta

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from accounts import audit
from marketplace import publishing, site_tariffs
from marketplace.models import PriceCard, Site
from tests.e2e.conftest import Window
from tests.faults.plant import wait_until
from tests.faults.seed import SELLERS
from tests.pages.test_market import TARIFF


def test_prices_are_read_and_opened_by_keyboard(window: Window) -> None:
    now = datetime.now(UTC)
    with window.house.books():
        terms = site_tariffs.Terms(document=TARIFF, confirmed=True, hold=timedelta(hours=1))
        for site in Site.objects.filter(currency="USD"):
            site_tariffs.set_tariff(site=site, terms=terms, actor=audit.SYSTEM, now=now)
        publishing.publish_ahead(now=now)
        # The exchange's own worker may have been at it in the same moment.
        ahead = PriceCard.objects.filter(basis__isnull=False, starts_at__lte=now)
        wait_until(lambda: ahead.values("offer").distinct().count() == len(SELLERS), what="cards are there")
    page = window.go("/")
    press = page.keyboard.press

    # To the prices, and on to the chart, which scrolls with the arrows where it is narrow.
    page.get_by_role("link", name="See prices").focus()
    press("Enter")
    board = page.get_by_role("region", name=re.compile("Prices per 1M tokens"))
    # Past the leaderboards, and the currency to compare in with its button.
    for _ in range(4):
        press("Tab")
    expect(board).to_be_focused()
    chart = page.get_by_role("region", name="Chart of the next 48 hours")
    expect(chart.get_by_role("img", name=re.compile("the price of each region"))).to_be_visible()
    for _ in range(20):
        if chart.evaluate("chart => chart === document.activeElement"):
            break
        press("Tab")
    expect(chart).to_be_focused()

    # What the chart draws is also a table.
    page.locator("summary", has_text="As a table: USD").focus()
    press("Enter")
    hours = page.get_by_role("region", name="Prices of the next 48 hours")
    expect(hours.get_by_role("row").nth(4)).to_be_visible()
    expect(hours.get_by_role("columnheader", name="Guizhou, CN")).to_be_visible()

    # A bar says what it is made of, and opens into lines, figures and sources.
    bar = page.get_by_role("img", name=re.compile(r"^Guizhou, CN: Electricity [0-9.]+, Idle time .* USD$"))
    expect(bar).to_be_visible()
    page.locator("summary", has_text="Line by line: Guizhou, CN").focus()
    press("Enter")
    press("Tab")
    press("Enter")
    expect(page.get_by_text("joules.output").first).to_be_visible()
    expect(page.get_by_text(re.compile("^tariff:")).first).to_be_visible()
    assert Axe().run(page).response["violations"] == []

    page.get_by_role("link", name="Guizhou, CN").focus()
    press("Enter")
    expect(page.get_by_role("heading", name="What a price is made of")).to_be_visible()
    expect(page.get_by_role("heading", name="1M output tokens")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
