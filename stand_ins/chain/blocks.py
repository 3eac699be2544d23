"""Blocks and transfers, and what becomes of them when the newest blocks are replaced."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TRANSFER_EVENT = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""Keccak-256 of `Transfer(address,address,uint256)` (EIP-20)."""
TRANSFER_CALL = "0xa9059cbb"
"""The beginning of Keccak-256 of `transfer(address,uint256)` (EIP-20)."""

BALANCE_CALL = "0x70a08231"
"""The beginning of Keccak-256 of `balanceOf(address)` (EIP-20)."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One transfer: of which token, from whom, to whom, how many units. Addresses in small letters."""

    token: str
    sender: str
    recipient: str
    units: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """Transfers that happen together, or not at all; `succeeds` False leaves a receipt and nothing else."""

    hash: str
    legs: tuple[Leg, ...]
    succeeds: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """One block; its hash tells it from one that replaced it."""

    number: int
    hash: str
    parent: str
    transactions: tuple[Transaction, ...]


@dataclass
class Chain:
    """All blocks from number 0, and transactions that wait for the next."""

    chain_id: int
    token: str
    blocks: list[Block] = field(default_factory=list)
    waiting: list[Transaction] = field(default_factory=list)
    _made: int = 0

    def __post_init__(self) -> None:
        self.token = self.token.lower()
        self.mine(1)

    @property
    def head(self) -> Block:
        """The newest block."""
        return self.blocks[-1]

    def mine(self, count: int) -> int:
        """Add blocks, the first with what waits; answers the number of the newest."""
        for _ in range(count):
            parent = self.blocks[-1].hash if self.blocks else "0x" + "0" * 64
            number = len(self.blocks)
            self._made += 1
            # A block that replaces another has another hash, also with the same number and content.
            made = _hash("block", parent, number, self._made)
            self.blocks.append(Block(number, made, parent, tuple(self.waiting)))
            self.waiting.clear()
        return self.head.number

    def send(self, legs: Sequence[Leg], *, succeeds: bool = True) -> str:
        """Let transfers wait for the next block, as one transaction; answers its hash."""
        self._made += 1
        made = Transaction(_hash("tx", self.chain_id, self._made), tuple(legs), succeeds)
        self.waiting.append(made)
        return made.hash

    def replace(self, depth: int, *, keep: Sequence[str] = ()) -> int:
        """
        Replace the newest `depth` blocks by as many and one more; transactions in `keep` (hashes) come again,
        the others never.

        :raises ValueError: if there are not so many
        """
        if not 0 < depth < len(self.blocks):
            raise ValueError(f"There are no {depth} blocks to replace.")
        gone = self.blocks[-depth:]
        del self.blocks[-depth:]
        again = [one for block in gone for one in block.transactions if one.hash in keep]
        self.waiting = again + self.waiting
        return self.mine(depth + 1)

    def find_logs(self, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Logs as `eth_getLogs` picks them: by blocks, address and topics."""
        first, last = self._read_number(wanted.get("fromBlock")), self._read_number(wanted.get("toBlock"))
        logs = [log for block in self.blocks[first : last + 1] for log in list_logs(block)]
        address, topics = wanted.get("address"), wanted.get("topics") or []
        return [
            log
            for log in logs
            if (address is None or log["address"] == address.lower()) and _fits(log["topics"], topics)
        ]

    def find_receipt(self, tx_hash: str) -> dict[str, Any] | None:
        """The receipt of a transaction that a block has."""
        for block in self.blocks:
            for index, one in enumerate(block.transactions):
                if one.hash == tx_hash.lower():
                    logs = [log for log in list_logs(block) if log["transactionHash"] == one.hash]
                    return {
                        "transactionHash": one.hash,
                        "transactionIndex": hex(index),
                        "blockHash": block.hash,
                        "blockNumber": hex(block.number),
                        "status": hex(int(one.succeeds)),
                        "logs": logs,
                    }
        return None

    def find_balance(self, call: Mapping[str, Any], tag: str | None = None) -> str:
        """
        What a holder of a token has after a block, as `eth_call` of `balanceOf(address)` answers it.

        Whoever sends more than came in had it from before this chain, and is left with nothing.

        :raises ValueError: if it is another call
        """
        data = str(call.get("data") or call.get("input") or "").lower()
        if not data.startswith(BALANCE_CALL) or len(data) != len(BALANCE_CALL) + 64:
            raise ValueError("This is no call of balanceOf(address).")
        holder, token = "0x" + data[-40:], str(call.get("to")).lower()
        legs = [
            leg
            for block in self.blocks[: self._read_number(tag) + 1]
            for one in block.transactions
            if one.succeeds
            for leg in one.legs
            if leg.token == token
        ]
        moved = sum(leg.units * ((leg.recipient == holder) - (leg.sender == holder)) for leg in legs)
        return f"0x{max(0, moved):064x}"

    def _read_number(self, tag: str | None) -> int:
        if tag in (None, "latest", "safe", "finalized", "pending"):
            return self.head.number
        return 0 if tag == "earliest" else int(str(tag), 16)


def list_logs(block: Block) -> list[dict[str, Any]]:
    """Logs of a block, numbered through it."""
    logs: list[dict[str, Any]] = []
    for index, one in enumerate(block.transactions):
        for leg in one.legs if one.succeeds else ():
            logs.append(
                {
                    "address": leg.token,
                    "topics": [TRANSFER_EVENT, _word(leg.sender), _word(leg.recipient)],
                    "data": f"0x{leg.units:064x}",
                    "blockNumber": hex(block.number),
                    "blockHash": block.hash,
                    "transactionHash": one.hash,
                    "transactionIndex": hex(index),
                    "logIndex": hex(len(logs)),
                    "removed": False,
                }
            )
    return logs


def read_batch(batch: Mapping[str, Any]) -> list[Leg]:
    """
    Transfers of a batch file of a multisig wallet (Safe's transaction builder), from its calldata.

    :raises ValueError, KeyError: if it holds anything but transfers
    """
    sender = str(batch["meta"]["createdFromSafeAddress"]).lower()
    legs = []
    for call in batch["transactions"]:
        data = str(call["data"]).lower()
        if not data.startswith(TRANSFER_CALL) or len(data) != 10 + 128:
            raise ValueError("This is no call of transfer(address,uint256).")
        legs.append(Leg(str(call["to"]).lower(), sender, "0x" + data[34:74], int(data[74:], 16)))
    return legs


def _fits(topics: Sequence[str], wanted: Sequence[Any]) -> bool:
    if len(wanted) > len(topics):
        return False
    for topic, choice in zip(topics, wanted, strict=False):
        allowed = [choice] if isinstance(choice, str) else choice
        if allowed is not None and topic not in [one.lower() for one in allowed]:
            return False
    return True


def _word(address: str) -> str:
    return f"0x{address.removeprefix('0x').lower():0>64}"


def _hash(*parts: object) -> str:
    return "0x" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()
