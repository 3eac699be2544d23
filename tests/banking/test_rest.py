"""Statements and reconciliation over REST."""

from accounts.models import Organization
from tests.api.conftest import make_operator, use_second_factor
from tests.banking.conftest import Counter, find, refer
from tests.banking.files import Entry, Sheet, write
from tests.banking.test_pages import RIGHTS


def test_statements_are_handed_in_and_lines_assigned(counter: Counter, lab: Organization) -> None:
    client = use_second_factor(make_operator(*RIGHTS, name="carol"))
    sheet = Sheet(entries=[Entry("7", ref="A1", text=refer(lab)), Entry("3", ref="A2")])

    taken = client.post("/api/operator/bank-statements", write(sheet), content_type="application/xml")
    refused = client.post("/api/operator/bank-statements", b"<x/>", content_type="application/xml")
    waiting = client.get("/api/operator/bank-lines?state=SUSPENSE").json()["results"]
    body = {"target": "WALLET", "uid": str(lab.uid), "reason": "Called."}
    asked = client.post(f"/api/operator/bank-lines/{waiting[0]['uid']}/assign", body, format="json")
    run = client.post("/api/operator/reconciliation").json()

    assert (taken.json()["state"], refused.json()["state"]) == ("READ", "REFUSED")
    assert find("A1").state == "WALLET"
    assert [line["reason"] for line in waiting] == ["NO_REFERENCE"]
    assert (asked.status_code, asked.json()["content"]["target"]) == (201, "WALLET")
    assert {one["equation"]: one["state"] for one in run["lines"]}["BANK"] == "EQUAL"
