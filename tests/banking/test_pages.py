"""Operators hand statements in, look at equations, and say what a line is; buyers read where to pay."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Organization, Role
from billing.models import Approval, BankAccount, ReconciliationRun
from tests.api.conftest import make_operator, make_user, sign_in
from tests.banking.conftest import Counter, find, refer
from tests.banking.files import Entry, Sheet, write
from tests.signing_in import sign_in_operator

RIGHTS = [
    f"billing.{right}_{table}"
    for table in ("bankaccount", "bankfile", "bankstatement", "bankline", "approval")
    for right in ("view", "add", "change")
] + [f"billing.{right}_reconciliation{part}" for part in ("run", "line", "note") for right in ("view", "add")]


@pytest.fixture
def browser(counter: Counter) -> Client:
    """A browser in which an operator with these rights is signed in."""
    return sign_in_operator(make_operator(*RIGHTS, name="carol"))


def test_a_morning_of_an_operator(browser: Client, counter: Counter) -> None:
    file = SimpleUploadedFile("s.xml", write(Sheet(entries=[Entry("7", ref="A1", text="hello")])))
    done = browser.post(reverse("admin:billing_bank_import"), {"file": file})
    assert done.status_code == 302
    bad = SimpleUploadedFile("s.xml", b"<x/>")
    assert (
        "Only camt.053" in browser.post(reverse("admin:billing_bank_import"), {"file": bad}).content.decode()
    )

    assert browser.post(reverse("admin:billing_reconcile_now")).status_code == 302
    run = ReconciliationRun.objects.get()
    page = browser.get(reverse("admin:billing_reconciliationrun_change", args=[run.pk])).content.decode()
    assert "bank clearing = closing balances" in page
    assert "up to" in page or "older" in page
    line = reverse("admin:billing_bankline_change", args=[find("A1").pk])
    assert "NO_REFERENCE" in browser.get(line).content.decode()
    assert "no such organization" in browser.post(line, {"target": "WALLET", "reason": "x"}).content.decode()
    assert browser.post(line, {"target": "FEE", "reason": "x"}).status_code == 302
    assert Approval.objects.get().content["target"] == "FEE"
    wanted = {
        "currency": "EUR",
        "entity": "HK",
        "bank": "B",
        "holder": "J",
        "number": "GB29NWBK60161331926819",
    }
    assert browser.post(reverse("admin:billing_bank_open"), wanted).status_code == 302
    assert BankAccount.objects.count() == 2
    for name in (
        "bankaccount",
        "bankfile",
        "bankstatement",
        "bankline",
        "reconciliationrun",
        "reconciliationline",
    ):
        assert browser.get(reverse(f"admin:billing_{name}_changelist")).status_code == 200


def test_a_wallet_says_where_to_send_a_transfer(counter: Counter, lab: Organization) -> None:
    reference = refer(lab)
    browser = sign_in(make_user(lab, Role.OWNER, "owner"))

    page = browser.get(reverse("wallet-page", args=[lab.uid, "USD"])).content.decode()
    answer = browser.get("/api/wallets/USD/bank-transfer", HTTP_JOULEPORT_ORGANIZATION=str(lab.uid))

    assert reference in page
    assert answer.json()["reference"] == reference
