"""Who asks, by key or by session, and for which organization."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from accounts import authentication, keys, organizations
from accounts.access import Permission
from accounts.audit import SYSTEM
from accounts.authentication import InOrganization, KeyAuthentication
from accounts.keys import IssuedKey
from accounts.models import Organization, Role, User
from core import problem
from tests.accounts.conftest import join


class Things(APIView):
    """A view as the API has them."""

    authentication_classes = (KeyAuthentication, SessionAuthentication)
    permission_classes = (InOrganization,)
    needs = {"GET": Permission.VIEW, "POST": Permission.MANAGE_KEYS}

    def get(self, request: Request) -> Response:
        caller = authentication.find_caller(request)
        return Response(
            {
                "organization": str(request.organization.uid),  # type: ignore[attr-defined]
                "actor": [caller.actor.kind.value, str(caller.actor.uid)],
            }
        )

    def post(self, request: Request) -> Response:
        return Response(status=201)

    def put(self, request: Request) -> Response:
        raise AssertionError("a method without a named permission was let in")

    def get_exception_handler(self) -> Any:
        return problem.handle_exception


def ask(*, method: str = "get", user: User | None = None, **headers: str) -> Response:
    """Ask the view; header names have underscores."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = getattr(APIRequestFactory(), method)("/", headers=sent, SERVER_NAME="localhost")
    if user is not None:
        force_authenticate(request, user)
    response: Response = Things.as_view()(request)
    return response


def test_a_key_stands_for_its_organization(lab: Organization, lab_key: IssuedKey) -> None:
    response = ask(authorization=f"Bearer {lab_key.text}")

    assert response.data == {
        "organization": str(lab.uid),
        "actor": ["KEY", str(lab_key.key.uid)],
    }


def test_the_scheme_may_be_written_in_any_case(lab_key: IssuedKey) -> None:
    assert ask(authorization=f"bearer {lab_key.text}").status_code == 200


def test_nobody_is_asked_to_sign_in(lab: Organization) -> None:
    response = ask()

    assert (response.status_code, response.data["code"]) == (401, "unauthenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("text", ["", "jp_live_", "sk-123", "jp_live_" + "0" * 36, "é"])
def test_a_malformed_key_is_refused(lab: Organization, text: str) -> None:
    response = ask(authorization=f"Bearer {text}".encode().decode("latin-1"))

    assert (response.status_code, response.data["code"]) == (401, "invalid_api_key")


def test_a_revoked_key_is_refused(lab_key: IssuedKey, now: datetime) -> None:
    keys.revoke_key(key=lab_key.key, actor=SYSTEM, now=now)

    response = ask(authorization=f"Bearer {lab_key.text}")

    assert (response.status_code, response.data["code"]) == (401, "invalid_api_key")
    assert response["WWW-Authenticate"] == "Bearer"


def test_an_expired_key_is_refused(lab: Organization) -> None:
    long_ago = timezone.now() - timedelta(days=2)
    expired = keys.issue_key(
        organization=lab, name="old", actor=SYSTEM, now=long_ago, expires_at=long_ago + timedelta(days=1)
    )

    assert ask(authorization=f"Bearer {expired.text}").status_code == 401


def test_a_key_in_another_scheme_is_nobody(lab_key: IssuedKey) -> None:
    assert ask(authorization=f"Token {lab_key.text}").status_code == 401


def test_a_key_manages_no_keys(lab_key: IssuedKey) -> None:
    response = ask(method="post", authorization=f"Bearer {lab_key.text}")

    assert (response.status_code, response.data["permission"]) == (403, "MANAGE_KEYS")


def test_a_key_may_name_its_own_organization_and_no_other(
    lab: Organization, fund: Organization, lab_key: IssuedKey
) -> None:
    bearer = f"Bearer {lab_key.text}"

    assert ask(authorization=bearer, x_jouleport_organization=str(lab.uid)).status_code == 200
    assert ask(authorization=bearer, x_jouleport_organization=str(fund.uid)).status_code == 404


def test_a_person_of_one_organization_need_not_name_it(lab: Organization, owner: User) -> None:
    assert ask(user=owner).data == {"organization": str(lab.uid), "actor": ["USER", str(owner.uid)]}


def test_a_person_of_several_must_name_one(
    lab: Organization, fund: Organization, owner: User, now: datetime
) -> None:
    organizations.add_member(organization=fund, user=owner, role=Role.MEMBER, actor=SYSTEM, now=now)

    unnamed = ask(user=owner)
    named = ask(user=owner, x_jouleport_organization=str(fund.uid))

    assert (unnamed.status_code, unnamed.data["code"]) == (400, "organization_needed")
    assert named.data["organization"] == str(fund.uid)


@pytest.mark.parametrize("uid", ["", "no uid", "01a20439-278d-76ec-8f9b-ce8cdf881393"])
def test_a_foreign_or_unknown_organization_is_not_there(
    lab: Organization, owner: User, stranger: User, uid: str
) -> None:
    assert ask(user=stranger, x_jouleport_organization=uid or str(lab.uid)).status_code == 404


def test_a_person_of_no_organization_finds_nothing(lab: Organization) -> None:
    loner = User.objects.create_user(email="loner@nowhere.example")

    assert ask(user=loner).status_code == 404


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 201), (Role.MEMBER, 403), (Role.FINANCE, 403)])
def test_a_role_decides_what_a_person_may_do(lab: Organization, role: Role, status: int) -> None:
    assert ask(method="post", user=join(lab, "someone@lab.example", role)).status_code == status


def test_a_method_without_a_named_permission_stays_shut(owner: User) -> None:
    assert ask(method="put", user=owner).status_code == 403


def test_a_method_that_is_not_there_answers_405(owner: User) -> None:
    assert ask(method="delete", user=owner).status_code == 405


def test_a_holder_of_a_key_is_told_apart_from_people(lab_key: IssuedKey) -> None:
    holder = authentication.KeyHolder(lab_key.key)

    assert str(holder.pk) == f"key:{lab_key.key.pk}"
    assert lab_key.text not in f"{holder} {holder!r}"
    assert (holder.is_authenticated, holder.is_staff, holder.is_superuser) == (True, False, False)
