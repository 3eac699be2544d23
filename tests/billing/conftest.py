"""Connections, a buyer with ten dollars and a seller, for everything about money."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.billing import exchange
from tests.databases import Database


@pytest.fixture
def app(db: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the application's role, each statement a transaction."""
    with psycopg.connect(db.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(db: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the owner of the schema."""
    with psycopg.connect(db.owner_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def lab(app: psycopg.Connection[Any]) -> exchange.Buyer:
    """A buyer with ten dollars."""
    return exchange.make_buyer(app, "Lab")


@pytest.fixture
def farm(app: psycopg.Connection[Any]) -> exchange.Seller:
    """A provider at 0.001 dollars a token in and 0.002 out, five per cent of it for the platform."""
    return exchange.make_seller(app, "Farm")
