"""Whatever has an address belongs to a surface whose guard is tried; operators' pages let in nobody else."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.urls import NoReverseMatch, get_resolver, reverse

from tests.api.conftest import (
    Farm,
    make_client,
    make_operator,
    sign_in,
    use_second_factor,
)
from tests.api.test_access import read_all
from tests.databases import Database

# Where else the guard of a surface is tried: `api/` in test_access.py, pages of people in tests/pages.
SURFACES = {"", "accounts/", "operator/", "admin/", "api/", "healthz", "readyz"}


def list_admin_pages() -> Iterator[str]:
    """Every page of the admin that needs no row: its index, its lists, its forms, and pages of our own."""
    for pattern in get_resolver().url_patterns:
        if str(pattern.pattern) != "admin/":
            continue
        names = {str(name) for name in pattern.reverse_dict if isinstance(name, str)}  # type: ignore[union-attr]
        for name in sorted(names - OPEN):
            try:
                yield reverse(f"admin:{name}")
            except NoReverseMatch:
                continue


# Signing in and out, and the words of its scripts.
OPEN = {"login", "logout", "jsi18n"}
LOGIN = reverse("admin:login")
# Empty shells without rows, for whoever may enter the admin at all.
SHELLS = {
    reverse("admin:index"),
    reverse("admin:search"),
    reverse("admin:password_change"),
    reverse("admin:password_change_done"),
}


def test_every_address_belongs_to_a_surface() -> None:
    assert {str(pattern.pattern) for pattern in get_resolver().url_patterns} <= SURFACES


@pytest.mark.parametrize("method", ["get", "post"])
def test_operators_pages_let_in_nobody_else(db: Database, full_estate: Farm, method: str) -> None:
    others = {
        "nobody": make_client(),
        "an owner": sign_in(full_estate.owner),
        "an operator with a password only": sign_in(make_operator("billing.view_charge", name="hasty")),
        "staff without a right": use_second_factor(make_operator(name="trainee")),
    }
    pages = list(list_admin_pages())
    before = read_all(db)

    assert len(pages) > 2 * len(admin.site._registry)
    for who, client in others.items():
        for page in pages:
            if who == "staff without a right" and page in SHELLS:
                continue
            answer = getattr(client, method)(page)

            assert answer.status_code in (302, 403, 404, 405), (who, page)
            goal = answer.get("Location", "").split("?")[0]
            assert goal == LOGIN or not goal.startswith("/admin/"), (who, page)
    assert read_all(db) == before


def test_health_tells_nothing_but_health(db: Database, full_estate: Farm) -> None:
    for path in ("/healthz", "/readyz"):
        answer = make_client().get(path)

        assert len(answer.content) < 200
        assert str(full_estate.organization.uid).encode() not in answer.content
