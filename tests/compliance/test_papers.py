"""Papers of checks and tax numbers: kept encrypted, read by few, each reading on record."""

import importlib
import threading
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings

from accounts import audit
from accounts.models import AuditEvent, Organization, Role
from billing.compliance import checks, documents, sealing, tax_numbers
from billing.models import ComplianceDocument, ComplianceStep, TaxNumber
from billing.statements import tax_ids
from core.credentials import CredentialUnreadable
from core.files import CheckedFile
from tests.api.conftest import make_operator, make_user, sign_in, use_second_factor
from tests.cast import NOW
from tests.compliance.test_pages import IDENTITY, TAX, open_console
from tests.core.test_files import make_png
from tests.databases import Database

Kind = ComplianceStep.Kind
NUMBER = TAX["number"]
PDF = b"%PDF-1.7\n1 0 obj<</S/JavaScript>>\n%%EOF\n"


def find(farm: Organization, kind: str) -> ComplianceStep:
    return checks.find_newest(organization_ids=[farm.pk])[farm.pk][kind]


def list_readings() -> list[str]:
    rows = AuditEvent.objects.filter(action__endswith=".read").order_by("id")
    return list(rows.values_list("action", flat=True))


def submit(browser: Client, farm: Organization, data: dict[str, Any], page: str = "identity") -> Any:
    return browser.post(f"/console/{farm.uid}/checks/{page}/", data)


def test_papers_are_handed_in_on_the_page_and_read_by_those_who_may(db: Database, farm: Organization) -> None:
    browser, address = open_console(farm), f"/console/{farm.uid}/checks/"
    files = [SimpleUploadedFile("../extract.html", PDF), SimpleUploadedFile("pass.png", make_png())]
    bare = {key: value for key, value in IDENTITY.items() if key != "documents"}
    assert submit(browser, farm, bare | {"papers": files}).status_code == 302
    shown = browser.get(address).content.decode()
    extract, passport = ComplianceDocument.objects.order_by("number")
    paper = f"{address}papers/{extract.uid}/"
    operator = use_second_factor(
        make_operator("billing.view_compliancestep", "billing.view_compliancedocument", name="ann")
    )
    looker = use_second_factor(make_operator("billing.view_compliancestep", name="bob"))
    judged = f"/admin/billing/compliancestep/papers/{extract.uid}/"
    answers: list[Any] = [
        browser.get(paper),
        operator.get(judged),
        operator.get(f"/api/operator/checks/documents/{extract.uid}"),
        sign_in(make_user(farm, Role.FINANCE, "finance")).get(f"/api/compliance/documents/{extract.uid}"),
    ]

    assert f'href="{paper}"' in shown
    assert extract.name == "extract.html.pdf"
    assert extract.sha256 == sha256(PDF).hexdigest()
    assert PDF[:8] not in bytes(extract.content)
    for answer in answers:
        assert (answer.status_code, answer.content) == (200, PDF)
        assert answer["Content-Disposition"] == 'attachment; filename="extract.html.pdf"'
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer["X-Content-Type-Options"] == "nosniff"
    assert len(list_readings()) == len(answers)
    assert looker.get(judged).status_code == 403
    assert looker.get(f"/api/operator/checks/documents/{extract.uid}").status_code == 403
    judge = f"/admin/billing/compliancestep/judge/{farm.pk}/"
    assert judged in operator.get(judge).content.decode()
    assert judged not in looker.get(judge).content.decode()

    # Handed in again: what is still right goes with it, and is not kept twice.
    kept = bare | {"kept": [str(passport.uid)], "papers": [SimpleUploadedFile("again.pdf", PDF)]}
    assert 'name="kept"' in browser.get(f"{address}identity/").content.decode()
    assert submit(browser, farm, kept).status_code == 302
    assert [one["document"] for one in documents.list_named(find(farm, Kind.IDENTITY))] == [
        str(passport.uid),
        str(extract.uid),
    ]
    assert ComplianceDocument.objects.count() == 2


def test_wrong_papers_are_refused_beside_their_field(db: Database, farm: Organization) -> None:
    browser = open_console(farm)
    large = make_png(b"0" * documents.BOUNDS.bytes_max)
    for content in (b"<html>", b"", large):
        answer = submit(browser, farm, IDENTITY | {"papers": [SimpleUploadedFile("a.pdf", content)]})
        assert (answer.status_code, 'href="#id_papers"' in answer.content.decode()) == (422, True)
    many = [SimpleUploadedFile(f"{one}.png", make_png(b"%d" % one)) for one in range(11)]
    assert submit(browser, farm, IDENTITY | {"papers": many}).status_code == 422
    assert not ComplianceDocument.objects.exists()


def test_a_program_hands_in_papers_and_then_names_them(
    db: Database, farm: Organization, stranger: Organization
) -> None:
    api = sign_in(make_user(farm, Role.OWNER, "owner"))
    foreign = sign_in(make_user(stranger, Role.OWNER, "stranger"))
    large = make_png(b"0" * 4_000_000)
    send: dict[str, Any] = {"data": large, "content_type": "application/octet-stream"}

    made = api.post("/api/compliance/documents?name=scan", **send, HTTP_IDEMPOTENCY_KEY="one")
    again = api.post("/api/compliance/documents?name=other", **send)
    uid = made.json()["uid"]
    wish = {"kind": "TAX_FORM", "form": "W-8BEN-E", "documents": [uid], "tax_number": NUMBER}
    identity = {"kind": "IDENTITY", "documents": [uid], "tax_number": "1"}
    refused = [
        foreign.post("/api/compliance", wish, format="json"),
        api.post("/api/compliance", {"kind": "IDENTITY"}, format="json"),
        api.post("/api/compliance", wish | {"evidence": [f"Tax number: {NUMBER}"]}, format="json"),
        api.post("/api/compliance", identity, format="json"),
    ]
    done = api.post("/api/compliance", wish, format="json")

    assert (made.status_code, made.json()["name"]) == (201, "scan.png")
    assert again.json() == made.json()
    assert api.get("/api/compliance/documents").json()["results"] == [made.json()]
    assert foreign.get(f"/api/compliance/documents/{uid}").status_code == 404
    assert [one.status_code for one in refused] == [404, 422, 422, 422]
    assert done.status_code == 200
    assert find(farm, Kind.TAX_FORM).evidence == [
        {"text": "Tax number: …0001", "tax_number": str(TaxNumber.objects.get().uid)},
        documents.describe(ComplianceDocument.objects.get()),
    ]


def test_a_tax_number_is_shown_by_its_end_and_in_full_on_record(db: Database, farm: Organization) -> None:
    browser = open_console(farm)
    assert submit(browser, farm, TAX, "tax-form").status_code == 302
    kept = TaxNumber.objects.get()
    rights = ("billing.view_compliancestep", "billing.view_taxnumber")
    seer = use_second_factor(make_operator(*rights, name="ann"))
    looker = use_second_factor(make_operator(rights[0], name="bob"))
    judge = f"/admin/billing/compliancestep/judge/{farm.pk}/"
    before: list[Any] = [browser.get(f"/console/{farm.uid}/checks/"), seer.get(judge), looker.get(judge)]
    ask = {"tax_number": str(kept.uid)}
    full: Any = seer.post(judge, ask)
    told: Any = seer.get(f"/api/operator/checks/tax-numbers/{kept.uid}")

    for page in before:
        assert "…0001" in page.content.decode()
        assert NUMBER not in page.content.decode()
    assert NUMBER in full.content.decode()
    assert told.json()["number"] == NUMBER
    assert looker.post(judge, ask).status_code == 403
    assert seer.post(judge, {"tax_number": "none"}).status_code == 404
    assert list_readings() == ["compliance.tax_number.read"] * 2
    assert NUMBER.encode() not in bytes(kept.content)
    assert not any(NUMBER in str(event.details) for event in AuditEvent.objects.all())


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("SE556000000001", "…0001"),
        ("123-45-6789", "…6789"),
        ("123 45", "…45"),
        ("1", "…"),
        ("--", "…"),
        ("税号１２３４", "…"),
    ],
)
def test_a_short_number_shows_no_more_than_half(number: str, shown: str) -> None:
    assert tax_ids.mask(number) == shown


def test_an_organization_hands_in_so_many_papers(
    db: Database, farm: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "KEPT_MAX", 1)
    give: dict[str, Any] = {"organization": farm, "actor": audit.SYSTEM, "now": NOW}
    first = documents.add(file=CheckedFile("a.png", "image/png", make_png(b"a")), **give)

    assert documents.add(file=CheckedFile("b.png", "image/png", make_png(b"a")), **give) == first
    with pytest.raises(documents.TooManyDocuments):
        documents.add(file=CheckedFile("a.png", "image/png", make_png(b"b")), **give)


def test_papers_of_one_moment_are_counted_one_by_one(db: Database, farm: Organization) -> None:
    give: dict[str, Any] = {"organization": farm, "actor": audit.SYSTEM, "now": NOW}
    barrier = threading.Barrier(4)

    def hand_in(content: bytes) -> None:
        try:
            barrier.wait()
            documents.add(file=CheckedFile("a.png", "image/png", make_png(content)), **give)
        finally:
            connection.close()

    threads = [threading.Thread(target=hand_in, args=[one]) for one in (b"a", b"b", b"c", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows = ComplianceDocument.objects.order_by("number").values_list("number", flat=True)
    assert list(rows) == [1, 2, 3]


def test_keys_are_changed_without_asking_anybody_again(db: Database, farm: Organization) -> None:
    give: dict[str, Any] = {"organization": farm, "actor": audit.SYSTEM, "now": NOW}
    made = documents.add(file=CheckedFile("a.pdf", "application/pdf", PDF), **give)
    number = tax_numbers.keep(number=NUMBER, **give)
    newer = Fernet.generate_key().decode()

    with override_settings(CREDENTIAL_KEYS=(newer, *settings.CREDENTIAL_KEYS)):
        call_command("rotate_credentials", verbosity=0)
        again = sealing.reseal()
    made.refresh_from_db()
    number.refresh_from_db()
    act: dict[str, Any] = {"actor": audit.SYSTEM, "now": NOW}

    assert again == (0, [])
    with override_settings(CREDENTIAL_KEYS=(newer,)):
        assert documents.read(document=made, **act).content == PDF
        assert tax_numbers.read(number=number, **act) == NUMBER
    with pytest.raises(CredentialUnreadable):
        documents.read(document=made, **act)


def test_numbers_of_before_are_moved_out_of_the_steps(db: Database, farm: Organization) -> None:
    migration = importlib.import_module("billing.migrations.0036_compliance_papers")
    said = {"text": f"Tax number: {NUMBER}", "sha256": sha256(NUMBER.encode()).hexdigest()}
    other = {"text": "Address: Storgatan 1", "sha256": "x"}
    with psycopg.connect(db.owner_dsn) as owner:
        owner.execute("ALTER TABLE compliance_step DROP CONSTRAINT compliance_step_no_tax_number")
    for _ in range(2):
        ComplianceStep.objects.create(
            uid=migration.ids.make_uid(),
            organization=farm,
            kind=Kind.TAX_FORM,
            form="W-9",
            state="SUBMITTED",
            evidence=[said, other],
            made_at=NOW,
        )

    with psycopg.connect(db.owner_dsn) as owner, owner.cursor() as cursor:
        migration.move_numbers(cursor)
    kept = TaxNumber.objects.get()

    for step in ComplianceStep.objects.all():
        assert step.evidence == [{"text": "Tax number: …0001", "tax_number": str(kept.uid)}, other]
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.connect() as app:
            app.execute("UPDATE compliance_step SET evidence = '[]'")
    assert tax_numbers.read(number=kept, actor=audit.SYSTEM, now=NOW) == NUMBER


def test_an_operator_is_offered_what_may_follow(db: Database, farm: Organization) -> None:
    operator = use_second_factor(
        make_operator("billing.view_compliancestep", "billing.add_compliancestep", name="ann")
    )
    judge = f"/admin/billing/compliancestep/judge/{farm.pk}/"
    idle: Any = operator.get(judge)
    early: Any = operator.post(judge, {"kind": "IDENTITY", "state": "VERIFIED"}, follow=True)
    assert submit(open_console(farm), farm, TAX, "tax-form").status_code == 302
    page: Any = operator.get(judge)
    wrong: Any = operator.post(judge, {"kind": "TAX_FORM", "state": "VERIFIED", "withholding_bps": "0"})
    operator.post(judge, {"kind": "TAX_FORM", "state": "ACCEPTED", "withholding_bps": "1050"})
    passed: Any = operator.get(judge)

    assert 'name="state"' not in idle.content.decode()
    assert "nothing to decide" in early.content.decode()
    assert page.content.decode().count('name="state"') == 1
    assert "VERIFIED" not in page.content.decode()
    assert wrong.status_code == 200
    assert find(farm, Kind.TAX_FORM).state == "ACCEPTED"
    assert "10.5 % withheld" in passed.content.decode()
