"""A buyer's money: paid in by card and on chain, exchanged, told in statements, and sent back."""

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e import house as houses
from tests.e2e.conftest import Cast, Open, Window

BUYER = "buyer@photon.example"
DECLINED, ASKED = "4000 0000 0000 0002", "4000 0025 0000 3155"
# A task looks at the chain every ten seconds.
CREDITED_MILLISECONDS = 40_000


@pytest.fixture(scope="module")
def photon(cast: Cast, house: houses.House) -> str:
    """The console of an organization of its own, whose wallets nobody else moves."""
    with house.books():
        organization = houses.make_organization("Photon Works")
        houses.make_person(BUYER, organization=organization)
    return f"/console/{organization.uid}/"


def read_amount(place: Locator) -> Decimal:
    """The exact amount that stands somewhere."""
    return Decimal(place.locator("data.money").first.get_attribute("value") or "")


def find_tile(page: Page, name: str) -> Locator:
    return page.locator(".tile", has=page.get_by_text(name, exact=True))


def begin_payment(window: Window, console: str, amount: str) -> Page:
    """Fill the form, and go to the page of Stripe's stand-in."""
    page = window.go(f"{console}money/")
    page.get_by_label("Amount").fill(amount)
    page.get_by_label("Currency").select_option("USD")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="Pay now").click()
    expect(page.get_by_text("STAND-IN FOR STRIPE")).to_be_visible()
    return page


def test_money_comes_in_by_card_after_one_was_declined(window: Window, photon: str) -> None:
    window.sign_in(BUYER)
    page = begin_payment(window, photon, "100")
    page.get_by_label("Card number").fill(DECLINED)
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_role("alert")).to_contain_text("declined")
    window.expect_complaint("402")
    page.get_by_role("link", name="Back without paying").click()
    expect(page.get_by_text("The last try came to nothing")).to_be_visible()
    expect(page.get_by_text("The card was declined.")).to_be_visible()
    page.get_by_role("link", name="Pay now").click()
    page.get_by_label("Card number").fill(ASKED)
    page.get_by_role("button", name="Pay").click()
    page.get_by_role("button", name="Agree", exact=True).click()
    expect(page.get_by_text("The money is in the wallet.")).to_be_visible()

    page.get_by_role("link", name="Open the wallet").click()
    assert read_amount(find_tile(page, "Available")) == 100
    expect(page.locator("#statement")).to_contain_text("Paid in online")
    expect(page.get_by_text("no money moves here")).to_be_visible()


def test_what_is_exchanged_is_what_was_shown(window: Window, photon: str) -> None:
    window.sign_in(BUYER)
    page = window.go(f"{photon}convert/?sell=USD&buy=CNY")
    page.get_by_label("Amount", exact=True).fill("40")
    page.get_by_role("button", name="Show the rate").click()
    shown = read_amount(find_tile(page, "You get"))
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^[0-9]:[0-9]{2}$"))
    expect(page.get_by_text("European Central Bank")).to_be_visible()

    page.get_by_role("button", name="Exchange at this rate").click()
    expect(page.get_by_text("Exchanged.", exact=True)).to_be_visible()
    page.get_by_role("link", name="Open the wallet in CNY").click()

    assert read_amount(find_tile(page, "Available")) == shown > 40
    page.get_by_role("link", name="USD", exact=True).click()
    assert read_amount(find_tile(page, "Available")) == 60


def test_unused_money_goes_back(window: Window, photon: str) -> None:
    window.sign_in(BUYER)
    page = window.go(f"{photon}money/")
    page.get_by_role("row", name="100.00").get_by_role("link").click()
    expect(page.get_by_label("Amount")).to_have_value("60")
    page.get_by_label("Amount").fill("25")
    page.get_by_role("button", name="Send back").click()

    expect(page.get_by_text("It is on its way back.")).to_be_visible()
    expect(page.get_by_role("region", name="Sent back")).to_contain_text("25.00")
    page.get_by_role("link", name="Open the wallet").click()
    assert read_amount(find_tile(page, "Available")) == 35


def test_a_statement_adds_up_as_page_and_as_files(window: Window, photon: str, tmp_path: Path) -> None:
    window.sign_in(BUYER)
    page = window.go(f"{photon}statements/USD/")
    opening, closing = (read_amount(find_tile(page, f"{name} balance")) for name in ("Opening", "Closing"))
    rows = page.locator("tbody tr").filter(has=page.locator("td:nth-child(5)"))
    moved = [read_amount(row.locator("td:nth-child(4)")) for row in rows.all()]

    assert (len(moved), opening + sum(moved), closing) == (3, closing, Decimal(35))

    with page.expect_download() as told:
        page.get_by_role("link", name="Every movement as CSV").click()
    lines = list(csv.DictReader(io.StringIO(Path(told.value.path()).read_text(encoding="utf-8"))))
    assert sum(Decimal(line["amount"]) for line in lines if line["amount"]) == closing - opening
    assert Decimal(lines[-1]["balance"]) == closing
    with page.expect_download() as told:
        page.get_by_role("link", name="As PDF").click()
    assert told.value.suggested_filename.endswith(".pdf")
    assert Path(told.value.path()).read_bytes().startswith(b"%PDF-")


def test_usdc_arrives_on_chain(window: Window, photon: str) -> None:
    window.sign_in(BUYER)
    page = window.go(f"{photon}deposits/")
    page.get_by_role("button", name="Get an address").click()
    with window.context.expect_page() as opened:
        page.get_by_role("link", name="Send from the stand-in").click()
    wallet = opened.value
    wallet.get_by_label("USDC").fill("12.5")
    wallet.get_by_role("button", name="Send").click()
    expect(wallet.get_by_text("wait for the next block")).to_be_visible()
    wallet.close()

    expect(page.get_by_role("row", name="12.5")).to_contain_text("credited", timeout=CREDITED_MILLISECONDS)
    page.goto(f"{window.house.url}{photon}wallet/USDC/")
    assert read_amount(find_tile(page, "Available")) == Decimal("12.5")


def test_the_same_in_chinese(open_window: Open, photon: str) -> None:
    window = open_window(locale="zh-CN")
    page = window.go("/account/login/")
    page.locator("#id_login").fill(BUYER)
    page.locator("#id_password").fill(houses.PASSWORD)
    page.get_by_role("main").get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url("**/console/**")

    page.goto(f"{window.house.url}{photon}wallet/USD/")
    expect(page.locator("#statement")).to_contain_text("货币兑换")
    expect(page.locator("#statement")).to_contain_text("在线充值")
    page.goto(f"{window.house.url}{photon}convert/?sell=USD&buy=CNY")
    expect(page.locator("#id_buy option:checked")).to_have_text("CNY – 人民币")
