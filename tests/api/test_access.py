"""Who may do what: every operation, by every kind of caller. A route that is not listed fails here."""

from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from accounts import audit, keys, organizations
from accounts.access import ALLOWED, KEY_ALLOWED
from accounts.models import Organization, Role
from tests.api.conftest import Farm, make_client, make_user, sign_in, use_key
from tests.api.routes import PUBLIC, ROUTES, Route
from tests.cast import NOW
from tests.databases import Database

METHODS = ("get", "post", "put", "patch", "delete")
TABLES = [
    "accounts_organization",
    "accounts_membership",
    "accounts_apikey",
    "accounts_agenttoken",
    "accounts_auditevent",
    "site",
    "node",
    "offer",
    "price_card",
    "endpoint",
    "serving_profile",
    "job",
    "scope",
    "entry",
    "hold",
]


def call(client: APIClient, route: Route, estate: Farm) -> Any:
    body = route.body(estate) if route.body else None
    method = getattr(client, route.method.lower())
    return method(route.path(estate), body, format="json")


def read_all(db: Database) -> str:
    """Everything that a call may change."""
    with db.connect() as connection:
        parts = [
            connection.execute(
                f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t"
            ).fetchone()
            for table in TABLES
        ]
    return str(parts)


def list_operations(patterns: list[URLPattern | URLResolver]) -> set[tuple[str, str]]:
    found = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found |= list_operations(pattern.url_patterns)
        else:
            view: Any = getattr(pattern.callback, "view_class", None) or getattr(
                pattern.callback, "cls", None
            )
            found |= {(method.upper(), str(pattern.name)) for method in METHODS if hasattr(view, method)}
    return found


def test_no_operation_is_missing_from_the_list() -> None:
    (api,) = (p for p in get_resolver().url_patterns if str(p.pattern) == "api/")
    assert isinstance(api, URLResolver)

    operations = {one for one in list_operations(api.url_patterns) if one[1] not in PUBLIC}

    assert operations == {(route.method, route.name) for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_lets_in_who_may(estate: Farm, route: Route) -> None:
    make_user(None, Role.MEMBER, "newcomer")
    client = use_key(estate.key.text) if route.by_key else sign_in(estate.owner)

    answer = call(client, route, estate)

    assert answer.status_code == route.status, answer.content


def test_lets_in_nobody_unknown(db: Database, estate: Farm) -> None:
    revoked = keys.issue_key(organization=estate.organization, name="old", actor=audit.SYSTEM, now=NOW)
    keys.revoke_key(key=revoked.key, actor=audit.SYSTEM, now=NOW)
    before = read_all(db)

    for client in (make_client(), use_key(revoked.text), use_key("jp_live_" + "x" * 36)):
        for route in ROUTES:
            answer = call(client, route, estate)

            assert answer.status_code == 401, route
            assert answer["Content-Type"] == "application/problem+json"
            assert answer["WWW-Authenticate"] == "Bearer"
    assert read_all(db) == before


def test_shows_strangers_nothing(db: Database, estate: Farm, stranger: Organization) -> None:
    other_key = keys.issue_key(organization=stranger, name="theirs", actor=audit.SYSTEM, now=NOW)
    person = sign_in(make_user(stranger, Role.OWNER, "stranger"))
    program = use_key(other_key.text)
    make_user(None, Role.MEMBER, "newcomer")
    before = read_all(db)

    for route in ROUTES:
        if route.named_by_address:
            assert call(person, route, estate).status_code == 404, route
            # A key may do little, so it is told so before anything is looked up.
            expected = 404 if route.needs in KEY_ALLOWED or route.name == "members" else 403
            assert call(program, route, estate).status_code == expected, route
    assert read_all(db) == before


def test_refuses_to_act_for_a_strangers_organization(
    db: Database, estate: Farm, stranger: Organization
) -> None:
    client = sign_in(make_user(stranger, Role.OWNER, "stranger"))
    client.credentials(HTTP_X_JOULEPORT_ORGANIZATION=str(estate.organization.uid))
    before = read_all(db)

    for route in ROUTES:
        if route.needs and "organization" not in route.name and route.name != "members":
            assert call(client, route, estate).status_code == 404, route
    assert read_all(db) == before


@pytest.mark.parametrize("role", [Role.MEMBER, Role.FINANCE, Role.ADMIN], ids=str)
def test_keeps_every_role_to_its_permissions(db: Database, estate: Farm, role: Role) -> None:
    client = sign_in(make_user(estate.organization, role, "somebody"))
    before = read_all(db)

    for route in ROUTES:
        if route.needs is not None and route.needs not in ALLOWED[role]:
            answer = call(client, route, estate)

            assert answer.status_code == 403, route
            assert answer.json()["code"] == "forbidden"
    assert read_all(db) == before


def test_keeps_keys_to_their_permissions(db: Database, estate: Farm) -> None:
    client = use_key(estate.key.text)
    before = read_all(db)

    for route in ROUTES:
        if route.needs not in KEY_ALLOWED and (route.needs or route.method != "GET"):
            assert call(client, route, estate).status_code == 403, route
    assert read_all(db) == before


def test_asks_members_of_several_for_which_one(estate: Farm, stranger: Organization) -> None:
    organizations.add_member(
        organization=stranger, user=estate.owner, role=Role.MEMBER, actor=audit.SYSTEM, now=NOW
    )
    client = sign_in(estate.owner)

    assert client.get("/api/sites").json()["code"] == "organization_needed"
    client.credentials(HTTP_X_JOULEPORT_ORGANIZATION=str(stranger.uid))
    assert client.get("/api/sites").json()["results"] == []
