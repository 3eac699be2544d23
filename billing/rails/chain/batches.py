"""Batches of USDC that signers sent: found on the chain by the hash of their transaction."""

import json
import re
from datetime import datetime

from accounts.audit import Actor
from billing.models import RailFile
from billing.rails import answers
from billing.rails.chain.reader import ChainReader
from billing.rails.protocol import News, Unreadable
from core.errors import DomainError, Invalid

HASH = re.compile(r"0x[0-9a-fA-F]{64}")


class NotDeepEnough(DomainError):
    """No block has the transaction yet, or too few lie on it."""

    code = "not_deep_enough"
    message = "The transaction is not confirmed yet; come back in a while."


def confirm_batch(
    *,
    file: RailFile,
    tx_hash: str,
    reader: ChainReader,
    confirmations: int,
    actor: Actor,
    now: datetime,
) -> list[News]:
    """
    Note a batch as paid by a transaction that made exactly its transfers and lies deep enough.

    :raises billing.rails.answers.UsedBefore: if it confirmed another batch
    :raises billing.rails.protocol.Unreadable: if it did something else
    And what `read_receipt` raises.
    """
    receipt = read_receipt(file=file, tx_hash=tx_hash, reader=reader, confirmations=confirmations)
    return answers.confirm_transaction(
        file=file, receipt=receipt, transaction_hash=tx_hash.lower(), actor=actor, now=now
    )


def read_receipt(*, file: RailFile, tx_hash: str, reader: ChainReader, confirmations: int) -> bytes:
    """
    The receipt of a transaction that is said to have carried a batch, as JSON; nothing changes.

    :raises core.errors.Invalid: if it is no hash of a transaction, or the file no batch
    :raises NotDeepEnough: if no block has it, or too few lie on it
    :raises billing.rails.protocol.Unreadable: if the node tells of something else
    :raises billing.rails.chain.reader.ChainUnreadable: if the node does not answer
    """
    if not HASH.fullmatch(tx_hash) or file.rail != "usdc":
        raise Invalid("This is no hash of a transaction: 0x and 64 digits.")
    wanted = tx_hash.lower()
    receipt, head = reader.find_receipt(wanted), reader.find_head()
    if receipt is None:
        raise NotDeepEnough
    try:
        number, told = int(receipt["blockNumber"], 16), str(receipt["transactionHash"]).lower()
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable("This is no receipt of a transaction.") from error
    if told != wanted:
        raise Unreadable("The node answered with another transaction.")
    if head - number + 1 < confirmations:
        raise NotDeepEnough
    return json.dumps(receipt, sort_keys=True).encode()
