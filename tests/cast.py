"""The shared cast: every test may use these people and things without explanation. They need `db`."""

from datetime import UTC, datetime

import pytest

from accounts import audit, keys, organizations
from accounts.keys import IssuedKey
from accounts.models import Organization
from tests.databases import Database

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """The moment at which everything happens: a Monday noon in UTC."""
    return NOW


@pytest.fixture
def lab(db: Database) -> Organization:
    """A buyer."""
    return organizations.create_organization(name="Lab", country="SE", now=NOW)


@pytest.fixture
def fund(db: Database) -> Organization:
    """Another buyer."""
    return organizations.create_organization(name="Fund", country="HK", now=NOW)


@pytest.fixture
def farm(db: Database) -> Organization:
    """A provider."""
    return organizations.create_organization(name="Sun Farm", country="CN", now=NOW)


@pytest.fixture
def stranger(db: Database) -> Organization:
    """An organization that may see nothing of anybody's."""
    return organizations.create_organization(name="Stranger", country="US", now=NOW)


@pytest.fixture
def lab_key(lab: Organization) -> IssuedKey:
    """A live key of the lab: `lab_key.text` is what a buyer sends, `lab_key.key` the row."""
    return keys.issue_key(organization=lab, name="laptop", actor=audit.SYSTEM, now=NOW)
