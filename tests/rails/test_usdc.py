"""USDC batches: transfers as the token reads them, to addresses that are checked, confirmed by a receipt."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from billing.rails import usdc
from billing.rails.protocol import (
    CannotInstruct,
    DetailRefused,
    FileInstruction,
    PaymentOrder,
    Step,
    Unreadable,
)
from billing.rails.usdc import UsdcRail, encode_transfer, to_units
from tests.rails.orders import ALICE, BOB, CHAIN, MADE, SAFE, TOKEN, make_order

RAIL = UsdcRail()


def pay(number: int, amount: str, address: str = ALICE) -> PaymentOrder:
    return make_order(
        number,
        amount=amount,
        currency="USDC",
        country="SE",
        details={"name": "Alice", "address": address},
    )


def prepare(orders: Sequence[PaymentOrder], **payer: str) -> tuple[FileInstruction, dict[str, Any]]:
    [made] = RAIL.prepare(orders, payer=CHAIN | payer, now=MADE)
    assert isinstance(made, FileInstruction)
    return made, json.loads(made.content)


def test_a_transfer_is_encoded_as_the_standard_says() -> None:
    # Written out by hand: name of the function, recipient, 1.5 USDC = 1500000 = 0x16e360.
    assert encode_transfer(recipient=ALICE, units=1_500_000) == (
        "0xa9059cbb"
        "0000000000000000000000005aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
        "000000000000000000000000000000000000000000000000000000000016e360"
    )
    assert keccak(text="transfer(address,uint256)").hex()[:8] == usdc.TRANSFER
    assert keccak(text="balanceOf(address)").hex()[:8] == usdc.BALANCE
    assert f"0x{keccak(text='Transfer(address,address,uint256)').hex()}" == usdc.TRANSFER_EVENT


def test_a_batch_calls_the_token_on_its_chain_and_nothing_else() -> None:
    file, batch = prepare([pay(2, "2.5", BOB), pay(1, "1")])

    assert (batch["version"], batch["chainId"], batch["createdAt"]) == ("1.0", "8453", 1777896000000)
    assert batch["meta"]["createdFromSafeAddress"] == SAFE
    assert {(one["to"], one["value"]) for one in batch["transactions"]} == {(TOKEN, "0")}
    assert [one["data"] for one in batch["transactions"]] == [
        encode_transfer(recipient=ALICE, units=1_000_000),
        encode_transfer(recipient=BOB, units=2_500_000),
    ]
    assert (file.total, [uid.int for uid in file.payouts]) == (Decimal("3.5"), [1, 2])
    assert prepare([pay(1, "1"), pay(2, "2.5", BOB)])[0].sha256 == file.sha256


@given(st.decimals("0.000001", "999999999999", places=6))
def test_an_amount_comes_back_from_calldata_to_the_last_place(amount: Decimal) -> None:
    data = encode_transfer(recipient=BOB, units=to_units(pay(1, str(amount))))

    assert Decimal(int(data[-64:], 16)).scaleb(-6) == amount
    assert usdc.read_word_address(data[10:74]) == BOB


@pytest.mark.parametrize(
    "address",
    [
        "",
        ALICE.lower(),
        ALICE.swapcase(),
        ALICE[:-1],
        ALICE[:-1] + "e",
        "0x" + "0" * 40,
        "alice.eth",
        ALICE[2:],
    ],
)
def test_an_address_without_its_checksum_is_refused(address: str) -> None:
    with pytest.raises(DetailRefused) as refused:
        RAIL.validate({"name": "Alice", "address": address}, currency="USDC", country="SE")

    assert refused.value.field == "address"


@pytest.mark.parametrize(
    ("order", "payer"),
    [
        (pay(1, "1.0000001"), {}),
        (pay(1, "0"), {}),
        (pay(1, "1", TOKEN), {}),
        (pay(1, "1", SAFE), {}),
        (pay(1, "1", ALICE.lower()), {}),
        (pay(1, "1"), {"safe": SAFE.lower()}),
        (pay(1, "1"), {"chain_id": ""}),
    ],
)
def test_what_cannot_be_paid_makes_no_batch(order: PaymentOrder, payer: dict[str, str]) -> None:
    with pytest.raises(CannotInstruct):
        prepare([order], **payer)


def write_receipt(
    *legs: tuple[str, int], status: str = "0x1", token: str = TOKEN, sender: str = SAFE
) -> bytes:
    def word(address: str) -> str:
        return f"0x{address[2:].lower():0>64}"

    logs = [
        {
            "address": token.lower(),
            "topics": [usdc.TRANSFER_EVENT, word(sender), word(to)],
            "data": f"0x{units:064x}",
        }
        for to, units in legs
    ]
    return json.dumps({"transactionHash": "0x" + "ab" * 32, "status": status, "logs": logs}).encode()


ORDERS = [pay(1, "1"), pay(2, "2.5", BOB), pay(3, "1")]
LEGS = ((ALICE, 1_000_000), (BOB, 2_500_000), (ALICE, 1_000_000))


def test_a_receipt_of_exactly_these_transfers_confirms_the_batch() -> None:
    news = RAIL.confirm(write_receipt(*LEGS), name="", orders=ORDERS, payer=CHAIN)

    assert {one.payout_uid.int: (one.step, one.reason) for one in news} == dict.fromkeys(
        (1, 2, 3), (Step.PAID, "0x" + "ab" * 32)
    )


@pytest.mark.parametrize(
    "receipt",
    [
        b"",
        b"[]",
        b"{}",
        write_receipt(*LEGS, status="0x0"),
        write_receipt(*LEGS[:2]),
        write_receipt(*LEGS, LEGS[0]),
        write_receipt(LEGS[0], LEGS[1], (ALICE, 999_999)),
        write_receipt(*LEGS, token=BOB),
        write_receipt(*LEGS, sender=BOB),
    ],
)
def test_any_other_receipt_confirms_nothing(receipt: bytes) -> None:
    with pytest.raises(Unreadable):
        RAIL.confirm(receipt, name="", orders=ORDERS, payer=CHAIN)
