"""
USDC: a batch of transfers that the signers of a multisig wallet load, look at, and sign. We hold no keys.

The file is what Safe's transaction builder reads. Each transfer is a call of the token's
`transfer(address,uint256)` (ERC-20): four bytes that name the function, then recipient and amount, 32 bytes
each. What became of it is read from the receipt of the transaction that carried the batch.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from eth_utils.address import is_checksum_address, to_checksum_address

from billing.rails.protocol import (
    CannotInstruct,
    DetailRefused,
    FileInstruction,
    Instruction,
    News,
    PayeeDetails,
    PaymentOrder,
    Refusal,
    Step,
    Unreadable,
    mask,
    require_detail,
)

PLACES = 6
TRANSFER = "a9059cbb"
"""The first four bytes of Keccak-256 of `transfer(address,uint256)` (EIP-20)."""
BALANCE = "70a08231"
"""The first four bytes of Keccak-256 of `balanceOf(address)` (EIP-20)."""
TRANSFER_EVENT = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""Keccak-256 of `Transfer(address,address,uint256)` (EIP-20)."""
NOBODY = "0x" + "0" * 40
BUILDER_VERSION = "1.17.0"
type Leg = tuple[str, int]


class UsdcRail:
    """USDC of one chain, to addresses of payees."""

    name = "usdc"
    is_file = True

    def supports(self, *, currency: str, country: str) -> Refusal | None:
        """USDC is a currency of its own."""
        return None if currency == "USDC" else Refusal("currency", "On this rail everything is USDC.")

    def list_fields(self, *, currency: str, country: str) -> tuple[str, ...]:
        """Whose it is, and the address."""
        return ("name", "address")

    def validate(self, details: Mapping[str, str], *, currency: str, country: str) -> PayeeDetails:
        """
        Check an address by its checksum (EIP-55).

        :raises DetailRefused: with the field that is missing or wrong
        """
        name, address = require_detail(details, "name"), require_detail(details, "address")
        if not is_checksum_address(address):
            raise DetailRefused(
                "This is no address with a right checksum; copy it with its capital letters.", field="address"
            )
        if address == NOBODY:
            raise DetailRefused("Nobody owns this address.", field="address")
        return PayeeDetails({"name": name, "address": address}, hint=mask(address, shown=6), identity=address)

    def minimum(self, currency: str) -> Decimal:
        """Less is not worth its gas."""
        return Decimal(1)

    def prepare(
        self, orders: Sequence[PaymentOrder], *, payer: Mapping[str, str], now: datetime
    ) -> list[Instruction]:
        """
        One batch. `payer` has `chain_id`, `token` (the USDC contract) and `safe` (the wallet that pays).

        :raises CannotInstruct: if an amount has more than six decimals, or goes to the token or to the payer
        """
        chain, token, safe = _read_payer(payer)
        listed = sorted(orders, key=lambda order: order.end_to_end_id)
        if not listed:
            raise CannotInstruct("A batch has one payment at least.")
        batch = _hash_ids(listed)
        document = {
            "version": "1.0",
            "chainId": chain,
            "createdAt": int(now.timestamp()) * 1000,
            "meta": {
                "name": f"Payouts {batch}",
                "description": " ".join(order.end_to_end_id for order in listed),
                "txBuilderVersion": BUILDER_VERSION,
                "createdFromSafeAddress": safe,
                "createdFromOwnerAddress": "",
            },
            "transactions": [_write_transfer(order, token=token, safe=safe) for order in listed],
        }
        return [
            FileInstruction(
                name=f"usdc-{chain}-{batch}.json",
                media_type="application/json",
                content=(json.dumps(document, indent=2) + "\n").encode(),
                payouts=tuple(order.payout_uid for order in listed),
                total=sum((order.amount for order in listed), Decimal(0)),
                currency="USDC",
            )
        ]

    def confirm(
        self, answer: bytes, *, name: str, orders: Sequence[PaymentOrder], payer: Mapping[str, str]
    ) -> list[News]:
        """
        Read the receipt of the transaction (JSON, as a node gives it): all of the batch was paid, or none.

        :raises Unreadable: if it is none, failed, or did not make exactly these transfers
        """
        _, token, safe = _read_payer(payer)
        try:
            receipt: dict[str, Any] = json.loads(answer)
            paid = read_transfers(receipt, token=token, sender=safe)
            transaction, succeeded = str(receipt["transactionHash"]), int(receipt["status"], 16) == 1
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Unreadable("This is no receipt of a transaction.") from error
        if not succeeded:
            raise Unreadable("The transaction failed; nothing was paid.")
        if paid != Counter((order.details["address"], to_units(order)) for order in orders):
            raise Unreadable("The transaction paid something else than this batch.")
        return [
            News(order.payout_uid, Step.PAID, order.end_to_end_id, reason=transaction) for order in orders
        ]


def encode_transfer(*, recipient: str, units: int) -> str:
    """Calldata of `transfer(recipient, units)` in hexadecimal (EIP-20; ABI: two words of 32 bytes)."""
    return f"0x{TRANSFER}{recipient.removeprefix('0x').lower():0>64}{units:064x}"


def to_units(order: PaymentOrder) -> int:
    """
    An amount in millionths, as the token counts.

    :raises CannotInstruct: if it is no number of them
    """
    units = order.amount.scaleb(PLACES)
    if units != units.to_integral_value() or units <= 0:
        raise CannotInstruct(f"USDC has six decimals, not {order.amount}.", payout=order.payout_uid)
    return int(units)


def read_transfers(receipt: Mapping[str, Any], *, token: str, sender: str) -> Counter[Leg]:
    """
    How often `sender` sent how many units of `token` to whom, from a receipt's logs.

    :raises ValueError, KeyError, TypeError, IndexError: if it is no receipt
    """
    legs: Counter[Leg] = Counter()
    for log in receipt["logs"]:
        topics = log["topics"]
        if to_checksum_address(log["address"]) != token or not topics or topics[0].lower() != TRANSFER_EVENT:
            continue
        if read_word_address(topics[1]) == sender:
            legs[(read_word_address(topics[2]), int(log["data"], 16))] += 1
    return legs


def read_word_address(word: str) -> str:
    """The address in a word of 32 bytes, with its checksum."""
    return str(to_checksum_address("0x" + word[-40:]))


def _write_transfer(order: PaymentOrder, *, token: str, safe: str) -> dict[str, Any]:
    address = order.details["address"]
    if not is_checksum_address(address) or address in (token, safe, NOBODY):
        raise CannotInstruct(f"Nothing is sent to {address}.", payout=order.payout_uid)
    data = encode_transfer(recipient=address, units=to_units(order))
    return {"to": token, "value": "0", "data": data, "contractMethod": None, "contractInputsValues": None}


def _read_payer(payer: Mapping[str, str]) -> tuple[str, str, str]:
    chain, token, safe = (payer.get(key, "") for key in ("chain_id", "token", "safe"))
    if not chain.isdecimal() or not is_checksum_address(token) or not is_checksum_address(safe):
        raise CannotInstruct("The chain, its USDC contract or the wallet to pay from is not set.")
    return chain, token, safe


def _hash_ids(orders: Sequence[PaymentOrder]) -> str:
    ids = "".join(order.end_to_end_id for order in orders)
    return hashlib.sha256(ids.encode()).hexdigest()[:16]
