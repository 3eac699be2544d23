"""Invoices in the name of providers: agreed to, one for each payout, equal to the ledger, undone with it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.test import Client
from django.utils import timezone

from accounts.audit import SYSTEM, Actor
from accounts.models import AuditEvent, Organization, Role, User
from billing import bookings, ledger, verification
from billing.bookings import Bearer
from billing.models import Invoice, LedgerAccount, Payout, SellerProfile, TaxRule
from billing.self_billing import agreements, bills, texts
from billing.settlement import payouts
from billing.statements import documents, profiles
from billing.statements.invoices import InvoicedMeanwhile, NotCorrectable
from billing.statements.profiles import Described
from billing.statements.taxes import NoTaxRule
from tests.api.conftest import make_user
from tests.billing import exchange
from tests.billing.test_conversions import find_wrong, give_back
from tests.cast import NOW
from tests.databases import Database
from tests.settlement import settling
from tests.settlement.settling import find_payout
from tests.statements.test_statements import read_pdf

SEEN: dict[str, Any] = {"happened_at": NOW, "actor": SYSTEM, "now": NOW}


class Stage:
    """A farm that sells to a lab and is paid by two operators."""

    def __init__(self, app: psycopg.Connection[Any]) -> None:
        self.app, self.desk = app, settling.make_desk()
        self.lab, self.seller = exchange.make_buyer(app, "Lab", funds="50"), exchange.make_seller(app, "Farm")
        self.farm = Organization.objects.get(pk=self.seller.organization_id)
        self.owner = Actor.from_user(make_user(self.farm, Role.OWNER, "owner"))
        SellerProfile.objects.create(entity_id="HK", name="Jouleport", address="Road 1", changed_at=NOW)

    def sell(self, *, out: int = 500) -> int:
        """One job at 0.002 a token, five per cent of it the platform's."""
        job = exchange.admit(self.app, self.lab, self.seller)
        used = exchange.record(self.app, job.attempt_id, out=out)
        exchange.post_charges(self.app)
        return int(used["usage_id"])

    def refund(self, usage: int) -> None:
        """At the farm's expense."""
        bookings.refund_charge(
            usage_id=usage, borne_by=Bearer.PROVIDER, reason="wrong", actor=SYSTEM, now=NOW
        )

    def describe(self, **changes: str) -> None:
        """Say who the farm is."""
        said = {"name": "Sun Farm", "address": "Feld 2", "country": "DE"} | changes
        profiles.describe(organization=self.farm, described=Described(**said), actor=self.owner, now=NOW)

    def agree(self, *, hours: float = 0) -> None:
        """The farm's owner agrees."""
        now = NOW + timedelta(hours=hours)
        agreements.agree(organization=self.farm, version=texts.CURRENT, actor=self.owner, now=now)

    def pay(self, *, hours: int = 1) -> Payout:
        """Settle, and have it paid."""
        self.desk.settle(NOW + timedelta(hours=hours))
        payout = find_payout(self.farm)
        payouts.mark_paid(payout_uid=payout.uid, external_id=f"E{payout.pk}", **SEEN)
        return Payout.objects.get(pk=payout.pk)

    def issue(self) -> list[Invoice]:
        """What the task does."""
        before = set(Invoice.objects.values_list("pk", flat=True))
        bills.issue_due(actor=SYSTEM, now=NOW + timedelta(days=1))
        return list(Invoice.objects.exclude(pk__in=before).order_by("pk"))

    def owed(self) -> Decimal:
        """What the books owe the farm."""
        account = LedgerAccount.objects.get(purpose="PAYABLE", organization_id=self.farm.pk)
        return ledger.balance(account_id=account.pk)


@pytest.fixture
def stage(db: Database) -> Any:
    """Nobody has agreed to anything yet."""
    with psycopg.connect(db.dsn, autocommit=True) as app:
        yield Stage(app)


def test_a_paid_payout_has_an_invoice_of_all_it_paid_for(stage: Stage) -> None:
    stage.describe()
    stage.agree()
    stage.sell(out=333)
    wrong = stage.sell(out=500)
    stage.refund(wrong)
    earned = stage.owed()
    payout = stage.pay()

    issued = stage.issue()

    [invoice, note] = issued
    assert (invoice.number, note.number) == (
        f"HK-SB{stage.farm.pk}-2026-000001",
        f"HK-SB{stage.farm.pk}-CN-2026-000001",
    )
    assert invoice.net + note.net == earned == payout.item.balance
    assert (invoice.net, note.net) == (Decimal("0.6327") + Decimal("0.95"), Decimal("-0.95"))
    assert [line["model"] for line in invoice.facts["lines"]] == ["Small"]
    assert (invoice.payout, invoice.facts["seller"]["name"], invoice.facts["buyer"]["name"]) == (
        payout,
        "Sun Farm",
        "Jouleport",
    )
    assert [tax["label"] for tax in invoice.facts["taxes"]] == ["No tax: the seller has no tax number"]
    assert note.facts["self_billing"]["takes_from"] == [invoice.number]
    assert f"Takes back from {invoice.number}" in read_pdf(documents.render_invoice(invoice=note))[1]
    assert stage.issue() == []
    stage.sell(out=1000)
    stage.pay(hours=2)
    assert [one.number[-11:] for one in stage.issue()] == ["2026-000002"]
    assert verification.verify() == []


def test_nothing_is_billed_that_nobody_agreed_to(stage: Stage, db: Database) -> None:
    stage.describe()
    stage.sell()
    before = stage.pay()
    stage.agree(hours=1.5)
    stage.sell(out=1000)

    assert stage.issue() == []
    with pytest.raises(bills.NothingToBill):
        bills.issue(payout=before, actor=SYSTEM, now=NOW)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="nobody agreed"):
        stage.app.execute(
            "SELECT issue_self_bill_v1(gen_random_uuid(), 'INVOICE', %s, NULL, '', now(), 1, 1, 0, '{}')",
            [before.pk],
        )
    after = stage.pay(hours=2)
    [invoice] = stage.issue()
    agreements.end(organization=stage.farm, actor=stage.owner, now=NOW + timedelta(hours=3))
    stage.sell(out=1000)
    stage.pay(hours=4)

    # What was paid out before is not spoken of.
    assert (invoice.payout, invoice.net) == (after, Decimal("1.9"))
    assert stage.issue() == []


def test_who_comes_second_bills_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.describe()
    stage.agree()
    stage.sell()
    payout = stage.pay()
    seen = iter([bills._list_unbilled(payout)])
    stage.issue()
    monkeypatch.setattr(bills, "_list_unbilled", lambda _payout: next(seen, []))

    with pytest.raises(InvoicedMeanwhile):
        bills.issue(payout=payout, actor=SYSTEM, now=NOW)

    assert verification.verify() == []


def test_a_payout_that_comes_back_has_its_invoice_undone(stage: Stage) -> None:
    stage.describe()
    stage.agree()
    stage.sell()
    payout = stage.pay()
    [first] = stage.issue()
    payouts.mark_returned(payout_uid=payout.uid, reason="account closed", **SEEN)

    [note] = stage.issue()
    again = stage.pay(hours=2)
    [second] = stage.issue()

    assert (note.corrects, note.net, note.reason) == (first, -first.net, bills.RETURNED)
    assert (second.net, second.payout) == (first.net, again)
    with pytest.raises(NotCorrectable):
        bills.credit(invoice=first, reason="twice", actor=SYSTEM, now=NOW)
    assert verification.verify() == []


def test_tax_follows_rules_and_is_owed_with_the_next_payout(stage: Stage) -> None:
    stage.describe(tax_id_kind="eu_vat", tax_id="DE136695976")
    stage.agree()
    stage.sell()
    payout = stage.pay()
    with pytest.raises(NoTaxRule):
        bills.issue(payout=payout, actor=SYSTEM, now=NOW)
    assert stage.issue() == []
    TaxRule.objects.create(
        seller_country="DE", buyer_country="HK", rate="0.19", label="VAT", valid_from=date(2020, 1, 1)
    )

    [invoice] = stage.issue()
    owed = stage.owed()
    note = bills.credit(invoice=invoice, reason="wrong address", actor=SYSTEM, now=NOW)

    assert (invoice.net_shown, invoice.tax, owed) == (Decimal("0.95"), Decimal("0.18"), Decimal("0.18"))
    assert (note.tax, stage.owed()) == (Decimal("-0.18"), Decimal(0))
    assert verification.verify() == []


def test_what_is_taken_back_bears_the_tax_that_was_paid(stage: Stage, db: Database) -> None:
    TaxRule.objects.create(
        seller_country="DE", buyer_country="HK", rate="0.19", label="VAT", valid_from=date(2020, 1, 1)
    )
    early = stage.sell()
    stage.pay()
    stage.describe(tax_id_kind="eu_vat", tax_id="DE136695976")
    stage.agree(hours=1.5)
    taxed, lowered = stage.sell(out=1000), stage.sell()
    stage.pay(hours=2)
    [invoice] = stage.issue()
    stage.describe()
    stage.sell(out=1000)
    stage.sell(out=1000)
    stage.refund(early)
    stage.refund(taxed)
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        give_back(owner, lowered, "0.5")
    stage.pay(hours=3)

    later, note = stage.issue()

    assert (invoice.tax, later.tax) == (Decimal("0.54"), Decimal(0))
    # 1.9 and half of 0.95 bore it; 0.95 was sold before there were bills.
    assert (note.net, note.tax) == (Decimal("-3.325"), Decimal("-0.45"))
    assert find_wrong() == []


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("Self-billed invoice", "Self-billing:")), ("zh-hans", ("自开票", "购买方代开"))],
)
def test_it_is_printed_in_both_languages(stage: Stage, language: str, words: tuple[str, ...]) -> None:
    stage.describe()
    stage.agree()
    stage.sell()
    payout = stage.pay()
    [invoice] = stage.issue()

    _, text = read_pdf(documents.render_invoice(invoice=invoice, language=language))

    for word in (*words, invoice.number, "Sun Farm", "0.95", str(payout.uid)[:8]):
        assert word in text


def test_a_person_agrees_to_the_words_of_today(stage: Stage) -> None:
    with pytest.raises(agreements.ProfileMissing):
        stage.agree()
    stage.describe()
    with pytest.raises(agreements.VersionUnknown):
        agreements.agree(organization=stage.farm, version="0", actor=stage.owner, now=NOW)
    with pytest.raises(agreements.NotAPerson):
        agreements.agree(organization=stage.farm, version=texts.CURRENT, actor=SYSTEM, now=NOW)
    with pytest.raises(agreements.NoAgreement):
        agreements.end(organization=stage.farm, actor=stage.owner, now=NOW)

    stage.agree()
    stage.agree()

    standing = agreements.find_agreement(organization=stage.farm)
    assert standing is not None
    assert (standing.version, standing.agreed_by, standing.agreed_at) == ("1", stage.owner.uid, NOW)
    assert standing.sha256 == texts.hash_text(version="1")
    assert AuditEvent.objects.filter(action="self_billing.agree").count() == 1


def test_a_provider_agrees_and_finds_its_bills_in_the_console_and_by_rest(stage: Stage) -> None:
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(
        User.objects.get(email__startswith="owner"), backend="django.contrib.auth.backends.ModelBackend"
    )
    console, before = f"/console/{stage.farm.uid}/self-billing/", timezone.now()
    missing = browser.post(console, {"deed": "agree", "version": "1"}, follow=True).content.decode()
    stage.describe()
    shown = browser.get(console).content.decode()
    browser.post(console, {"deed": "agree", "version": "1"})
    stage.sell()
    stage.pay(hours=24 * 365 * 10)

    [bill] = stage.issue()
    listed = browser.get(console).content.decode()
    answer = browser.get("/api/self-billing", {"language": "zh-hans"}).json()
    bills_listed = browser.get("/api/self-bills", {"payout": str(bill.payout and bill.payout.uid)}).json()
    others = browser.get("/api/invoices").json()["results"]
    printed = browser.get(f"/console/{stage.farm.uid}/invoices/{bill.uid}/")
    read = browser.get(f"/api/invoices/{bill.uid}").json()
    browser.post(console, {"deed": "end"})
    ended = browser.get("/api/self-billing").json()
    again = browser.put("/api/self-billing", {"version": "1"}, content_type="application/json").json()

    assert "Say first what stands on your invoices" in missing
    assert "You may end this at any time" in shown
    assert (bill.number in listed, "owner" in listed) == (True, True)
    assert answer["text"].startswith("自开票")
    assert answer["agreement"]["agreed_at"] >= before.isoformat()[:19]
    assert [(one["number"], one["net"]) for one in bills_listed["results"]] == [(bill.number, "0.95")]
    assert others == []
    assert printed.content[:5] == b"%PDF-"
    assert read["content"]["seller"]["name"] == "Sun Farm"
    assert (ended["agreement"], again["agreement"]["version"]) == (None, "1")
