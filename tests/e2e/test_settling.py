"""Two operators pay a provider in a browser, from what is owed to the signed books of a closed period."""

import hashlib
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization, User
from billing.banking import accounts as bank_accounts
from billing.compliance import checks
from billing.models import ComplianceStep, Payout
from billing.rails import methods, payers
from billing.rails.protocol import name_payout
from tests.banking.files import IBAN, Sheet, write
from tests.banking.files import Entry as Line
from tests.e2e import house as houses
from tests.e2e.conftest import SECRET, Open, Window
from tests.e2e.looking import look
from tests.e2e.test_pages import speak
from tests.rails.orders import DETAILS, HONG_KONG
from tests.settlement import settling

PEOPLE = ("anne@jouleport.example", "bert@jouleport.example")


def make_provider() -> Organization:
    """A provider that is owed 250.125 dollars, was checked, and may be paid to its bank."""
    farm = houses.make_organization("Sun Farm")
    anne, bert = (Actor.from_user(User.objects.get(email=email)) for email in PEOPLE)
    now = datetime.now(UTC)
    for kind, form in ((ComplianceStep.Kind.IDENTITY, ""), (ComplianceStep.Kind.TAX_FORM, "W-8BEN-E")):
        checks.submit(organization=farm, kind=kind, form=form, evidence=["Paper"], actor=anne, now=now)
        state = ComplianceStep.State.ACCEPTED if form else ComplianceStep.State.VERIFIED
        checks.decide(organization=farm, kind=kind, state=state, actor=bert, now=now)
    added = now - methods.COOLING - timedelta(hours=1)
    method = methods.add_method(
        organization=farm,
        rail="bank_file",
        currency="USD",
        country="US",
        details=DETAILS["US"],
        actor=anne,
        now=added,
    )
    methods.verify_method(method=method, actor=bert, now=added)
    payers.set_payer(currency="USD", country="HK", details=HONG_KONG, actor=anne, now=now)
    bank_accounts.open_account(
        currency="USD", number=IBAN, bank="Bank", holder="Jouleport", actor=audit.SYSTEM, now=now
    )
    settling.earn(farm, "250.125")
    return farm


def press(page: Page, name: str) -> None:
    """A button of the page itself, not of its frame."""
    page.get_by_role("button", name=name, exact=True).click()


def approve(bert: Window, path: str) -> None:
    """The second person looks, and says yes."""
    page = bert.go(path)
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    look(page, dark=False)
    page.locator("button[name=approve]").click()
    expect(page.locator("button[name=approve]")).to_have_count(0)


def find_path(page: Page) -> str:
    """Where a page is, without its server."""
    return re.sub(r"^https?://[^/]+", "", page.url)


def wait_for(page: Page, text: str) -> None:
    """Load a page until a task has done its part."""
    for _ in range(60):
        if page.get_by_text(text).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(f"{text!r} never came: {page.locator('body').inner_text()[:2000]}")


def test_from_the_draft_to_the_audit_pack(open_window: Open, tmp_path: Path) -> None:
    ann, bert = open_window(accept_downloads=True), open_window()
    with ann.house.books():
        for email in PEOPLE:
            houses.make_operator(email, secret=SECRET)
        farm = make_provider()
    ann.sign_in(PEOPLE[0], secret=SECRET)
    bert.sign_in(PEOPLE[1], secret=SECRET)
    # The second person reads Chinese.
    speak(bert, "zh-Hans")

    batch = settle(ann, bert)
    payout = send(ann, bert, tmp_path)
    confirm(ann, payout, batch)
    close(ann, bert, tmp_path)
    follow_down(ann, farm)
    give_back(ann, bert, payout, batch)


def settle(ann: Window, bert: Window) -> str:
    """Draft, submit, approve by another, carry out; answers the batch's page."""
    page = ann.go("/admin/billing/settlementbatch/")
    page.get_by_role("link", name="Draft a settlement").first.click()
    page.locator("#id_currency").select_option("USD")
    look(page)
    press(page, "Draft")
    expect(page.get_by_text("first payout")).to_be_visible()
    expect(page.get_by_role("cell", name="250.12 USD").first).to_be_visible()
    batch = find_path(page)
    look(page)
    press(page, "Submit for approval")
    asked = find_path(page)
    expect(page.get_by_role("button", name="Approve exactly this")).to_have_count(0)
    approve(bert, asked)
    page = ann.go(batch)
    press(page, "Carry it out")
    wait_for(page, "Everything is booked.")
    look(page)
    return batch


def send(ann: Window, bert: Window, folder: Path) -> Payout:
    """A file for the bank, approved by another, handed over, downloaded."""
    page = ann.go("/admin/billing/railfile/waiting/")
    look(page)
    press(page, "Make a file")
    file = find_path(page)
    look(page)
    page.get_by_role("link", name="waits for a second person").click()
    approve(bert, find_path(page))
    page = ann.go(file)
    press(page, "Hand it over: from now on it can be downloaded")
    expect(page.get_by_text("Its payouts are sent.")).to_be_visible()
    with page.expect_download() as coming:
        press(page, "Download")
    coming.value.save_as(folder / "pain.xml")
    content = (folder / "pain.xml").read_bytes()
    assert b'<InstdAmt Ccy="USD">250.12</InstdAmt>' in content
    expect(page.get_by_text(hashlib.sha256(content).hexdigest()).first).to_be_visible()
    with ann.house.books():
        return Payout.objects.get()


def confirm(ann: Window, payout: Payout, batch: str) -> None:
    """The bank's statement says that it left."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    line = Line("-250.12", ref="B1", end_to_end=name_payout(payout.uid), code="PMNT/ICDT/ESCT")
    statement = write(Sheet(day=today, opening="1000", entries=[line]))
    page = ann.go("/admin/billing/bankstatement/import/")
    look(page)
    page.locator("#id_file").set_input_files(
        {"name": "camt.xml", "mimeType": "application/xml", "buffer": statement}
    )
    press(page, "Hand in statements")
    expect(page.get_by_text("Taken; 1 lines booked.")).to_be_visible()
    look(page)
    page = ann.go(batch)
    page.get_by_role("link", name="Paid").last.click()
    look(page)
    expect(page.get_by_text("It has arrived.")).to_be_visible()
    expect(page.get_by_role("cell", name="Paid", exact=True).first).to_be_visible()


def give_back(ann: Window, bert: Window, payout: Payout, batch: str) -> None:
    """The bank sends it back: one says so, another confirms, and it is owed again."""
    path = f"/admin/billing/payout/{payout.pk}/change/"
    page = ann.go(path)
    page.get_by_label("What became of it").select_option("Came back")
    page.get_by_label("Why it did not arrive").fill("AC04")
    press(page, "Note it")
    approve(bert, find_path(page))
    page = ann.go(path)
    expect(page.get_by_text("It is owed again; the next settlement pays it.")).to_be_visible()
    expect(page.get_by_text("The account is closed.")).to_be_visible()
    expect(page.get_by_role("button", name="Note it")).to_have_count(0)
    look(page)
    page = ann.go(batch)
    expect(page.get_by_role("link", name="Came back").first).to_be_visible()
    look(page)


def close(ann: Window, bert: Window, folder: Path) -> None:
    """The books of yesterday are closed by two, and taken away signed."""
    page = ann.go("/admin/billing/accountingperiod/close/")
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    look(page)
    page.locator("#ends_on").fill(yesterday)
    press(page, "Prepare")
    approve(bert, find_path(page))
    page = ann.go("/admin/billing/accountingperiod/close/")
    press(page, f"Close the books up to {yesterday}")
    page.locator("#result_list tbody a").first.click()
    look(page)
    with page.expect_download() as coming:
        press(page, "Download the audit pack")
    coming.value.save_as(folder / "pack.zip")
    with zipfile.ZipFile(folder / "pack.zip") as pack:
        manifest = json.loads(pack.read("manifest.json"))
        found = hashlib.sha256(pack.read("journal.hledger")).hexdigest()
    assert manifest["ends_on"] == yesterday
    assert manifest["files"]["journal.hledger"] == found


def follow_down(ann: Window, farm: Organization) -> None:
    """From the trial balance to the account, the entry, its payout, and back."""
    page = ann.go("/admin/billing/ledgeraccount/trial-balance/")
    look(page)
    page.get_by_role("link", name=f"liability:payable:{farm.pk}:USD").click()
    look(page)
    page.get_by_role("row", name=re.compile("PAYOUT")).get_by_role("link").first.click()
    expect(page.get_by_text("PAYOUT", exact=True).first).to_be_visible()
    look(page)
    page.get_by_role("link", name=f"liability:payable:{farm.pk}:USD").first.click()
    page.get_by_role("link", name="all movements").click()
    expect(page.get_by_text("0.005000000").first).to_be_visible()
