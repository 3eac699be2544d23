"""USDC that arrives on chain: credited once and to whom it is for, whatever the chain does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.audit import SYSTEM
from accounts.models import AuditEvent, Organization
from billing import approvals, ledger, verification, wallets
from billing.models import Approval, ChainDeposit, Entry
from billing.rails.chain import assignment, deposits
from billing.rails.chain.reader import ChainUnreadable, ChainUnset, JsonRpcReader, make_policy
from billing.rails.protocol import DetailRefused
from tests.cast import NOW
from tests.rails.chains import CHAIN_ID, LocalChain, run_chain
from tests.rails.orders import ALICE, BOB, SAFE, TOKEN
from tests.settlement import settling

DEEP = 3


@pytest.fixture
def chain(db: object) -> Iterator[LocalChain]:
    with run_chain() as running:
        deposits.add_addresses(addresses=[ALICE, BOB], actor=SYSTEM, now=NOW)
        yield running


def follow(chain: LocalChain) -> tuple[int, int]:
    """How many deposits were credited, and how many vanished."""
    done = deposits.follow_chain(reader=chain.reader, confirmations=DEEP, now=NOW)
    return done.credited, done.orphaned


def pay(chain: LocalChain, to: str, units: int = 5_000_000) -> str:
    return str(chain.call("transfer", SAFE, to, units))


def read_wallet(organization: Organization) -> Decimal:
    try:
        return wallets.find_wallet(organization_id=organization.pk, currency="USDC").posted.amount
    except wallets.NoWallet:
        return Decimal(0)


def read_account(purpose: str) -> Decimal:
    return ledger.balance(account_id=ledger.open_account(purpose=purpose, currency="USDC"))


def test_a_deposit_is_credited_once_after_its_confirmations(chain: LocalChain, lab: Organization) -> None:
    address = deposits.assign_address(organization=lab, actor=SYSTEM, now=NOW)
    pay(chain, address, 1_500_001)
    chain.call("mine", 1)
    follow(chain)
    assert follow(chain) == (0, 0)
    [seen] = deposits.list_deposits(organization=lab)
    assert (seen.state, seen.amount, deposits.count_confirmations(deposit=seen, head=1)) == (
        "SEEN",
        Decimal("1.500001"),
        1,
    )

    chain.call("mine", DEEP - 2)
    assert follow(chain) == (0, 0)
    chain.call("mine", 1)

    assert [follow(chain), follow(chain)] == [(1, 0), (0, 0)]
    assert read_wallet(lab) == read_account("CLEARING_CHAIN") == Decimal("1.500001")
    [row] = wallets.list_statement(wallet=wallets.find_wallet(organization_id=lab.pk, currency="USDC"))
    assert row.kind == "DEPOSIT"


def test_a_deposit_that_a_reorganization_takes_away_changes_nothing(
    chain: LocalChain, lab: Organization
) -> None:
    address = deposits.assign_address(organization=lab, actor=SYSTEM, now=NOW)
    pay(chain, address)
    chain.call("mine", 2)
    follow(chain)

    chain.call("replace", 2)
    chain.call("mine", DEEP)

    assert follow(chain) == (0, 1)
    assert read_wallet(lab) == read_account("CLEARING_CHAIN") == 0
    assert ChainDeposit.objects.get().state == "ORPHANED"


def test_a_deposit_that_moves_to_another_block_is_credited_there_once(
    chain: LocalChain, lab: Organization
) -> None:
    address = deposits.assign_address(organization=lab, actor=SYSTEM, now=NOW)
    kept = pay(chain, address)
    chain.call("mine", 2)
    follow(chain)

    chain.call("replace", 2, [kept])
    chain.call("mine", DEEP)
    results = [follow(chain) for _ in range(3)]

    assert sum(credited for credited, _ in results) == 1
    assert read_wallet(lab) == Decimal(5)


def test_a_node_that_lags_behind_delays_a_deposit_and_no_more(chain: LocalChain, lab: Organization) -> None:
    address = deposits.assign_address(organization=lab, actor=SYSTEM, now=NOW)
    pay(chain, address)
    chain.call("mine", 1)
    follow(chain)
    chain.call("mine", 10 * DEEP)

    class Lagging(JsonRpcReader):
        """Answers from a node that has the block's logs, and not yet its receipts."""

        def find_receipt(self, tx_hash: str) -> None:
            return None

    lagging = Lagging(url=chain.url, chain_id=CHAIN_ID, token=TOKEN)
    done = deposits.follow_chain(reader=lagging, confirmations=DEEP, now=NOW)
    assert (done.credited, done.orphaned) == (0, 1)

    chain.call("mine", 10 * DEEP)
    assert [follow(chain), follow(chain)] == [(1, 0), (0, 0)]
    assert read_wallet(lab) == 5


def test_two_people_give_what_waits_in_suspense_to_its_owner(
    chain: LocalChain, lab: Organization, fund: Organization
) -> None:
    desk = settling.make_desk()
    pay(chain, ALICE, 7_000_000)
    chain.call("mine", DEEP)
    follow(chain)
    waiting = ChainDeposit.objects.get()
    said: dict[str, Any] = {"deposit": waiting, "actor": desk.ann, "now": NOW}
    wrong = assignment.prepare(organization_uid=fund.uid, reason="A guess.", **said)
    asked = assignment.prepare(organization_uid=lab.uid, reason="They sent the receipt.", **said)
    with pytest.raises(approvals.SamePerson):
        approvals.approve(approval=asked, sha256=asked.sha256, actor=desk.ann, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT assign_deposit_v1(%s, %s, 'x', now())", [waiting.pk, asked.pk])
        assert cursor.fetchone()[0] is None
    assert read_account("SUSPENSE") == 7
    approvals.approve(approval=asked, sha256=asked.sha256, actor=desk.bob, now=NOW)

    waiting.refresh_from_db()
    assert Approval.objects.get(pk=wrong.pk).state == "VOID"
    assert waiting.organization_id == lab.pk
    assert Entry.objects.latest("id").kind == "DEPOSIT_ASSIGNED"
    assert (read_account("SUSPENSE"), read_wallet(lab)) == (Decimal(0), Decimal(7))
    assert verification.verify() == []
    event = AuditEvent.objects.get(action="chain_deposit.assign")
    assert (event.actor_uid, event.organization_id) == (desk.bob.uid, lab.pk)
    with pytest.raises(assignment.NotWaiting):
        assignment.prepare(organization_uid=fund.uid, reason="Too late.", **said)


def test_what_comes_to_an_address_that_nobody_has_waits_in_suspense(chain: LocalChain) -> None:
    pay(chain, BOB, 7)
    chain.call("mine", DEEP)
    follow(chain)

    assert follow(chain)[0] + ChainDeposit.objects.filter(state="CREDITED").count() == 1
    assert read_account("SUSPENSE") == Decimal("0.000007")


def test_another_token_and_nothing_at_all_are_no_deposits(chain: LocalChain, lab: Organization) -> None:
    address = deposits.assign_address(organization=lab, actor=SYSTEM, now=NOW)
    chain.call("transfer", SAFE, address, 5_000_000, BOB)
    pay(chain, address, 0)
    pay(chain, SAFE)
    chain.call("mine", DEEP)

    assert follow(chain) == (0, 0)
    assert ChainDeposit.objects.count() == 0


def test_two_readers_credit_a_deposit_once(chain: LocalChain, lab: Organization) -> None:
    address = deposits.assign_address(organization=lab, actor=SYSTEM, now=NOW)
    for units in (1_000_000, 2_000_000, 3_000_000):
        pay(chain, address, units)
    chain.call("mine", DEEP)

    def read(_: int) -> None:
        try:
            follow(chain)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(4)))

    assert read_wallet(lab) == read_account("CLEARING_CHAIN") == Decimal(6)


def test_an_address_is_given_out_once_and_for_ever(
    chain: LocalChain, lab: Organization, fund: Organization, farm: Organization
) -> None:
    given = [deposits.assign_address(organization=one, actor=SYSTEM, now=NOW) for one in (lab, fund, lab)]

    assert given == [ALICE, BOB, ALICE]
    with pytest.raises(deposits.NoAddressLeft):
        deposits.assign_address(organization=farm, actor=SYSTEM, now=NOW)
    with pytest.raises(DetailRefused):
        deposits.add_addresses(addresses=[SAFE, ALICE.lower()], actor=SYSTEM, now=NOW)
    assert deposits.add_addresses(addresses=[SAFE, ALICE], actor=SYSTEM, now=NOW) == 1


def test_a_node_of_another_chain_or_none_is_not_believed(chain: LocalChain) -> None:
    for url, chain_id in ((chain.url, 1), ("http://127.0.0.1:9", CHAIN_ID)):
        with pytest.raises(ChainUnreadable):
            JsonRpcReader(url=url, chain_id=chain_id, token=TOKEN).find_head()
    with pytest.raises(ChainUnset):
        JsonRpcReader(url="", chain_id=CHAIN_ID, token=TOKEN)


def test_a_name_is_called_in_public_only_and_a_number_as_it_is() -> None:
    assert make_policy("http://10.0.0.5:8545").allowed_addresses == {"10.0.0.5"}
    public = make_policy("https://node.example/key")
    assert (sorted(public.schemes), sorted(public.ports)) == (["https"], [443])
    assert public.allowed_addresses == frozenset()
