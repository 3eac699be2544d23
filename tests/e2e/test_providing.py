"""A provider, from an empty organization to an offer on sale whose price it has seen and tried to change."""

import re

from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import audit
from accounts.models import Role
from marketplace import catalogue, reference_versions
from marketplace.models import Offer, Site
from marketplace.reference.files import read_files
from tests.e2e import house as houses
from tests.e2e.conftest import Window

LLAMA = "llama-3.1-70b-instruct"
PROVIDER = "sun@park.example"


def judge(page: Page) -> list[str]:
    """What axe-core finds wrong in light and dark, and whether the page is too wide for a telephone."""
    found = []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [
            f"{page.url} {scheme}: {violation['id']} {node['html']}"
            for violation in Axe().run(page).response["violations"]
            for node in violation["nodes"]
        ]
    page.set_viewport_size({"width": 360, "height": 800})
    needed = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 1280, "height": 800})
    return found if needed <= 360 else [*found, f"{page.url}: needs {needed} px of 360"]


def fill(page: Page, given: dict[str, str]) -> None:
    """Type into fields by their labels, as far as the label begins so."""
    for label, text in given.items():
        page.get_by_label(label).first.fill(text)


def test_from_an_empty_organization_to_an_offer_on_sale(window: Window) -> None:
    with window.house.books():
        park, now = houses.make_organization("Solar Park"), timezone.now()
        houses.make_person(PROVIDER, organization=park, role=Role.ADMIN)
        reference_versions.load_files(files=read_files(), actor=audit.SYSTEM, now=now)
        catalogue.create_model(
            slug=LLAMA,
            name="Llama 3.1 70B Instruct",
            context_length=8192,
            max_output_default=1024,
            actor=audit.SYSTEM,
            now=now,
        )
    page = window.sign_in(PROVIDER)
    found: list[str] = []

    page.get_by_role("link", name="Sites and offers").click()
    found += judge(page)
    page.get_by_role("link", name="Register a site").click()
    found += judge(page)
    fill(page, {"Name": "Qingyang hall", "Region": "Gansu", "Grid zone": "CN-GS", "Currency": "CNY"})
    fill(page, {"Electricity, per kWh": "0.398", "PUE": "1.25"})
    page.get_by_label("Country").select_option("CN")
    page.get_by_label("Time zone").select_option("Asia/Shanghai")
    page.get_by_role("button", name="Register the site").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Qingyang hall")

    set_tariff(window, found)
    make_offer(page, found)
    try_lever(page)

    page.get_by_role("link", name="Change the contract").click()
    fill(page, {"Step 1: may wait": "4", "Step 1: off": "20"})
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("row", name="4 hours")).to_be_visible()
    found += judge(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Work that may wait 4 hours gets 20 % off")).to_be_visible()
    page.get_by_role("button", name="Put on sale at this price").click()
    expect(page.get_by_text("The offer is on sale.")).to_be_visible()
    found += judge(page)
    page.get_by_role("link", name="Nodes of this site").click()
    found += judge(page)
    with window.house.books():
        offer = Offer.objects.get(organization=park)
        assert (offer.state, Site.objects.get(organization=park).grid_zone) == (Offer.State.LIVE, "CN-GS")
        assert offer.price_cards.exists()
    assert found == []


def set_tariff(window: Window, found: list[str]) -> None:
    """Begin with an example, see its hours, and confirm that it is what the site pays."""
    page = window.page
    page.get_by_role("link", name="Say what electricity costs").click()
    page.get_by_role("link", name="Gansu (Qingyang)").click()
    expect(page.get_by_text("illustrative", exact=True)).to_be_visible()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="Tried, and not kept")).to_be_visible()
    found += judge(page)
    page.get_by_role("button", name="Set this tariff").click()
    expect(page.get_by_role("alert")).to_be_focused()
    window.expect_complaint("422")
    found += judge(page)
    page.get_by_role("button", name="Confirm and save").click()
    expect(page.get_by_role("row", name="cn-gansu")).to_be_visible()
    found += judge(page)
    page.get_by_role("link", name="Describe the site's energy").click()
    found += judge(page)
    fill(page, {"What a kWh earns when it is sold as power": "0.3"})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The site's energy is kept.")).to_be_visible()


def make_offer(page: Page, found: list[str]) -> None:
    """Try an offer with measured figures, and draft it."""
    page.get_by_role("link", name="Make an offer").click()
    found += judge(page)
    page.get_by_label("Model").select_option(LLAMA)
    page.get_by_label("Chip").first.select_option("nvidia-h100-sxm-80")
    measured = "Llama 3.1 70B Instruct, BF16, 4 × nvidia-h100-sxm-80"
    page.locator("#id_setup").select_option(label=measured)
    fill(page, {"Number of chips": "8", "Requests at a time": "256", "Capital of the machine": "2000000"})
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#trial")).to_be_focused()
    expect(page.locator(".tile-lead .tile-value")).to_contain_text("CNY")
    found += judge(page)
    page.get_by_role("button", name="Save as a draft").click()
    expect(page.get_by_text("The offer is drafted.")).to_be_visible()
    expect(
        page.get_by_role("heading", name="The price of 1M output tokens over the next 48 hours")
    ).to_be_visible()
    hours = page.locator("section", has=page.get_by_role("heading", name="The price of one chip-hour"))
    hours.get_by_text("Hour by hour").click()
    assert hours.locator("tbody tr:visible").count() >= 48
    expect(page.get_by_text("Computing earns more than selling the power")).to_be_visible()


def try_lever(page: Page) -> None:
    """Immersion instead of air, by keyboard alone."""
    lever = page.locator("details.lever", has=page.get_by_role("heading", name="Better cooling"))
    lever.locator("summary").focus()
    page.keyboard.press("Enter")
    lever.get_by_label("PUE").fill("1.07")
    page.keyboard.press("Enter")
    said = page.get_by_role("status").filter(has_text="Better cooling")
    expect(said).to_contain_text("% less")
    expect(page).to_have_url(re.compile("lever=cooling"))
