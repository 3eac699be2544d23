"""Operators' programs make payout files, hand them over and hand in what came back; and name owners."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings

from accounts.models import AuditEvent, Organization, User
from billing.rails import files, payers
from billing.rails.chain import reader
from tests.api.conftest import use_second_factor
from tests.cast import NOW
from tests.databases import Database
from tests.rails.chains import CHAIN_ID, run_chain
from tests.rails.chains import deposit as bring_in
from tests.rails.orders import HONG_KONG, SAFE, TOKEN
from tests.rails.test_bank_files import answer
from tests.rails.test_files import add_method, hand_over, owe, owe_usdc
from tests.settlement import settling
from tests.settlement.settling import find_payout

FILES = "/api/operator/payout-files"


def test_a_program_follows_a_file_to_its_end(db: Database, farm: Organization) -> None:
    desk = settling.make_desk()
    payers.set_payer(currency="USD", country="HK", details=HONG_KONG, actor=desk.ann, now=NOW)
    owe(desk, farm, add_method(farm))
    ann, bob = (
        use_second_factor(User.objects.create_superuser(f"{name}@ops.example", "a long password"))
        for name in ("anne", "bert")
    )

    waiting = ann.get(f"{FILES}/waiting").json()["results"]
    made = ann.post(FILES, {"rail": "bank_file", "currency": "USD"}, format="json").json()["file"]
    page = f"{FILES}/{made['uid']}"
    kept = ann.get(f"{page}/content")
    early = ann.post(f"{page}/hand-over")
    approval = f"/api/operator/approvals/{made['approval']}"
    sha = bob.get(approval).json()["sha256"]
    mine = ann.post(f"{approval}/approve", {"sha256": sha}, format="json")
    bob.post(f"{approval}/approve", {"sha256": sha}, format="json")
    sent = ann.post(f"{page}/hand-over").json()
    taken = ann.get(f"{page}/content")
    empty = ann.generic("POST", f"{page}/answers", "", content_type="application/xml")
    refused = answer(made["name"].removesuffix(".xml"), payments={find_payout(farm).uid: "RJCT"})
    told = [
        program.generic("POST", f"{page}/answers", refused.decode(), content_type="application/xml")
        for program in (ann, ann, bob)
    ]
    late = ann.post(f"{page}/void", {"note": "Too late."}, format="json")

    assert waiting == [{"rail": "bank_file", "currency": "USD", "payments": 1, "total": "100"}]
    assert kept.json()["code"] == "not_released"
    assert hashlib.sha256(taken.content).hexdigest() == made["sha256"] == taken["X-Content-SHA256"]
    assert (early.json()["code"], mine.json()["code"]) == ("approval_missing", "same_person")
    assert (sent["state"], empty.status_code) == ("SENT", 422)
    assert [one.json()["news"][0]["step"] for one in told] == ["REFUSED", "REFUSED", "REFUSED"]
    assert [one.json()["news"][0]["followed"] for one in told] == [False, False, True]
    assert (find_payout(farm).state, late.json()["code"]) == ("FAILED", "already_filed")
    assert ann.get(FILES, {"state": "SENT"}).json()["results"][0]["uid"] == made["uid"]
    by = User.objects.get(email="anne@ops.example").uid
    trail = set(AuditEvent.objects.filter(actor_uid=by).values_list("action", flat=True))
    assert {f"payout_file.{deed}" for deed in ("make", "download", "hand_over", "answer")} <= trail


def test_a_program_names_the_owner_of_a_deposit(db: Database, lab: Organization) -> None:
    bring_in(Decimal("2.5"), owner=None, now=NOW)
    ann, bob = (
        use_second_factor(User.objects.create_superuser(f"{name}@ops.example", "a long password"))
        for name in ("anne", "bert")
    )
    (waiting,) = ann.get("/api/operator/deposits").json()["results"]
    asked = ann.post(
        f"/api/operator/deposits/{waiting['id']}/assign",
        {"organization": lab.uid, "reason": "They sent the receipt."},
        format="json",
    ).json()
    bob.post(f"/api/operator/approvals/{asked['uid']}/approve", {"sha256": asked["sha256"]}, format="json")
    (given,) = ann.get("/api/operator/deposits").json()["results"]

    assert (waiting["organization"], given["organization"]) == (None, str(lab.uid))
    assert given["assigned_entry"] > given["entry"]


def test_a_program_names_the_transaction_of_a_batch(
    db: Database, farm: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"CHAIN_ID": CHAIN_ID, "CHAIN_TOKEN": TOKEN, "CHAIN_SAFE": SAFE}.items():
        monkeypatch.setattr(settings, name, value)
    monkeypatch.setattr(settings, "CHAIN_CONFIRMATIONS", 1)
    desk = settling.make_desk()
    owe_usdc(desk, farm)
    file = hand_over(desk, files.make_file(rail="usdc", currency="USDC", actor=desk.ann, now=NOW).file)
    batch = json.loads(files.open_content(file=file, actor=desk.ann, now=NOW))
    anne = use_second_factor(User.objects.create_superuser("anne@ops.example", "a long password"))

    with run_chain() as chain:
        monkeypatch.setattr(reader, "make_reader", lambda: chain.reader)
        good = chain.call("batch", batch)

        def name_it(tx_hash: str, key: str) -> Any:
            anne.credentials(HTTP_IDEMPOTENCY_KEY=key)
            return anne.post(f"{FILES}/{file.uid}/transaction", {"transaction": tx_hash}, format="json")

        early, wrong = name_it(good, "one"), name_it("0x12", "two")
        chain.call("mine", 1)
        told, again = name_it(good, "one"), name_it(good, "one")

    assert (early.status_code, early.json()["code"], wrong.status_code) == (409, "not_deep_enough", 400)
    assert (told.status_code, told.json()["news"][0]["step"]) == (201, "PAID")
    assert (again.content, again["Idempotent-Replayed"]) == (told.content, "true")
    assert find_payout(farm).state == "PAID"
