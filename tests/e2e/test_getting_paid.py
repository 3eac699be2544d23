"""A provider, from nothing handed in to ready to be paid: checks, Stripe's page and back, the schedule."""

from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.compliance import checks
from billing.models import ComplianceStep, PayoutMethod
from billing.rails import methods
from marketplace import sites
from tests.e2e import house as houses
from tests.e2e.conftest import Window
from tests.e2e.test_providing import fill, judge
from tests.market import DAM

PROVIDER = "vind@kraft.example"
Kind, State = ComplianceStep.Kind, ComplianceStep.State

EXTRACT = b"%PDF-1.7 of the register %%EOF"


def test_from_nothing_known_to_ready_to_be_paid(window: Window) -> None:
    with window.house.books():
        kraft = houses.make_organization("Vindkraft Norr")
        houses.make_person(PROVIDER, organization=kraft)
        sites.create_site(organization=kraft, described=DAM, actor=audit.SYSTEM, now=timezone.now())
        operator = Actor.from_user(houses.make_operator("checks@jouleport.example"))
    page = window.sign_in(PROVIDER)
    found: list[str] = []

    for name in ("Sites and offers", "Earnings", "Payouts", "Look at what is missing"):
        page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.get_by_text("Not ready to be paid.")).to_be_visible()
    found += judge(page)
    hand_in(page, found)
    with window.house.books():
        decide(kraft, operator)
    page.reload()
    expect(page.get_by_text("The number is of another company.")).to_be_visible()
    found += judge(page)
    page.get_by_role("link", name="Hand in again Tax form").click()
    sign_tax_form(page)
    go_to_stripe(page, found)
    with window.house.books():
        decide_again(kraft, operator)
    page.get_by_role("link", name="What else is missing before you are paid").click()
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Paid", exact=True).select_option("WEEKLY")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    found += judge(page)
    page.get_by_role("link", name="Being paid").click()

    expect(page.get_by_text("Ready to be paid.", exact=True)).to_be_visible()
    expect(page.get_by_text("it is paid from")).to_be_visible()
    expect(page.get_by_text("Every week, on Monday")).to_be_visible()
    assert page.locator(".badge-good").count() == 3
    found += judge(page)
    assert found == []


def hand_in(page: Page, found: list[str]) -> None:
    """Who the provider is, then where it is taxed."""
    page.get_by_role("link", name="Fill in Who you are").click()
    found += judge(page)
    fill(
        page, {"Registration number": "556000-0000, Bolagsverket", "Registered address": "Storgatan 1, Luleå"}
    )
    fill(page, {"Who acts for it": "Vera Vind, director", "Who owns": "Vera Vind, SE"})
    page.get_by_label("Papers").set_input_files(
        {"name": "extract.pdf", "mimeType": "application/pdf", "buffer": EXTRACT}
    )
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_text("Handed in. We look at it")).to_be_visible()
    page.get_by_text("What was handed in").first.click()
    with page.expect_download() as coming:
        page.get_by_role("link", name="extract.pdf").click()
    assert coming.value.path().read_bytes() == EXTRACT
    page.get_by_role("link", name="Hand in again Who you are").click()
    expect(page.get_by_label("extract.pdf")).to_be_checked()
    found += judge(page)
    page.get_by_role("link", name="Being paid", exact=True).click()
    page.get_by_role("link", name="Fill in Tax form").click()
    found += judge(page)
    sign_tax_form(page)


def sign_tax_form(page: Page) -> None:
    """The form for payees of its country, with a signature."""
    page.get_by_label("Form", exact=True).select_option("W-8BEN-E")
    fill(page, {"Tax number": "SE556000000001", "Address for taxes": "Storgatan 1, Luleå"})
    fill(page, {"Your name, as signature": "Vera Vind", "What you are there": "Director"})
    page.get_by_label("All of this is true and complete").check()
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_text("Handed in. We look at it")).to_be_visible()


def decide(kraft: Organization, operator: Actor) -> None:
    """Identity is verified, the form refused."""
    said: dict[str, Any] = {"organization": kraft, "actor": operator, "now": timezone.now()}
    checks.decide(kind=Kind.IDENTITY, state=State.VERIFIED, **said)
    reason = "The number is of another company."
    checks.decide(kind=Kind.TAX_FORM, state=State.REFUSED, reason=reason, **said)


def decide_again(kraft: Organization, operator: Actor) -> None:
    """The form is accepted, and the account found to be the provider's."""
    now = timezone.now()
    checks.decide(organization=kraft, kind=Kind.TAX_FORM, state=State.ACCEPTED, actor=operator, now=now)
    method = PayoutMethod.objects.get(organization=kraft)
    methods.verify_method(method=method, actor=operator, now=now)


def go_to_stripe(page: Page, found: list[str]) -> None:
    """Open an account, leave out the bank, read that it is missing, and put it right."""
    page.get_by_role("link", name="Payout methods").last.click()
    page.get_by_role("link", name="Get paid through Stripe").click()
    found += judge(page)
    page.get_by_role("button", name="Open an account").click()
    page.get_by_role("link", name="Continue at Stripe").click()
    expect(page.get_by_text("STAND-IN FOR STRIPE")).to_be_visible()
    page.get_by_role("button", name="Tell everything but a bank account").click()
    expect(page.get_by_text("restricted", exact=True)).to_be_visible()
    expect(page.get_by_text("Your bank account")).to_be_visible()
    found += judge(page)
    page.get_by_role("link", name="Put it right at Stripe").click()
    # Whoever goes back and on again has used the link up, and gets another one.
    used = page.url
    page.goto(used)
    expect(page.get_by_text("STAND-IN FOR STRIPE")).to_be_visible()
    assert page.url != used
    page.get_by_role("button", name="Tell everything", exact=True).click()
    expect(page.get_by_text("enabled", exact=True)).to_be_visible()
    found += judge(page)
