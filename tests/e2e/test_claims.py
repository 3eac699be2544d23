"""A bad answer: its buyer claims, its provider answers, two operators credit a part of it to the wallet."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from accounts import audit, keys
from accounts.models import Organization, Role
from core.money import round_amount
from tests.e2e import house as houses
from tests.e2e.conftest import SECRET, Open, Window
from tests.e2e.looking import look
from workers import claims
from workers.models import AnswerClaim, Attempt

BUYER, SELLER = "claims@buyer.example", "claims@seller.example"
OPERATORS = ("first.claims@jouleport.example", "second.claims@jouleport.example")
CHARGES = "#statement a[href*='/charges/']"
PROMPT = b'{"prompt": "Which is the capital of France?", "answer": "Lyon"}'


@pytest.fixture
def lab(window: Window) -> Organization:
    """A buyer who paid for one answer, and whoever sold it; two operators."""
    with window.house.books():
        now = datetime.now(UTC)
        lab = houses.make_organization("Claiming Lab")
        houses.make_person(BUYER, organization=lab)
        houses.fund(lab, "5")
        key = keys.issue_key(organization=lab, name="key", actor=audit.SYSTEM, now=now)
        for email in OPERATORS:
            houses.make_operator(email, secret=SECRET)
    body = {"model": "small", "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 20}
    bearer = {"Authorization": f"Bearer {key.text}"}
    httpx.post(f"{window.house.url}/v1/chat/completions", json=body, headers=bearer).raise_for_status()
    with window.house.books():
        seller = Attempt.objects.get(job__organization=lab).offer.organization
        houses.make_person(SELLER, organization=seller, role=Role.OWNER)
    return lab


def judge(page: Page) -> None:
    """What axe-core finds wrong, which is nothing."""
    found = [
        f"{page.url}: {violation['id']} {node['html']}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
    ]
    assert found == []


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def attach(page: Page, name: str, kind: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": kind, "buffer": content})


def test_a_claim_is_shown_answered_and_credited_by_two(
    window: Window, open_window: Open, lab: Organization
) -> None:
    seller, first, second = open_window(), open_window(), open_window()
    wallet = f"/console/{lab.uid}/wallet/USD/"
    page = claim(window, wallet)
    answer(seller)
    left = decide(first, second)

    page.reload()
    expect(page.get_by_text("The capital is Paris.")).to_be_visible()
    judge(page)
    page.goto(window.house.url + wallet)
    credit = page.locator("#statement tr", has_text="Credit for a claim")
    given = Decimal(credit.locator("data.money").get_attribute("value") or "")
    page.locator(CHARGES).first.click()
    expect(page.get_by_role("region", name="Your claim")).to_contain_text("Decided")
    judge(page)
    page = window.go(f"/console/{lab.uid}/statements/USD/")
    expect(page.get_by_role("row", name="Credit for a claim")).to_be_visible()

    assert given == round_amount(left / 2)


def claim(window: Window, wallet: str) -> Page:
    """From the wallet to the charge, and from there to a claim with a file."""
    window.sign_in(BUYER)
    page = window.go(wallet)
    charge = page.locator(CHARGES)
    for _ in range(60):
        if charge.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    charge.first.click()
    page.get_by_role("link", name="Claim that the answer was bad").click()
    judge(page)
    page.get_by_label("Tell us more").fill("It named another capital.")
    attach(page, "setup.exe", "application/json", b"MZ\x00\x01")
    press(page, "Open the claim")
    expect(page.get_by_role("alert")).to_contain_text("setup.exe is none of these kinds")
    window.expect_complaint("422")
    judge(page)
    attach(page, "prompt.json", "text/html", PROMPT)
    press(page, "Open the claim")
    expect(page.get_by_text("The provider is asked; then we decide.")).to_be_visible()
    with page.expect_download() as coming:
        page.get_by_role("link", name="prompt.json").click()
    assert coming.value.path().read_bytes() == PROMPT
    return page


def answer(seller: Window) -> None:
    """The provider finds the claim, shows its log and says what it makes of it."""
    seller.sign_in(SELLER)
    with seller.house.books():
        opened = AnswerClaim.objects.select_related("provider").get(organization__name="Claiming Lab")
    page = seller.go(f"/console/{opened.provider.uid}/claims/")
    judge(page)
    page.get_by_role("region", name="About your answers").get_by_role("link").first.click()
    expect(page.get_by_text("It named another capital.")).to_be_visible()
    expect(page.get_by_text("Claiming Lab")).to_have_count(0)
    attach(page, "server.log", "text/plain", "00:00 巴黎".encode())
    press(page, "Add files")
    expect(page.get_by_role("row", name="server.log")).to_contain_text("the provider")
    page.get_by_label("Your answer").fill("So it did.")
    press(page, "Send the answer")
    expect(page.get_by_text("Being decided")).to_be_visible()
    judge(page)


def decide(first: Window, second: Window) -> Decimal:
    """One operator would credit half of what was charged, another one agrees; answers what the buyer paid."""
    first.sign_in(OPERATORS[0], secret=SECRET)
    second.sign_in(OPERATORS[1], secret=SECRET)
    with first.house.books():
        opened = AnswerClaim.objects.select_related("job").get(organization__name="Claiming Lab")
        left = claims.find_credit_max(claim=opened).amount
    page = first.go("/admin/workers/answerclaim/")
    page.get_by_role("link", name=str(opened.job.uid)).click()
    expect(page.get_by_text("So it did.")).to_be_visible()
    look(page)
    with page.expect_download() as coming:
        page.get_by_role("link", name="prompt.json").click()
    assert coming.value.path().read_bytes() == PROMPT
    page.get_by_label("Credit").fill(f"{round_amount(left / 2):f}")
    page.get_by_label("Reason").fill("The capital is Paris.")
    press(page, "Decide")
    expect(page.get_by_text("A second operator is asked")).to_be_visible()
    page.get_by_role("link", name=f"asked by {OPERATORS[0]}").click()
    expect(page.get_by_role("button", name="Approve exactly this")).to_have_count(0)
    asked = second.go(re.sub(r"^https?://[^/]+", "", page.url))
    press(asked, "Approve exactly this")
    expect(asked.get_by_text("Approved.", exact=True).first).to_be_visible()
    page = first.go(f"/admin/workers/answerclaim/{opened.pk}/change/")
    expect(page.get_by_text(f"approved by {OPERATORS[1]}")).to_be_visible()
    page.get_by_role("link", name="entry #").click()
    expect(page.get_by_text("CLAIM", exact=True).first).to_be_visible()
    return left
