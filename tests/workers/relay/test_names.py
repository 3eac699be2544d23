"""Names that agents give, as the relay keeps and compares them."""

from __future__ import annotations

import pytest

from agent.protocol import Kind
from tests.workers.relay.exchange import Exchange, Registered, hear

pytestmark = pytest.mark.fault


async def test_a_machine_of_a_long_name_stays_connected(exchange: Exchange, rack: Registered) -> None:
    async with exchange.pose(rack, machine_id="m" * 200) as posed:
        kind, _ = await hear(posed)
        assert kind is Kind.WELCOME
        [(kept, leased)] = exchange.rows("SELECT n.machine_id, l.machine_id FROM node n, machine_lease l")

    assert kept == leased == "m" * 128
