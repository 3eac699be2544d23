"""Every page: readable by everybody, on every screen, in every language, without a mouse."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from accounts.models import Role
from tests.e2e import house as houses
from tests.e2e.conftest import SECRET, Cast, Open, Window

PUBLIC = (
    "/",
    "/models/small/",
    "/leaderboards/",
    "/account/login/",
    "/account/signup/",
    "/account/password/reset/",
)
OWN = (
    *("", "keys/", "wallet/USD/", "wallet/JPY/", "sites/", "sites/new/", "earnings/", "members/"),
    *(
        "money/",
        "money/recharge/USD/",
        "deposits/",
        "convert/",
        "statements/",
        "statements/USD/",
        "invoices/",
    ),
    *("billing-profile/", "payouts/", "payout-methods/", "payout-methods/new/", "stripe-account/"),
    *("checks/", "checks/identity/", "checks/tax-form/"),
    *("/account/preferences/", "/account/2fa/", "/account/2fa/totp/activate/", "/account/2fa/webauthn/"),
    *("/account/2fa/webauthn/add/", "/account/email/", "/account/password/change/"),
    "/console/organizations/new/",
)
OPERATORS = (
    "/operator/",
    "/operator/exports/",
    "/operator/trade/",
    "/account/2fa/recovery-codes/",
    "/account/2fa/recovery-codes/generate/",
)
# The last is the one the next page is judged in.
WIDTHS = (360, 1280)
LANGUAGES = {"en": "en-US", "zh-Hans": "zh-CN"}


def paths(cast: Cast) -> Iterator[str]:
    for path in OWN:
        yield path if path.startswith("/") else f"/console/{cast.lab.uid}/{path}"


def speak(window: Window, language: str) -> None:
    """Press the switch: for a person it counts more than the browser."""
    window.go("/")
    window.page.locator(f"footer button[lang={language}]").click()
    expect(window.page.locator("html")).to_have_attribute("lang", language)


def judge(window: Window, path: str) -> list[str]:
    """What axe-core finds wrong with a page, and whether it is too wide for a desk or a telephone."""
    page = window.go(path)
    found = [
        f"{path}: {violation['id']} {node['html']}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
    ]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        needed = page.evaluate("document.documentElement.scrollWidth")
        if needed > width:
            found.append(f"{path}: needs {needed} px of {width}")
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_readable(open_window: Open, cast: Cast, language: str, scheme: str) -> None:
    options = {"color_scheme": scheme, "locale": LANGUAGES[language]}
    anybody, owner, operator = (open_window(**options) for _ in range(3))
    # A one-time code opens once, and a language stays chosen: each case has its own people.
    name = f"{language}-{scheme}".lower()
    with anybody.house.books():
        houses.make_person(f"{name}@lab.example", organization=cast.lab)
        houses.make_operator(f"{name}@jouleport.example", secret=SECRET)
    found = [problem for path in PUBLIC for problem in judge(anybody, path)]

    # One signs in in English and then presses the switch.
    for window, email, secret in (
        (owner, f"{name}@lab.example", ""),
        (operator, f"{name}@jouleport.example", SECRET),
    ):
        speak(window, "en")
        window.sign_in(email, secret=secret)
        # For a while no page asks for the password again.
        window.go_confirmed(
            "/account/2fa/recovery-codes/generate/" if secret else "/account/2fa/totp/activate/"
        )
        speak(window, language)
    found += [problem for path in paths(cast) for problem in judge(owner, path)]
    found += [problem for path in OPERATORS for problem in judge(operator, path)]

    assert found == []


def test_the_wallet_pages_through_its_statement(window: Window, cast: Cast) -> None:
    window.sign_in(Cast.email(Role.FINANCE))
    page = window.go(f"/console/{cast.lab.uid}/wallet/USD/")
    rows = page.locator("#statement tr:has(data)")
    expect(rows).to_have_count(25)

    page.get_by_role("link", name="Older").click()

    expect(rows).to_have_count(30)
    expect(page.get_by_role("link", name="Older")).to_have_count(0)
    expect(rows.last).to_contain_text("1.000000001")
    expect(page.locator(".tile-lead")).to_contain_text("465.00")


def test_the_theme_is_remembered(window: Window) -> None:
    page = window.go("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_role("button", name="Dark").click()

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Auto").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_the_keyboard_is_enough(window: Window, cast: Cast) -> None:
    page = window.sign_in(Cast.email(Role.OWNER))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    menu = page.locator("details.menu", has=page.get_by_text("Sign out"))
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()


def test_a_dialog_closes_with_escape_and_does_nothing(window: Window, cast: Cast) -> None:
    window.sign_in(Cast.email(Role.OWNER))
    page = window.go(f"/console/{cast.lab.uid}/keys/")
    page.get_by_label("Name", exact=True).fill("spare")
    page.get_by_role("button", name="Make the key").click()
    page.goto(page.url)

    page.get_by_role("button", name="Revoke spare").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("row", name="spare").get_by_text("works")).to_be_visible()


def test_copying_puts_the_request_on_the_clipboard(open_window: Open) -> None:
    window = open_window(permissions=["clipboard-read", "clipboard-write"])
    page = window.go("/")

    page.get_by_role("button", name="Copy").first.click()

    expect(page.get_by_text("Copied")).to_be_visible()
    assert "/v1/chat/completions" in page.evaluate("navigator.clipboard.readText()")


def test_moments_are_in_the_zone_a_person_chose(window: Window, cast: Cast) -> None:
    window.sign_in(Cast.email(Role.ADMIN))
    page = window.go("/account/preferences/")
    page.get_by_label("Time zone").select_option("Asia/Shanghai")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your preferences are kept")).to_be_visible()

    page = window.go(f"/console/{cast.lab.uid}/members/")

    expect(page.locator("time").first).to_contain_text("UTC+08:00")
