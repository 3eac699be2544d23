"""An organization deals with one booking entity; trial balances are of one or of all."""

from decimal import Decimal

import pytest
from django.test import Client

from accounts.audit import SYSTEM
from accounts.models import AuditEvent, Organization, User
from billing import entities, ledger
from tests.api.conftest import use_second_factor
from tests.cast import NOW
from tests.databases import Database
from tests.signing_in import sign_in_operator

PAGE = "/admin/billing/organizationentity/assign/"


@pytest.fixture
def person(db: Database) -> User:
    """An operator."""
    return User.objects.create_superuser("ann@ops.example", "a long password")


def pay_in(organization: Organization, amount: str) -> None:
    """Into the wallet, from the bank of the first entity."""
    bank = ledger.open_account(purpose="CLEARING_BANK", currency="USD")
    wallet = ledger.open_account(purpose="WALLET", currency="USD", organization_id=organization.pk)
    lines = {bank: Decimal(amount), wallet: -Decimal(amount)}
    ledger.post(key=f"test:{wallet}", kind="TOPUP", actor="test", lines=lines, happened_at=NOW)


def test_an_operator_lets_an_organization_deal_with_another_entity(
    person: User, lab: Organization, fund: Organization
) -> None:
    browser: Client = sign_in_operator(person)
    pay_in(fund, "5")
    given = {"organization": str(lab.uid), "entity": "HAINAN", "reason": "It is in Haikou."}
    unsaid = browser.post(PAGE, given | {"reason": " "}).content.decode()
    browser.post(PAGE, given)
    late = browser.post(PAGE, given | {"organization": str(fund.uid)}).content.decode()
    pay_in(lab, "3")
    listed = browser.get("/admin/billing/organizationentity/").content.decode()

    assert (entities.find_entity(organization=lab), entities.find_entity(organization=fund)) == (
        "HAINAN",
        "HK",
    )
    assert "This field is required" in unsaid
    assert "they stay there" in late
    assert lab.name in listed
    event = AuditEvent.objects.get(action="organization_entity.assign")
    assert (event.actor_uid, event.organization_id) == (person.uid, lab.pk)
    assert event.details == {"entity": "HAINAN", "before": "HK", "reason": "It is in Haikou."}
    with pytest.raises(entities.EntityFixed):
        entities.assign_entity(organization=lab, entity="HK", reason="Back.", actor=SYSTEM, now=NOW)


def test_the_trial_balance_of_one_entity_says_what_the_others_owe(
    person: User, lab: Organization, fund: Organization
) -> None:
    entities.assign_entity(organization=lab, entity="HAINAN", reason="Haikou.", actor=SYSTEM, now=NOW)
    pay_in(lab, "3")
    pay_in(fund, "5")
    while ledger.sequence_entries():
        pass
    program, browser = use_second_factor(person), sign_in_operator(person)

    def read(**asked: str) -> dict[str, str]:
        (usd,) = program.get("/api/operator/trial-balance", asked).json()["results"]
        assert usd["balances"]
        return {line["account"]: line["debit"] for line in usd["accounts"] if Decimal(line["debit"])}

    whole = read()
    for moment in ({}, {"day": "2027-01-01"}, {"at": "2100-01-01T00:00:00Z"}):
        assert read(entity="HAINAN", **moment) == {"between entities": "3.000000000"}
        assert read(entity="HK", **moment) == whole
    assert program.get("/api/operator/trial-balance", {"entity": "MARS"}).status_code == 400
    page = browser.get("/admin/billing/ledgeraccount/trial-balance/", {"entity": "HAINAN"}).content.decode()
    assert "between entities" in page
    code = next(iter(whole))
    account = browser.get("/admin/billing/ledgeraccount/by-code/", {"code": code}, follow=True)
    assert "8.000000000" in account.content.decode()
    assert browser.get("/admin/billing/ledgeraccount/by-code/", {"code": "x"}).status_code == 404
