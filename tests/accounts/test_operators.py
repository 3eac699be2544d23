"""Operators are made by a command and look at accounts in the admin."""

import io
from datetime import datetime
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts import agent_tokens
from accounts.audit import SYSTEM
from accounts.keys import IssuedKey
from accounts.models import AgentToken, ApiKey, AuditEvent, Membership, Organization, Project, User
from tests.databases import Database
from tests.signing_in import sign_in_operator

PASSWORD = "a long enough password"


def create_operator(email: str, monkeypatch: pytest.MonkeyPatch, password: str = PASSWORD) -> str:
    output = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    call_command("create_operator", email, stdout=output)
    return output.getvalue()


@pytest.fixture
def operator(db: Database, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A browser in which an operator is signed in."""
    create_operator("ops@jouleport.example", monkeypatch)
    return sign_in_operator(User.objects.get(email="ops@jouleport.example"))


def change_page(row: Any) -> str:
    return reverse(f"admin:accounts_{row._meta.model_name}_change", args=[row.pk])


def test_the_command_makes_an_operator_and_records_it(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    said = create_operator("Ops@Jouleport.example", monkeypatch)

    user = User.objects.get(email="ops@jouleport.example")
    assert (user.is_staff, user.is_superuser, user.check_password(PASSWORD)) == (True, True, True)
    assert AuditEvent.objects.get(action="operator.create").subject_uid == user.uid
    assert PASSWORD not in said


def test_the_command_gives_an_existing_user_the_rights(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    create_operator(owner.email, monkeypatch)

    owner.refresh_from_db()
    assert owner.is_superuser
    assert AuditEvent.objects.filter(action="operator.renew").exists()


@pytest.mark.parametrize("password", ["", "short", "12345678901", "password"])
def test_the_command_refuses_a_weak_password(
    db: Database, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    with pytest.raises(CommandError):
        create_operator("ops@jouleport.example", monkeypatch, password)

    assert not User.objects.exists()


@pytest.mark.parametrize("table", [User, Organization, ApiKey, AgentToken, AuditEvent])
def test_every_table_has_a_list_and_a_page(
    operator: Client, lab_key: IssuedKey, lab: Organization, owner: User, now: datetime, table: Any
) -> None:
    agent_tokens.issue_agent_token(organization=lab, name="rack 1", actor=SYSTEM, now=now)

    listed = operator.get(reverse(f"admin:accounts_{table._meta.model_name}_changelist"))
    page = operator.get(change_page(table.objects.order_by("pk").last()))

    assert (listed.status_code, page.status_code) == (200, 200)


def test_no_page_shows_a_key_or_its_digest(operator: Client, lab_key: IssuedKey) -> None:
    page = operator.get(change_page(lab_key.key)).content.decode()

    assert lab_key.key.last4 in page
    assert lab_key.text not in page
    assert bytes(lab_key.key.digest).hex() not in page
    assert "digest" not in page


def test_an_operator_revokes_a_key(operator: Client, lab_key: IssuedKey) -> None:
    chosen = {"action": "revoke_selected", "_selected_action": [lab_key.key.pk]}

    operator.post(reverse("admin:accounts_apikey_changelist"), chosen)
    operator.post(reverse("admin:accounts_apikey_changelist"), chosen)

    assert ApiKey.objects.get(pk=lab_key.key.pk).revoked_at is not None
    assert AuditEvent.objects.get(action="key.revoke").actor_kind == "USER"


@pytest.mark.parametrize("table", [Organization, ApiKey, AgentToken, AuditEvent])
def test_most_tables_are_looked_at_and_not_changed(
    operator: Client, lab_key: IssuedKey, lab: Organization, now: datetime, table: Any
) -> None:
    agent_tokens.issue_agent_token(organization=lab, name="rack 1", actor=SYSTEM, now=now)
    row = table.objects.order_by("pk").last()
    name = f"admin:accounts_{table._meta.model_name}"

    statuses = [
        operator.get(reverse(f"{name}_add")).status_code,
        operator.post(change_page(row), {"name": "changed"}).status_code,
        operator.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code,
    ]

    assert statuses == [403, 403, 403]


def test_people_are_not_deleted_in_the_admin(operator: Client, owner: User) -> None:
    gone = operator.post(reverse("admin:accounts_user_delete", args=[owner.pk]), {"post": "yes"})

    assert gone.status_code == 403
    assert Membership.objects.filter(user=owner).exists()


def test_an_operator_adds_a_person(operator: Client) -> None:
    wanted = {"email": "New@lab.example", "name": "New", "password1": PASSWORD, "password2": PASSWORD}

    operator.post(reverse("admin:accounts_user_add"), {**wanted, "usable_password": "true"})

    assert User.objects.filter(email="new@lab.example").exists()


def test_a_customer_does_not_get_into_the_admin(owner: User) -> None:
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(owner)

    answer = browser.get(reverse("admin:accounts_apikey_changelist"))

    assert answer.status_code == 302


def test_every_table_of_accounts_but_memberships_is_in_the_admin() -> None:
    registered = {model for model in admin.site._registry if model._meta.app_label == "accounts"}

    assert registered == {User, Organization, Project, ApiKey, AgentToken, AuditEvent}
