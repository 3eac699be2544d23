"""A provider looks at what an answer earned, by day, site and job, and agrees to invoices in its name."""

import csv
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from accounts import audit, keys
from accounts.models import Organization, Role
from tests.e2e import house as houses
from tests.e2e.conftest import Window
from workers.models import Attempt

SELLER = "earnings@seller.example"


@pytest.fixture
def seller(window: Window) -> Organization:
    """Whoever sold one answer, which is paid."""
    with window.house.books():
        buyer = houses.make_organization("Asking Lab")
        houses.fund(buyer, "5")
        key = keys.issue_key(organization=buyer, name="key", actor=audit.SYSTEM, now=datetime.now(UTC))
    body = {"model": "small", "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 20}
    bearer = {"Authorization": f"Bearer {key.text}"}
    httpx.post(f"{window.house.url}/v1/chat/completions", json=body, headers=bearer).raise_for_status()
    with window.house.books():
        seller = Attempt.objects.get(job__organization=buyer).offer.organization
        houses.make_person(SELLER, organization=seller, role=Role.OWNER)
    return seller


def judge(page: Page) -> None:
    """What axe-core finds wrong, which is nothing."""
    found = [
        f"{page.url}: {violation['id']} {node['html']}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
    ]
    assert found == []


def test_a_provider_follows_its_earnings_and_agrees_to_self_billing(
    window: Window, seller: Organization
) -> None:
    window.sign_in(SELLER)
    page = window.go(f"/console/{seller.uid}/earnings/")
    details = page.get_by_role("link", name="by day, site and job").first
    for _ in range(60):
        if details.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    details.click()
    earned = page.locator(".tile-lead data.money").get_attribute("value") or "0"
    judge(page)
    for way in ("By site", "By job"):
        page.get_by_role("link", name=way, exact=True).click()
        judge(page)
    with page.expect_download() as coming:
        page.get_by_role("link", name="All of it as CSV").click()
    rows = list(csv.DictReader(coming.value.path().read_text().splitlines()))
    page.locator("tbody th a").first.click()
    expect(page.get_by_text("Only of job")).to_be_visible()

    page = window.go(f"/console/{seller.uid}/payouts/")
    page.get_by_role("link", name="Self-billed invoices").click()
    judge(page)
    page.get_by_role("link", name="Say first what stands on your invoices.").click()
    page.get_by_label("Address").fill("Feld 2")
    page.get_by_role("button", name="Save", exact=True).click()
    page = window.go(f"/console/{seller.uid}/self-billing/")
    page.get_by_role("button", name="Agree", exact=True).click()
    expect(page.get_by_text(f"agreed to by {SELLER}")).to_be_visible()
    judge(page)
    page.get_by_role("button", name="End it", exact=True).click()
    expect(page.get_by_role("button", name="Agree", exact=True)).to_be_visible()

    assert sum(Decimal(row["amount"]) for row in rows) == Decimal(earned) > 0
