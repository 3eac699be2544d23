"""Operators' pages of the books can be read by everybody, in both languages, in light and in dark."""

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.audit import Actor
from accounts.models import Organization
from billing.compliance import checks
from billing.models import ComplianceStep
from core.files import CheckedFile
from tests.e2e import house as houses
from tests.e2e.conftest import SECRET, Cast, Open
from tests.e2e.looking import ROOT, look
from tests.e2e.test_money import begin_payment
from tests.e2e.test_pages import LANGUAGES, speak
from tests.e2e.test_settling import wait_for

BILLING = "/admin/billing"
DISPUTED = "4000 0000 0000 0259"
PAGES = (
    f"{BILLING}/settlementbatch/",
    f"{BILLING}/settlementbatch/draft/",
    f"{BILLING}/payout/",
    f"{BILLING}/fxposition/book/",
    f"{BILLING}/ledgeraccount/",
    f"{BILLING}/ledgeraccount/trial-balance/",
    f"{BILLING}/entry/",
    f"{BILLING}/reconciliationrun/",
    f"{BILLING}/stripedispute/",
    f"{BILLING}/accountingperiod/",
    "/admin/workers/answerclaim/",
)


def hand_in(lab: Organization, operator: Actor) -> None:
    """A tax form with a paper and a number, refused once and handed in again."""
    paper = CheckedFile("certificate.pdf", "application/pdf", b"%PDF-1.7 %%EOF")
    said: dict[str, Any] = {"organization": lab, "kind": ComplianceStep.Kind.TAX_FORM, "actor": operator}
    now = datetime.now(UTC)
    for number in range(2):
        checks.submit(
            **said,
            form="W-8BEN-E",
            evidence=["Taxpayer: Lab"],
            files=[paper],
            tax_number="SE5560000",
            now=now,
        )
        if number == 0:
            checks.decide(**said, state=ComplianceStep.State.REFUSED, reason="Not legible.", now=now)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_admin_is_readable(open_window: Open, language: str) -> None:
    window = open_window(color_scheme="light")
    email = f"books-{language}@jouleport.example".lower()
    with window.house.books():
        lab = houses.make_organization(f"Lab {language}")
        houses.fund(lab, "12.5")
        operator = Actor.from_user(houses.make_operator(email, secret=SECRET))
        hand_in(lab, operator)
    speak(window, "en")
    window.sign_in(email, secret=SECRET)
    speak(window, language)

    for path in (*PAGES, f"{BILLING}/compliancestep/judge/{lab.pk}/"):
        page = window.go(path)
        expect(page.locator("main")).to_have_count(1)
        expect(page.locator("html")).to_have_attribute("lang", language.lower())
        # Colours are the same in both languages.
        look(page, dark=language == "en")
    page = window.go(f"{BILLING}/reconciliationrun/now/")
    page.locator("#content button[type=submit]").click()
    page.wait_for_url("**/change/")
    look(page, dark=language == "en")


def test_the_admin_follows_a_dark_desk(open_window: Open) -> None:
    window = open_window(color_scheme="dark")
    with window.house.books():
        houses.make_operator("dark-books@jouleport.example", secret=SECRET)
    window.sign_in("dark-books@jouleport.example", secret=SECRET)

    page = window.go(f"{BILLING}/settlementbatch/")

    page.wait_for_function(f"{ROOT}.contains('dark')")


def test_a_dispute_is_readable(open_window: Open, cast: Cast) -> None:
    buyer, operator = open_window(), open_window()
    with buyer.house.books():
        lab = houses.make_organization("Contested Lab")
        houses.make_person("contested@lab.example", organization=lab)
        houses.make_operator("contested@jouleport.example", secret=SECRET)
    buyer.sign_in("contested@lab.example")
    page = begin_payment(buyer, f"/console/{lab.uid}/", "20")
    page.get_by_label("Card number").fill(DISPUTED)
    page.get_by_role("button", name="Pay").click()
    operator.sign_in("contested@jouleport.example", secret=SECRET)
    page = operator.go(f"{BILLING}/stripedispute/")
    wait_for(page, "Contested Lab")
    page.locator("#result_list tbody a").first.click()
    expect(page.get_by_text("What Stripe moved")).to_be_visible()
    look(page)
