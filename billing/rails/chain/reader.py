"""
Reading a chain: how high it is, transfers to addresses of ours, receipts. Nothing is ever sent to it.

Spoken is the JSON-RPC that nodes of Ethereum and chains like it speak over HTTP. Addresses come back with
their checksum, hashes in small letters, amounts in units of the token.
"""

import ipaddress
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from django.conf import settings
from eth_utils.address import is_checksum_address, to_checksum_address

from billing.rails.usdc import BALANCE, TRANSFER_EVENT, read_word_address
from core import outgoing
from core.errors import DomainError
from core.outgoing import CallFailed, GuardedTransport, Policy

ADDRESSES_PER_CALL = 500
ANSWER_BYTES_MAX = 16_777_216
BALANCES_AT_ONCE = 8


class ChainUnset(DomainError):
    """No chain is configured, or it is not described whole."""

    code = "chain_unset"
    message = "No chain is configured here."


class ChainUnreadable(DomainError):
    """The node did not answer, or answered what no node answers."""

    status = 502
    code = "chain_unreadable"
    message = "The node of the chain does not answer properly."


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer of the token, as a block has it; `units` are the token's smallest."""

    tx_hash: str
    log_index: int
    block_number: int
    block_hash: str
    sender: str
    recipient: str
    units: int


class ChainReader(Protocol):
    """What is asked of a chain."""

    chain_id: int

    def find_head(self) -> int:
        """
        The number of the newest block.

        :raises ChainUnreadable: if the node does not say, or is of another chain
        """

    def list_transfers(self, *, from_block: int, to_block: int, recipients: Sequence[str]) -> list[Transfer]:
        """
        Transfers of the token to these addresses, in blocks from the first to the last.

        :raises ChainUnreadable: if the node does not say
        """

    def list_transfers_of(self, tx_hash: str) -> list[Transfer]:
        """
        Transfers of the token in one transaction, where it stands now; none if it failed or no block has it.

        :raises ChainUnreadable: if the node does not say
        """

    def find_receipt(self, tx_hash: str) -> Mapping[str, Any] | None:
        """
        The receipt of a transaction as the node gives it; None if no block has it.

        :raises ChainUnreadable: if the node does not say
        """

    def sum_balances(self, *, holders: Sequence[str], at_block: int) -> int:
        """
        What these addresses have of the token together after a block, in its smallest units.

        :raises ChainUnreadable: if the node does not say
        """


class JsonRpcReader:
    """
    A node over HTTP, at an address of the operator's choice.

    :raises ChainUnset: if the address, the chain or its token is not set
    """

    def __init__(self, *, url: str, chain_id: int, token: str) -> None:
        if not url or chain_id < 1 or not is_checksum_address(token):
            raise ChainUnset
        self.chain_id = chain_id
        self._url, self._token = url, token
        self._policy = make_policy(url)

    def find_head(self) -> int:
        """The number of the newest block, of the chain that is expected."""
        try:
            chain, head = self._ask(("eth_chainId", []), ("eth_blockNumber", []))
            if int(chain, 16) != self.chain_id:
                raise ChainUnreadable(f"The node is of chain {int(chain, 16)}, not {self.chain_id}.")
            return int(head, 16)
        except (ValueError, TypeError) as error:
            raise ChainUnreadable from error

    def list_transfers(self, *, from_block: int, to_block: int, recipients: Sequence[str]) -> list[Transfer]:
        """Transfers by the logs of the token, a few hundred recipients at a time."""
        found: list[Transfer] = []
        for start in range(0, len(recipients), ADDRESSES_PER_CALL):
            words = [_write_word(one) for one in recipients[start : start + ADDRESSES_PER_CALL]]
            wanted = {
                "fromBlock": hex(from_block),
                "toBlock": hex(to_block),
                "address": self._token,
                "topics": [TRANSFER_EVENT, None, words],
            }
            [logs] = self._ask(("eth_getLogs", [wanted]))
            found += self._read_logs(logs)
        return found

    def list_transfers_of(self, tx_hash: str) -> list[Transfer]:
        """Transfers of the token in one transaction; none if it failed or no block has it."""
        receipt = self.find_receipt(tx_hash)
        if receipt is None or receipt.get("status") != "0x1":
            return []
        return self._read_logs(receipt.get("logs"))

    def find_receipt(self, tx_hash: str) -> Mapping[str, Any] | None:
        """The receipt of a transaction, if a block has it."""
        [receipt] = self._ask(("eth_getTransactionReceipt", [tx_hash]))
        if receipt is not None and not isinstance(receipt, dict):
            raise ChainUnreadable("The node answered what is no receipt.")
        return receipt

    def sum_balances(self, *, holders: Sequence[str], at_block: int) -> int:
        """What these addresses have of the token together after a block, each asked for once."""
        tag = hex(at_block)

        def ask_for(holder: str) -> int:
            wanted = {"to": self._token, "data": f"0x{BALANCE}{_write_word(holder)[2:]}"}
            try:
                return int(self._ask_one("eth_call", [wanted, tag]), 16)
            except (ValueError, TypeError) as error:
                raise ChainUnreadable("The node answered what is no balance.") from error

        with ThreadPoolExecutor(max_workers=BALANCES_AT_ONCE) as asking:
            return sum(asking.map(ask_for, sorted(set(holders))))

    def _read_logs(self, logs: Any) -> list[Transfer]:
        """Transfers of our token among logs: other contracts can say of themselves what they like."""
        try:
            return [
                read_transfer(log)
                for log in logs
                if not log.get("removed")
                and to_checksum_address(log["address"]) == self._token
                and [topic.lower() for topic in log["topics"][:1]] == [TRANSFER_EVENT]
            ]
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise ChainUnreadable("The node answered what are no logs of transfers.") from error

    def _ask(self, *calls: tuple[str, list[Any]]) -> list[Any]:
        """Results of calls, sent one by one: not every node takes several at once."""
        return [self._ask_one(method, given) for method, given in calls]

    def _ask_one(self, method: str, given: list[Any]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": given}).encode()
        try:
            answer = outgoing.call(
                method="POST",
                url=self._url,
                headers={"content-type": "application/json"},
                content=body,
                transport=GuardedTransport(policy=self._policy),
            )
            said = json.loads(answer.body)
        except (CallFailed, ValueError) as error:
            raise ChainUnreadable from error
        if not isinstance(said, dict) or "result" not in said:
            problem = said.get("error") if isinstance(said, dict) else None
            message = problem.get("message", "") if isinstance(problem, dict) else ""
            raise ChainUnreadable(f"The node refused {method}. {message[:200]}".strip())
        return said["result"]


def make_reader() -> JsonRpcReader:
    """
    The reader of the configured chain.

    :raises ChainUnset: if none is configured
    """
    return JsonRpcReader(url=settings.CHAIN_URL, chain_id=settings.CHAIN_ID, token=settings.CHAIN_TOKEN)


def make_policy(url: str) -> Policy:
    """
    What a call to a node may do. An operator may name a node of their own by its number (127.0.0.1,
    10.0.0.5), without TLS; a name must lead to a public address.
    """
    address = httpx.URL(url)
    own = _is_number(address.host)
    return Policy(
        schemes=frozenset({"http", "https"} if own else {"https"}),
        ports=frozenset({address.port or (443 if address.scheme == "https" else 80)}),
        answer_bytes_max=ANSWER_BYTES_MAX,
        allowed_addresses=frozenset({address.host} if own else ()),
    )


def read_transfer(log: Mapping[str, Any]) -> Transfer:
    """
    A transfer from its log.

    :raises KeyError, IndexError, ValueError, TypeError: if it is none
    """
    _, sender, recipient = log["topics"]
    return Transfer(
        tx_hash=log["transactionHash"].lower(),
        log_index=int(log["logIndex"], 16),
        block_number=int(log["blockNumber"], 16),
        block_hash=log["blockHash"].lower(),
        sender=read_word_address(sender),
        recipient=read_word_address(recipient),
        units=int(log["data"], 16),
    )


def _write_word(address: str) -> str:
    return f"0x{to_checksum_address(address)[2:].lower():0>64}"


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
