"""Foreign things are not there; known things need the right role."""

import uuid
from typing import Any

import pytest

from accounts import access
from accounts.access import ALLOWED, KEY_ALLOWED, Permission
from accounts.keys import IssuedKey
from accounts.models import ApiKey, Organization, Role, User
from core.errors import NotFound
from tests.accounts.conftest import join


def test_a_member_finds_the_organization(lab: Organization, owner: User) -> None:
    assert access.find_organization(user=owner, uid=str(lab.uid)) == lab


def test_a_foreign_and_an_unknown_organization_answer_alike(
    lab: Organization, owner: User, stranger: User
) -> None:
    with pytest.raises(NotFound) as foreign:
        access.find_organization(user=stranger, uid=lab.uid)
    with pytest.raises(NotFound) as unknown:
        access.find_organization(user=stranger, uid=uuid.uuid4())

    assert foreign.value.status == unknown.value.status == 404
    assert foreign.value.message == unknown.value.message


def test_an_organization_finds_its_own_rows(lab: Organization, lab_key: IssuedKey) -> None:
    assert access.find_owned(ApiKey.objects.all(), organization=lab, uid=lab_key.key.uid) == lab_key.key


def test_a_foreign_row_is_not_there(fund: Organization, lab_key: IssuedKey) -> None:
    with pytest.raises(NotFound):
        access.find_owned(ApiKey.objects.all(), organization=fund, uid=lab_key.key.uid)


@pytest.mark.parametrize("uid", ["", "1", "not a uid", "0' OR 1=1"])
def test_a_uid_that_is_none_is_an_unknown_one(lab: Organization, uid: str) -> None:
    with pytest.raises(NotFound):
        access.find_owned(ApiKey.objects.all(), organization=lab, uid=uid)


@pytest.mark.parametrize("role", list(Role))
def test_a_member_may_do_what_the_role_allows_and_nothing_else(lab: Organization, role: Role) -> None:
    user = join(lab, "someone@lab.example", role)
    refused = set()

    for permission in Permission:
        try:
            access.check_member(organization=lab, user=user, permission=permission)
        except access.NotAllowed:
            refused.add(permission)

    assert access.NotAllowed.status == 403
    assert refused == set(Permission) - ALLOWED[role]


def test_the_table_of_permissions_is_the_one_we_meant() -> None:
    table: dict[Any, set[str]] = {role: {p.value for p in allowed} for role, allowed in ALLOWED.items()}

    assert table == {
        "OWNER": {p.value for p in Permission},
        "ADMIN": {
            "VIEW",
            "USE",
            "MANAGE_KEYS",
            "MANAGE_SITES",
            "VIEW_MONEY",
            "MANAGE_MEMBERS",
            "MANAGE_ORGANIZATION",
            "VIEW_AUDIT",
        },
        "FINANCE": {"VIEW", "VIEW_MONEY", "MANAGE_MONEY"},
        "MEMBER": {"VIEW", "USE"},
    }
    assert {"VIEW", "USE", "VIEW_MONEY"} == KEY_ALLOWED


def test_somebody_from_outside_does_not_learn_that_an_organization_exists(
    lab: Organization, stranger: User
) -> None:
    with pytest.raises(NotFound):
        access.check_member(organization=lab, user=stranger, permission=Permission.VIEW)
