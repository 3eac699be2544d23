"""A stand-in for Stripe, for every test that asks."""

from collections.abc import Iterator

import pytest

from tests.databases import Database
from tests.stripe.bank import Bank, open_bank


@pytest.fixture
def bank(db: Database) -> Iterator[Bank]:
    """A stand-in that forgets all after the test."""
    with open_bank() as opened:
        yield opened
