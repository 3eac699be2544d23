"""A provider hands in its checks on pages, and is told how far they are."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.audit import Actor
from accounts.models import Organization, Role
from billing.compliance import checks, standing
from billing.compliance.pages.forms import DOCUMENTS_MAX, LINE_LENGTH_MAX, IdentityForm
from billing.compliance.stages import Stage, find_name_stage, find_stage
from billing.models import ComplianceStep, PayoutMethod, Screening
from billing.settlement import readiness
from core.money import Money
from tests.api.conftest import make_operator, make_user
from tests.cast import NOW
from tests.databases import Database
from tests.settlement.settling import earn

Kind, State = ComplianceStep.Kind, ComplianceStep.State
IDENTITY = {
    "party": "company",
    "name": "Sun Farm AB",
    "number": "556000-0000, Bolagsverket",
    "address": "Solvägen 1, Luleå",
    "speaker": "Astrid Sol, director",
    "owners": "Astrid Sol, SE\nBjörn Sol, SE",
    "documents": "Extract of the register: https://register.example/556000\n\nList of owners, by mail",
}
TAX = {
    "form": "W-8BEN-E",
    "name": "Sun Farm AB",
    "number": "SE556000000001",
    "address": "Solvägen 1, Luleå",
    "documents": "",
    "signer": "Astrid Sol",
    "office": "director",
    "agreed": "on",
}


def open_console(farm: Organization, role: Role = Role.OWNER) -> Client:
    """The browser of somebody in this role."""
    browser = Client(SERVER_NAME="localhost")
    user = make_user(farm, role, role.value.lower())
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def test_a_provider_hands_in_its_checks_and_reads_what_came_of_them(db: Database, farm: Organization) -> None:
    earn(farm, "12.345")
    browser, address = open_console(farm), f"/console/{farm.uid}/checks/"
    before = browser.get(address).content.decode()
    for page, data in (("identity", IDENTITY), ("tax-form", TAX)):
        assert browser.post(f"{address}{page}/", data).headers["Location"] == address
    waits = browser.get(address).content.decode()
    newest = checks.find_newest(organization_ids=[farm.pk])[farm.pk]
    operator = make_operator(name="ann")
    said: dict[str, Any] = {"organization": farm, "actor": Actor.from_user(operator), "now": NOW}
    checks.decide(kind=Kind.IDENTITY, state=State.IN_REVIEW, **said)
    under_review = browser.get(f"{address}identity/").content.decode()
    early = browser.post(f"{address}identity/", IDENTITY)
    checks.decide(kind=Kind.IDENTITY, state=State.VERIFIED, **said)
    checks.decide(kind=Kind.TAX_FORM, state=State.REFUSED, reason="The number is of somebody else.", **said)
    refused = browser.get(address).content.decode()
    again = browser.post(f"{address}tax-form/", TAX)
    checks.decide(kind=Kind.TAX_FORM, state=State.ACCEPTED, withholding_bps=1050, **said)
    passed = browser.get(address).content.decode()

    assert "Not ready to be paid." in before
    assert before.count("asked for") == 2
    assert "Kept for you until then" in before
    assert waits.count("handed in</span>") == 2
    texts = [one["text"] for one in newest[Kind.IDENTITY].evidence]
    assert "Owns or controls a quarter or more: Astrid Sol, SE; Björn Sol, SE" in texts
    assert texts[-1] == "List of owners, by mail"
    signed = newest[Kind.TAX_FORM]
    assert signed.form == "W-8BEN-E"
    signature = "Signed by: Astrid Sol, director, signed in as owner@"
    assert any(one["text"].startswith(signature) for one in signed.evidence)
    assert '<form class="form"' not in under_review
    assert early.status_code == 422
    assert "The number is of somebody else." in refused
    assert again.status_code == 302
    assert "10.5 %" in passed
    assert standing.find_standing(organization_id=farm.pk, now=NOW).may_receive


@pytest.mark.parametrize(
    ("page", "data", "field"),
    [
        ("identity", IDENTITY | {"number": ""}, "id_number"),
        ("identity", IDENTITY | {"documents": "\n"}, "id_papers"),
        ("identity", IDENTITY | {"documents": "x\n" * (DOCUMENTS_MAX + 1)}, "id_documents"),
        ("identity", IDENTITY | {"documents": "Tax number: 1"}, "id_documents"),
        ("tax-form", {**TAX, "agreed": ""}, "id_agreed"),
        ("tax-form", TAX | {"form": "W-9"}, "id_form"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(
    db: Database, farm: Organization, page: str, data: dict[str, str], field: str
) -> None:
    answer = open_console(farm).post(f"/console/{farm.uid}/checks/{page}/", data)

    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.content.decode()
    assert not ComplianceStep.objects.exists()


def test_the_longest_that_a_form_takes_fits_into_a_check() -> None:
    line = "x" * LINE_LENGTH_MAX
    data = dict.fromkeys(IDENTITY, line) | {"party": "company", "owners": "y" * 900}
    form = IdentityForm(data | {"documents": "\n".join([line] * DOCUMENTS_MAX)})

    assert form.is_valid()
    texts = form.list_evidence()
    assert len(texts) <= checks.EVIDENCE_MAX
    assert max(map(len, texts)) <= checks.TEXT_MAX


def test_stages_follow_the_newest_step() -> None:
    day = NOW.date()
    step = ComplianceStep(state=State.VERIFIED, valid_until=day)

    assert find_stage(None, now=NOW) == Stage.ASKED
    assert find_stage(step, now=NOW) == Stage.PASSED
    assert find_stage(step, now=NOW + timedelta(days=1)) == Stage.EXPIRED
    assert find_stage(ComplianceStep(state=State.REFUSED, valid_until=day), now=NOW) == Stage.REFUSED
    assert find_name_stage(None) == find_name_stage(Screening(state="DISMISSED")) == Stage.PASSED
    assert find_name_stage(Screening(state="HIT")) == Stage.IN_REVIEW


def judge(*methods: PayoutMethod, may: bool = True, at_stripe: bool = False) -> readiness.Readiness:
    """A provider that is owed dollars."""
    return readiness.judge(
        standing=standing.Standing(may_receive=may, may_fund=True),
        listed=methods,
        owed=[Money.parse("5", "USD"), Money.parse("-1", "CNY")],
        at_stripe=at_stripe,
        now=NOW,
    )


def make_method(
    *, rail: str = "bank_file", currency: str = "USD", state: str = "READY", cools: bool = False
) -> PayoutMethod:
    """A method, for dollars if nothing else is said."""
    until = NOW + timedelta(hours=1) if cools else NOW
    return PayoutMethod(rail=rail, currency=currency, country="US", state=state, payable_from=until)


def test_a_provider_is_ready_once_one_of_its_methods_may_be_paid() -> None:
    ready, cools, pending = make_method(), make_method(cools=True), make_method(state="PENDING")
    at_stripe = make_method(rail="stripe_connect", cools=True)

    assert judge(pending, ready).is_ready
    assert judge(pending, ready).ready_from is None
    assert judge(cools).ready_from == cools.payable_from
    assert judge(at_stripe, at_stripe=True).is_ready
    assert judge(at_stripe).ways[0].refusal == readiness.AT_STRIPE
    assert not judge(pending).is_ready
    assert judge(pending).unpaid == ("USD",)
    assert judge(make_method(currency="EUR")).unpaid == ("USD",)
    assert not judge(make_method(currency="EUR")).is_ready
    assert not judge(ready, may=False).is_ready
    assert judge(ready, may=False).ready_from is None
