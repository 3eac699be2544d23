"""The cast of these tests: two buyers, people in every role, somebody from outside."""

from datetime import UTC, datetime

import pytest

from accounts import keys, organizations
from accounts.audit import SYSTEM
from accounts.keys import IssuedKey
from accounts.models import Organization, Role, User
from tests.databases import Database

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """The moment at which everything here happens."""
    return NOW


@pytest.fixture
def lab(db: Database) -> Organization:
    """A buyer."""
    return organizations.create_organization(name="Lab", country="SE", now=NOW)


@pytest.fixture
def fund(db: Database) -> Organization:
    """Another buyer."""
    return organizations.create_organization(name="Fund", country="HK", now=NOW)


def join(organization: Organization, email: str, role: Role) -> User:
    """A new person in an organization."""
    user = User.objects.create_user(email=email, password="correct horse battery")
    organizations.add_member(organization=organization, user=user, role=role, actor=SYSTEM, now=NOW)
    return user


@pytest.fixture
def owner(lab: Organization) -> User:
    """Owner of the lab."""
    return join(lab, "owner@lab.example", Role.OWNER)


@pytest.fixture
def stranger(fund: Organization) -> User:
    """Owner of the fund, who may see nothing of the lab."""
    return join(fund, "owner@fund.example", Role.OWNER)


@pytest.fixture
def lab_key(lab: Organization) -> IssuedKey:
    """A live key of the lab."""
    return keys.issue_key(organization=lab, name="laptop", actor=SYSTEM, now=NOW)
