"""Who may do what: every operation, by every kind of caller. A route that is not listed fails here."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from accounts import audit, keys, organizations
from accounts.access import ALLOWED, KEY_ALLOWED
from accounts.models import Organization, Role
from tests.api import lots
from tests.api.conftest import (
    Farm,
    make_client,
    make_operator,
    make_user,
    sign_in,
    use_key,
    use_second_factor,
)
from tests.api.route import Route
from tests.api.routes import PUBLIC, ROUTES
from tests.cast import NOW
from tests.databases import Database
from tests.market import fund_wallet

METHODS = ("get", "post", "put", "patch", "delete")
OWN = tuple(route for route in ROUTES if not (route.right or route.by_agent or route.open_to_all))
"""What organizations do."""
OPERATED = tuple(route for route in ROUTES if route.right)
CALLED = tuple(route for route in ROUTES if not (route.hidden or route.by_agent or route.open_to_all))


def call(client: APIClient, route: Route, estate: Farm) -> Any:
    body = route.body(estate) if route.body else None
    method = getattr(client, route.method.lower())
    return method(route.path(estate), body, format="json")


def read_all(db: Database) -> list[tuple[str, str]]:
    """A hash of every table; sessions begin before anything is called."""
    with db.connect() as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"
        ).fetchall()
        query = " UNION ALL ".join(
            f"SELECT '{name}', md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {name} t"
            for (name,) in names
        )
        return connection.execute(query.encode()).fetchall()


@pytest.fixture
def estate(full_estate: Farm) -> Farm:
    """The farm with one of everything, and a newcomer who can be added."""
    make_user(None, Role.MEMBER, "newcomer")
    return full_estate


def list_operations(patterns: list[URLPattern | URLResolver]) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from list_operations(pattern.url_patterns)
        else:
            view: Any = getattr(pattern.callback, "view_class", None) or getattr(
                pattern.callback, "cls", None
            )
            yield from ((method.upper(), str(pattern.name)) for method in METHODS if hasattr(view, method))


def test_no_operation_is_missing_from_the_list() -> None:
    (api,) = (p for p in get_resolver().url_patterns if str(p.pattern) == "api/")
    assert isinstance(api, URLResolver)

    operations = {one for one in list_operations(api.url_patterns) if one[1] not in PUBLIC}

    assert operations == {(route.method, route.name) for route in ROUTES}


@pytest.mark.parametrize("route", CALLED, ids=str)
def test_lets_in_who_may(estate: Farm, route: Route) -> None:
    client = use_key(estate.key.text) if route.by_key else sign_in(estate.owner)
    if route.right:
        client = use_second_factor(make_operator(route.right))

    answer = call(client, route, estate)

    assert answer.status_code == route.status, answer.content


def test_lets_in_nobody_unknown(db: Database, estate: Farm) -> None:
    revoked = keys.issue_key(organization=estate.organization, name="old", actor=audit.SYSTEM, now=NOW)
    keys.revoke_key(key=revoked.key, actor=audit.SYSTEM, now=NOW)
    lots.fill(estate)
    before = read_all(db)

    for client in (make_client(), use_key(revoked.text), use_key("jp_live_" + "x" * 36)):
        for route in ROUTES:
            if route.open_to_all:
                continue
            answer = call(client, route, estate)

            assert answer.status_code == 401, route
            assert answer["Content-Type"] == "application/problem+json"
            assert answer["WWW-Authenticate"] == "Bearer"
    assert read_all(db) == before


@pytest.mark.parametrize("funded", [False, True], ids=["a stranger", "another buyer"])
def test_shows_strangers_nothing(db: Database, estate: Farm, stranger: Organization, funded: bool) -> None:
    if funded:
        fund_wallet(stranger)
    other_key = keys.issue_key(organization=stranger, name="theirs", actor=audit.SYSTEM, now=NOW)
    person = sign_in(make_user(stranger, Role.OWNER, "stranger"))
    program = use_key(other_key.text)
    lots.fill(estate)
    before = read_all(db)

    for route in OWN:
        if route.named_by_address:
            assert call(person, route, estate).status_code == 404, route
            # A key may do little, so it is told so before anything is looked up.
            expected = 404 if route.needs in KEY_ALLOWED or route.by_address else 403
            assert call(program, route, estate).status_code == expected, route
        elif route.method == "GET" and route.name not in ("models", "model"):
            assert not mentions(call(person, route, estate).getvalue(), estate), route
    assert read_all(db) == before


def mentions(content: bytes, estate: Farm) -> bool:
    """Whether an answer names anything of the farm's."""
    rows: list[Any] = [estate.organization, estate.owner, estate.key.key, estate.token, estate.job]
    rows += [estate.stand.site, estate.stand.node, estate.stand.offer, estate.done, estate.attempt]
    return any(str(row.uid).encode() in content for row in rows)


def test_refuses_to_act_for_a_strangers_organization(
    db: Database, estate: Farm, stranger: Organization
) -> None:
    client = sign_in(make_user(stranger, Role.OWNER, "stranger"))
    client.credentials(HTTP_X_JOULEPORT_ORGANIZATION=str(estate.organization.uid))
    lots.fill(estate)
    before = read_all(db)

    for route in OWN:
        if route.needs:
            assert call(client, route, estate).status_code == 404, route
    assert read_all(db) == before


@pytest.mark.parametrize("role", [Role.MEMBER, Role.FINANCE, Role.ADMIN], ids=str)
def test_keeps_every_role_to_its_permissions(db: Database, estate: Farm, role: Role) -> None:
    client = sign_in(make_user(estate.organization, role, "somebody"))
    lots.fill(estate)
    before = read_all(db)

    for route in OWN:
        if route.needs is not None and route.needs not in ALLOWED[role]:
            answer = call(client, route, estate)

            assert answer.status_code == 403, route
            assert answer.json()["code"] == "forbidden"
    assert read_all(db) == before


def test_keeps_keys_to_their_permissions(db: Database, estate: Farm) -> None:
    client = use_key(estate.key.text)
    lots.fill(estate)
    before = read_all(db)

    for route in ROUTES:
        if route.open_to_all or route.by_agent:
            continue
        if route.right or (route.needs not in KEY_ALLOWED and (route.needs or route.method != "GET")):
            assert call(client, route, estate).status_code == 403, route
    assert read_all(db) == before


def test_keeps_operators_work_from_everybody_else(db: Database, estate: Farm) -> None:
    rights = [route.right for route in OPERATED]
    others = {
        "an owner": sign_in(estate.owner),
        "staff without a right": use_second_factor(make_operator(name="trainee")),
        "an operator with a password only": sign_in(make_operator(*rights, name="hasty")),
    }
    lots.fill(estate)
    before = read_all(db)

    for who, client in others.items():
        for route in OPERATED:
            answer = call(client, route, estate)

            assert answer.status_code == 403, (who, route)
            assert answer.json()["code"] in ("operators_only", "second_factor_needed")
    assert read_all(db) == before


def test_gives_operators_nothing_of_an_organization(db: Database, estate: Farm) -> None:
    client = use_second_factor(make_operator(*(route.right for route in OPERATED)))
    lots.fill(estate)
    before = read_all(db)

    for route in OWN:
        if route.needs:
            assert call(client, route, estate).status_code == 404, route
    assert read_all(db) == before


def test_asks_members_of_several_for_which_one(estate: Farm, stranger: Organization) -> None:
    organizations.add_member(
        organization=stranger, user=estate.owner, role=Role.MEMBER, actor=audit.SYSTEM, now=NOW
    )
    client = sign_in(estate.owner)

    assert client.get("/api/sites").json()["code"] == "organization_needed"
    client.credentials(HTTP_X_JOULEPORT_ORGANIZATION=str(stranger.uid))
    assert client.get("/api/sites").json()["results"] == []
