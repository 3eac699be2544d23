"""A running relay for every test of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Database
from tests.workers.relay.exchange import Exchange, Registered


@pytest.fixture
def stopped_exchange(db: Database, redis_url: str, tmp_path: Path) -> Iterator[Exchange]:
    """Database and Redis, no relay yet."""
    exchange = Exchange(db=db, redis_url=redis_url, folder=tmp_path)
    try:
        yield exchange
    finally:
        exchange.close()


@pytest.fixture
def exchange(stopped_exchange: Exchange) -> Exchange:
    """A relay that answers."""
    stopped_exchange.start_relay()
    return stopped_exchange


@pytest.fixture
def rack(stopped_exchange: Exchange) -> Registered:
    """A node of two chips with a token of its own."""
    return stopped_exchange.register(name="rack", chips=2)


@pytest.fixture
def shed(stopped_exchange: Exchange) -> Registered:
    """Another node of the same farm."""
    return stopped_exchange.register(name="shed", chips=1)
