"""Files of payouts: made once, approved by another person, handed over, and followed by what comes back."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import DatabaseError, connection

from accounts.audit import SYSTEM
from accounts.models import AuditEvent, Organization
from billing import approvals, ledger
from billing.models import Approval, Payout, PayoutMethod, RailAnswer, RailFile
from billing.rails import answers, files, methods, payers
from billing.rails.chain import batches as chain_batches
from billing.rails.protocol import CannotInstruct, Unreadable, name_payout
from billing.settlement import batches, payouts, sending
from core.errors import Invalid
from tests.cast import NOW
from tests.rails.chains import CHAIN_ID, run_chain
from tests.rails.orders import ALICE, DETAILS, HONG_KONG, SAFE, TOKEN
from tests.rails.test_bank_files import answer
from tests.settlement import settling
from tests.settlement.settling import Desk, earn, find_payout, read

EARLIER = NOW - methods.COOLING


@pytest.fixture
def desk(db: object) -> Desk:
    """Two operators, and an account to pay dollars from."""
    made = settling.make_desk()
    payers.set_payer(currency="USD", country="HK", details=HONG_KONG, actor=made.ann, now=NOW)
    return made


def add_method(provider: Organization, rail: str = "bank_file", **details: str) -> PayoutMethod:
    made = methods.add_method(
        organization=provider,
        rail=rail,
        currency="USD",
        country="US",
        details=details or DETAILS["US"],
        actor=SYSTEM,
        now=EARLIER,
    )
    return methods.verify_method(method=made, actor=SYSTEM, now=EARLIER)


def owe(desk: Desk, provider: Organization, method: PayoutMethod, amount: str = "100") -> None:
    """A payout of dollars that waits for its rail."""
    earn(provider, amount)
    desk.say(provider, rail=method.rail, method_id=method.pk)
    desk.settle()


def make(desk: Desk, rail: str = "bank_file") -> RailFile:
    return files.make_file(rail=rail, currency="USD", actor=desk.ann, now=NOW).file


def agree(desk: Desk, file: RailFile) -> None:
    asked = Approval.objects.get(kind=files.KIND, subject=str(file.uid), state="PENDING")
    approvals.approve(approval=asked, sha256=asked.sha256, actor=desk.bob, now=NOW)


def hand_over(desk: Desk, file: RailFile) -> RailFile:
    agree(desk, file)
    return files.hand_over(file=file, actor=desk.ann, now=NOW)


def test_a_file_is_approved_by_another_person_and_sends_its_payouts(desk: Desk, farm: Organization) -> None:
    owe(desk, farm, add_method(farm))
    [waiting] = files.list_waiting()
    assert (waiting.rail, waiting.payments, waiting.total) == ("bank_file", 1, Decimal(100))

    file = make(desk)
    with pytest.raises(approvals.ApprovalMissing):
        files.hand_over(file=file, actor=desk.ann, now=NOW)
    agree(desk, file)
    with pytest.raises(files.NotReleased):
        files.open_content(file=file, actor=desk.ann, now=NOW)
    sent = files.hand_over(file=file, actor=desk.ann, now=NOW)
    content = files.open_content(file=file, actor=desk.ann, now=NOW)

    payout = find_payout(farm)
    assert files.list_waiting() == []
    assert (sent.state, payout.state, payout.external_id) == ("SENT", "SENT", name_payout(payout.uid))
    assert b'<InstdAmt Ccy="USD">100.00</InstdAmt>' in content
    assert b"Sun Inc" not in bytes(file.content)
    assert AuditEvent.objects.filter(action="payout_file.download", actor_uid=desk.ann.uid).exists()
    with pytest.raises(files.NothingWaits):
        make(desk)


def test_a_payout_is_in_one_file_until_that_is_thrown_away(desk: Desk, farm: Organization) -> None:
    owe(desk, farm, add_method(farm))
    first = make(desk)
    payout = find_payout(farm)
    with pytest.raises(files.NothingWaits):
        make(desk)
    with pytest.raises(payouts.InFile):
        payouts.reroute(payout=payout, rail="manual", method_id=None, reason="", actor=SYSTEM, now=NOW)
    assert sending.list_waiting() == []

    with pytest.raises(Invalid):
        files.void_file(file=first, note=" ", actor=desk.ann, now=NOW)
    files.void_file(file=first, note="Wrong day", actor=desk.ann, now=NOW)
    second = make(desk)

    assert Approval.objects.get(subject=str(first.uid)).state == "VOID"
    assert (second.name, second.sha256) == (first.name, first.sha256)
    with pytest.raises(files.AlreadyFiled):
        files.void_file(file=first, note="Again", actor=desk.ann, now=NOW)


def test_a_payout_never_goes_to_somebody_elses_method(
    desk: Desk, farm: Organization, lab: Organization
) -> None:
    owe(desk, farm, add_method(farm))
    payout, other = find_payout(farm), add_method(lab)

    with pytest.raises(DatabaseError, match="its own provider"):
        payouts.reroute(payout=payout, rail=other.rail, method_id=other.pk, reason="", actor=SYSTEM, now=NOW)


def test_a_payout_whose_method_changed_is_left_out_and_its_file_refused(
    desk: Desk, farm: Organization, lab: Organization
) -> None:
    kept, changed = add_method(farm), add_method(lab)
    owe(desk, farm, kept)
    owe(desk, lab, changed)
    methods.retire_method(method=changed, actor=SYSTEM, now=NOW)

    made = files.make_file(rail="bank_file", currency="USD", actor=desk.ann, now=NOW)
    assert [(payout.organization_id, "removed" in why) for payout, why in made.left_out] == [(lab.pk, True)]
    assert made.file.payments == 1

    agree(desk, made.file)
    methods.block_method(method=kept, reason="Closed", actor=SYSTEM, now=NOW)
    with pytest.raises(methods.MethodChanged):
        files.hand_over(file=made.file, actor=desk.ann, now=NOW)
    assert find_payout(farm).state == "PLANNED"


def test_a_crash_after_handing_over_is_made_good(desk: Desk, farm: Organization) -> None:
    owe(desk, farm, add_method(farm))
    file = make(desk)
    agree(desk, file)
    with connection.cursor() as cursor:
        cursor.execute("SELECT send_rail_file_v1(%s, %s, %s)", [file.pk, desk.ann.uid, NOW])

    assert [files.follow_files(now=NOW), files.follow_files(now=NOW)] == [1, 0]
    assert find_payout(farm).state == "SENT"


def test_what_the_bank_refuses_is_owed_again_and_its_method_blocked(
    desk: Desk, farm: Organization, lab: Organization
) -> None:
    wrong, right = add_method(farm), add_method(lab)
    owe(desk, farm, wrong)
    owe(desk, lab, right, "50")
    file = hand_over(desk, make(desk))
    said = {find_payout(farm).uid: "RJCT", find_payout(lab).uid: "ACSP"}
    content = answer(file.name.removesuffix(".xml"), payments=said)

    for _ in range(2):
        alone = answers.take_answer(file=file, content=content, actor=desk.ann, now=NOW + timedelta(days=1))
    states = (find_payout(farm).state, find_payout(lab).state)
    with pytest.raises(payouts.SecondPersonNeeded):
        payouts.mark_failed(
            payout_uid=find_payout(farm).uid, reason="Refused", happened_at=NOW, actor=desk.ann, now=NOW
        )
    for _ in range(2):
        answers.take_answer(file=file, content=content, actor=desk.bob, now=NOW + timedelta(days=1))

    wrong.refresh_from_db()
    assert states == ("SENT", "IN_TRANSIT"), "one person alone could have made it up"
    assert {one.step.name: one.is_followed for one in alone} == {"REFUSED": False, "ACCEPTED": True}
    assert (find_payout(farm).state, find_payout(lab).state) == ("FAILED", "IN_TRANSIT")
    assert (read("PAYABLE", farm), read("PAYOUT_IN_TRANSIT")) == (Decimal(100), Decimal(50))
    assert (wrong.state, "Account unknown" in wrong.reason) == ("BLOCKED", True)
    assert methods.list_methods(organization_id=lab.pk)[0].state == "READY"
    assert RailAnswer.objects.count() == 2
    with pytest.raises(Unreadable):
        answers.take_answer(file=file, content=b"", actor=desk.ann, now=NOW)


def test_what_one_paid_by_hand_another_confirms(desk: Desk, farm: Organization) -> None:
    owe(desk, farm, add_method(farm, "manual", name="Sun Farm", instructions="By cheque"))
    with pytest.raises(answers.NotByHand):
        answers.note_payment(
            payout=find_payout(farm), reference="CHQ 1", paid_at=NOW, actor=desk.ann, now=NOW
        )
    hand_over(desk, make(desk, "manual"))

    asked = answers.note_payment(
        payout=find_payout(farm), reference="CHQ 1", paid_at=NOW, actor=desk.ann, now=NOW
    )
    with pytest.raises(approvals.SamePerson):
        approvals.approve(approval=asked, sha256=asked.sha256, actor=desk.ann, now=NOW)
    assert find_payout(farm).state == "SENT"
    approvals.approve(approval=asked, sha256=asked.sha256, actor=desk.bob, now=NOW)

    assert find_payout(farm).state == "PAID"
    assert (read("PAYOUT_IN_TRANSIT"), read("CLEARING_BANK")) == (Decimal(0), Decimal(0))


def test_nothing_is_written_without_an_account_to_pay_from(desk: Desk, farm: Organization) -> None:
    owe(desk, farm, add_method(farm))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM payer_account")

    with pytest.raises(CannotInstruct):
        make(desk)
    assert RailFile.objects.count() == 0


def test_a_batch_of_usdc_is_paid_by_the_transaction_that_carried_it(
    desk: Desk, farm: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"CHAIN_ID": CHAIN_ID, "CHAIN_TOKEN": TOKEN, "CHAIN_SAFE": SAFE}.items():
        monkeypatch.setattr(settings, name, value)
    owe_usdc(desk, farm)
    file = files.make_file(rail="usdc", currency="USDC", actor=desk.ann, now=NOW).file
    hand_over(desk, file)
    batch = json.loads(files.open_content(file=file, actor=desk.ann, now=NOW))

    with run_chain() as chain:

        def confirm(file: RailFile, tx_hash: str) -> None:
            chain_batches.confirm_batch(
                file=file,
                tx_hash=tx_hash,
                reader=chain.reader,
                confirmations=2,
                actor=desk.ann,
                now=NOW,
            )

        good, other = chain.call("batch", batch), chain.call("transfer", SAFE, ALICE, 12)
        for _ in range(2):
            with pytest.raises(chain_batches.NotDeepEnough):
                confirm(file, good)
            chain.call("mine", 1)
        chain.call("mine", 1)
        for wrong in (other, "0x12"):
            with pytest.raises(Invalid):
                confirm(file, wrong)
        assert find_payout(farm).state == "SENT"
        confirm(file, good.upper().replace("X", "x"))
        assert find_payout(farm).state == "PAID"

        owe_usdc(desk, farm)
        second = hand_over(desk, files.make_file(rail="usdc", currency="USDC", actor=desk.ann, now=NOW).file)
        with pytest.raises(answers.UsedBefore):
            confirm(second, good)
    assert find_payout(farm).state == "SENT"


def owe_usdc(desk: Desk, provider: Organization) -> None:
    """A payout of 12.5 USDC that waits for signers."""
    listed = methods.list_methods(organization_id=provider.pk, currency="USDC")
    if not listed:
        made = methods.add_method(
            organization=provider,
            rail="usdc",
            currency="USDC",
            country="SE",
            details={"name": "Farm", "address": ALICE},
            actor=SYSTEM,
            now=EARLIER,
        )
        listed = [methods.verify_method(method=made, actor=SYSTEM, now=EARLIER)]
    owed = ledger.open_account(purpose="PAYABLE", currency="USDC", organization_id=provider.pk)
    chain = ledger.open_account(purpose="CLEARING_CHAIN", currency="USDC")
    ledger.post(
        key=f"test:usdc:{Payout.objects.count()}",
        kind="CORRECTION",
        actor="test",
        lines={chain: Decimal("12.5"), owed: Decimal("-12.5")},
        happened_at=NOW,
    )
    desk.say(provider, rail="usdc", method_id=listed[0].pk)
    batch = batches.draft(currency="USDC", every=None, entity="HK", ask=desk.ask, actor=desk.ann, now=NOW)
    desk.agree(batch)
    desk.execute(batch)
