"""Settlements: counted up to a number of the ledger, agreed to by two, carried out once."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.audit import SYSTEM
from accounts.models import Organization
from billing import approvals
from billing.models import Payout
from billing.settlement import batches, payouts, terms
from billing.settlement.terms import Terms
from tests.cast import NOW
from tests.databases import Database
from tests.settlement import settling
from tests.settlement.settling import Desk, earn, find_item, find_payout, read

SEEN: dict[str, Any] = {"happened_at": NOW, "actor": SYSTEM, "now": NOW}


@pytest.fixture
def crew(db: Database) -> Desk:
    """Two operators."""
    return settling.make_desk()


@pytest.fixture
def farm(farm: Organization) -> Organization:
    """A provider that is owed 12.345 dollars."""
    earn(farm, "12.345")
    return farm


def test_what_is_owed_is_paid_in_cents_and_the_rest_carried(crew: Desk, farm: Organization) -> None:
    batch = crew.settle()

    item = find_item(batch, farm)
    assert (item.balance, item.amount, item.carried) == (
        Decimal("12.345"),
        Decimal("12.34"),
        Decimal("0.005"),
    )
    assert (batch.state, item.outcome, find_payout(farm).state) == ("DONE", "PAID_OUT", "PLANNED")
    assert (read("PAYABLE", farm), read("PAYOUT_IN_TRANSIT")) == (Decimal("0.005"), Decimal("12.34"))

    earn(farm, "1")
    again = find_item(crew.settle(), farm)

    assert (again.opening, again.balance, again.amount) == (Decimal("12.345"), Decimal("1.005"), Decimal(1))
    assert {line.kind: line.amount for line in again.lines.all()} == {
        "PAYOUT": Decimal("-12.34"),
        "CORRECTION": Decimal(1),
    }


def test_nothing_is_paid_before_another_person_approved_it(crew: Desk, farm: Organization) -> None:
    batch = crew.draft()
    with pytest.raises(approvals.ApprovalMissing):
        crew.execute(batch)
    asked = batches.submit(batch=batch, actor=crew.ann, now=NOW)
    with pytest.raises(approvals.SamePerson):
        approvals.approve(approval=asked, sha256=asked.sha256, actor=crew.ann, now=NOW)
    with pytest.raises(approvals.ApprovalMissing):
        crew.execute(batch)

    assert not Payout.objects.exists()
    assert read("PAYABLE", farm) == Decimal("12.345")


def test_a_refused_batch_is_void_and_its_money_counted_again(crew: Desk, farm: Organization) -> None:
    batch = crew.draft()
    with pytest.raises(batches.BatchOpen):
        crew.draft()
    asked = batches.submit(batch=batch, actor=crew.ann, now=NOW)
    approvals.reject(approval=asked, note="Too much.", actor=crew.bob, now=NOW)

    batch.refresh_from_db()
    again = crew.draft()

    assert (batch.state, batch.note) == ("VOID", "Too much.")
    assert find_item(again, farm).amount == Decimal("12.34")
    with pytest.raises(batches.WrongState):
        batches.submit(batch=batch, actor=crew.ann, now=NOW)


def test_who_may_not_be_paid_or_has_no_method_is_carried(
    crew: Desk, farm: Organization, lab: Organization, fund: Organization
) -> None:
    earn(lab, "5")
    earn(fund, "-3")
    crew.say(farm, rail="", refusal="NO_METHOD")
    crew.say(lab, refusal="NOT_ALLOWED")

    batch = crew.settle()

    assert {item.refusal for item in batch.items.all()} == {"NO_METHOD", "NOT_ALLOWED", "NEGATIVE"}
    assert batches.sum_up(batch)["carried"] == Decimal("14.345")
    assert not Payout.objects.exists()


def test_who_is_stopped_after_the_approval_is_left_out(crew: Desk, farm: Organization) -> None:
    batch = crew.draft()
    crew.agree(batch)
    crew.say(farm, refusal="NOT_ALLOWED")

    crew.execute(batch)

    assert find_item(batch, farm).outcome == "STOPPED"
    assert read("PAYABLE", farm) == Decimal("12.345")


def test_who_is_owed_less_by_now_is_left_out(crew: Desk, farm: Organization) -> None:
    batch = crew.draft()
    crew.agree(batch)
    earn(farm, "-1")

    crew.execute(batch)

    assert find_item(batch, farm).outcome == "SHORT"
    assert find_item(crew.settle(), farm).amount == Decimal("11.34")


def test_minimum_fee_and_tax_are_taken_and_what_is_carried_is_not_taxed(
    crew: Desk, farm: Organization, lab: Organization
) -> None:
    terms.change_terms(terms=Terms("USD", minimum=Decimal(5), fee=Decimal("0.30")), actor=SYSTEM, now=NOW)
    crew.say(farm, withholding_bps=1000)
    earn(lab, "5.29")

    batch = crew.settle()

    item = find_item(batch, farm)
    # 12.345 less ten per cent less the fee is 10.8105.
    assert (item.amount, item.fee) == (Decimal("10.81"), Decimal("0.3"))
    assert item.tax == Decimal("1.234444444")
    assert item.carried == Decimal("0.000555556")
    assert (read("WITHHOLDING_TAX"), read("PAYOUT_FEE")) == (item.tax, Decimal("0.3"))
    assert find_item(batch, lab).refusal == "BELOW_MINIMUM"


def test_earnings_of_a_new_provider_are_kept_back_and_released(crew: Desk, farm: Organization) -> None:
    terms.change_terms(terms=Terms("USD", held_days=30, held_max=Decimal(10)), actor=SYSTEM, now=NOW)

    first = find_item(crew.settle(), farm)
    terms.change_terms(terms=Terms("USD"), actor=SYSTEM, now=NOW)
    kept = read("HELD_EARNINGS", farm)
    later = find_item(crew.settle(), farm)

    assert (first.held, first.amount, kept) == (Decimal(10), Decimal("2.34"), Decimal(10))
    assert (later.released, later.amount, later.carried) == (Decimal(10), Decimal(10), Decimal("0.005"))
    assert read("HELD_EARNINGS", farm) == 0


def test_a_payout_is_sent_paid_and_returned_late(crew: Desk, farm: Organization) -> None:
    crew.say(farm, withholding_bps=1000)
    crew.settle()
    payout, words = find_payout(farm), SEEN
    owed = read("PAYABLE", farm)

    payouts.mark_paid(payout_uid=payout.uid, external_id="E1", **words)
    payouts.mark_sent(payout_uid=payout.uid, external_id="E1", **words)
    paid = payouts.mark_paid(payout_uid=payout.uid, external_id="E1", **words)

    assert (paid.state, read("PAYOUT_IN_TRANSIT")) == ("PAID", Decimal(0))
    assert read("CLEARING_BANK") == Decimal("12.345") - payout.amount
    with pytest.raises(payouts.OtherReference):
        payouts.mark_paid(payout_uid=payout.uid, external_id="E2", **words)

    for _ in range(2):
        back = payouts.mark_returned(payout_uid=payout.uid, reason="account closed", **words)

    assert (back.state, back.reason) == ("RETURNED", "account closed")
    assert read("PAYABLE", farm) == owed + payout.amount + payout.tax == Decimal("12.345")
    assert read("WITHHOLDING_TAX") == 0
    assert payouts.mark_paid(payout_uid=payout.uid, external_id="E1", **words).state == "RETURNED"
    assert find_item(crew.settle(), farm).amount == payout.amount


def test_what_failed_is_owed_again_and_not_paid_after_all(crew: Desk, farm: Organization) -> None:
    crew.settle()
    payout, words = find_payout(farm), SEEN

    payouts.mark_failed(payout_uid=payout.uid, reason="closed rail", **words)

    assert (read("PAYABLE", farm), read("PAYOUT_IN_TRANSIT")) == (Decimal("12.345"), Decimal(0))
    with pytest.raises(payouts.GivenBack):
        payouts.mark_paid(payout_uid=payout.uid, external_id="E1", **words)
