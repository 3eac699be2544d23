"""What operators do: check a method, make a file, hand it over, read the answer, add addresses."""

import json
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.audit import SYSTEM
from accounts.models import AuditEvent, Organization
from billing import approvals
from billing.models import Approval, ChainAddress, PayerAccount, RailFile
from billing.rails import methods
from tests.cast import NOW
from tests.pages.conftest import operator  # noqa: F401
from tests.rails.orders import ALICE, DETAILS, HONG_KONG
from tests.rails.test_bank_files import answer
from tests.rails.test_files import EARLIER, add_method, owe
from tests.settlement import settling
from tests.settlement.settling import find_payout

pytestmark = pytest.mark.usefixtures("db", "redis_url")


def do(operator: Client, page: str, key: int, deed: str, **given: object) -> str:  # noqa: F811
    """Do something on a row's page; answers what the next page says."""
    address = reverse(f"admin:billing_{page}_change", args=[key])
    return operator.post(address, {"deed": deed, **given}, follow=True).content.decode()


def test_an_operator_checks_a_method(operator: Client, farm: Organization) -> None:  # noqa: F811
    made = methods.add_method(
        organization=farm,
        rail="bank_file",
        currency="USD",
        country="US",
        details=DETAILS["US"],
        actor=SYSTEM,
        now=EARLIER,
    )

    assert DETAILS["US"]["account"] in do(operator, "payoutmethod", made.pk, "show")
    assert AuditEvent.objects.filter(action="payout_method.show", subject_uid=made.uid).count() == 1
    do(operator, "payoutmethod", made.pk, "verify")
    assert methods.find_method(organization=farm, uid=made.uid).state == "READY"
    do(operator, "payoutmethod", made.pk, "block", reason="Not theirs")
    assert methods.find_method(organization=farm, uid=made.uid).reason == "Not theirs"


def test_an_operator_makes_a_file_and_follows_it(operator: Client, farm: Organization) -> None:  # noqa: F811
    desk = settling.make_desk()
    owe(desk, farm, add_method(farm))
    waiting = reverse("admin:billing_railfile_waiting")
    assert (
        "No account to pay USD from"
        in operator.post(waiting, {"rail": "bank_file", "currency": "USD"}, follow=True).content.decode()
    )
    account = {"currency": "USD", "details": json.dumps(HONG_KONG | {"account": "1"})}
    refused = operator.post(reverse("admin:billing_payeraccount_add"), account)
    assert (refused.status_code, PayerAccount.objects.count()) == (200, 0)
    operator.post(reverse("admin:billing_payeraccount_add"), account | {"details": json.dumps(HONG_KONG)})

    operator.post(waiting, {"rail": "bank_file", "currency": "USD"})
    file = RailFile.objects.get()
    page = reverse("admin:billing_railfile_change", args=[file.pk])
    assert "second person" in do(operator, "railfile", file.pk, "hand_over")
    asked = Approval.objects.get(kind="payout_file")
    approvals.approve(approval=asked, sha256=asked.sha256, actor=desk.bob, now=NOW)
    do(operator, "railfile", file.pk, "hand_over")
    assert find_payout(farm).state == "SENT"
    taken = operator.post(page, {"deed": "download"})
    assert (taken["X-Content-SHA256"], taken["Content-Disposition"]) == (
        file.sha256,
        f'attachment; filename="{file.name}"',
    )
    payout = find_payout(farm)
    taken_over = answer(file.name.removesuffix(".xml"), payments={payout.uid: "ACSP"})
    do(operator, "railfile", file.pk, "answer", answer=SimpleUploadedFile("a.xml", taken_over))
    assert (find_payout(farm).state, find_payout(farm).amount) == ("IN_TRANSIT", Decimal(100))
    assert "cannot be done" in do(operator, "railfile", file.pk, "void", reason="Late")
    for listing in ("railfile", "payoutmethod", "payeraccount", "chaindeposit"):
        assert operator.get(reverse(f"admin:billing_{listing}_changelist")).status_code == 200


def test_an_operator_adds_addresses(operator: Client) -> None:  # noqa: F811
    page = reverse("admin:billing_chainaddress_more")

    wrong = operator.post(page, {"addresses": f"{ALICE}\n{ALICE.lower()}"}).content.decode()
    operator.post(page, {"addresses": ALICE})

    assert "no address with a right checksum" in wrong
    assert [row.address for row in ChainAddress.objects.all()] == [ALICE]
    assert ALICE in operator.get(reverse("admin:billing_chainaddress_changelist")).content.decode()
