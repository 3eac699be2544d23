"""Invoices: numbered without gaps, equal to the ledger, corrected only by credit notes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from accounts.audit import SYSTEM
from billing import verification, wallets
from billing.models import Entry, Invoice, InvoiceTax, SellerProfile
from billing.statements import invoices, months
from billing.statements.invoices import InvoicedMeanwhile, NoSeller, NotCorrectable, NothingToInvoice
from billing.statements.periods import PeriodInvalid
from core.money import Money
from tests.statements.scene import ONE_DAY, Scene


def test_an_invoice_says_what_the_wallet_lost_by_model_and_site(scene: Scene) -> None:
    scene.describe()

    [invoice] = scene.issue()

    assert invoice.net == scene.find_lost() == Decimal("0.45")
    assert invoice.number == f"HK-{scene.now.year}-000001"
    assert (invoice.net_shown, invoice.tax) == (Decimal("0.45"), Decimal(0))
    [line] = invoice.facts["lines"]
    assert (line["kind"], line["charges"], line["tokens_out"]) == ("CHARGE", 3, 225)
    assert invoice.facts["buyer"]["name"] == "Lab AB"


def test_everything_is_invoiced_once_and_what_comes_late_is_in_the_next(scene: Scene) -> None:
    scene.issue()
    with pytest.raises(NothingToInvoice):
        scene.issue()

    scene.charge(out=1)
    [late] = scene.issue()

    assert (late.net, late.net_shown, late.seq) == (Decimal("0.002"), Decimal("0.00"), 2)


def test_what_was_given_back_is_in_a_credit_note(scene: Scene) -> None:
    scene.refund(scene.charge(out=50))

    invoice, note = scene.issue()

    assert (invoice.kind, invoice.net) == ("INVOICE", Decimal("0.55"))
    assert (note.kind, note.net) == ("CREDIT_NOTE", Decimal("-0.1"))
    assert note.number == f"HK-CN-{scene.now.year}-000001"
    assert note.facts["lines"][0]["model"]


def test_a_credit_note_over_all_of_an_invoice_lets_it_be_issued_anew(scene: Scene) -> None:
    [wrong] = scene.issue()

    note = invoices.credit(invoice=wrong, reason="address", actor=SYSTEM, now=scene.now)
    [right] = scene.issue()

    assert (note.net, note.corrects_id, right.net) == (-wrong.net, wrong.pk, wrong.net)
    for other in (wrong, note):
        with pytest.raises(NotCorrectable):
            invoices.credit(invoice=other, reason="again", actor=SYSTEM, now=scene.now)


def test_tax_is_taken_by_an_entry_of_its_own_and_given_back_with_a_credit_note(scene: Scene) -> None:
    scene.tax("0.25")
    before = scene.wallet.posted.amount

    [invoice] = scene.issue()

    assert (invoice.tax, invoice.total) == (Decimal("0.11"), Decimal("0.56"))
    assert scene.wallet.posted.amount == before - Decimal("0.11")
    assert Entry.objects.get(kind="TAX").key == f"tax:{invoice.number}"
    invoices.credit(invoice=invoice, reason="rule", actor=SYSTEM, now=scene.now)
    assert scene.wallet.posted.amount == before


def test_tax_is_due_while_the_wallet_has_not_enough(scene: Scene) -> None:
    scene.tax("0.9")
    scene.charge(out=4000)
    [invoice] = scene.issue()
    assert InvoiceTax.objects.get().entry_id is None
    assert invoices.post_due_taxes() == 0

    wallets.top_up(
        organization_id=scene.lab.organization_id,
        amount=Money.parse("100", "USD"),
        bank_reference="more",
        actor="test",
        happened_at=scene.now,
    )

    assert invoices.post_due_taxes() == 1
    assert InvoiceTax.objects.get().amount == invoice.tax
    assert invoices.post_due_taxes() == 0


def test_tax_that_was_never_taken_is_void_when_its_invoice_is_undone(scene: Scene) -> None:
    scene.tax("0.9")
    scene.charge(out=4000)
    [invoice] = scene.issue()

    invoices.credit(invoice=invoice, reason="rule", actor=SYSTEM, now=scene.now)

    assert InvoiceTax.objects.get().void
    assert not Entry.objects.filter(kind="TAX").exists()


def test_nothing_is_invoiced_without_a_seller_or_for_days_that_are_not_over(scene: Scene) -> None:
    with pytest.raises(PeriodInvalid):
        invoices.issue(
            organization=scene.organization,
            currency="USD",
            until=scene.now.date() + ONE_DAY,
            actor=SYSTEM,
            now=scene.now,
        )
    SellerProfile.objects.using("owner").all().delete()
    with pytest.raises(NoSeller):
        scene.issue()
    assert not Invoice.objects.exists()


def test_a_month_that_is_over_is_invoiced_once(scene: Scene) -> None:
    later = scene.now.replace(day=1) + timedelta(days=40)

    assert months.issue_due(actor=SYSTEM, now=later) == 1
    assert months.issue_due(actor=SYSTEM, now=later) == 0
    assert Invoice.objects.get().net == scene.find_lost()


def test_two_that_issue_at_once_leave_no_gap_and_invoice_nothing_twice(scene: Scene) -> None:
    def issue(_: int) -> list[Invoice]:
        try:
            return scene.issue()
        except (InvoicedMeanwhile, NothingToInvoice):
            return []
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        issued = [one for found in pool.map(issue, range(4)) for one in found]
    scene.charge(out=1)
    [after] = scene.issue()

    assert [one.seq for one in issued] == [1]
    assert after.seq == 2
    assert issued[0].net + after.net == scene.find_lost()


def test_a_credit_note_gives_back_the_tax_that_was_charged_whatever_the_buyer_says_by_then(
    scene: Scene,
) -> None:
    usage = scene.charge(out=1000)
    [invoice] = scene.issue()
    assert invoice.tax == 0
    scene.tax("0.25")
    fresh = scene.charge(out=500)

    scene.refund(usage)
    scene.refund(fresh)
    later, note = scene.issue()

    # The first was sold without tax; only the second bore a quarter, and gives that back.
    assert (later.tax, note.net, note.tax) == (Decimal("0.25"), Decimal(-3), Decimal("-0.25"))
    assert [(tax["label"], tax["amount"]) for tax in note.facts["taxes"]] == [
        ("No tax", "0.00"),
        ("VAT", "-0.25"),
    ]
    assert verification.verify() == []
