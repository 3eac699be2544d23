"""Two buyers, a seller and a short fuse for deadlocks."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.billing import exchange
from tests.databases import Database


@pytest.fixture
def app(db: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the application's role, each statement a transaction."""
    with psycopg.connect(db.superuser_dsn, autocommit=True) as superuser:
        superuser.execute(f"ALTER DATABASE {db.name} SET deadlock_timeout = '50ms'".encode())
    with psycopg.connect(db.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def lab(app: psycopg.Connection[Any]) -> exchange.Buyer:
    """A buyer with room for exactly one job of two dollars."""
    return exchange.make_buyer(app, "Lab", funds="3")


@pytest.fixture
def fund(app: psycopg.Connection[Any]) -> exchange.Buyer:
    """Another buyer, whose wallet comes after the lab's in the order of locks."""
    return exchange.make_buyer(app, "Fund", funds="3")


@pytest.fixture
def farm(app: psycopg.Connection[Any]) -> exchange.Seller:
    """A provider at 0.002 dollars a token out."""
    return exchange.make_seller(app, "Farm")
