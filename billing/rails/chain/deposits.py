"""
Deposits of USDC: whose address a transfer went to, and the credit of what lies deep enough.

Every pass reads the blocks that may still change once more. A transfer is credited when as many blocks as are
asked for lie on it, and only if it still stands in the block in which it was seen; what vanished before that
changed nothing. The database credits each (chain, transaction, log) once, whoever reads.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from eth_utils.address import is_checksum_address

from accounts import audit
from accounts.audit import Actor
from accounts.models import Organization
from billing.models import ChainAddress, ChainCursor, ChainDeposit
from billing.rails.chain.reader import ChainReader, Transfer
from billing.rails.protocol import DetailRefused
from billing.rails.usdc import NOBODY, PLACES
from core.errors import DomainError

BLOCKS_PER_CALL = 1_000
BLOCKS_PER_PASS = 20_000
DEPOSITS_PER_PASS = 500
VANISHED_PER_PASS = 50
VANISHED_KEPT = timedelta(days=30)
"""So long what vanished is asked for again."""
State = ChainDeposit.State

logger = logging.getLogger(__name__)


class NoAddressLeft(DomainError):
    """Every address was given out; operators add more."""

    status = 503
    code = "no_address_left"
    message = "There is no deposit address left at the moment; ask us for one."


@dataclass(frozen=True, slots=True)
class Pass:
    """What one reading came to: up to which block, and how many deposits were credited or vanished."""

    read_to: int
    credited: int
    orphaned: int


def add_addresses(*, addresses: Sequence[str], actor: Actor, now: datetime) -> int:
    """
    Add addresses of the platform's wallet, to be given out; answers how many are new.

    :raises billing.rails.protocol.DetailRefused: if one has not its right checksum; none is added then
    """
    for address in addresses:
        if not is_checksum_address(address) or address == NOBODY:
            raise DetailRefused(f"{address[:60]} is no address with a right checksum.", field="addresses")
    with transaction.atomic():
        added = int(_ask("SELECT add_chain_addresses_v1(%s, %s)", list(addresses), now))
        audit.record_event(
            actor=actor,
            action="chain_address.add",
            subject_kind="chain_address",
            subject_uid=None,
            organization=None,
            now=now,
            details={"added": added},
        )
    return added


def find_address(*, organization: Organization) -> str | None:
    """The address to which an organization sends USDC, if it has one."""
    found = ChainAddress.objects.filter(organization=organization).first()
    return found.address if found else None


def assign_address(*, organization: Organization, actor: Actor, now: datetime) -> str:
    """
    Give an organization an address of its own, for ever; the one it has, if it has one.

    :raises NoAddressLeft: if all were given out
    """
    known = find_address(organization=organization)
    if known is not None:
        return known
    with transaction.atomic():
        given = _ask("SELECT assign_chain_address_v1(%s, %s)", organization.pk, now)
        if given is None:
            raise NoAddressLeft
        audit.record_event(
            actor=actor,
            action="chain_address.assign",
            subject_kind="organization",
            subject_uid=organization.uid,
            organization=organization,
            now=now,
            details={"address": given},
        )
    return str(given)


def list_deposits(*, organization: Organization) -> QuerySet[ChainDeposit]:
    """Deposits to an organization's address."""
    given = ChainAddress.objects.filter(organization=organization).values("address")
    return ChainDeposit.objects.filter(recipient__in=given)


def follow_chain(*, reader: ChainReader, confirmations: int, now: datetime) -> Pass:
    """
    Read what is new on the chain and credit what is deep enough.

    :raises billing.rails.chain.reader.ChainUnreadable: if the node does not answer; what was read stays
    """
    head = reader.find_head()
    read_to = _read_blocks(reader, head=head, confirmations=confirmations, now=now)
    credited, orphaned = _settle(reader, deepest=head - confirmations + 1, now=now)
    return Pass(read_to, credited, orphaned)


def count_confirmations(*, deposit: ChainDeposit, head: int) -> int:
    """How many blocks confirm it: its own, and those on top."""
    return max(0, head - deposit.block_number + 1)


def _read_blocks(reader: ChainReader, *, head: int, confirmations: int, now: datetime) -> int:
    """Note transfers up to `head`, from the blocks on that may have changed; answers how far it came."""
    cursor = ChainCursor.objects.filter(chain_id=reader.chain_id).first()
    begun = cursor.read_to if cursor else head
    start = max(0, min(begun, head) - confirmations)
    end = min(head, start + BLOCKS_PER_PASS)
    addresses = list(ChainAddress.objects.order_by("id").values_list("address", flat=True))
    while start <= end:
        last = min(end, start + BLOCKS_PER_CALL - 1)
        found = reader.list_transfers(from_block=start, to_block=last, recipients=addresses)
        with transaction.atomic():
            for transfer in found:
                _note(reader.chain_id, transfer, now)
            _ask("SELECT move_chain_cursor_v1(%s, %s, %s)", reader.chain_id, last, now)
        start = last + 1
    return end


def _note(chain_id: int, transfer: Transfer, now: datetime) -> None:
    if transfer.units == 0:
        # Anybody can make the token say so of any address.
        return
    amount = Decimal(transfer.units).scaleb(-PLACES)
    values: list[Any] = [chain_id, transfer.tx_hash, transfer.log_index, transfer.block_number]
    values += [transfer.block_hash, transfer.sender, transfer.recipient, amount, now]
    _ask("SELECT note_deposit_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s)", *values)


def _settle(reader: ChainReader, *, deepest: int, now: datetime) -> tuple[int, int]:
    _look_again(reader, now=now)
    rows = ChainDeposit.objects.filter(chain_id=reader.chain_id, state=State.SEEN, block_number__lte=deepest)
    credited = orphaned = 0
    for deposit in rows.order_by("block_number", "id")[:DEPOSITS_PER_PASS]:
        standing = _find_standing(reader, deposit)
        if standing is None or standing.block_hash != deposit.block_hash:
            # It is read again where it stands now, if it stands anywhere.
            _ask("SELECT orphan_deposit_v1(%s, %s)", deposit.pk, deposit.block_hash)
            if standing is not None:
                _note(reader.chain_id, standing, now)
            orphaned += 1
        elif (standing.recipient, standing.units) != (deposit.recipient, to_units(deposit.amount)):
            logger.error("Deposit %s is another one on the chain; it is not credited", deposit)
        elif not _contradicts(reader, deposit):
            credited += (
                _ask("SELECT credit_deposit_v1(%s, %s, %s)", deposit.pk, deposit.block_hash, now) is not None
            )
    return credited, orphaned


def _look_again(reader: ChainReader, *, now: datetime) -> None:
    """
    Note what had vanished and stands again.

    A node that lags behind says of a transaction that no block has it, and blocks as deep as that are not
    read a second time.
    """
    since = now - VANISHED_KEPT
    vanished = ChainDeposit.objects.filter(chain_id=reader.chain_id, state=State.ORPHANED, seen_at__gte=since)
    for deposit in vanished.order_by("-id")[:VANISHED_PER_PASS]:
        standing = _find_standing(reader, deposit)
        if standing is not None:
            _note(reader.chain_id, standing, now)


def _find_standing(reader: ChainReader, deposit: ChainDeposit) -> Transfer | None:
    """The transfer as the chain has it now, by its transaction and log; None if it has it no more."""
    for transfer in reader.list_transfers_of(deposit.tx_hash):
        if transfer.log_index == deposit.log_index:
            return transfer
    return None


def _contradicts(reader: ChainReader, deposit: ChainDeposit) -> bool:
    """
    Whether another deposit of its transaction was credited that the chain has no more.

    A chain that changed deeper than is waited for may number the same transfer's log anew.
    """
    credited = ChainDeposit.objects.filter(
        chain_id=deposit.chain_id, tx_hash=deposit.tx_hash, state=State.CREDITED
    )
    standing = {transfer.log_index for transfer in reader.list_transfers_of(deposit.tx_hash)}
    gone = [one for one in credited if one.log_index not in standing]
    if gone:
        logger.error("Deposit %s is not credited: %s was, and vanished", deposit, gone[0])
    return bool(gone)


def to_units(amount: Decimal) -> int:
    """An amount in the token's smallest units."""
    return int(amount.scaleb(PLACES))


def _ask(query: str, *values: Any) -> Any:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query, list(values))
        return cursor.fetchone()[0]
