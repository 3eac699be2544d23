"""Operators' pages of the books can be read by everybody, in both languages, in light and in dark."""

import pytest
from playwright.sync_api import expect

from tests.e2e import house as houses
from tests.e2e.conftest import SECRET, Open
from tests.e2e.looking import ROOT, look
from tests.e2e.test_pages import LANGUAGES, speak

BILLING = "/admin/billing"
PAGES = (
    "/admin/",
    f"{BILLING}/approval/",
    f"{BILLING}/settlementbatch/",
    f"{BILLING}/settlementbatch/draft/",
    f"{BILLING}/payout/",
    f"{BILLING}/railfile/",
    f"{BILLING}/fxposition/",
    f"{BILLING}/fxposition/book/",
    f"{BILLING}/ledgeraccount/",
    f"{BILLING}/ledgeraccount/trial-balance/",
    f"{BILLING}/entry/",
    f"{BILLING}/reconciliationrun/",
    f"{BILLING}/reconciliationrun/now/",
    f"{BILLING}/stripedispute/",
    f"{BILLING}/bankline/",
    f"{BILLING}/compliancestep/",
    f"{BILLING}/accountingperiod/",
    "/admin/workers/answerclaim/",
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_admin_is_readable(open_window: Open, language: str) -> None:
    window = open_window(color_scheme="light")
    email = f"books-{language}@jouleport.example".lower()
    with window.house.books():
        lab = houses.make_organization(f"Lab {language}")
        houses.fund(lab, "12.5")
        houses.make_operator(email, secret=SECRET)
    speak(window, "en")
    window.sign_in(email, secret=SECRET)
    speak(window, language)

    for path in (*PAGES, f"{BILLING}/compliancestep/judge/{lab.pk}/"):
        page = window.go(path)
        expect(page.locator("main")).to_have_count(1)
        expect(page.locator("html")).to_have_attribute("lang", language.lower())
        # Colours are the same in both languages.
        look(page, dark=language == "en")


def test_the_admin_follows_a_dark_desk(open_window: Open) -> None:
    window = open_window(color_scheme="dark")
    with window.house.books():
        houses.make_operator("dark-books@jouleport.example", secret=SECRET)
    window.sign_in("dark-books@jouleport.example", secret=SECRET)

    page = window.go(f"{BILLING}/settlementbatch/")

    page.wait_for_function(f"{ROOT}.contains('dark')")
