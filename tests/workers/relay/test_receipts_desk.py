"""Receipts are stored, then acknowledged, never the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from workers.relay import receipts
from workers.relay.receipts import Checked, Desk

NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)


def make_receipt(number: int) -> Checked:
    return Checked(
        attempt_uid=UUID(int=number),
        node_id=1,
        body=b"body",
        signature=b"s" * 64,
        key_id="key",
        previous_hash=None,
        nonce=b"n",
        claim_in=None,
        claim_cached=None,
        claim_out=None,
        joules=Decimal(0),
        tier="declared",
        started_at=NOW,
        ended_at=NOW,
    )


class Table:
    """A table that may be away, or refuse one receipt for what it is."""

    def __init__(self) -> None:
        self.away = True
        self.refused: UUID | None = None
        self.stored: list[UUID] = []

    async def write(self, batch: Sequence[Checked]) -> None:
        if self.away:
            raise psycopg.OperationalError("away")
        if any(receipt.attempt_uid == self.refused for receipt in batch):
            raise psycopg.DataError("never")
        self.stored += [receipt.attempt_uid for receipt in batch]


async def test_nothing_is_acknowledged_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "RETRY_SECONDS", 0.01)
    table, acknowledged = Table(), list[UUID]()
    desk = Desk(write=table.write)

    async def acknowledge(uids: list[UUID]) -> None:
        assert set(uids) <= set(table.stored)
        acknowledged.extend(uids)

    desk.add(make_receipt(1), acknowledge)
    desk.add(make_receipt(2), acknowledge)
    await desk.store_batch()
    before = list(acknowledged)
    table.away = False
    await desk.store_batch()

    assert before == []
    assert acknowledged == table.stored == [UUID(int=1), UUID(int=2)]


async def test_one_receipt_the_database_will_not_have_holds_up_no_other() -> None:
    table, acknowledged = Table(), list[UUID]()
    table.away, table.refused = False, UUID(int=2)
    desk = Desk(write=table.write)

    async def acknowledge(uids: list[UUID]) -> None:
        acknowledged.extend(uids)

    for number in (1, 2, 3):
        desk.add(make_receipt(number), acknowledge)
    await desk.store_batch()

    assert acknowledged == [UUID(int=1), UUID(int=3)]


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "WAITING_MAX", 2)
    table = Table()
    table.away = False
    desk = Desk(write=table.write)

    async def acknowledge(_: list[UUID]) -> None:
        await asyncio.sleep(0)

    for number in range(5):
        desk.add(make_receipt(number), acknowledge)
    await desk.store_batch()

    assert len(table.stored) == 2
