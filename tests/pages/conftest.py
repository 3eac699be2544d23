"""Browsers without a screen: people and operators who look at pages."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts import audit, organizations, people
from accounts.models import Organization, Role, User
from tests.cast import NOW
from tests.market import lab_wallet, small, stand  # noqa: F401
from tests.signing_in import sign_in_operator

PASSWORD = "a solar park at noon"


def make_person(email: str, *, organization: Organization | None = None, role: Role = Role.OWNER) -> User:
    """A person whose address is verified, in a role of an organization."""
    user = User.objects.create_user(email=email, password=PASSWORD, name=email.partition("@")[0].title())
    people.vouch_for_address(user=user)
    if organization is not None:
        organizations.add_member(organization=organization, user=user, role=role, actor=audit.SYSTEM, now=NOW)
    return user


def open_browser(user: User | None = None) -> Client:
    """A browser, in which somebody is signed in."""
    browser = Client(SERVER_NAME="localhost")
    if user is not None:
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.fixture
def member_of(lab: Organization) -> Callable[[Role], Client]:
    """The browser of somebody in a role of the lab."""

    def sign_in(role: Role) -> Client:
        return open_browser(make_person(f"{role.value.lower()}@lab.example", organization=lab, role=role))

    return sign_in


@pytest.fixture
def operator(redis_url: str, lab: Organization) -> Client:
    """The browser of an operator who has shown a second factor."""
    user = User.objects.create_superuser("ops@jouleport.example", PASSWORD)
    people.vouch_for_address(user=user)
    return sign_in_operator(user)
