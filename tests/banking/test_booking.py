"""Lines of statements, booked once and never half."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, connection

from accounts import audit
from accounts.models import Organization
from billing import approvals, ledger, wallets
from billing.banking import accounts, assignment, booking
from billing.banking.assignment import Choice
from billing.banking.matching import Target
from billing.models import BankLine, BankStatement, Entry, Payout
from billing.rails.protocol import name_payout
from core.money import Money
from tests.banking.conftest import Counter, find, read, refer
from tests.banking.files import Entry as Item
from tests.banking.files import Sheet
from tests.cast import NOW
from tests.settlement import settling

D = Decimal
FEE = "PMNT/MDOP/CHRG"


def test_a_transfer_with_its_reference_reaches_the_wallet_once(counter: Counter, lab: Organization) -> None:
    sheet = Sheet(
        entries=[Item("100.5", ref="A1", text=f"thanks {refer(lab).lower()}"), Item("-2", ref="A2", code=FEE)]
    )
    for _ in range(2):
        assert counter.hand_in(sheet).state == "READ"

    assert (read("WALLET", lab), read("CLEARING_BANK"), read("BANK_FEE")) == (
        Decimal("100.5"),
        Decimal("98.5"),
        Decimal(2),
    )
    line = find("A1")
    assert (line.state, line.organization_id, line.entry and line.entry.key) == (
        "WALLET",
        lab.pk,
        "topup:bank:A1",
    )
    assert BankStatement.objects.count() == 1


def test_what_an_operator_booked_by_hand_is_not_credited_again(
    counter: Counter, lab: Organization, fund: Organization
) -> None:
    for one, amount in ((lab, "100"), (fund, "7")):
        for reference in (f"H{amount}", "R1") if one == lab else (f"H{amount}",):
            wallets.top_up(
                organization_id=one.pk,
                amount=Money(Decimal(amount), "USD"),
                bank_reference=reference,
                actor="test",
                happened_at=NOW,
            )
    undone = Entry.objects.get(key="topup:bank:R1")
    ledger.reverse(entry_id=undone.pk, actor="test", reason="", happened_at=NOW)
    said = refer(lab)
    counter.hand_in(
        Sheet(
            entries=[
                Item("100", ref="H100", text=said),
                Item("7", ref="H7", text=said),
                Item("100", ref="R1", text=said),
            ]
        )
    )

    assert read("WALLET", lab) == Decimal(100)
    assert [find(one).reason for one in ("H100", "H7", "R1")] == ["", "REFERENCE_USED", "BOOKED_AND_REVERSED"]
    assert read("SUSPENSE") == Decimal(107)


def test_what_nobody_can_tell_waits_with_its_reason(counter: Counter, lab: Organization) -> None:
    usd, eur = refer(lab), refer(lab, "EUR")
    other = accounts.open_account(
        currency="EUR", number="GB29NWBK60161331926819", bank="B", holder="J", actor=audit.SYSTEM, now=NOW
    )
    entries = {
        "NO_REFERENCE": Item("1", text="hello"),
        "UNKNOWN_REFERENCE": Item("2", text="JP-SRNYUMR228"),
        "SEVERAL_REFERENCES": Item("3", text=f"{usd} {eur}"),
        "WRONG_CURRENCY": Item("4", text=eur),
        "REVERSAL": Item("-5", text=usd, reversal=True),
        "UNKNOWN_PAYMENT": Item("-6"),
        "PAYOUT_NOT_KNOWN": Item("-1", end_to_end="0197AA00000070008000000000000001"),
    }
    for name, item in entries.items():
        item.ref = name
    counter.hand_in(Sheet(entries=list(entries.values())), Sheet(account=other.number, currency="EUR"))

    reasons = {line.reference: line.reason for line in BankLine.objects.all()}
    assert reasons.pop("PAYOUT_NOT_KNOWN") == "UNKNOWN_PAYMENT"
    assert reasons == {name: name for name in reasons}
    assert read("SUSPENSE") == read("CLEARING_BANK") == Decimal(-2)


def test_a_payout_is_paid_by_its_line_and_owed_again_when_it_comes_back(
    counter: Counter, farm: Organization
) -> None:
    settling.earn(farm, "20")
    desk = settling.Desk(counter.ann, counter.bob)
    desk.settle()
    payout = settling.find_payout(farm)
    name = name_payout(payout.uid)
    counter.hand_in(
        Sheet(
            entries=[
                Item("20", ref="BACK", end_to_end=name, text="AC04 closed account"),
                Item("-20", ref="OUT", end_to_end=name),
                Item("-20", ref="AGAIN", end_to_end=name),
                Item("-19", ref="LESS", end_to_end=name),
            ]
        )
    )

    payout = Payout.objects.get()
    assert (payout.state, find("OUT").state, find("BACK").state) == ("RETURNED", "PAYOUT", "RETURN")
    assert (find("AGAIN").reason, find("LESS").reason) == ("PAYOUT_USED", "WRONG_AMOUNT")
    assert (read("PAYABLE", farm), read("PAYOUT_IN_TRANSIT"), read("SUSPENSE")) == (D(20), D(0), D(-39))
    assert read("CLEARING_BANK") == Decimal(20 - 39)


def test_wrong_totals_gaps_overlaps_and_strange_accounts_change_nothing(counter: Counter) -> None:
    first = Sheet(opening="10", entries=[Item("5", ref="A1")])
    for bad, said in (
        ((first, Sheet(name="S2", number=2, opening="15", closing="99")), "does not come to 99"),
        ((first, Sheet(name="S2", number=2, opening="14")), "begins with 14"),
        ((first, Sheet(name="S2", number=3, opening="15")), "number 3"),
        ((first, Sheet(name="S2", number=2, opening="15", day="2026-05-31")), "on 2026-05-31"),
        (
            (first, Sheet(name="S2", number=2, opening="15", entries=[Item("5", ref="A1")])),
            "earlier statement",
        ),
        ((Sheet(account="DE02120300000000202051"),), "no account …2051 in USD"),
        ((Sheet(currency="EUR"),), "no account …3000 in EUR"),
    ):
        taken = counter.hand_in(*bad)
        assert (taken.state, said in taken.refusal) == ("REFUSED", True), taken.refusal
    assert not BankStatement.objects.exists()
    assert not Entry.objects.exists()

    # What was missing before a file comes, and the same file is taken after all.
    late = Sheet(name="S2", number=2, opening="15", closing="15")
    counter.hand_in(first)
    assert counter.hand_in(Sheet(name="S3", number=3, opening="15")).state == "REFUSED"
    assert counter.hand_in(late).state == "READ"
    assert counter.hand_in(Sheet(name="S3", number=3, opening="15")).state == "READ"
    assert counter.hand_in(Sheet(name="S3", number=3, opening="15", day="2026-06-02")).refusal.endswith(
        "another content."
    )
    accounts.close_account(account=counter.account, actor=audit.SYSTEM, now=NOW)
    assert "is closed" in counter.hand_in(Sheet(name="S4", number=4, opening="15")).refusal


def test_two_people_say_what_a_line_is(counter: Counter, lab: Organization) -> None:
    counter.hand_in(
        Sheet(entries=[Item("9", ref="A1"), Item("-4", ref="A2", reversal=True), Item("-1", ref="A3")])
    )
    mine = Choice(Target.WALLET, lab.uid)
    asked = assignment.prepare(line=find("A1"), choice=mine, reason="Called.", actor=counter.ann, now=NOW)
    with pytest.raises(approvals.SamePerson):
        approvals.approve(approval=asked, sha256=asked.sha256, actor=counter.ann, now=NOW)
    # Somebody else says something else: the first word cannot be approved any more.
    other = assignment.prepare(
        line=find("A1"), choice=Choice(Target.FEE), reason="?", actor=counter.bob, now=NOW
    )
    with pytest.raises(approvals.AlreadyDecided):
        approvals.approve(approval=asked, sha256=asked.sha256, actor=counter.bob, now=NOW)
    approvals.reject(approval=other, note="No.", actor=counter.ann, now=NOW)
    # It takes more from the wallet than there is.
    with pytest.raises(ledger.InsufficientFunds):
        counter.say(find("A2"), mine)

    assert counter.say(find("A1"), mine).state == "WALLET"
    assert counter.say(find("A2"), mine).state == "WALLET"
    assert counter.say(find("A3"), Choice(Target.FEE)).state == "FEE"
    assert (read("WALLET", lab), read("SUSPENSE"), read("CLEARING_BANK"), read("BANK_FEE")) == (
        D(5),
        D(0),
        D(4),
        D(1),
    )
    with pytest.raises(assignment.NotInSuspense):
        assignment.prepare(line=find("A1"), choice=mine, reason="Again.", actor=counter.ann, now=NOW)


def test_money_goes_back_and_is_followed_until_it_has_left(counter: Counter) -> None:
    counter.hand_in(Sheet(entries=[Item("9", ref="A1"), Item("8", ref="B1")]))
    back, by_hand = (counter.say(find(one), Choice(Target.BACK)) for one in ("A1", "B1"))
    assert (back.state, read("SUSPENSE")) == ("RETURNING", D(17))

    left = [Item("-9", ref="A2", end_to_end=booking.name_return(back)), Item("-8", ref="B2")]
    counter.hand_in(Sheet(name="S2", number=2, opening="17", day="2026-06-02", entries=left))
    counter.say(find("B2"), Choice(Target.BACK, by_hand.uid))

    assert {line.state for line in BankLine.objects.all()} == {"SENT_BACK"}
    assert find("A1").counterpart_id == find("A2").pk
    assert (read("SUSPENSE"), read("CLEARING_BANK")) == (D(0), D(0))


def test_the_database_lets_nobody_take_a_line_out_of_suspense_alone(
    counter: Counter, lab: Organization
) -> None:
    counter.hand_in(Sheet(entries=[Item("9", ref="A1")]))
    line = find("A1")
    for change, said in (
        ("state = 'FEE', entry_id = suspense_entry_id", "two people"),
        ("amount = 1", "denied"),
        ("state = 'NEW'", "keeps"),
    ):
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match=said):
            cursor.execute(f"UPDATE bank_line SET {change} WHERE id = {line.pk}")
