"""Operators' programs make payout files, hand them over and hand in what came back; and name owners."""

import hashlib
from decimal import Decimal

from accounts.models import AuditEvent, Organization, User
from billing.rails import payers
from tests.api.conftest import use_second_factor
from tests.cast import NOW
from tests.databases import Database
from tests.rails.chains import deposit as bring_in
from tests.rails.orders import HONG_KONG
from tests.rails.test_bank_files import answer
from tests.rails.test_files import add_method, owe
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
        ann.generic("POST", f"{page}/answers", refused.decode(), content_type="application/xml")
        for _ in range(2)
    ]
    late = ann.post(f"{page}/void", {"note": "Too late."}, format="json")

    assert waiting == [{"rail": "bank_file", "currency": "USD", "payments": 1, "total": "100"}]
    assert kept.json()["code"] == "not_released"
    assert hashlib.sha256(taken.content).hexdigest() == made["sha256"] == taken["X-Content-SHA256"]
    assert (early.json()["code"], mine.json()["code"]) == ("approval_missing", "same_person")
    assert (sent["state"], empty.status_code) == ("SENT", 422)
    assert [one.json()["news"][0]["step"] for one in told] == ["REFUSED", "REFUSED"]
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
