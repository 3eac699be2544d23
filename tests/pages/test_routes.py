"""Who may see which page, for every page there is."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts import invitations
from accounts.access import ALLOWED, Permission
from accounts.keys import IssuedKey
from accounts.models import Organization, Role
from tests.pages.conftest import make_person, open_browser
from tests.pages.routes import ANONYMOUS, ANYBODY, OPERATOR, PERSON, ROUTES, Route

# The admin guards its own pages (tests/operators), REST has a list of its own (tests/api/routes.py).
ELSEWHERE = ("admin/", "api/")

PERSONAL = [route for route in ROUTES if route.who not in (ANYBODY, ANONYMOUS)]
OWNED = [route for route in ROUTES if isinstance(route.who, Permission)]


@pytest.fixture(autouse=True)
def colleague(redis_url: str, lab: Organization) -> None:
    """A plain member of the lab, and somebody who was invited."""
    make_person("colleague@lab.example", organization=lab, role=Role.MEMBER)
    invitations.invite(
        organization=lab,
        email="invited@example.org",
        role=Role.MEMBER,
        inviter=make_person("boss@lab.example", organization=lab),
        now=timezone.now(),
        write_link=str,
    )


def list_names(patterns: Iterable[Any], prefix: str = "") -> Iterable[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if not path.startswith(ELSEWHERE):
                yield from list_names(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield pattern.name or path


def ask(browser: Client, route: Route, organization: Organization, key: IssuedKey) -> Any:
    ask_by = browser.post if route.method == "POST" else browser.get
    return ask_by(route.path(organization, key.key), route.data)


def test_every_page_is_listed() -> None:
    assert set(list_names(get_resolver().url_patterns)) == {route.name for route in ROUTES}


@pytest.mark.parametrize("route", [r for r in ROUTES if r.who in (ANYBODY, ANONYMOUS)], ids=str)
def test_nobody_in_particular_sees_public_pages(
    redis_url: str, lab: Organization, lab_key: IssuedKey, route: Route
) -> None:
    assert ask(open_browser(), route, lab, lab_key).status_code == route.status


@pytest.mark.parametrize("route", PERSONAL, ids=lambda route: f"{route} {route.who}")
def test_nobody_in_particular_is_led_to_sign_in(
    redis_url: str, lab: Organization, lab_key: IssuedKey, route: Route
) -> None:
    answer = ask(open_browser(), route, lab, lab_key)

    assert answer.status_code == 302
    assert answer["location"].startswith("/" if route.name == "account_logout" else "/account/login/")


@pytest.mark.parametrize("route", [r for r in ROUTES if r.who == PERSON], ids=str)
def test_a_person_sees_their_own_pages(
    redis_url: str, lab: Organization, lab_key: IssuedKey, route: Route, member_of: Callable[[Role], Client]
) -> None:
    assert ask(member_of(Role.MEMBER), route, lab, lab_key).status_code == route.status


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("route", OWNED, ids=lambda route: f"{route} {route.who}")
def test_members_see_what_their_role_allows(
    redis_url: str,
    lab: Organization,
    lab_wallet: Any,
    lab_key: IssuedKey,
    route: Route,
    role: Role,
    member_of: Callable[[Role], Client],
) -> None:
    answer = ask(member_of(role), route, lab, lab_key)

    assert answer.status_code == (route.status if route.who in ALLOWED[role] else 403)


@pytest.mark.parametrize("route", OWNED, ids=lambda route: f"{route} {route.who}")
def test_strangers_find_nothing(
    redis_url: str, lab: Organization, fund: Organization, lab_wallet: Any, lab_key: IssuedKey, route: Route
) -> None:
    stranger = open_browser(make_person("owner@fund.example", organization=fund))

    answer = ask(stranger, route, lab, lab_key)

    assert answer.status_code == 404
    lab_key.key.refresh_from_db()
    assert lab_key.key.revoked_at is None


def test_a_key_of_another_organization_is_not_found(
    redis_url: str, fund: Organization, lab: Organization, lab_key: IssuedKey
) -> None:
    stranger = open_browser(make_person("owner@fund.example", organization=fund))

    assert stranger.post(f"/console/{fund.uid}/keys/{lab_key.key.uid}/revoke/").status_code == 404


@pytest.mark.parametrize("route", [r for r in ROUTES if r.who == OPERATOR], ids=str)
def test_operators_pages_refuse_customers(
    redis_url: str, lab: Organization, lab_key: IssuedKey, route: Route, member_of: Callable[[Role], Client]
) -> None:
    assert ask(member_of(Role.OWNER), route, lab, lab_key).status_code == 403


# What is not found holds nothing of anybody.
@pytest.mark.parametrize("route", [r for r in PERSONAL if r.who != PERSON and r.status != 404], ids=str)
def test_nothing_personal_is_kept_by_caches(
    redis_url: str, lab: Organization, lab_wallet: Any, lab_key: IssuedKey, operator: Client, route: Route
) -> None:
    if route.who != OPERATOR:
        operator = open_browser(make_person("owner@lab.example", organization=lab))

    assert "no-store" in ask(operator, route, lab, lab_key)["cache-control"]
