"""What providers do on pages and by REST: add, order and remove methods; where buyers send USDC."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from accounts.audit import SYSTEM
from accounts.models import Organization, Role
from billing.rails import methods
from billing.rails.chain import deposits
from tests.api.conftest import make_user, sign_in
from tests.cast import NOW
from tests.pages.conftest import member_of  # noqa: F401
from tests.rails.orders import ALICE, DETAILS

pytestmark = pytest.mark.usefixtures("db", "redis_url")
GERMAN = {"rail": "bank_file", "currency": "EUR", "country": "DE"} | DETAILS["DE"]


@pytest.fixture
def owner(member_of: Callable[[Role], Client]) -> Client:  # noqa: F811
    return member_of(Role.OWNER)


def test_an_owner_adds_an_account_step_by_step(owner: Client, lab: Organization) -> None:
    page = f"/console/{lab.uid}/payout-methods/"

    rails = owner.get(f"{page}new/?currency=CNY&country=CN").content.decode()
    form = owner.get(f"{page}new/?currency=EUR&country=DE&rail=bank_file").content.decode()
    wrong = owner.post(f"{page}new/", GERMAN | {"iban": "DE88370400440532013000"})
    added = owner.post(f"{page}new/", GERMAN)
    listed = owner.get(page).content.decode()

    assert "rail=ecny" in rails
    assert "rail=usdc" not in rails
    assert 'name="iban"' in form
    assert (wrong.status_code, "This is no IBAN" in wrong.content.decode()) == (422, True)
    assert added.status_code == 302
    assert "Sol GmbH …3000" in listed
    assert DETAILS["DE"]["iban"] not in listed
    again = owner.post(f"{page}new/", GERMAN)
    assert (again.status_code, "listed already" in again.content.decode()) == (422, True)


def test_an_owner_orders_and_removes_methods(owner: Client, lab: Organization) -> None:
    page = f"/console/{lab.uid}/payout-methods/"
    owner.post(f"{page}new/", GERMAN)
    owner.post(f"{page}new/", {**GERMAN, "rail": "manual", "instructions": "By cheque"})
    bank, cheque = methods.list_methods(organization_id=lab.pk)

    owner.post(f"{page}{cheque.uid}/up/")
    assert methods.list_methods(organization_id=lab.pk) == [cheque, bank]
    owner.post(f"{page}{cheque.uid}/up/")
    owner.post(f"{page}{cheque.uid}/down/")
    assert methods.list_methods(organization_id=lab.pk) == [bank, cheque]
    owner.post(f"{page}{bank.uid}/remove/")
    assert methods.list_methods(organization_id=lab.pk) == [cheque]
    assert owner.post(f"{page}{cheque.uid}/burn/").status_code == 404


def test_a_program_is_told_which_field_is_wrong(lab: Organization) -> None:
    client = sign_in(make_user(lab, Role.OWNER, "olive"))
    body = {"rail": "bank_file", "currency": "EUR", "country": "DE"}

    wrong = client.post(
        "/api/payout-methods", body | {"details": DETAILS["DE"] | {"bic": "X"}}, format="json"
    )
    made = client.post("/api/payout-methods", body | {"details": DETAILS["DE"]}, format="json")
    rails = client.get("/api/payout-rails?currency=EUR&country=DE").json()["rails"]

    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (422, "detail_refused", "bic")
    assert (made.status_code, made.json()["state"], "details" in made.json()) == (201, "PENDING", False)
    assert {one["rail"]: bool(one["refusal"]) for one in rails} | {"bank_file": False, "usdc": True} == {
        one["rail"]: bool(one["refusal"]) for one in rails
    }
    assert client.get("/api/payout-rails?currency=eur&country=DE").status_code == 422


def test_an_organization_sees_where_to_send_usdc(
    owner: Client, lab: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"/console/{lab.uid}/deposits/"
    assert "No chain is connected" in owner.get(page).content.decode()
    monkeypatch.setattr(settings, "CHAIN_URL", "http://127.0.0.1:1")

    none_left = owner.post(page)
    deposits.add_addresses(addresses=[ALICE], actor=SYSTEM, now=NOW)
    given = owner.post(page, follow=True)

    assert (none_left.status_code, "no deposit address left" in none_left.content.decode()) == (503, True)
    assert ALICE in given.content.decode()
