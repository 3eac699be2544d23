"""What operators and buyers do with invoices at their pages."""

import io
from datetime import date

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import AuditEvent, Role, User
from billing.models import BillingProfile, SellerProfile, TaxRule
from billing.statements import profiles
from tests.databases import Database
from tests.pages.conftest import make_person, open_browser
from tests.signing_in import sign_in_operator
from tests.statements.scene import Scene


@pytest.fixture
def operator(redis_url: str, scene: Scene) -> Client:
    """The browser of a signed-in operator."""
    return sign_in_operator(User.objects.create_superuser("operator@example.org", "a long password"))


def test_operators_see_an_invoice_with_its_lines_and_file(scene: Scene, operator: Client) -> None:
    [invoice] = scene.issue()

    page = operator.get(f"/admin/billing/invoice/{invoice.pk}/change/").content.decode()
    pdf = operator.get(f"/admin/billing/invoice/{invoice.pk}/pdf/")

    assert "0.45" in page
    assert (pdf["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert operator.get("/admin/billing/invoice/999/pdf/").status_code == 404


def test_operators_write_rules_and_end_them_and_say_who_sells(scene: Scene, operator: Client) -> None:
    said = {"seller_country": "HK", "buyer_country": "SE", "buyer_has_tax_id": "unknown", "rate": "0.25"}
    added = operator.post("/admin/billing/taxrule/add/", said | {"label": "VAT", "valid_from": "2026-01-01"})
    rule = TaxRule.objects.get(buyer_country="SE")
    ended = operator.post(f"/admin/billing/taxrule/{rule.pk}/change/", {"valid_until": "2027-01-01"})
    sold = operator.post(
        "/admin/billing/sellerprofile/HK/change/", {"name": "New name", "address": "Road 1", "tax_id": ""}
    )

    assert [answer.status_code for answer in (added, ended, sold)] == [302, 302, 302]
    rule.refresh_from_db()
    assert (rule.valid_until, rule.label) == (date(2027, 1, 1), "VAT")
    assert SellerProfile.objects.get().name == "New name"
    assert AuditEvent.objects.filter(action="tax_rule.change").exists()


def test_buyers_find_their_files_and_say_whom_to_invoice(scene: Scene, redis_url: str) -> None:
    owner = make_person("owner@lab.example", organization=scene.organization, role=Role.OWNER)
    browser = open_browser(owner)
    console = f"/console/{scene.organization.uid}"
    described = {"name": "Lab AB", "address": "Storgatan 1", "country": "SE", "language": "zh-hans"}
    wrong = {"tax_id_kind": "eu_vat", "tax_id": "SE1"}

    refused = browser.post(f"{console}/billing-profile/", described | wrong)
    saved = browser.post(f"{console}/billing-profile/", described)
    [invoice] = scene.issue()

    assert (refused.status_code, saved.status_code) == (422, 302)
    assert BillingProfile.objects.get().name == "Lab AB"
    assert invoice.number in browser.get(f"{console}/invoices/").content.decode()
    assert browser.get(f"{console}/invoices/{invoice.uid}/").content[:5] == b"%PDF-"
    assert "9.55" in browser.get(f"{console}/statements/USD/").content.decode()
    assert browser.get(f"{console}/statements/USD/?month=never").status_code == 404
    assert browser.get(f"{console}/statements/EUR/").status_code == 404


def test_a_tax_number_is_kept_encrypted_and_stands_in_full_on_invoices_alone(scene: Scene) -> None:
    owner = make_person("owner@lab.example", organization=scene.organization, role=Role.OWNER)
    browser, page = open_browser(owner), f"/console/{scene.organization.uid}/billing-profile/"
    number = "DE136695976"
    said = {
        "name": "Lab GmbH",
        "address": "Weg 1",
        "country": "DE",
        "language": "en",
        "tax_id_kind": "eu_vat",
    }

    browser.post(page, said | {"tax_id": number})
    shown = browser.get(page).content.decode()
    browser.post(page, said | {"tax_id": "", "address": "Weg 2"})
    kept = BillingProfile.objects.get()
    sealed = kept.tax_id
    # As it was kept before there was a key.
    BillingProfile.objects.update(tax_id=number)
    call_command("rotate_credentials", stdout=io.StringIO())
    again = BillingProfile.objects.get()
    [invoice] = scene.issue()

    assert "…5976" in shown
    assert number not in shown
    assert (kept.address, number in sealed, number in again.tax_id) == ("Weg 2", False, False)
    assert profiles.open_tax_id(kept) == profiles.open_tax_id(again) == number
    assert invoice.facts["buyer"]["tax_id"] == number
    told = AuditEvent.objects.filter(action="billing_profile.change").values_list("details", flat=True)
    assert [one["tax_id"] for one in told] == ["…5976", "…5976"]
    browser.post(page, said | {"tax_id_kind": "", "tax_id": ""})
    assert BillingProfile.objects.get().tax_id == ""


def test_a_desk_has_an_example_of_a_seller_until_somebody_says_who_sells(db: Database) -> None:
    said = [io.StringIO(), io.StringIO()]
    for one in said:
        call_command("example_seller", stdout=one)

    assert [one.getvalue() for one in said] == ["entered\n", "there is one already\n"]
    assert "not a company" in SellerProfile.objects.get(pk="HK").name
    assert AuditEvent.objects.get(action="seller_profile.add").actor_kind == "SYSTEM"
