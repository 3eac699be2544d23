"""What a provider does in the console: trials store nothing, and what is shown is what is sold."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.template.base import Template
from django.test import Client
from django.test.utils import instrumented_test_render  # type: ignore[attr-defined]

from accounts import audit
from accounts.keys import IssuedKey
from accounts.models import Organization
from billing.models import Charge
from billing.wallets import Wallet
from marketplace import price_cards, reference, reference_versions, site_tariffs
from marketplace import series as histories
from marketplace.models import Job, Offer, OfferPlan, OfferTerms, Site, SiteEnergy, SiteTariff
from marketplace.reference.files import read_files
from marketplace.site_energy import PUE_FILE
from tests.api.running import run_job
from tests.cast import NOW
from tests.databases import Database
from tests.market import Stand
from tests.marketplace.test_publishing import VALLEY
from tests.pages.conftest import make_person, open_browser
from tests.workers.conftest import BLOB_KEY
from workers import jobs
from workers.blobs import FolderStore
from workers.models import UsageRecord
from workers.pages.site_forms import SiteForm, TariffForm

PLACE = {
    "name": "Hall",
    "country": "CN",
    "region": "Gansu",
    "grid_zone": "CN-GS",
    "time_zone": "Asia/Shanghai",
    "currency": "CNY",
    "energy_price": "0.398",
    "pue": "1.25",
}
SERVED = {
    "chips": "2",
    "joules_per_output_token": "0.9",
    "tokens_per_second": "60",
    "watts_idle": "20",
    "host_factor": "1",
    "utilisation": "50",
    "capital": "800",
    "capital_years": "4",
    "capital_rate": "10",
    "operations_rate": "0",
    "margin": "10",
}


@pytest.fixture(autouse=True)
def keep_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page was made from is read from its context, and not from its words."""
    monkeypatch.setattr(Template, "_render", instrumented_test_render)


@pytest.fixture
def browser(redis_url: str, stand: Stand) -> Client:
    """That of the farm's owner."""
    return open_browser(make_person("owner@farm.example", organization=stand.offer.organization))


def go(stand: Stand, path: str = "") -> str:
    """The address of something of the farm's."""
    return f"/console/{stand.offer.organization.uid}/{path}"


def at_site(stand: Stand, path: str = "") -> str:
    """The address of something of its site."""
    return go(stand, f"sites/{stand.site.uid}/{path}")


def at_offer(stand: Stand, path: str = "") -> str:
    """The address of something of its offer."""
    return go(stand, f"offers/{stand.offer.uid}/{path}")


def read(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_grids_carbon_is_filled_in_where_it_was_published() -> None:
    form = SiteForm(PLACE)

    assert form.is_valid(), form.errors
    assert form.described.gco2_per_kwh == reference.find_grid_factor("CN-GS").g_per_kwh
    assert "CN-GS" in form.described.carbon_source


def test_a_grid_of_which_nothing_was_published_takes_the_providers_word() -> None:
    assert "gco2_per_kwh" in SiteForm(PLACE | {"grid_zone": "XX-1"}).errors
    assert "carbon_source" in SiteForm(PLACE | {"gco2_per_kwh": "12"}).errors
    assert SiteForm(PLACE | {"grid_zone": "XX-1", "gco2_per_kwh": "12", "carbon_source": "own"}).is_valid()


def test_a_new_version_begins_when_it_is_said_to() -> None:
    form = TariffForm({"document": json.dumps(VALLEY), "valid_from": "2031-02-03", "hold_hours": "2"})

    assert form.is_valid(), form.errors
    assert form.terms.document["valid_from"] == "2031-02-03"
    assert form.terms.hold.total_seconds() == 7200


def test_what_is_wrong_in_a_tariff_is_told_with_its_path(browser: Client, stand: Stand) -> None:
    wrong = {**VALLEY, "components": [{"kind": "FIXED_ENERGY", "name": "energy", "price": 0.06}]}

    floating = browser.post(at_site(stand, "tariff/"), {"document": json.dumps(wrong), "hold_hours": "24"})
    text = browser.post(
        at_site(stand, "tariff/"),
        {"document": json.dumps(wrong).replace("0.06", '"much"'), "hold_hours": "24"},
    )

    assert (floating.status_code, text.status_code) == (422, 422)
    assert "write 0.06 as a string" in read(floating)
    assert "components[0].price" in read(text)
    assert not SiteTariff.objects.exists()


def test_a_tariff_is_tried_before_it_is_set(browser: Client, stand: Stand) -> None:
    # In force now, whatever the date.
    document = json.dumps({**VALLEY, "verified": False, "valid_from": "2020-01-01"})
    given = {"document": document, "hold_hours": "24"}

    tried = browser.post(at_site(stand, "tariff/"), given | {"deed": "try"})
    assert "Tried, and not kept" in read(tried)
    assert 'class="part-electricity"' in read(tried)
    assert not SiteTariff.objects.exists()

    refused = browser.post(at_site(stand, "tariff/"), given)
    assert refused.status_code == 422
    assert "Confirm and save" in read(refused)
    assert browser.post(at_site(stand, "tariff/"), given | {"confirmed": "on"}).status_code == 302
    assert SiteTariff.objects.get(site=stand.site).number == 1


def test_an_offer_is_tried_before_it_is_drafted(browser: Client, stand: Stand) -> None:
    path = at_site(stand, "offers/new/")
    sold = {
        "model": "small",
        "unit": "TOKEN",
        "slots": "4",
        "max_output_default": "64",
        "max_output_cap": "1024",
    }

    tried = browser.post(path, SERVED | sold | {"deed": "try"})

    assert tried.status_code == 200
    assert "Tried, and not kept" in read(tried)
    assert Offer.objects.count() == 1
    # The same machine as that of the stand costs the same, to the digit.
    shown = tried.context["shown"][0]
    card = price_cards.quote_offer(offer=stand.offer)
    assert shown.price == card.prices.output * 1_000_000

    assert browser.post(path, SERVED | sold | {"deed": "keep"}).status_code == 302
    made = Offer.objects.latest("pk")
    assert (made.state, made.profile.joules_per_output_token) == (Offer.State.DRAFT, Decimal("0.9"))


def test_a_figure_that_is_missing_is_told_at_its_field(browser: Client, stand: Stand) -> None:
    answer = browser.post(at_offer(stand, "serving/"), {**SERVED, "tokens_per_second": "", "watts_idle": ""})

    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"tokens_per_second", "watts_idle"}


def test_a_lever_says_before_and_after_and_keeps_nothing(browser: Client, stand: Stand) -> None:
    answer = browser.get(at_offer(stand), {"lever": "cooling", "pue": "1.07"})

    tried = answer.context["tried"]
    assert tried["before"] == answer.context["shown"][0].price
    assert tried["after"] < tried["before"]
    assert Site.objects.get().pue == Decimal("1.2")
    refused = browser.get(at_offer(stand), {"lever": "cooling", "pue": "0.9"})
    assert refused.context["tried"] is None


def test_a_cooling_that_nobody_verified_is_confirmed_by_a_button(browser: Client, stand: Stand) -> None:
    energy = {
        "cooling": "LIQUID",
        "pue_basis": "COOLING",
        "pue": "1.2",
        "line_loss": "0",
        "heat_reused": "30",
        "heat_price": "0.01",
        "heat_source": "the town",
        "carbon_basis": "NONE",
        "carbon_price_per_tonne": "0",
        "renewable_share": "0",
        "matched_share": "0",
        "hall_capital_per_watt": "0",
        "hall_years": "15",
        "hall_rate": "8",
        "opportunity_price": "0.05",
    }
    path = at_site(stand, "energy/")
    shipped = [file for file in read_files() if file.name == PUE_FILE]
    reference_versions.load_files(files=shipped, actor=audit.SYSTEM, now=NOW)

    refused = browser.post(path, energy)
    assert refused.status_code == 422
    assert "Confirm and save" in read(refused)
    tried = browser.post(path, energy | {"confirmed": "on", "deed": "try"})
    [(_, _, before, after, problem)] = tried.context["tried"]["rows"]
    assert after < before
    assert problem == ""
    assert not SiteEnergy.objects.exists()

    assert browser.post(path, energy | {"confirmed": "on"}).status_code == 302
    assert SiteEnergy.objects.get().heat_reused == Decimal("0.3")
    assert Site.objects.get().pue < Decimal("1.2")
    page = browser.get(at_offer(stand))
    assert page.context["shown"][0].price == after
    assert page.context["returns"].use.selling == Decimal("0.05")


def test_an_offer_that_pauses_says_why_on_every_page_of_it(browser: Client, stand: Stand) -> None:
    OfferPlan.objects.create(
        offer=stand.offer, key="k", problem="no price from noon on", planned_at=datetime.now(UTC)
    )

    for path in (go(stand, "sites/"), at_site(stand), at_offer(stand)):
        assert "no price from noon on" in read(browser.get(path))


def test_a_feed_that_is_silent_is_told_where_its_price_counts(browser: Client, stand: Stand) -> None:
    follows = {"kind": "INDEX_ENERGY", "name": "energy", "term": {"series": "de-lu"}}
    document = {**VALLEY, "valid_from": "2020-01-01", "components": [follows], "multipliers": None}
    said = {name: value for name, value in document.items() if value is not None}
    terms = site_tariffs.Terms(document=said)
    site_tariffs.set_tariff(site=stand.site, terms=terms, actor=audit.SYSTEM, now=datetime.now(UTC))

    missing = read(browser.get(at_site(stand)))
    described = histories.Described(
        slug="de-lu",
        name="Germany, day ahead",
        kind="PRICE",
        zone="DE-LU",
        resolution=15,
        source="constructed",
        licence="none",
        currency="USD",
    )
    histories.create_series(described=described, actor=audit.SYSTEM, now=NOW)
    silent = read(browser.get(at_site(stand)))

    assert "There is no series de-lu" in missing
    assert "The series de-lu has had nothing new for hours" in silent
    assert "says nothing for" in read(browser.get(at_offer(stand)))


def test_a_contract_is_tried_before_it_is_kept(browser: Client, stand: Stand) -> None:
    path, waiting = (
        at_offer(stand, "terms/"),
        {"contract": "FIXED", "cap": "0", "hours_1": "4", "share_1": "20"},
    )

    tried = browser.post(path, waiting | {"deed": "try"})
    [(_, at_once), (_, later)] = tried.context["tried"]["rows"]
    assert at_once == price_cards.quote_offer(offer=stand.offer).prices.output * 1_000_000
    assert later < at_once
    assert not OfferTerms.objects.exists()

    wrong = browser.post(path, waiting | {"hours_3": "2", "share_3": "30"})
    assert set(wrong.context["form"].errors) == {"hours_3"}
    lonely = browser.post(path, waiting | {"contract": "SURPLUS"})
    assert set(lonely.context["form"].errors) == {"contract"}
    assert browser.post(path, waiting).status_code == 302
    assert OfferTerms.objects.get().steps == [[4, "0.2"]]


def test_an_offer_is_sold_paused_and_withdrawn(browser: Client, stand: Stand) -> None:
    for deed, state in (
        ("pause", "DRAFT"),
        ("sell", "LIVE"),
        ("withdraw", "WITHDRAWN"),
        ("sell", "WITHDRAWN"),
    ):
        browser.post(at_offer(stand, f"{deed}/"))
        stand.offer.refresh_from_db()
        assert stand.offer.state == state
    assert browser.post(at_offer(stand, "burn/")).status_code == 404


def test_a_foreign_node_serves_nothing_here(browser: Client, stand: Stand, lab: Organization) -> None:
    boss = open_browser(make_person("boss@lab.example", organization=lab))

    assert boss.post(at_offer(stand, "bind/"), {"node": stand.node.uid}).status_code == 404
    foreign = f"/console/{lab.uid}/offers/{stand.offer.uid}/pause/"
    assert boss.post(foreign).status_code == 404


def test_earnings_are_told_by_offer_and_day(
    db: Database,
    browser: Client,
    stand: Stand,
    lab: Organization,
    lab_key: IssuedKey,
    lab_wallet: Wallet,
    tmp_path: Path,
) -> None:
    body = {"model": "small", "messages": [{"role": "user", "content": "w" * 40}], "max_tokens": 50}
    submitted = jobs.submit_job(
        organization=lab,
        api_key=lab_key.key,
        body=json.dumps(body).encode(),
        now=datetime.now(UTC),
        store=FolderStore(tmp_path, keys=[BLOB_KEY]),
    )
    run_job(db, Job.objects.get(uid=submitted.uid), SimpleNamespace(stand=stand), tokens_out=20)

    [(row, amount)] = browser.get(go(stand, "earnings/")).context["rows"]

    charge, usage = Charge.objects.get(), UsageRecord.objects.get()
    assert (row.offer, row.output_tokens, row.waiting) == (stand.offer, 20, 1)
    assert amount.amount == charge.provider_amount
    assert row.kwh == usage.kwh
    assert round(row.per_kwh * row.kwh, 9) == amount.amount
